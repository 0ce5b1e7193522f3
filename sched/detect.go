package sched

import (
	"context"
	"strings"

	"meseta/actors/detector"
	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// suspicious is a detector that wants to hear of masters that cannot be reached.
type suspicious interface{ suspect(*mesospb.MasterInfo) }

// detect makes a detector of what the user calls the master: all that [detector.Parse] takes, and a list of these.
func detect(spec string) (detector.Detector, error) {
	specs := strings.Split(spec, ",")
	if len(specs) == 1 || strings.Contains(spec, "://") {
		return detector.Parse(context.Background(), spec)
	}
	r := &rotation{}
	for _, one := range specs {
		d, err := detector.Parse(context.Background(), one)
		if err != nil {
			return nil, err
		}
		master, _, _ := d.Detect(nil).Peek()
		r.masters = append(r.masters, master)
	}
	r.current.Appoint(r.masters[0])
	return r, nil
}

// rotation goes round a list of masters: it believes in one until that cannot be reached, then in the next.
type rotation struct {
	current detector.Standalone
	masters []*mesospb.MasterInfo
}

// Detect implements [detector.Detector].
func (r *rotation) Detect(previous *mesospb.MasterInfo) runtime.Future[*mesospb.MasterInfo] {
	return r.current.Detect(previous)
}

func (r *rotation) suspect(master *mesospb.MasterInfo) {
	for i, m := range r.masters {
		if equal.Master(m, master) {
			r.current.Appoint(r.masters[(i+1)%len(r.masters)])
			return
		}
	}
}
