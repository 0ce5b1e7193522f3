package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/seccomp"
)

// Seccomp is the isolator linux/seccomp: a profile says which system calls a container may make.
//
// Mesos: LinuxSeccompIsolatorProcess.
//
// Differs: the profile has to allow what sets the user of a command and starts it, because only the agent's user may restrict
// system calls.
type Seccomp struct {
	mesos.Base
	dir      string
	standard *seccomp.Profile // of containers that name none; nil means that they are not restricted
	bounding uint64           // the capabilities that containers can have, one bit for each
}

// NewSeccomp returns the isolator with the profiles in a directory (--seccomp_config_dir). name is the file of the one of
// containers that name none (--seccomp_profile_name); "" means that they are not restricted.
func NewSeccomp(dir, name string) (*Seccomp, error) {
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0, 0, 0)
	switch {
	case os.Geteuid() != 0:
		return nil, errors.New("Linux Seccomp isolator requires root permissions: start the agent as root, or without that isolator")
	case !errors.Is(err, unix.EFAULT):
		return nil, errors.New("Seccomp is not supported by the kernel")
	case dir == "":
		return nil, errors.New("Missing required `--seccomp_config_dir` flag")
	}
	i := &Seccomp{dir: dir, bounding: bounding()}
	if name == "" {
		return i, nil
	}
	i.standard, err = seccomp.Read(dir, name)
	return i, err
}

// bounding returns the bounding set of this process.
func bounding() (set uint64) {
	for n := range uint64(64) {
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0); err == nil && has == 1 {
			set |= 1 << n
		}
	}
	return set
}

// Prepare implements [mesos.Isolator]. The capabilities of the container are known then. A debug container may make the calls that
// its parent may.
//
// Differs: in Mesos a debug container has the profile of containers that name none.
func (i *Seccomp) Prepare(_ context.Context, c *mesos.Container) error {
	as := c
	for as.Beside != nil {
		as = as.Beside
	}
	profile, err := i.profile(as.Config.GetContainerInfo().GetLinuxInfo().GetSeccomp())
	if err != nil || profile == nil {
		return err
	}
	has := i.bounding
	if b := c.Setup.GetBoundingCapabilities(); b != nil {
		has = forker.Bits(b.GetCapabilities())
	}
	program, err := seccomp.Compile(profile, has)
	if err != nil {
		return fmt.Errorf("Failed to create Seccomp filter: %w", err)
	}
	c.Init().SeccompProfile = profile.Message
	c.Filter, err = binary.Append(nil, binary.NativeEndian, program)
	return err
}

// profile returns the profile of a container; nil if it is not restricted.
func (i *Seccomp) profile(asked *mesospb.SeccompInfo) (*seccomp.Profile, error) {
	switch {
	case asked == nil:
		return i.standard, nil
	case asked.GetUnconfined() && asked.ProfileName != nil:
		return nil, errors.New("Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' Seccomp setting is enabled")
	case asked.ProfileName != nil:
		return seccomp.Read(i.dir, asked.GetProfileName())
	case asked.GetUnconfined():
		return nil, nil
	}
	return nil, errors.New("Missing Seccomp profile name")
}
