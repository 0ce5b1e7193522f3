package api

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime/web"
)

// schedulerRealm is the authentication realm of the scheduler API.
//
// Mesos: DEFAULT_HTTP_FRAMEWORK_AUTHENTICATION_REALM.
const schedulerRealm = "mesos-master-scheduler"

// nameless reports whether a client is authenticated but has no name, only claims.
func nameless(p *web.Principal) bool { return p != nil && p.Name == "" }

func refusedNameless() *web.Response {
	return web.Forbidden("The request's authenticated principal contains claims, but no value string." +
		" The master currently requires that principals have a value")
}

// impersonates returns an error if a client is authenticated as another principal than that of the framework.
func impersonates(p *web.Principal, info *mesospb.FrameworkInfo) error {
	if p == nil || p.Name == info.GetPrincipal() {
		return nil
	}
	return fmt.Errorf("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", p.Name, info.GetPrincipal())
}

// identify validates that a subscription is for its sender. A framework without a principal gets that of its scheduler.
//
// Mesos: validation::scheduler::call::validate and Master::Http::scheduler.
func identify(p *web.Principal, call *schedulerpb.Call_Subscribe) error {
	if p == nil {
		return nil
	}
	if info := call.GetFrameworkInfo(); info.Principal == nil {
		named := proto.CloneOf(info)
		named.Principal = proto.String(p.Name)
		call.FrameworkInfo = named
	}
	return impersonates(p, call.GetFrameworkInfo())
}
