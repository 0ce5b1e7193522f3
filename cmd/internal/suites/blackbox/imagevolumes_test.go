package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// box is a volume with the files of an image.
func box(path, mode string) string {
	return fmt.Sprintf(`{"container_path": %q, "mode": %q, "image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}`, path, mode)
}

// Volumes have the files of images, in the agent's file system and in one of an image. What a task writes there is its own: another
// volume with that image, and the next task, do not see it. Nothing of them is left.
func TestImageVolumes(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	const own = `"mesos": {"image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}, `
	volumes := func(all ...string) string { return `"volumes": [` + strings.Join(all, ", ") + `]` }
	for id, test := range map[string]struct{ container, command, want string }{
		"vol-agents": {volumes(box("rw", "RW"), box("in/ro", "RO")),
			`test -x rw/bin/id && echo mine > rw/new && cat rw/new; test -e in/ro/new || echo apart; echo x > in/ro/new || echo kept`, "mine\napart\nkept\n"},
		"vol-images": {own + volumes(box("/vol", "RW"), box("ro", "RO")),
			`test -x /vol/bin/id && echo mine > /vol/new && cat /vol/new; test -e /new || echo apart; echo x > ro/new || echo kept`, "mine\napart\nkept\n"},
		"vol-again": {volumes(box("rw", "RW")), `test -e rw/new || cat rw/nosuch || echo fresh`, "fresh\n"},
	} {
		told, printed := w.runIn(id, test.container, `{"value": "`+test.command+`"}`)
		if !strings.Contains(told, "TASK_FINISHED") || !strings.Contains(printed, test.want) {
			t.Errorf("%s: told\n%s\nprinted\n%s\nwant %s", id, told, printed, test.want)
		}
	}
	for id, test := range map[string]struct{ container, want string }{
		"vol-missing": {volumes(strings.Replace(box("v", "RO"), "test/box:v1", "test/nosuch", 1)), "Failed to fetch the manifest of image 'test/nosuch'"},
		"vol-nowhere": {volumes(box("/no/where", "RO")), "It must exist if the container shares the host filesystem"},
		"vol-out":     {volumes(box("../../v", "RO")), "leads out of the sandbox"},
	} {
		told, _ := w.runIn(id, test.container, `{"value": "true"}`)
		if !strings.Contains(told, "TASK_FAILED") || !strings.Contains(told, test.want) {
			t.Errorf("%s: told\n%s\nwant %s", id, told, test.want)
		}
	}
	w.clean()
	gone(t, w.pruned)
}

// The task of a group has a volume of its own that is an image. While it is in use, neither the image nor its layers are pruned, also by
// an agent that took the task over after kill -9.
func TestImageVolumesInUse(t *testing.T) {
	t.Parallel()
	w, until := newImageWorld(t), newGate(t)
	framework := executeGroup(t, w.master.address, []member{{"inner", "test -x v/bin/id && echo kept > v/new && touch up; " + until.wait() + "; cat v/new", map[string]any{
		"container": map[string]any{"type": "MESOS", "volumes": []any{map[string]any{
			"container_path": "v", "mode": "RW", "image": map[string]any{"type": "DOCKER", "docker": map[string]any{"name": "test/box:v1"}},
		}}},
	}}}, "--checkpoint")
	framework.awaits("TASK_RUNNING")
	sandbox := func(name string) []string {
		found, err := filepath.Glob(filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors/*/runs/latest/containers/*", name))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	gone(t, func() []string {
		if len(sandbox("up")) == 1 {
			return nil
		}
		return []string{"a task without its volume"}
	})
	all, err := os.ReadDir(filepath.Join(w.dir, "store/layers"))
	if left := w.pruned(); err != nil || len(left) == 0 || len(left) != len(all) {
		t.Errorf("of %v there is %v (%v)", all, left, err)
	}
	w.agent.awaits("images=1 kept=1")
	w.agent.kill()
	w.start()
	w.agent.awaits("re-registered actor=slave(1) master=")
	if left := w.pruned(); len(left) != len(all) {
		t.Errorf("of %v the next agent has %v", all, left)
	}
	w.agent.awaits("images=1 kept=1")
	until.open(t)
	framework.ended(0, "TASK_FINISHED")
	printed, err := os.ReadFile(sandbox("stdout")[0])
	if err != nil || string(printed) != "kept\n" {
		t.Errorf("the task printed %q (%v)", printed, err)
	}
	w.clean()
	gone(t, w.pruned)
}
