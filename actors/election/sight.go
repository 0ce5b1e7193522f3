package election

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
)

// infoPrefix is the name prefix of the nodes by which masters announce themselves. The master with the lowest number
// leads. Mesos: MASTER_INFO_JSON_LABEL.
const infoPrefix = "json.info_"

// errLeaderLeft reports that the leader's node disappeared between listing and reading it.
var errLeaderLeft = errors.New("the leader has left")

// candidates returns the names of the nodes of masters, the leader's first. The numbers are padded with zeros.
func candidates(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, infoPrefix) })
	slices.Sort(names)
	return names
}

// reader is the part of a session that is used to read once.
type reader interface {
	Children(path string) ([]string, *zk.Stat, error)
	getter
}

type getter interface {
	Get(path string) ([]byte, *zk.Stat, error)
}

// leaderIn returns the master that leads at path.
func leaderIn(s reader, path string) (*mesospb.MasterInfo, error) {
	names, _, err := s.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, fmt.Errorf("path %s does not exist in ZooKeeper", path)
	}
	if err != nil {
		return nil, fmt.Errorf("masters at %s: %w", path, err)
	}
	names = candidates(names)
	if len(names) == 0 {
		return nil, fmt.Errorf("no master leads at %s", path)
	}
	return announcedBy(s, path+"/"+names[0])
}

// unreadable is the error of a node that does not describe a master.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// announcedBy reads the node of a master.
func announcedBy(s getter, node string) (*mesospb.MasterInfo, error) {
	text, _, err := s.Get(node)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, errLeaderLeft
	}
	if err != nil {
		return nil, fmt.Errorf("leader at %s: %w", node, err)
	}
	info := &mesospb.MasterInfo{}
	if err := mesosjson.Unmarshal(json.RawMessage(text), info); err != nil {
		return nil, unreadable{fmt.Errorf("leader at %s: %w", node, err)}
	}
	if info.GetAddress().GetIp() == "" {
		return nil, unreadable{fmt.Errorf("leader at %s: its node has no address", node)}
	}
	return info, nil
}
