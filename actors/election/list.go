package election

import (
	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Suspicious is a [Detector] that can be told about leaders that cannot be reached.
type Suspicious interface {
	Detector
	// Suspect reports that the leader that was detected last does not answer.
	Suspect(leader *mesospb.MasterInfo)
}

// Suspect reports to d, if it is [Suspicious], that leader cannot be reached.
func Suspect(d Detector, leader *mesospb.MasterInfo) {
	if s, ok := d.(Suspicious); ok && leader != nil {
		s.Suspect(leader)
	}
}

// List is a [Detector] for a fixed list of masters. It names one master until that is suspected, then the next.
type List struct {
	current Standalone
	masters []*mesospb.MasterInfo
}

// NewList returns a detector for masters, of which there must be at least one. It names the first one first.
func NewList(masters []*mesospb.MasterInfo) *List {
	l := &List{masters: masters}
	l.current.Appoint(masters[0])
	return l
}

// Detect implements [Detector].
func (l *List) Detect(previous *mesospb.MasterInfo) runtime.Future[*mesospb.MasterInfo] {
	return l.current.Detect(previous)
}

// Suspect implements [Suspicious].
func (l *List) Suspect(leader *mesospb.MasterInfo) {
	for i, m := range l.masters {
		if equal.Master(m, leader) {
			l.current.Appoint(l.masters[(i+1)%len(l.masters)])
			return
		}
	}
}
