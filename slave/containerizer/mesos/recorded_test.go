package mesos_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/slavetest/recording"
)

// Where the recorded agent had its directories.
const (
	theirWork    = "/var/lib/mesos/a"
	theirRuntime = "/var/lib/mesos/a-runtime"
)

// The containers that it had when it was killed.
const (
	theirCommand = ids.Container("d57037be-6a62-4406-be14-2d566391c024")
	theirHold    = ids.Container("bb6a45d3-a690-438b-afa4-da4db12cf8fd")
	theirGroup   = ids.Container("9cb532e7-5027-408a-8f8e-860e7cbd3fbd")
	theirTask1   = theirGroup + ".015858fe-aea2-45f3-b211-cd77218dccc9"
	theirTask2   = theirGroup + ".d409a299-91d4-413c-b683-542d20d83c26"
	theirOrphan  = ids.Container("1ff0ea46-a2be-4b7b-ba01-aafe0d0cf455") // of a framework that does not checkpoint
)

// standIn is a process in place of one that a C++ agent has started, which writes how its command ended, as that does.
const standIn = `while ! test -e release; do sleep 0.01; done; printf 1792 >"$MESOS_CONTAINERIZER_RUNTIME_DIRECTORY/status"; exit 7`

// inherit makes what a C++ agent has left that of this machine: its runtime directory, with processes that stand in for those of
// its containers. It returns them, and the sandboxes.
func (e *estate) inherit() (processes map[ids.Container]*exec.Cmd, sandboxes map[ids.Container]string) {
	e.t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = "../../../../shared"
	}
	tree, err := recording.ReadTree(filepath.Join(dir, "golden/recovery/1-restart-before-trees.txt"), nil)
	if errors.Is(err, os.ErrNotExist) {
		e.t.Skip("the recordings are not here: ", err)
	} else if err != nil {
		e.t.Fatal(err)
	}
	processes, sandboxes = map[ids.Container]*exec.Cmd{}, map[ids.Container]string{}
	for _, path := range tree.Under(theirRuntime) {
		folder, name := filepath.Split(strings.TrimPrefix(path, theirRuntime))
		if name != "config" {
			continue
		}
		config := tree[path].Records[0].(*slavepb.ContainerConfig)
		sandbox := strings.Replace(config.GetDirectory(), theirWork, e.work, 1)
		config.Directory = &sandbox
		if err := os.MkdirAll(sandbox, 0o755); err != nil {
			e.t.Fatal(err)
		}
		id := ids.Container(strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(folder, "/containers/"), "/"), "/containers/", "."))
		cmd := exec.Command("sh", "-c", standIn)
		cmd.Dir, cmd.SysProcAttr = sandbox, &syscall.SysProcAttr{Setsid: true}
		cmd.Env = append(os.Environ(), "MESOS_CONTAINERIZER_RUNTIME_DIRECTORY="+filepath.Clean(string(e.runtime)+folder))
		if err := cmd.Start(); err != nil {
			e.t.Fatal(err)
		}
		e.t.Cleanup(func() {
			cmd.Process.Kill() //nolint:errcheck // it may have ended
			cmd.Wait()         //nolint:errcheck // likewise
		})
		tree[filepath.Join(filepath.Dir(path), "pid")].Text = strconv.Itoa(cmd.Process.Pid)
		processes[id], sandboxes[id] = cmd, sandbox
	}
	if err := tree.Write(theirRuntime, string(e.runtime)); err != nil {
		e.t.Fatal(err)
	}
	return processes, sandboxes
}

// An agent that takes the place of a C++ agent, in its runtime directory, finds the containers, with those that are nested in
// them, and learns how they end. What nobody knows is ended.
func TestTakeOverFromAnotherAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.crash()
	processes, sandboxes := e.inherit()
	if len(processes) != 6 {
		t.Fatalf("%d containers were recorded", len(processes))
	}
	var known []containerizer.Survivor
	for _, id := range []ids.Container{theirGroup, theirHold, theirCommand} {
		known = append(known, containerizer.Survivor{ID: id, Directory: sandboxes[id], PID: processes[id].Process.Pid})
	}
	e.start()
	e.recovers(known, theirGroup, theirHold, theirCommand)
	processes[theirOrphan].Wait() //nolint:errcheck // it is seen below how it ended
	if s := processes[theirOrphan].ProcessState; s.String() != "signal: killed" {
		t.Errorf("the process that nobody knows ended with %s", s)
	}
	for _, id := range []ids.Container{theirCommand, theirHold, theirGroup, theirTask1, theirTask2} {
		if pid := e.pid(id); int(pid) != processes[id].Process.Pid {
			t.Errorf("the process of %s is %d, want %d", id, pid, processes[id].Process.Pid)
		}
	}
	for _, id := range []ids.Container{theirHold, theirTask1} { // they end of themselves
		e.write(filepath.Join(sandboxes[id], "release"), "")
		e.wantEnd(id, 7<<8)
	}
	if _, err := runtime.Wait(t.Context(), e.Signal(theirTask2, syscall.SIGKILL)); err != nil {
		t.Error(err)
	}
	e.wantEnd(theirTask2, runtimedir.Killed)
	if err := processes[theirCommand].Process.Kill(); err != nil {
		t.Error(err)
	}
	e.wantEnd(theirCommand, runtimedir.Killed)
	e.wantList(theirGroup)
	if _, err := runtime.Wait(t.Context(), e.Destroy(theirGroup)); err != nil {
		t.Error(err)
	}
	e.wantEnd(theirGroup, runtimedir.Killed)
	e.wantList()
}
