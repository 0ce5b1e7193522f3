// Package account looks up system users and groups as the C library does, and runs functions on files with the rights
// of another user. It is not an actor: its functions block, so an actor calls them in runtime.Go.
//
// A program built without cgo reads /etc/passwd and /etc/group itself and ignores the other sources that
// /etc/nsswitch.conf may name, such as LDAP, SSSD or systemd. Lookups that those files do not answer are passed to
// getent, which comes with the C library. Where there is no getent, only the files count.
package account

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// UnknownUserError is the name of a user that the system does not know.
type UnknownUserError string

// Error returns the message that Mesos uses.
func (e UnknownUserError) Error() string { return fmt.Sprintf("No such user '%s'", string(e)) }

// Account is a system user.
type Account struct {
	Name     string
	UID, GID uint32
}

// Lookup finds a user by name. It returns an [UnknownUserError] if there is none.
//
// Mesos: os::getuid, os::getgid.
func Lookup(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err == nil {
		return account(name, u.Uid, u.Gid)
	}
	fields, found := getent("passwd", name)
	if !found || len(fields) < 4 || fields[0] != name {
		return Account{}, UnknownUserError(name)
	}
	return account(name, fields[2], fields[3])
}

func account(name, uid, gid string) (Account, error) {
	u, err := strconv.ParseUint(uid, 10, 32)
	g, err2 := strconv.ParseUint(gid, 10, 32)
	if err := errors.Join(err, err2); err != nil {
		return Account{}, fmt.Errorf("uid or gid of user %s: %w", name, err)
	}
	return Account{Name: name, UID: uint32(u), GID: uint32(g)}, nil
}

// Own reports whether this process runs as a, by effective user ID.
func (a Account) Own() bool { return int(a.UID) == os.Geteuid() }

// Groups returns the IDs of the user's groups, including the primary group, in increasing order and without
// duplicates.
//
// Mesos: os::getgrouplist.
func (a Account) Groups() []uint32 {
	groups := []uint32{a.GID}
	if line, found := getentLine("initgroups", a.Name); found {
		for _, g := range strings.Fields(line)[1:] {
			groups = appendNumber(groups, g)
		}
	} else if u, err := user.Lookup(a.Name); err == nil {
		all, _ := u.GroupIds() // no groups if the file cannot be read
		for _, g := range all {
			groups = appendNumber(groups, g)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Credential returns the credential for starting a process as the user, or nil if this process already runs as the
// user.
func (a Account) Credential() *syscall.Credential {
	if a.Own() {
		return nil
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups()}
}

// UserName returns the name of the user with the given ID, or the ID in decimal if no user has it.
func UserName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil && u.Username != "" {
		return u.Username
	}
	return nameOf("passwd", number)
}

// GroupName returns the name of the group with the given ID, or the ID in decimal if no group has it.
func GroupName(gid uint32) string {
	number := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(number); err == nil && g.Name != "" {
		return g.Name
	}
	return nameOf("group", number)
}

func nameOf(database, number string) string {
	if fields, found := getent(database, number); found && fields[0] != "" {
		return fields[0]
	}
	return number
}

// getent returns the fields of the entry for key in one of the system's databases.
func getent(database, key string) ([]string, bool) {
	line, found := getentLine(database, key)
	return strings.Split(line, ":"), found
}

// getentLine returns the line that getent prints for key. A key that getent would take for an option or for several
// keys is not looked up.
func getentLine(database, key string) (string, bool) {
	if key == "" || strings.HasPrefix(key, "-") || strings.ContainsAny(key, ":\n\x00") {
		return "", false
	}
	out, err := exec.Command("getent", database, key).Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err == nil && strings.TrimSpace(line) != ""
}

func appendNumber(all []uint32, text string) []uint32 {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return append(all, uint32(n))
	}
	return all
}
