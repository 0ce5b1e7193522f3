package election

import (
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Contender takes part in an election for one candidate.
type Contender interface {
	// Contend enters the election as info. The outer future completes when the candidacy is known to the others, or
	// fails if that is impossible; the inner one completes when the candidacy is lost, after which Contend may be
	// called again.
	//
	// Mesos: MasterContender::contend.
	Contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]]
}

// StandaloneContender is the [Contender] of a master without rivals: its candidacy is never lost. Elected, if set, is told
// the candidate: usually it is [Standalone.Appoint].
type StandaloneContender struct {
	Elected func(*mesospb.MasterInfo)
}

// Contend implements [Contender].
func (s StandaloneContender) Contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]] {
	if s.Elected != nil {
		s.Elected(info)
	}
	return runtime.Ready(runtime.NewPromise[struct{}]().Future())
}
