package web_test

import (
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// The rules and most answers are those recorded in golden/auth/5-firewall-matrix.txt. What gets past Mesos's rules is
// marked.
func TestFirewall(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	for _, id := range []string{"vault", "files"} {
		if _, err := runtime.Spawn(n, id, &vault{}); err != nil {
			t.Fatal(err)
		}
	}
	w.Settle()
	web.SetDelegate(n, "vault")
	get := func(path string) string {
		f := web.Serve(n, request(path, ""))
		w.Settle()
		return answered(f)
	}
	web.SetFirewall(n, "/files/gold", "/gold", "/slave(1)/state", "/help")
	const closed = "403 Endpoint '/vault/gold' is disabled"
	for path, want := range map[string]string{
		"/gold":           closed,
		"/vault/gold":     closed,
		"/gold/":          closed, // Mesos: open
		"/vault//gold":    closed, // Mesos: open
		"//gold":          closed, // Mesos: open
		"/gold/nugget":    closed, // Mesos: open
		"/slave(1)/state": "403 Endpoint '/vault/slave(1)/state' is disabled",
		"/files/gold":     "403 Endpoint '/files/gold' is disabled", // Mesos: open
		"/help":           "403 Endpoint '/help' is disabled",
		"/door":           "200 nobody",
		"/files/door":     "200 nobody",
		"/nosuch":         "404 404 Not Found.",
	} {
		if got := get(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	web.SetFirewall(n)
	if got := get("/gold"); got != "200 nobody" {
		t.Errorf("without rules: %s", got)
	}
}
