package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// State is what an earlier agent has left in a work directory.
type State struct {
	Info      *mesospb.SlaveInfo   // who it was; nil: there was none, or none that had registered
	Drain     *mesospb.DrainConfig // nil unless it was being emptied
	Leftovers []Leftover
	Orphans   []runtime.PID // its executors that may still run, and how to reach them
}

// Leftover is a directory of an earlier run, and when it was last used.
type Leftover struct {
	Path string
	Used time.Time
}

// Read finds out what is in a work directory. It blocks.
//
// Mesos: slave::state::recover. Executors are not recovered yet: their directories are leftovers.
func Read(root Root) (State, error) {
	info, err := readInfo(root)
	if err != nil {
		return State{}, err
	}
	s := State{Info: info}
	id := ids.AgentOf(info.GetId())
	if id != "" {
		drain := &mesospb.DrainConfig{}
		found, err := readMessage(root.Meta().Agent(id).DrainConfig(), drain)
		if err != nil {
			return State{}, err
		}
		if found {
			s.Drain = drain
		}
	}
	s.Leftovers, s.Orphans = leftovers(root, id), orphans(root, id)
	return s, nil
}

// readInfo follows the link to the latest agent.
func readInfo(root Root) (*mesospb.SlaveInfo, error) {
	latest, err := os.Readlink(root.Meta().LatestAgent())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recover the agent: %w", err)
	}
	info := &mesospb.SlaveInfo{}
	found, err := readMessage(Agent(filepath.Join(root.Meta().Agents(), filepath.Base(latest))).Info(), info)
	if err != nil || !found {
		return nil, err
	}
	return info, nil
}

// readMessage reports whether the file is there.
func readMessage(path string, m proto.Message) (bool, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = Decode(content, m)
	}
	if err != nil {
		return false, fmt.Errorf("recover the agent from %s: %w", path, err)
	}
	return true, nil
}

// leftovers finds all that belongs to other ids of the agent, and every framework, executor and run of its own, since it
// has none yet.
func leftovers(root Root, current ids.Agent) []Leftover {
	var found []Leftover
	for _, r := range []Root{root, root.Meta()} {
		own := string(r.Agent(current))
		patterns := []string{filepath.Join(r.Agents(), "*")}
		for _, below := range []string{"frameworks/*", "frameworks/*/executors/*", "frameworks/*/executors/*/runs/*"} {
			patterns = append(patterns, filepath.Join(own, below))
		}
		for _, pattern := range patterns {
			names, _ := filepath.Glob(pattern) // the pattern is well formed, and what cannot be read is not there
			for _, name := range names {
				if info, err := os.Lstat(name); err == nil && info.IsDir() && name != own {
					found = append(found, Leftover{Path: name, Used: info.ModTime()})
				}
			}
		}
	}
	return found
}

// orphans finds the executors that an earlier run of this agent left behind and may still run: it knew how to reach
// them, and had not heard of their end.
func orphans(root Root, current ids.Agent) []runtime.PID {
	if current == "" {
		return nil
	}
	runs, _ := filepath.Glob(filepath.Join(string(root.Meta().Agent(current)), "frameworks/*/executors/*/runs/*"))
	var found []runtime.PID
	for _, name := range runs {
		run := Run(name)
		if filepath.Base(name) == Latest || exists(run.Sentinel()) {
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
