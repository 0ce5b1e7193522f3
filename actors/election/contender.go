package election

import (
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Contender takes part in an election on behalf of one candidate.
type Contender interface {
	// Contend enters the election with info. The outer future completes when the other masters can see the candidacy,
	// or fails if that is impossible. The inner future completes when the candidacy is lost; Contend may then be called
	// again.
	//
	// Mesos: MasterContender::contend.
	Contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]]
}

// StandaloneContender is the [Contender] of a master without rivals; it never loses its candidacy. Elected, if not
// nil, is called with the candidate. Usually it is [Standalone.Appoint].
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
