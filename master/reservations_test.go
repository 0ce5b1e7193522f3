package master_test

import (
	"net/http"
	"testing"
	"time"

	"meseta/master/mastertest"
)

// Operators' operations take back only offers that contribute to them, and use what nobody was offered.
func TestOperatorsTakeOffersBack(t *testing.T) {
	t.Parallel()
	c, agent, f := inRoleR(t, nil)
	post := func(path, resources string, want int) {
		t.Helper()
		body := "slaveId=" + mastertest.AgentID(agent).GetValue() + "&resources=" + resources
		if answer := c.Post(path, http.Header{}, []byte(body)); answer.Status != want {
			t.Errorf("%s %s: %d %s", path, resources, answer.Status, answer.Body)
		}
		c.Advance(100 * time.Millisecond)
	}
	const toQ = `"role":"q","reservation":{}}]`
	c.Note("reserved for a role without frameworks: f gets what is left")
	post("/reserve", `[{"name":"cpus","type":"SCALAR","scalar":{"value":1},`+toQ, http.StatusAccepted)
	c.Advance(6 * time.Second)
	c.Note("f keeps its offer, which does not contribute")
	post("/unreserve", `[{"name":"cpus","type":"SCALAR","scalar":{"value":1},`+toQ, http.StatusAccepted)
	c.Note("there is not as much")
	post("/reserve", `[{"name":"mem","type":"SCALAR","scalar":{"value":100000},`+toQ, http.StatusConflict)
	c.Advance(6 * time.Second)
	c.Note("what is in use cannot be reserved")
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
	post("/reserve", `[{"name":"cpus","type":"SCALAR","scalar":{"value":3},`+toQ, http.StatusConflict)
	balanced(t, c, agent)
	c.Golden("operators-take-offers-back")
}
