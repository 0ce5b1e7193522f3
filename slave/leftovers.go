package slave

import (
	"os"
	"path/filepath"
	"time"

	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/paths"
)

// leftover is a directory that an earlier agent in the same work directory has left, and when it was last used.
type leftover struct {
	path string
	used time.Time
}

// leftovers finds them: all that belongs to other ids of the agent, and every framework, executor and run of its own,
// since it has none yet.
//
// Mesos: Slave::recover and Slave::_recover, which keep what is still running; this agent recovers nothing.
func leftovers(root paths.Root, current ids.Agent) []leftover {
	var found []leftover
	for _, r := range []paths.Root{root, root.Meta()} {
		own := string(r.Agent(current))
		patterns := []string{filepath.Join(r.Agents(), "*")}
		for _, below := range []string{"frameworks/*", "frameworks/*/executors/*", "frameworks/*/executors/*/runs/*"} {
			patterns = append(patterns, filepath.Join(own, below))
		}
		for _, pattern := range patterns {
			names, _ := filepath.Glob(pattern) // the pattern is well formed, and what cannot be read is not there
			for _, name := range names {
				if info, err := os.Lstat(name); err == nil && info.IsDir() && name != own {
					found = append(found, leftover{path: name, used: info.ModTime()})
				}
			}
		}
	}
	return found
}

// orphans finds the executors that an earlier run of this agent left behind and may still run: it knew how to reach
// them, and had not heard of their end.
func orphans(root paths.Root, current ids.Agent) []runtime.PID {
	if current == "" {
		return nil
	}
	runs, _ := filepath.Glob(filepath.Join(string(root.Meta().Agent(current)), "frameworks/*/executors/*/runs/*"))
	var found []runtime.PID
	for _, name := range runs {
		run := paths.Run(name)
		if filepath.Base(name) == paths.Latest || exists(run.Sentinel()) {
			continue
		}
		text, err := os.ReadFile(run.LibprocessPID())
		if err != nil {
			continue // it never registered, and ends with its agent; or it speaks HTTP, and will come by itself
		}
		if pid, err := runtime.ParsePID(string(text)); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// dismissOrphans ends executors that nobody here knows. Those of frameworks that want checkpoints would otherwise wait
// for their agent, while what they use is offered again.
//
// Mesos: Slave::_recover with --recover=cleanup.
func (s *Slave) dismissOrphans() {
	for _, pid := range s.orphans {
		s.Log().Info().Stringer("executor", pid).Msg("shutting down an executor of an earlier run of the agent")
		s.dismiss(book.Line{PID: pid})
	}
	s.orphans = nil
}

// retireLeftovers lets them go when they are as old as others may be. A launch that uses one again saves it.
func (s *Slave) retireLeftovers() {
	now := s.Now()
	for _, l := range s.leftovers {
		age := max(0, now.Sub(l.used))
		item := gc.Item{Path: l.path, In: max(0, s.config.GCDelay-age)}
		runtime.Tell(s.garbage, func(c *gc.GarbageCollector) { c.Schedule(item) })
	}
	s.leftovers = nil
}
