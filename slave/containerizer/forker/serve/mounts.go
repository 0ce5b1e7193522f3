package serve

import (
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// Mount is a file system to mount.
type Mount struct {
	Source, Target, Type, Options string
	Flags                         uint32
}

// Link is a symbolic link to make.
type Link struct{ Source, Target string }

// stage is where the mounts of a container are made. Somebody else may have put links into the container's file system
// and into the sandbox; they must not lead out.
type stage struct {
	*Init
	root    int // the container's file system; -1 if that is the agent's
	sandbox int // the outermost sandbox; -1 if there is none
}

// furnish makes the mounts of a container, and changes to its file system.
//
// Mesos: prepareMounts, maskPath and fs::chroot::enter of mesos-containerizer launch.
func (x *Init) furnish() (what string, err error) {
	if x.Namespaces&syscall.CLONE_NEWNS != 0 {
		if what, err := x.detach(); err != nil {
			return what, err
		}
	}
	s := stage{x, -1, -1}
	if x.Sandbox != "" {
		if s.sandbox, err = open(x.Sandbox); err != nil {
			return "Failed to open the sandbox '" + x.Sandbox + "'", err
		}
		defer syscall.Close(s.sandbox)
	}
	if x.Root != "" {
		if s.root, err = bindRoot(x.Root); err != nil {
			return "Failed to prepare the root file system '" + x.Root + "'", err
		}
		defer syscall.Close(s.root)
	}
	return s.build()
}

// build carries out each step.
func (s stage) build() (what string, err error) {
	for _, m := range s.Mounts {
		if m.Flags&syscall.MS_SHARED != 0 { // see detach
			continue
		}
		if err := s.mount(m); err != nil {
			return "Failed to mount '" + m.Source + "' to '" + m.Target + "'", err
		}
	}
	if what, err := s.reveal(); err != nil {
		return what, err
	}
	for _, l := range s.Links {
		if err := s.link(l); err != nil {
			return "Failed to link '" + l.Source + "' as '" + l.Target + "'", err
		}
	}
	for _, path := range s.Masked {
		if err := s.mask(path); err != nil {
			return "Failed to mask '" + path + "'", err
		}
	}
	if s.Pivot {
		if err := pivot(s.root); err != nil {
			return "Failed to change root to '" + s.Root + "'", err
		}
	}
	return "", nil
}

// detach has what is mounted from now on not seen elsewhere. Mounts that the container shares in both directions stay as
// they are.
//
// Differs: the reference refuses a volume below a mount that is shared in both directions. Here the volume is seen
// outside, too, until the container has ended.
func (x *Init) detach() (what string, err error) {
	shared := map[string]bool{}
	for _, m := range x.Mounts {
		if m.Flags&syscall.MS_SHARED != 0 {
			shared[m.Target] = true
		}
	}
	if len(shared) == 0 || x.Root != "" {
		return "Failed to mark '/' as rslave", syscall.Mount("", "/", "", syscall.MS_SLAVE|syscall.MS_REC, "")
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "Failed to get mount table", err
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || shared[unescape(fields[4])] {
			continue
		}
		err := syscall.Mount("", unescape(fields[4]), "", syscall.MS_SLAVE, "")
		if err != nil && err != syscall.EINVAL && err != syscall.ENOENT && err != syscall.ENOTDIR { // another mount hides it
			return "Failed to mark '" + fields[4] + "' as slave", err
		}
	}
	return "", nil
}

// unescape decodes a path of the mount table.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// open opens a path of the agent's file system, to find what is below it.
func open(path string) (int, error) {
	return syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
}

// bindRoot mounts a root file system on itself, because only what is mounted can become the root, and opens it.
func bindRoot(path string) (int, error) {
	if err := syscall.Mount(path, path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return -1, err
	}
	return syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
}

// pivot makes a directory the root, and unmounts all else.
func pivot(root int) error {
	if err := syscall.Fchdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return err
	}
	return syscall.Chdir("/")
}

// find opens a path, which is that of a mount's source or target.
func (s stage) find(path string) (int, error) {
	if rest, ok := below(s.Root, path); ok && s.root >= 0 {
		return openBelow(s.root, rest, inRoot)
	}
	if rest, ok := below(s.Sandbox, path); ok && s.sandbox >= 0 {
		return openBelow(s.sandbox, rest, beneath)
	}
	return open(path)
}

// make is like find, but makes a mount point in the container's file system or sandbox if there is none.
func (s stage) make(path string, folder bool) (int, error) {
	if rest, ok := below(s.Root, path); ok && s.root >= 0 {
		return makeBelow(s.root, rest, inRoot, folder)
	}
	if rest, ok := below(s.Sandbox, path); ok && s.sandbox >= 0 {
		return makeBelow(s.sandbox, rest, beneath, folder)
	}
	return open(path)
}

// mount mounts one file system.
func (s stage) mount(m Mount) error {
	source, folder := m.Source, true
	if m.Flags&syscall.MS_BIND != 0 {
		from, err := s.find(m.Source)
		if err == syscall.ENOENT && m.Source == m.Target { // nothing that needs protection
			return nil
		}
		if err != nil {
			return err
		}
		defer syscall.Close(from)
		source, folder = pathOf(from), isFolder(from)
	}
	to, err := s.make(m.Target, folder)
	if err != nil {
		return err
	}
	defer syscall.Close(to)
	if m.Flags&syscall.MS_BIND == 0 {
		return syscall.Mount(source, pathOf(to), m.Type, uintptr(m.Flags), m.Options)
	}
	if err := syscall.Mount(source, pathOf(to), "", uintptr(m.Flags&(syscall.MS_BIND|syscall.MS_REC)), ""); err != nil {
		return err
	}
	return s.restrict(m.Target, m.Flags)
}

func isFolder(fd int) bool {
	var about syscall.Stat_t
	return syscall.Fstat(fd, &about) == nil && about.Mode&syscall.S_IFMT == syscall.S_IFDIR
}

// restrictions are flags of mounts that take something from them. Their numbers are those of mount_setattr(2), too.
const restrictions = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC

// restrict has a directory that was mounted a second time be read-only there, and so on; with MS_REC also what is mounted
// below it.
//
// Differs: the reference makes only the uppermost mount read-only, and forgets the other restrictions.
func (s stage) restrict(path string, how uint32) error {
	if how&restrictions == 0 {
		return nil
	}
	fd, err := s.find(path) // now what was mounted there
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	const sysMountSetattr, emptyPath, recursive = 442, 0x1000, 0x8000
	empty, flags := [1]byte{}, uintptr(emptyPath)
	if how&syscall.MS_REC != 0 {
		flags |= recursive
	}
	attributes := struct{ set, clear, propagation, user uint64 }{set: uint64(how & restrictions)}
	_, _, errno := syscall.Syscall6(sysMountSetattr, uintptr(fd), uintptr(unsafe.Pointer(&empty)), flags,
		uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	if errno == syscall.ENOSYS { // before Linux 5.12
		return syscall.Mount("", pathOf(fd), "", uintptr(syscall.MS_REMOUNT|syscall.MS_BIND|how&restrictions), "")
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// link makes a symbolic link in the container's file system. One that exists stays.
func (s stage) link(l Link) error {
	slash := strings.LastIndexByte(l.Target, '/')
	dir, err := s.make(l.Target[:max(slash, 0)], true)
	if err != nil {
		return err
	}
	defer syscall.Close(dir)
	err = syscall.Symlink(l.Source, pathOf(dir)+l.Target[max(slash, 0):])
	if err == syscall.EEXIST {
		return nil
	}
	return err
}

// mask hides what is at a path.
func (s stage) mask(path string) error {
	fd, err := s.find(path)
	if err == syscall.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if isFolder(fd) {
		return syscall.Mount("none", pathOf(fd), "tmpfs", syscall.MS_RDONLY, "size=0")
	}
	if err := syscall.Mount("/dev/null", pathOf(fd), "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	return s.restrict(path, syscall.MS_RDONLY)
}
