package election

import (
	"meseta/messages/pb/mesospb"
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
