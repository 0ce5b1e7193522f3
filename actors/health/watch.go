package health

import (
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Watch holds all checks of one task. A nil Watch checks nothing.
type Watch struct {
	node     *runtime.Node
	checkers []runtime.Ref[*Checker]
}

// Begin starts the checks that a task asks for when it has just started. changed is as for [Spawn], tell as for
// [SpawnHealth].
func Begin(n *runtime.Node, t *mesospb.TaskInfo, p Prober, changed func(*mesospb.CheckStatusInfo), tell func(Verdict)) (*Watch, error) {
	w := &Watch{node: n}
	if info := t.GetCheck(); info != nil {
		c, err := Spawn(n, info, p, changed)
		if err != nil {
			return nil, err
		}
		w.checkers = append(w.checkers, c)
	}
	if h := t.GetHealthCheck(); h != nil {
		c, err := SpawnHealth(n, h, p, tell)
		if err != nil {
			w.End()
			return nil, err
		}
		w.checkers = append(w.checkers, c)
	}
	return w, nil
}

// End terminates all checks.
func (w *Watch) End() {
	if w == nil {
		return
	}
	for _, c := range w.checkers {
		w.node.Terminate(c.PID())
	}
	w.checkers = nil
}

// Pause pauses all checks, until Resume.
func (w *Watch) Pause() { w.each((*Checker).Pause) }

// Resume resumes all checks.
func (w *Watch) Resume() { w.each((*Checker).Resume) }

func (w *Watch) each(f func(*Checker)) {
	if w == nil {
		return
	}
	for _, c := range w.checkers {
		runtime.Tell(c, f)
	}
}
