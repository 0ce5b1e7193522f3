package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/authorizer/local"
	"meseta/actors/credentials"
	"meseta/cmd/internal/flags"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/jwt"
)

// Access says who may use a daemon's endpoints, and for what.
type Access struct {
	// Authorizer decides by the lists of --acls. It is nil, and allows everything, without them.
	Authorizer authorizer.Authorizer

	authenticators []string // for the operators' realms; empty means the default
	realms         []*realm
	file           string // with the principals and secrets; "" means that there are none
	secrets        map[string]string
	executors      executors
	disabled       []string // endpoints
	warnings       []string
}

// realm is a realm of endpoints.
type realm struct {
	name           string
	guarded        bool      // requests must be authenticated
	authenticators *[]string // at least one if it is guarded
}

// Secrets returns the secrets of the credentials by principal. It is nil if there are none.
func (a *Access) Secrets() map[string]string { return a.secrets }

// BindAccess adds the flags about operators who use a daemon's endpoints over HTTP. kind is "master" or "agent", and
// file the name of the flag with the file of credentials.
func (o *Options) BindAccess(set *flags.Set, kind, file string) {
	a := &o.Access
	set.Bind("acls", flags.Func(a.readACLs))
	set.Bind(file, &a.file)
	set.Bind("http_authenticators", names(&a.authenticators))
	set.Bind("firewall_rules", flags.Func(a.readFirewall))
	for _, way := range []string{"readonly", "readwrite"} {
		r := &realm{name: "mesos-" + kind + "-" + way, authenticators: &a.authenticators}
		set.Bind("authenticate_http_"+way, &r.guarded)
		a.realms = append(a.realms, r)
	}
	set.Check(func() error { return a.check(file) })
}

// BindSchedulers adds the flags of mesos-master about schedulers over HTTP, and about other authorizers.
func (o *Options) BindSchedulers(set *flags.Set) {
	set.Bind("authorizers", flags.Func(onlyLocal))
	var named []string
	r := &realm{name: "mesos-master-scheduler", authenticators: &named}
	set.Bind("authenticate_http_frameworks", &r.guarded)
	set.Bind("http_framework_authenticators", names(&named))
	o.Access.realms = append(o.Access.realms, r)
	set.Check(func() error {
		if r.guarded && len(named) == 0 {
			return errors.New("authenticate_http_frameworks: Missing `--http_framework_authenticators` flag. This must be used in conjunction with `--authenticate_http_frameworks`")
		}
		return nil
	})
}

// names is the value of a flag with a list of authenticators, in which one may occur twice, as in Mesos.
func names(list *[]string) flags.Target {
	return flags.Func(func(text string) error {
		*list = strings.Split(text, ",")
		return nil
	})
}

// readACLs reads the value of --acls.
func (a *Access) readACLs(text string) error {
	acls, err := local.Parse(text)
	if err != nil {
		return fmt.Errorf("not the JSON of ACLs: %w", err)
	}
	a.Authorizer, err = local.New(acls)
	return err
}

// readFirewall reads the value of --firewall_rules.
func (a *Access) readFirewall(text string) error {
	var rules *internalpb.Firewall
	if err := flags.Message(&rules).Set(text); err != nil {
		return err
	}
	a.disabled = rules.GetDisabledEndpoints().GetPaths()
	for _, path := range a.disabled {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("the path %q does not begin with a slash; it would be, for instance, /%[1]s", path)
		}
	}
	return nil
}

// check reads the credentials, and returns an error if a realm cannot be guarded as the flags say.
//
// Mesos: initializeHttpAuthenticators in common/http.cpp.
func (a *Access) check(flag string) error {
	if a.file != "" {
		read, err := credentials.Read(a.file)
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		a.secrets = read.Secrets()
		a.warn(read.Warning)
	}
	if err := a.checkExecutors(); err != nil {
		return err
	}
	if len(a.authenticators) == 0 {
		a.authenticators = a.executors.authenticators()
	}
	for _, r := range a.realms {
		if !r.guarded {
			continue
		}
		for _, name := range *r.authenticators {
			if err := a.available(name, r.name); err != nil {
				return fmt.Errorf("Failed to create HTTP authenticator module '%s': %w", name, err)
			}
		}
	}
	return nil
}

// available returns an error in Mesos's words if an authenticator does not exist or cannot work.
func (a *Access) available(name, realm string) error {
	switch {
	case name == jwtName && a.executors.key == nil:
		return fmt.Errorf("No secret key provided for the default 'jwt' HTTP authenticator for realm '%s'", realm)
	case name == jwtName:
		return nil
	case name != basicName:
		return fmt.Errorf("HTTP authenticator '%s' not found. Check the spelling (compare to 'basic') or verify that the authenticator was loaded successfully (see --modules)", name)
	case a.secrets == nil:
		return fmt.Errorf("No credentials provided for the default 'basic' HTTP authenticator for realm '%s'", realm)
	}
	return nil
}

// The names of the authenticators that are built in.
const (
	basicName = "basic"
	jwtName   = "jwt"
)

func (a *Access) warn(text string) {
	if text != "" {
		a.warnings = append(a.warnings, text)
	}
}

// guard puts the authenticators before the endpoints of their realms, the authorizer before those that every program has,
// and the firewall before all.
func (a *Access) guard(d *Daemon) {
	for _, text := range append(a.warnings, a.openness()...) {
		d.Log.Warn().Msg(text)
	}
	for _, r := range a.realms {
		if r.guarded {
			web.SetAuthenticator(d.Node, r.name, a.authenticator(r, d))
		}
	}
	if a.Authorizer != nil {
		authorizer.Guard(d.Node, a.Authorizer)
	}
	web.SetFirewall(d.Node, a.disabled...)
}

// openness returns a warning if anybody may use the endpoints of some realm.
func (a *Access) openness() []string {
	var open []string
	for _, r := range a.realms {
		if !r.guarded {
			open = append(open, r.name)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return []string{"Everybody who reaches this port may use the endpoints of the realms " + strings.Join(open, ", ") +
		", because authentication is not required there; SECURITY.md says how to close them"}
}

func (a *Access) authenticator(r *realm, d *Daemon) web.Authenticator {
	now := d.Node.Clock().Now
	var all web.Authenticators
	for _, name := range *r.authenticators {
		if name == jwtName {
			all = append(all, &jwt.Authenticator{Realm: r.name, Secret: a.executors.key, Now: now})
			continue
		}
		all = append(all, &web.BasicAuthenticator{Realm: r.name, Passwords: a.secrets})
	}
	throttled := &web.Throttle{Authenticator: all, Now: now, Log: &d.Log}
	if len(all) == 1 {
		throttled.Authenticator = all[0]
	}
	return throttled
}

// permission returns a function that reports whether a principal may perform an action; nil if all may.
func (a *Access) permission(action authorizationpb.Action, object *authorizationpb.Object) func(*web.Principal) runtime.Future[bool] {
	if a.Authorizer == nil {
		return nil
	}
	return authorizer.Permission(a.Authorizer, action, object)
}

// onlyLocal accepts --authorizers=local and --authorizer=local.
func onlyLocal(text string) error {
	if names := strings.Split(text, ","); !slices.Equal(names, []string{"local"}) {
		return fmt.Errorf("Could not create '%s' authorizer: only local is built in", text)
	}
	return nil
}
