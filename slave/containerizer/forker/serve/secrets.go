package serve

import (
	"strconv"
	"syscall"
)

// Secret is a file of a container that is in no other place than the memory of its system, and only as long as the container
// has mounts.
type Secret struct {
	Target   string // where the container sees it, as the agent names that
	Content  []byte
	ReadOnly bool
}

const (
	secretMode     = 0o644 // as the reference's; the directories around a file decide who can reach it
	umountNoFollow = 0x8
)

// reveal mounts the secrets. Their file system is seen at a path of the agent's for a moment, and only by the init. It is one
// that is never swapped out.
//
// Mesos: VolumeSecretIsolatorProcess::prepare.
//
// Differs: in the reference the agent writes the secrets to files of its own first, and the file system stays in the sandbox.
func (s stage) reveal() (what string, err error) {
	if len(s.Secrets) == 0 {
		return "", nil
	}
	if err := syscall.Mount("ramfs", s.Memory, "ramfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "mode=755"); err != nil {
		return "Failed to mount a file system for secrets", err
	}
	for i, secret := range s.Secrets {
		path := s.Memory + "/" + strconv.Itoa(i)
		if err := write(path, secret.Content); err != nil {
			return "Failed to write the secret for '" + secret.Target + "'", err
		}
		m := Mount{Source: path, Target: secret.Target, Flags: syscall.MS_BIND}
		if secret.ReadOnly {
			m.Flags |= syscall.MS_RDONLY
		}
		if err := s.mount(m); err != nil {
			return "Failed to mount a secret to '" + secret.Target + "'", err
		}
	}
	if err := syscall.Unmount(s.Memory, syscall.MNT_DETACH|umountNoFollow); err != nil {
		return "Failed to hide the file system for secrets", err
	}
	return "", nil
}

// write makes a file.
func write(path string, content []byte) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, secretMode)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for len(content) > 0 {
		n, err := syscall.Write(fd, content)
		if err != nil && err != syscall.EINTR {
			return err
		}
		content = content[max(n, 0):]
	}
	return syscall.Fchmod(fd, secretMode) // whatever the umask is
}
