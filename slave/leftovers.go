package slave

import (
	"os"
	"path/filepath"
	"time"

	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/runtime"
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

// retireLeftovers lets them go when they are as old as others may be. A launch that uses one again saves it.
func (s *Slave) retireLeftovers() {
	now := s.Now()
	for _, l := range s.leftovers {
		age := max(0, now.Sub(l.used))
		item := gc.Item{Path: l.path, In: max(0, *s.config.GCDelay-age)}
		runtime.Tell(s.garbage, func(c *gc.GarbageCollector) { c.Schedule(item) })
	}
	s.leftovers = nil
}
