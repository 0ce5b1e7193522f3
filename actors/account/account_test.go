package account_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"meseta/actors/account"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	root, err := account.Lookup("root")
	if err != nil || root.UID != 0 || !slices.Contains(root.Groups(), 0) {
		t.Errorf("root is %+v, in the groups %v (%v)", root, root.Groups(), err)
	}
	for _, name := range []string{"", "no-such-user", "-h", "--help", "root\nnobody", "root:x", "0", "../passwd"} {
		var unknown account.UnknownUserError
		if a, err := account.Lookup(name); !errors.As(err, &unknown) || string(unknown) != name {
			t.Errorf("%q is %+v (%v)", name, a, err)
		}
	}
	if got := account.UserName(0); got != "root" {
		t.Errorf("user 0 is called %q", got)
	}
	if got := account.UserName(3999999999); got != "3999999999" {
		t.Errorf("a user without a name is called %q", got)
	}
	if got := account.GroupName(3999999999); got != "3999999999" {
		t.Errorf("a group without a name is called %q", got)
	}
}

func nobody(t *testing.T) account.Account {
	t.Helper()
	a, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs to be root where there is a user called nobody")
	}
	return a
}

// Files are read and written with the rights of the user, and those of other goroutines are untouched meanwhile.
func TestDo(t *testing.T) {
	t.Parallel()
	a, dir := nobody(t), t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("root's"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Chown(".", int(a.UID), int(a.GID)); err != nil {
		t.Fatal(err)
	}
	err = a.Do(func() error {
		if _, err := root.ReadFile("secret"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("nobody reads a file of root: %v", err)
		}
		return root.WriteFile("mine", nil, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "mine"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != a.UID || owner.Gid != a.GID {
		t.Errorf("the file belongs to %d:%d, want %d:%d", owner.Uid, owner.Gid, a.UID, a.GID)
	}
	for range 100 {
		if _, err := os.ReadFile(secret); err != nil {
			t.Fatalf("root's rights are gone: %v", err)
		}
	}
}

func TestDoPanics(t *testing.T) {
	t.Parallel()
	a := nobody(t)
	defer func() {
		if p := recover(); p != "oops" {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = a.Do(func() error { panic("oops") })
	t.Error("no panic")
}

// What the files of the system do not hold is asked of getent. Not parallel: it changes PATH.
func TestOtherSources(t *testing.T) {
	dir := t.TempDir()
	script := `#!/bin/sh
case "$1 $2" in
"passwd ldapuser") echo "ldapuser:x:70001:70002:Someone:/home/ldapuser:/bin/sh";;
"passwd 70001") echo "ldapuser:x:70001:70002:Someone:/home/ldapuser:/bin/sh";;
"group 70002") echo "ldapgroup:x:70002:";;
"initgroups ldapuser") echo "ldapuser             70003 70004";;
"passwd broken") echo "broken:x:many:70002::/:/bin/sh";;
*) exit 2;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "getent"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	a, err := account.Lookup("ldapuser")
	if want := (account.Account{Name: "ldapuser", UID: 70001, GID: 70002}); err != nil || a != want {
		t.Errorf("found %+v (%v), want %+v", a, err, want)
	}
	if got := a.Groups(); !slices.Equal(got, []uint32{70002, 70003, 70004}) {
		t.Errorf("the user is in %v", got)
	}
	if user, group := account.UserName(70001), account.GroupName(70002); user != "ldapuser" || group != "ldapgroup" {
		t.Errorf("the names are %q and %q", user, group)
	}
	if _, err := account.Lookup("broken"); err == nil {
		t.Error("a user without a number was found")
	}
	t.Setenv("PATH", t.TempDir())
	if a, err := account.Lookup("root"); err != nil || a.UID != 0 || !slices.Equal(a.Groups(), []uint32{0}) {
		t.Errorf("without getent root is %+v (%v)", a, err)
	}
	if _, err := account.Lookup("ldapuser"); err == nil {
		t.Error("without getent a user of another source is known")
	}
}
