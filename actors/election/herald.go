package election

import (
	"slices"
	"strings"

	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// HeraldID is the name of the actor by which a master tells others who leads.
const HeraldID = "leader"

// maxListeners bounds how many a herald tells. Those beyond hear nothing, and ask another master.
const maxListeners = 1 << 16

// herald tells all that have asked who leads.
type herald struct {
	runtime.Actor
	detector  Detector
	detection runtime.Future[*mesospb.MasterInfo]
	leader    *mesospb.MasterInfo
	listeners map[runtime.PID]bool
}

// SpawnHerald has node, which is a master's, tell [Watched] detectors on other nodes what detector says.
func SpawnHerald(node *runtime.Node, detector Detector) error {
	_, err := runtime.Spawn(node, HeraldID, &herald{detector: detector, listeners: map[runtime.PID]bool{}})
	return err
}

// Initialize implements [runtime.Initializer].
func (h *herald) Initialize() {
	runtime.Install(h, h.watch)
	h.detect(nil)
}

// Finalize implements [runtime.Finalizer].
func (h *herald) Finalize() { h.detection.Discard() }

func (h *herald) detect(previous *mesospb.MasterInfo) {
	h.detection = h.detector.Detect(previous)
	runtime.Await(h, h.detection, func(leader *mesospb.MasterInfo, err error) {
		if err != nil {
			h.Log().Warn().Err(err).Msg("nobody is told any more who leads")
			return
		}
		h.leader = leader
		for _, to := range h.sorted() {
			h.tell(to)
		}
		h.detect(leader)
	})
}

// sorted returns those that listen, so that the order in which they are told is always the same.
func (h *herald) sorted() []runtime.PID {
	all := make([]runtime.PID, 0, len(h.listeners))
	for pid := range h.listeners {
		all = append(all, pid)
	}
	slices.SortFunc(all, func(a, b runtime.PID) int { return strings.Compare(a.String(), b.String()) })
	return all
}

func (h *herald) tell(to runtime.PID) { h.Send(to, &consensuspb.LeaderMessage{Leader: h.leader}) }

// watch takes somebody in who wants to be told.
func (h *herald) watch(from runtime.PID, _ *consensuspb.WatchLeaderMessage) {
	if !h.listeners[from] {
		if len(h.listeners) >= maxListeners {
			return
		}
		h.listeners[from] = true
		h.Link(from)
	}
	h.tell(from)
}

// Exited implements [runtime.Exiter].
func (h *herald) Exited(pid runtime.PID) { delete(h.listeners, pid) }
