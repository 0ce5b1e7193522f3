package api

import (
	"net/http"

	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// serveTeardown serves /teardown.
func (a *api) serveTeardown(_ *web.Request, body []byte, o operator.Caller) answer {
	f, err := readForm(body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	id, err := f.text("frameworkId")
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return a.teardownFramework(o, ids.Framework(id))
}

// teardownByOperator answers TEARDOWN.
func (a *api) teardownByOperator(call operatorCall) answer {
	return a.teardownFramework(call.Caller, ids.FrameworkOf(call.GetTeardown().GetFrameworkId()))
}

func (a *api) teardownFramework(o operator.Caller, id ids.Framework) answer {
	f := a.core.Book().Framework(id)
	if f == nil {
		return refused(http.StatusBadRequest, "No framework found with specified ID")
	}
	object := &authorizationpb.Object{FrameworkInfo: f.Info, Value: f.Info.Principal}
	if forbidden := a.forbids(o, authorizationpb.Action_TEARDOWN_FRAMEWORK, object); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	a.core.Teardown(f)
	return runtime.Ready(web.OK())
}
