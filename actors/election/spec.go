package election

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

const (
	filePrefix = "file://"
	// maxFile is the largest file that may name masters, in bytes.
	maxFile = 64 << 10
	// maxFiles is the largest number of files that may refer to each other in a chain.
	maxFiles = 8
)

// ReadSpec returns the value of --master. If spec is "file://" and a path, it is read from that file, which may in
// turn refer to another file, up to a limit.
func ReadSpec(spec string) (string, error) {
	first := spec
	for range maxFiles {
		spec = strings.TrimSpace(spec)
		path, ok := strings.CutPrefix(spec, filePrefix)
		if !ok {
			return spec, nil
		}
		content, err := readFile(path)
		if err != nil {
			return "", fmt.Errorf("read the master's address: %w", err)
		}
		spec = string(content)
	}
	return "", fmt.Errorf("read the master's address: %q refers to a chain of more than %d files", first, maxFiles)
}

// readFile reads a small file. It neither blocks on a pipe nor reads endless input.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes; it should only name a master", path, maxFile)
	}
	return content, err
}

// Options configures how [Parse] detects the leader.
type Options struct {
	// SessionTimeout is how long ZooKeeper should keep the session without hearing from it (--zk_session_timeout); see
	// [DefaultSessionTimeout].
	SessionTimeout time.Duration
}

// Parse returns the detector for a value of --master: "host:port", "master@host:port", several of these separated by
// commas, "zk://[user:password@]host:port,…/path", or "file://" and the path of a file that holds one of these, which is
// read again when it changes. Host names of masters are resolved once, in Parse, and when the file changes. The actors
// that follow ZooKeeper and the file are spawned on node.
//
// Mesos: MasterDetector::create, which has no lists, and reads files once.
func Parse(ctx context.Context, node *runtime.Node, spec string, o Options) (Detector, error) {
	content, err := ReadSpec(spec)
	if err != nil {
		return nil, err
	}
	place, err := parsePlace(ctx, content)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.TrimSpace(spec), filePrefix) {
		return follow(node, spec, content, place, o)
	}
	return place.detector(node, o)
}

// place is where to find the leader: in ZooKeeper, or at one of several masters.
type place struct {
	zooKeeper *ZooKeeper // nil if there are masters
	masters   []*mesospb.MasterInfo
}

// parsePlace parses what [ReadSpec] returns.
func parsePlace(ctx context.Context, spec string) (place, error) {
	if strings.HasPrefix(spec, ZooKeeperPrefix) {
		z, err := ParseZooKeeper(spec)
		if err != nil {
			return place{}, fmt.Errorf("detect the master: the address %w", err)
		}
		return place{zooKeeper: z}, nil
	}
	if scheme, _, ok := strings.Cut(spec, "://"); ok {
		return place{}, fmt.Errorf("detect the master at %q: there is no detection by %s, only host:port, %s and %s", spec, scheme, ZooKeeperPrefix, filePrefix)
	}
	var p place
	for one := range strings.SplitSeq(spec, ",") {
		pid, err := resolve(ctx, strings.TrimSpace(one))
		if err != nil {
			return place{}, err
		}
		p.masters = append(p.masters, MasterInfo(pid))
	}
	return p, nil
}

// detector returns the detector of p.
func (p place) detector(node *runtime.Node, o Options) (Detector, error) {
	switch {
	case p.zooKeeper != nil:
		return p.zooKeeper.Enter(node, p.zooKeeper.Servers(), o.SessionTimeout)
	case len(p.masters) == 1:
		return NewStandalone(p.masters[0]), nil
	}
	return NewWatched(node, p.masters)
}

// Resolve returns the master at host:port or master@host:port.
func Resolve(ctx context.Context, spec string) (runtime.PID, error) { return resolve(ctx, spec) }

func resolve(ctx context.Context, spec string) (runtime.PID, error) {
	address := strings.TrimPrefix(spec, "master@")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("master %q is not host:port: %w", spec, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("resolve master %q: %w", spec, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("master %q has no port number: %w", spec, err)
	}
	return runtime.PID{ID: "master", Addr: netip.AddrPortFrom(ips[0].Unmap(), uint16(number)).String()}, nil
}
