package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"meseta/actors/authorizer/local"
	"meseta/cmd/internal/flags"
	"meseta/messages/pb/authorizerpb"
)

// executors says how an agent's executors prove who they are. In masters it is zero.
type executors struct {
	file  string // with the key; "" means that executors get no tokens
	key   []byte // that signs the tokens
	realm *realm // of their API
}

// ExecutorKey returns the key that signs the tokens of executors. It is nil if they get none.
func (a *Access) ExecutorKey() []byte { return a.executors.key }

// BindExecutors adds the flags of mesos-agent about executors that use HTTP, and about other authorizers.
func (o *Options) BindExecutors(set *flags.Set) {
	set.Bind("authorizer", flags.Func(onlyLocal))
	x := &o.Access.executors
	x.realm = &realm{name: "mesos-agent-executor", authenticators: &[]string{jwtName}}
	set.Bind("jwt_secret_key", &x.file)
	set.Bind("authenticate_http_executors", &x.realm.guarded)
	o.Access.realms = append(o.Access.realms, x.realm)
}

func (x *executors) guarded() bool { return x.realm != nil && x.realm.guarded }

// authenticators returns the default of --http_authenticators. Executors use the API of operators as well.
func (x *executors) authenticators() []string {
	if x.guarded() {
		return []string{basicName, jwtName}
	}
	return []string{basicName}
}

// checkExecutors reads the key for executors. If executors must be authenticated, there is an authorizer even without
// --acls, because it is what keeps an executor to its own container.
//
// Differs: without --acls, an executor of Mesos may use the API of operators as they do.
func (a *Access) checkExecutors() error {
	x := &a.executors
	if x.file != "" {
		var err error
		if x.key, err = a.readKey(strings.TrimPrefix(x.file, "file://")); err != nil {
			return fmt.Errorf("jwt_secret_key: %w", err)
		}
	}
	if !x.guarded() || a.Authorizer != nil {
		return nil
	}
	permissive, err := local.New(&authorizerpb.ACLs{})
	a.Authorizer = permissive
	return err
}

// readKey returns the content of the file with the key, all of which is the key.
func (a *Access) readKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, fmt.Errorf("Failed to read the file '%s': %w", path, err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("the file '%s' is empty; it should have 32 random bytes or more", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		a.warn(fmt.Sprintf("Permissions on executor secret key file '%s' are too open; it is recommended that your secret key file is NOT accessible by others", path))
	}
	return key, nil
}
