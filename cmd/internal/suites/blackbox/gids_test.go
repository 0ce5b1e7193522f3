package blackbox

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
)

// groups returns how many groups for volumes an agent has, and how many are free.
func (p *process) groups() (total, free float64) {
	p.t.Helper()
	var values map[string]float64
	p.sees("/metrics/snapshot", &values)
	return values["volume_gid_manager/volume_gids_total"], values["volume_gid_manager/volume_gids_free"]
}

// Tasks of several users, one after the other, write the same file of a persistent volume, because they are in its group. It has
// that until an operator destroys it, also if the agent is killed in between.
func TestVolumesHaveGroups(t *testing.T) {
	t.Parallel()
	if _, err := user.Lookup("daemon"); err != nil || os.Geteuid() != 0 {
		t.Skipf("tasks of other users need the rights of root and other users: %v", err)
	}
	w := &world{master: startMaster(t, "0", t.TempDir())}
	work, port := t.TempDir(), freePort(t)
	if err := os.Chmod(filepath.Dir(work), 0o755); err != nil { // the users follow links to volumes
		t.Fatal(err)
	}
	begin := func(as, event string) *framework {
		w.agent = startAgent(t, port, w.master.address, work, "--volume_gid_range=[41001-41002]")
		w.agent.awaits("] " + event + " ")
		if event == "registered" {
			w.operates(t, "reserve_resources", "resources", cpusJSON+","+strings.Replace(diskJSON, "%d", "100", 1))
			w.operates(t, "create_volumes", "volumes", volume)
		}
		return w.subscribes(t, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"`+as+`","name":"n","roles":["red"],"checkpoint":true,`+
			`"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]}}}`)
	}
	f := begin("nobody", "registered")
	if total, free := w.agent.groups(); total != 2 || free != 2 {
		t.Errorf("%v of %v groups are free", free, total)
	}
	if state := f.ends("t1", `umask 002; echo nobody > data/f && test "$(stat -Lc %g data/f)" = 41001`); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Errorf("the first task ended as %s", state)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	w.agent.kill()
	f = begin("daemon", "re-registered")
	if _, free := w.agent.groups(); free != 1 {
		t.Errorf("%v groups are free for the next agent", free)
	}
	if state := f.ends("t2", `test "$(id -un)" = daemon && echo daemon >> data/f && echo new > data/g`); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Errorf("the second task ended as %s", state)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	if text, err := os.ReadFile(work + "/volumes/roles/red/v/f"); err != nil || string(text) != "nobody\ndaemon\n" {
		t.Errorf("the file has %q (%v)", text, err)
	}
	w.operates(t, "destroy_volumes", "volumes", volume)
	gone(t, func() []string {
		if _, free := w.agent.groups(); free == 2 {
			return nil
		}
		return []string{"the group of a volume"}
	})
}
