package simcluster_test

import (
	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// What operators do to the resources of agents. Each operation needs what others have made before, so that operators look
// for an agent that has it. They do not always look, and when the operation arrives the agent may be another.

// portion is how much disk operators reserve, make a volume of, or add to one, in megabytes.
const portion = 8

// operations are a few of them, most of which find what earlier ones have made.
func (s *storm) operations() {
	all := []func(){
		s.reserve, s.reserve, s.reserve, s.unreserve, s.createVolume, s.createVolume, s.destroyVolume, s.growVolume, s.growVolume, s.shrinkVolume,
	}
	for range 1 + s.chance.IntN(6) {
		all[s.chance.IntN(len(all))]()
		s.Advance(s.while() % 5e9)
	}
}

// able are the agents with reservations and volumes that pass.
func (s *storm) able(pass func(has resources.Resources) bool) (able []*mesospb.SlaveID, have []resources.Resources) {
	if !s.Master.Living() {
		return nil, nil
	}
	s.Master.Do(func(m *master.Master) {
		for _, a := range m.Book().Agents() {
			if pass(a.Checkpointed) {
				able, have = append(able, a.Info.Id), append(have, a.Checkpointed)
			}
		}
	})
	return able, have
}

// apt is one of these agents, or any.
func (s *storm) apt(pass func(has resources.Resources) bool) *mesospb.SlaveID {
	able, _ := s.able(pass)
	if len(able) == 0 || s.oneIn(5) {
		return s.named()
	}
	return able[s.chance.IntN(len(able))]
}

// setAside is a little of an agent that is reserved to a role without frameworks.
func setAside(name string) *mesospb.Resource {
	return &mesospb.Resource{
		Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(map[string]float64{"cpus": 0.1, "disk": portion}[name])},
		Reservations: []*mesospb.Resource_ReservationInfo{{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("aside"),
		}},
	}
}

// hasAside reports whether there is as much as setAside.
func hasAside(name string) func(resources.Resources) bool {
	needed := resources.FromValid([]*mesospb.Resource{setAside(name)})
	return func(has resources.Resources) bool { return has.Contains(needed) }
}

func (s *storm) some() string { return []string{"cpus", "disk"}[s.chance.IntN(2)] }

func (s *storm) reserve() {
	s.Operate(&masterpb.Call{Type: masterpb.Call_RESERVE_RESOURCES.Enum(), ReserveResources: &masterpb.Call_ReserveResources{
		SlaveId: s.apt(anything), Resources: []*mesospb.Resource{setAside(s.some())},
	}})
}

func (s *storm) unreserve() {
	what := s.some()
	s.Operate(&masterpb.Call{Type: masterpb.Call_UNRESERVE_RESOURCES.Enum(), UnreserveResources: &masterpb.Call_UnreserveResources{
		SlaveId: s.apt(hasAside(what)), Resources: []*mesospb.Resource{setAside(what)},
	}})
}

// volume is one of two volumes, each of which an agent may have.
func (s *storm) volume() *mesospb.Resource {
	v := setAside("disk")
	v.Disk = &mesospb.Resource_DiskInfo{
		Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String([]string{"v1", "v2"}[s.chance.IntN(2)])},
		Volume:      &mesospb.Volume{ContainerPath: proto.String("data"), Mode: mesospb.Volume_RW.Enum()},
	}
	return v
}

// there is a volume that exists on some agent beside what passes, or any.
func (s *storm) there(pass func(has resources.Resources) bool) (*mesospb.SlaveID, *mesospb.Resource) {
	able, have := s.able(func(has resources.Resources) bool { return !has.PersistentVolumes().IsEmpty() && pass(has) })
	if len(able) == 0 || s.oneIn(5) {
		return s.named(), s.volume()
	}
	i := s.chance.IntN(len(able))
	volumes := have[i].PersistentVolumes().Proto()
	return able[i], volumes[s.chance.IntN(len(volumes))]
}

func anything(resources.Resources) bool { return true }

func (s *storm) createVolume() {
	s.Operate(&masterpb.Call{Type: masterpb.Call_CREATE_VOLUMES.Enum(), CreateVolumes: &masterpb.Call_CreateVolumes{
		SlaveId: s.apt(hasAside("disk")), Volumes: []*mesospb.Resource{s.volume()},
	}})
}

func (s *storm) destroyVolume() {
	agent, volume := s.there(anything)
	s.Operate(&masterpb.Call{Type: masterpb.Call_DESTROY_VOLUMES.Enum(), DestroyVolumes: &masterpb.Call_DestroyVolumes{
		SlaveId: agent, Volumes: []*mesospb.Resource{volume},
	}})
}

func (s *storm) growVolume() {
	agent, volume := s.there(hasAside("disk"))
	s.Operate(&masterpb.Call{Type: masterpb.Call_GROW_VOLUME.Enum(), GrowVolume: &masterpb.Call_GrowVolume{
		SlaveId: agent, Volume: volume, Addition: setAside("disk"),
	}})
}

func (s *storm) shrinkVolume() {
	agent, volume := s.there(anything)
	s.Operate(&masterpb.Call{Type: masterpb.Call_SHRINK_VOLUME.Enum(), ShrinkVolume: &masterpb.Call_ShrinkVolume{
		SlaveId: agent, Volume: volume, Subtract: &mesospb.Value_Scalar{Value: proto.Float64(portion / 2)},
	}})
}
