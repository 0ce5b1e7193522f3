package slave

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/paths"
)

var errTorn = errors.New("the file ends too early")

// recoverInfo returns what an earlier agent in this work directory was, so that this one can take its place; nil if
// there was none, or it was shut down for good.
//
// Mesos: Slave::recover, of which the executors' part is not here: an agent that restarts shuts executors down that it
// does not know, and the master hears that their tasks are lost.
func recoverInfo(root paths.Root) (*mesospb.SlaveInfo, error) {
	latest, err := os.Readlink(root.Meta().LatestAgent())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recover the agent: %w", err)
	}
	file := paths.Agent(filepath.Join(root.Meta().Agents(), filepath.Base(latest))).Info()
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recover the agent: %w", err)
	}
	info := &mesospb.SlaveInfo{}
	if err := decodeMessage(content, info); err != nil {
		return nil, fmt.Errorf("recover the agent from %s: %w", file, err)
	}
	return info, nil
}

// differences names what keeps an agent from taking the place of an earlier one.
//
// Mesos: compatibility::equal.
func differences(earlier, now *mesospb.SlaveInfo) error {
	var what []string
	different := func(field string, equal bool) {
		if !equal {
			what = append(what, field)
		}
	}
	different("hostname", earlier.GetHostname() == now.GetHostname())
	different("port", earlier.GetPort() == now.GetPort())
	different("resources", resources.FromValid(earlier.GetResources()).Equal(resources.FromValid(now.GetResources())))
	different("attributes", sameAttributes(earlier.GetAttributes(), now.GetAttributes()))
	different("domain", proto.Equal(earlier.GetDomain(), now.GetDomain()))
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("the agent that ran here before had another %s; remove the link meta/slaves/latest in the work "+
		"directory to start as a new agent", strings.Join(what, ", "))
}

func sameAttributes(a, b []*mesospb.Attribute) bool {
	return proto.Equal(&mesospb.SlaveInfo{Attributes: a}, &mesospb.SlaveInfo{Attributes: b})
}
