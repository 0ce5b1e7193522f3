// Package account looks up the users and groups of the system as the C library does, and lends a function the rights of
// a user for its work on files. It is no actor: its functions block, and belong into runtime.Go.
//
// A program without cgo reads /etc/passwd and /etc/group by itself and knows nothing of the other sources that
// /etc/nsswitch.conf may name, such as LDAP, SSSD or systemd. What those files do not hold is asked of getent, which
// comes with the C library; where there is no getent, the files have the last word.
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

// UnknownUserError is the name of a user whom the system does not know.
type UnknownUserError string

// Error is what Mesos says.
func (e UnknownUserError) Error() string { return fmt.Sprintf("No such user '%s'", string(e)) }

// Account is a user of the system.
type Account struct {
	Name     string
	UID, GID uint32
}

// Lookup finds a user by name. It fails with an [UnknownUserError] if there is none.
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
		return Account{}, fmt.Errorf("the numbers of user %s: %w", name, err)
	}
	return Account{Name: name, UID: uint32(u), GID: uint32(g)}, nil
}

// Own reports whether the account is that of this process.
func (a Account) Own() bool { return int(a.UID) == os.Geteuid() }

// Groups returns the groups that the user is in, the primary one included, in order.
//
// Mesos: os::getgrouplist.
func (a Account) Groups() []uint32 {
	groups := []uint32{a.GID}
	if line, found := getentLine("initgroups", a.Name); found {
		for _, g := range strings.Fields(line)[1:] {
			groups = appendNumber(groups, g)
		}
	} else if u, err := user.Lookup(a.Name); err == nil {
		all, _ := u.GroupIds() // none, if the file cannot be read
		for _, g := range all {
			groups = appendNumber(groups, g)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Credential is what to start a process with that is to run as the user; nil if this process does so already.
func (a Account) Credential() *syscall.Credential {
	if a.Own() {
		return nil
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups()}
}

// UserName returns the name of the user with a number, or the number if nobody has it.
func UserName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil && u.Username != "" {
		return u.Username
	}
	return nameOf("passwd", number)
}

// GroupName returns the name of the group with a number, or the number if none has it.
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

// getent returns the fields of an entry of a database of the system.
func getent(database, key string) ([]string, bool) {
	line, found := getentLine(database, key)
	return strings.Split(line, ":"), found
}

// getentLine asks for one entry. A key that getent could take for an option, or for several keys, has none.
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
