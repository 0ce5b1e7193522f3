package mesos_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/turns"
)

// crowd is an isolator that counts the containers whose process has not started yet.
type crowd struct {
	mesos.Base
	mu        sync.Mutex
	now, most int
}

func (c *crowd) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
}

func (c *crowd) Prepare(context.Context, *mesos.Container) error {
	c.add(1)
	return nil
}

func (c *crowd) Isolate(*mesos.Container, int) error {
	c.add(-1)
	return nil
}

// However many containers are launched at once, each ends as it should, and only a few are between preparation and start, where they
// hold descriptors. Those that cannot start have their turn, too.
func TestManyLaunches(t *testing.T) {
	t.Parallel()
	const many = 5 * turns.Most
	c := &crowd{}
	h := newHouseWith(t, mesos.Options{Isolators: []mesos.Isolator{c}})
	var ends []runtime.Future[*slavepb.ContainerTermination]
	for i := range many {
		l := h.spec(&mesospb.CommandInfo{Value: proto.String("/bin/true"), Shell: proto.Bool(false)})
		l.Config.Directory = proto.String(t.TempDir()) // by which others find what a container left
		if l.ID = ids.Container(fmt.Sprint("c", i)); i%2 == 1 {
			l.Config.CommandInfo.Value = proto.String("/no/such/program")
		}
		h.Launch(l)
		ends = append(ends, h.Wait(l.ID))
	}
	for i, f := range ends {
		end, err := runtime.Wait(t.Context(), f)
		if want := int32(i % 2 << 8); err != nil || end.GetStatus() != want {
			t.Errorf("container %d has ended with %v, %v; want %d", i, end, err, want)
		}
	}
	if c.now != 0 || c.most > turns.Most {
		t.Errorf("%d have not started, and were %d at once; want at most %d", c.now, c.most, turns.Most)
	}
}
