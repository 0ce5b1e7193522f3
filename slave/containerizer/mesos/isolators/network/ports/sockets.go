package ports

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"meseta/messages/ids"
	"meseta/messages/resources"
	"meseta/slave/containerizer/mesos"
)

// listeners are the ports on which processes of the agent's network listen, by the inodes of their sockets.
type listeners struct {
	ports map[uint64]uint64
	at    time.Time // when they were read
}

// listenState is the state of a socket that waits for connections, in /proc/net/tcp.
const listenState = "0A"

// sockets returns the listeners. Containers that are looked at about the same time share them.
//
// Mesos: NetworkPortsIsolatorProcess::getListeningSockets.
//
// Differs: the sockets of IPv6 count, too. Most of them take connections by IPv4 as well; in the reference they escape.
func (x *Isolator) sockets() (map[uint64]uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.options.Clock.Now()
	if x.listeners.ports != nil && now.Sub(x.listeners.at) < x.options.Interval/4 {
		return x.listeners.ports, nil
	}
	ports := map[uint64]uint64{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the kernel may have no IPv6
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if inode, port, ok := listener(strings.Fields(line)); ok {
				ports[inode] = port
			}
		}
	}
	x.listeners = listeners{ports, now}
	return ports, nil
}

// listener is for lines that procfs can read, too, but no longer wants to. It returns the socket that a line of /proc/net/tcp describes, if it waits for connections: its number, its local
// address, its remote one, its state, five fields that do not matter, and its inode.
func listener(fields []string) (inode, port uint64, ok bool) {
	const local, state, node = 1, 3, 9
	if len(fields) <= node || fields[state] != listenState {
		return 0, 0, false
	}
	_, number, _ := strings.Cut(fields[local], ":")
	port, err1 := strconv.ParseUint(number, 16, 16)
	inode, err2 := strconv.ParseUint(fields[node], 10, 64)
	return inode, port, err1 == nil && err2 == nil
}

// listening returns the watched ports on which the processes of a container listen.
//
// Mesos: collectContainerListeners.
func (x *Isolator) listening(id ids.Container) (resources.Ranges, error) {
	pids, err := mesos.Processes(x.options.Tree.Group(x.hierarchy, id)).Processes()
	if errors.Is(err, fs.ErrNotExist) { // it has not begun, or has ended
		return resources.Ranges{}, nil
	}
	if err != nil {
		return resources.Ranges{}, err
	}
	all, err := x.sockets()
	if err != nil {
		return resources.Ranges{}, err
	}
	var found []resources.Range
	for _, pid := range pids {
		for _, inode := range socketsOf(pid) {
			port, listens := all[inode]
			one := resources.Range{Begin: port, End: port}
			if listens && (x.options.Isolated == nil || x.options.Isolated.Contains(resources.RangesOf(one))) {
				found = append(found, one)
			}
		}
	}
	return resources.RangesOf(found...), nil
}

// socketsOf returns the inodes of the sockets of a process, which are none if it has ended.
//
// Mesos: NetworkPortsIsolatorProcess::getProcessSockets.
func socketsOf(pid int) (all []uint64) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	targets, err := process.FileDescriptorTargets()
	if err != nil {
		return nil
	}
	for _, to := range targets {
		inode, found := strings.CutPrefix(to, "socket:[")
		if !found {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSuffix(inode, "]"), 10, 64); err == nil {
			all = append(all, n)
		}
	}
	return all
}
