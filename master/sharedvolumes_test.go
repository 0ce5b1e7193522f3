package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
)

// A shared volume is offered to several frameworks at once. When an operator or one of them destroys it, no task begins with
// it any more, be it launched at the same moment or later, from an offer that another one has had all along.
func TestDestroyedWhileItIsOffered(t *testing.T) {
	t.Parallel()
	disk, volume := sharedVolume()
	launched, destroyed := 0, 0
	for seed := range uint64(30) {
		c := mastertest.New(t, mastertest.Config{Seed: seed + 1, Configure: func(c *master.Config) { c.Allocator.Minimum = nil }})
		registration := mastertest.Registration("10.0.0.2:5051")
		registration.Slave.Resources = append(registration.Slave.Resources, disk)
		registration.CheckpointedResources = []*mesospb.Resource{volume}
		c.Peer("agent", "slave(1)", "10.0.0.2:5051").Say(registration)
		info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE, mesospb.FrameworkInfo_Capability_SHARED_RESOURCES)
		info.Roles = []string{"r"}
		first := c.Scheduler("first", "10.0.0.3:6000", info)
		c.Advance(3 * time.Second)
		second := c.Scheduler("second", "10.0.0.4:6000", info) // both are offered the volume in each cycle
		c.Advance(3 * time.Second)
		id := mastertest.FrameworkID(first)
		offer := first.Offer()
		own := resources.FromValid(offer.GetResources()).Shared()
		task := mastertest.Task("t", offer)
		task.Resources = own.Proto()
		accept := acceptedWith(id, offer, &mesospb.Offer_Operation{
			Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: []*mesospb.TaskInfo{task}},
		})
		destroy := []func(){
			func() {
				begin(c, &masterpb.Call{DestroyVolumes: &masterpb.Call_DestroyVolumes{SlaveId: agent0.Proto(), Volumes: []*mesospb.Resource{volume}}})
			},
			func() {
				allocated := resources.FromValid(second.Offer().GetResources()).Shared().Proto()
				second.SayAtOnce(acceptedWith(mastertest.FrameworkID(second), second.Offer(), &mesospb.Offer_Operation{
					Type: mesospb.Offer_Operation_DESTROY.Enum(), Destroy: &mesospb.Offer_Operation_Destroy{Volumes: allocated},
				}))
			},
		}[seed%2]
		switch seed % 3 {
		case 0:
			destroy()
			c.Advance(time.Duration(seed) * time.Millisecond)
			first.SayAtOnce(accept)
		case 1:
			destroy()
			first.SayAtOnce(accept)
		default:
			first.SayAtOnce(accept)
			c.Advance(time.Duration(seed) * time.Millisecond)
			destroy()
		}
		c.Advance(time.Second)
		c.Do(func(m *master.Master) {
			a := m.Book().Agent(agent0)
			there, used := !a.Checkpointed.Shared().IsEmpty(), !a.Used().Shared().IsEmpty()
			if used && !there {
				t.Errorf("seed %d: a task uses the volume, which is destroyed", seed+1)
			}
			if used {
				launched++
			}
			if !there {
				destroyed++
			}
		})
	}
	t.Logf("launched %d times, destroyed %d times", launched, destroyed)
	if launched == 0 || destroyed == 0 {
		t.Error("it was always the one or the other")
	}
}

// sharedVolume returns a disk reserved to r, and a shared volume on as much.
func sharedVolume() (disk, volume *mesospb.Resource) {
	disk = mastertest.Resource("disk", 100)
	disk.Role = proto.String("r")
	volume = proto.CloneOf(disk)
	volume.Disk = &mesospb.Resource_DiskInfo{
		Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String("v")},
		Volume:      &mesospb.Volume{ContainerPath: proto.String("v"), Mode: mesospb.Volume_RW.Enum()},
	}
	volume.Shared = &mesospb.Resource_SharedInfo{}
	return disk, volume
}

// acceptedWith returns the call that accepts an offer with an operation.
func acceptedWith(id *mesospb.FrameworkID, offer *mesospb.Offer, op *mesospb.Offer_Operation) *schedulerpb.Call {
	return &schedulerpb.Call{FrameworkId: id, Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{offer.Id}, Operations: []*mesospb.Offer_Operation{op},
	}}
}
