package slave

import (
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/files"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
)

// show lets people see the sandbox of an executor: as the directory it is, and as the executor's latest one, below the
// agent's directory and without it.
//
// Mesos: Framework::addExecutor.
func (s *records) show(e *book.Executor) {
	run := s.places(e)
	authorize := s.sandboxOf(e)
	for _, virtual := range []string{
		string(run.sandbox), run.executor.LatestRun(), checkpoint.VirtualLatestRun(e.Framework, e.ID),
	} {
		shown := files.Attach(s.Node(), files.Attachment{Path: string(run.sandbox), Virtual: virtual, Authorize: authorize})
		runtime.Await(s, shown, func(_ struct{}, err error) {
			if err != nil {
				s.Log().Warn().Err(err).Msg("sandbox is not shown")
			}
		})
	}
}

// hide takes away the names under which people saw a directory that was deleted, if it was that of a run or of an
// executor.
func (s *records) hide(directory string) {
	latest := checkpoint.Executor(directory).LatestRun()
	files.Detach(s.Node(), directory, latest, strings.TrimPrefix(latest, string(s.root.Agent(s.membership.ID()))))
}

// sandboxOf decides who may look into the sandbox of an executor.
//
// Mesos: Slave::authorizeSandboxAccess.
func (s *records) sandboxOf(e *book.Executor) files.Authorize {
	object := &authorizationpb.Object{ExecutorInfo: e.Info}
	if f := s.book.Framework(e.Framework); f != nil {
		object.FrameworkInfo = f.Info
	}
	return authorizer.Permission(s.config.Authorizer, authorizationpb.Action_ACCESS_SANDBOX, object)
}
