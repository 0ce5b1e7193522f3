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

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

const (
	filePrefix = "file://"
	// maxFile bounds what is read of a file that names masters, in bytes.
	maxFile = 64 << 10
	// maxFiles bounds how many files may name each other.
	maxFiles = 8
)

// ReadSpec returns what an operator says of masters, and reads it from a file if it is "file://" and a path. A file may name
// another one, but not for ever.
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
	return "", fmt.Errorf("read the master's address: %q names a file that names another, more than %d times", first, maxFiles)
}

// readFile reads a small file. It neither waits for somebody to write into a pipe, nor reads what has no end.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes; it should name a master", path, maxFile)
	}
	return content, err
}

// Parse returns the detector that an operator asks for with --master: "host:port", "master@host:port", several of these with
// commas between, or "file://" and the path of a file that holds one of these. Host names are resolved once, here.
//
// Mesos: MasterDetector::create, which knows no lists.
func Parse(ctx context.Context, spec string) (Detector, error) {
	spec, err := ReadSpec(spec)
	if err != nil {
		return nil, err
	}
	if scheme, _, ok := strings.Cut(spec, "://"); ok {
		return nil, fmt.Errorf("detect the master at %q: detection by %s is not supported yet", spec, scheme)
	}
	var masters []*mesospb.MasterInfo
	for one := range strings.SplitSeq(spec, ",") {
		pid, err := resolve(ctx, strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		masters = append(masters, MasterInfo(pid))
	}
	if len(masters) == 1 {
		return NewStandalone(masters[0]), nil
	}
	return NewList(masters), nil
}

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
