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

// Show lets people see the sandbox of an executor of f: as the directory it is, and as the executor's latest one, below the
// agent's directory and without it. It is hidden when it is deleted.
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

// hide takes away the names under which people saw a directory that was deleted, if it was that of a run or of an
// executor.
func (r *Recorder) hide(directory string) {
	latest := checkpoint.Executor(directory).LatestRun()
	files.Detach(r.Node(), directory, latest, strings.TrimPrefix(latest, string(r.sandboxes())))
}
