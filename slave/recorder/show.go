package recorder

import (
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/files"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
)

// Show attaches the sandbox of an executor to /files, under its path and as the latest run of the executor. It is
// detached when it is deleted.
//
// Mesos: Framework::addExecutor.
func (r *Recorder) Show(f *book.Framework, e *book.Executor) {
	sandbox, executor := r.Sandbox(e)
	authorize := authorizer.Permission(r.authorizer, authorizationpb.Action_ACCESS_SANDBOX,
		&authorizationpb.Object{ExecutorInfo: e.Info, FrameworkInfo: f.Info}) // Mesos: Slave::authorizeSandboxAccess
	for _, virtual := range []string{string(sandbox), executor.LatestRun(), checkpoint.VirtualLatestRun(e.Framework, e.ID)} {
		shown := files.Attach(r.Node(), files.Attachment{Path: string(sandbox), Virtual: virtual, Authorize: authorize})
		runtime.Await(r, shown, func(_ struct{}, err error) {
			if err != nil {
				r.Log().Warn().Err(err).Msg("sandbox is not shown")
			}
		})
	}
}

// hide detaches a deleted directory from /files, if it belonged to a run or an executor.
func (r *Recorder) hide(directory string) {
	latest := checkpoint.Executor(directory).LatestRun()
	files.Detach(r.Node(), directory, latest, strings.TrimPrefix(latest, string(r.sandboxes())))
}
