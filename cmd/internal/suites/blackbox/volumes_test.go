package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// kept is what operators reserve, and the volume that they make of it.
const (
	forRed   = `"reservations":[{"type":"DYNAMIC","role":"red"}]`
	diskJSON = `{"name":"disk","type":"SCALAR","scalar":{"value":%d},` + forRed + `}`
	cpusJSON = `{"name":"cpus","type":"SCALAR","scalar":{"value":1},` + forRed + `}`
	memJSON  = `{"name":"mem","type":"SCALAR","scalar":{"value":64},` + forRed + `}`
	volume   = `{"name":"disk","type":"SCALAR","scalar":{"value":50},` + forRed +
		`,"disk":{"persistence":{"id":"v"},"volume":{"mode":"RW","container_path":"data"}}}`
)

// operates makes a call of an operator about the resources of the only agent.
func (w *world) operates(t *testing.T, call, field, resources string) {
	t.Helper()
	var seen struct{ Slaves []struct{ ID string } }
	w.master.sees("/slaves", &seen)
	request(t, w.master, "POST", "/api/v1", []string{isJSON}, fmt.Sprintf(`{"type":%q,%q:{"agent_id":{"value":%q},%s}}`,
		strings.ToUpper(call), call, seen.Slaves[0].ID, fmt.Sprintf(`%q:[%s]`, field, resources))).wants("202")
}

// ends launches a command with the volume and returns the state in which it ends.
func (f *framework) ends(task, command string) mesosv1pb.TaskState {
	f.t.Helper()
	offer := f.offerWithVolume()
	f.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"offer_ids":[{"value":%q}],"filters":{"refuse_seconds":0},"operations":[{"type":"LAUNCH","launch":{"task_infos":[`+
		`{"name":"n","task_id":{"value":%q},"agent_id":{"value":%q},"command":{"value":%q},"resources":[%s,%s,`+
		`{"name":"mem","type":"SCALAR","scalar":{"value":32}}]}]}}]}`,
		offer.GetId().GetValue(), task, offer.GetAgentId().GetValue(), command, cpusJSON, volume)).wants("202")
	for {
		status := f.event(schedulerv1pb.Event_UPDATE).GetUpdate().GetStatus()
		f.acknowledges(status)
		switch status.GetState() {
		case mesosv1pb.TaskState_TASK_STARTING, mesosv1pb.TaskState_TASK_RUNNING:
		default:
			return status.GetState()
		}
	}
}

// offerWithVolume waits for an offer of the volume.
func (f *framework) offerWithVolume() *mesosv1pb.Offer {
	f.t.Helper()
	for {
		for _, offer := range f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers() {
			for _, r := range offer.GetResources() {
				if r.GetDisk().GetPersistence() != nil {
					return offer
				}
			}
		}
	}
}

// What a task writes into a volume is there for the next one, although the agent is killed in between, until an operator
// destroys the volume.
func TestVolumesOutliveTheAgent(t *testing.T) {
	t.Parallel()
	w := &world{master: startMaster(t, "0", t.TempDir())}
	work, port := t.TempDir(), freePort(t)
	w.agent = startAgent(t, port, w.master.address, work)
	w.agent.awaits("] registered ")
	w.operates(t, "reserve_resources", "resources", cpusJSON+","+fmt.Sprintf(diskJSON, 100))
	w.operates(t, "create_volumes", "volumes", volume)
	f := w.subscribes(t, strings.Replace(subscribe, `"name":"n"`,
		`"name":"n","roles":["red"],"checkpoint":true,"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]`, 1))
	if state := f.ends("t1", "echo kept > data/f"); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Fatalf("the first task ended as %s", state)
	}
	w.agent.kill()
	w.agent = startAgent(t, port, w.master.address, work)
	w.agent.awaits("] re-registered ")
	if state := f.ends("t2", `test "$(cat data/f)" = kept`); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Fatalf("the second task ended as %s", state)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	w.operates(t, "destroy_volumes", "volumes", volume)
	w.operates(t, "unreserve_resources", "resources", cpusJSON+","+fmt.Sprintf(diskJSON, 100))
	w.agent.awaits("type=UNRESERVE")
	var state struct {
		Reserved map[string]any `json:"reserved_resources"`
	}
	if w.agent.sees("/state", &state); len(state.Reserved) > 0 {
		t.Errorf("the agent has reserved %v", state.Reserved)
	}
	w.agent.awaitsAfter(strings.LastIndex(w.agent.out.String(), "type=UNRESERVE"), "operation status recorded")
	if left, err := os.ReadDir(filepath.Join(work, "volumes/roles/red")); err != nil || len(left) > 0 {
		t.Errorf("left are %v (%v)", left, err)
	}
}
