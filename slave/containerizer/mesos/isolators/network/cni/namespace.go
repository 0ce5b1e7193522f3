package cni

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos"
)

// makeNamespace makes a network namespace, and a file that keeps it.
func makeNamespace(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close() //nolint:errcheck // nothing was written
	made := make(chan error)
	go func() {
		goruntime.LockOSThread() // if it cannot return to the agent's network, the thread ends with the goroutine
		stray, err := visitNew(path)
		if !stray {
			goruntime.UnlockOSThread()
		}
		made <- err
	}()
	return <-made
}

// threadNetwork is the network namespace of the calling thread.
const threadNetwork = "/proc/thread-self/ns/net"

// visitNew moves the calling thread into a new network namespace and back. The main thread of the agent cannot end, so that it has to
// return. stray says that the thread has not returned.
func visitNew(path string) (stray bool, err error) {
	own, err := unix.Open(threadNetwork, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(own)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return false, os.NewSyscallError("unshare", err)
	}
	err = keep(path)
	if back := unix.Setns(own, unix.CLONE_NEWNET); back != nil {
		return true, errors.Join(err, os.NewSyscallError("setns", back))
	}
	return false, err
}

// keep has a file keep the network namespace of the calling thread, which has just been made.
func keep(path string) error {
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("bring up the loopback interface: %w", err)
	}
	return os.NewSyscallError("mount", unix.Mount(threadNetwork, path, "", unix.MS_BIND, ""))
}

// raiseLoopback brings up the loopback interface of the calling thread's namespace.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
}

// isNamespace reports whether a file keeps a namespace.
//
// Mesos: isNetworkNamespaceHandle.
func isNamespace(path string) bool {
	var about unix.Statfs_t
	return unix.Statfs(path, &about) == nil && about.Type == unix.NSFS_MAGIC
}

// Cleanup implements [mesos.Isolator].
func (x *Isolator) Cleanup(c *mesos.Container) error { return x.cleanup(c.ID) }

// cleanup detaches a container from its networks, and removes its records. If it cannot be detached, the records stay, so
// that the next agent tries again.
//
// Mesos: NetworkCniIsolatorProcess::cleanup, _cleanup.
func (x *Isolator) cleanup(id ids.Container) error {
	x.mu.Lock()
	all, found := x.attached[id]
	delete(x.attached, id)
	x.mu.Unlock()
	if !found {
		return nil
	}
	var errs []error
	for _, a := range all {
		errs = append(errs, x.detach(id, a))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	dir := x.dir(id)
	if ns := dir.namespace(); isNamespace(ns) {
		if err := unix.Unmount(ns, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("Failed to unmount the network namespace handle '%s': %w", ns, err)
		}
	}
	if err := (disk.Local{}).RemoveAll(string(dir)); err != nil {
		return fmt.Errorf("Failed to remove the container directory '%s': %w", dir, err)
	}
	return nil
}

// Usage implements [mesos.Isolator]: what went through the interfaces of a container, all together.
//
// Mesos: NetworkCniIsolatorProcess::usage.
func (x *Isolator) Usage(c *mesos.Container, pid int, u *mesospb.ResourceStatistics) error {
	all := x.interfaces(c.ID)
	if !x.options.Statistics || len(all) == 0 {
		return nil
	}
	process, err := procfs.NewProc(pid)
	if err != nil {
		return nil // it has ended
	}
	devices, err := process.NetDev()
	if err != nil {
		return fmt.Errorf("Failed to read the statistics of network interfaces: %w", err)
	}
	add := func(to **uint64, n uint64) {
		if *to != nil {
			n += **to
		}
		*to = &n
	}
	for _, a := range all {
		d, found := devices[a.device]
		if !found {
			continue
		}
		add(&u.NetRxPackets, d.RxPackets)
		add(&u.NetRxBytes, d.RxBytes)
		add(&u.NetRxErrors, d.RxErrors)
		add(&u.NetRxDropped, d.RxDropped)
		add(&u.NetTxPackets, d.TxPackets)
		add(&u.NetTxBytes, d.TxBytes)
		add(&u.NetTxErrors, d.TxErrors)
		add(&u.NetTxDropped, d.TxDropped)
	}
	return nil
}
