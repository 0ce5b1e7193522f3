package mesos_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer/mesos"
)

// remains is an isolator that sees that a limit was exceeded by what the container's first process has left.
type remains struct{ mesos.Base }

func (remains) Watch(ctx context.Context, _ *mesos.Container) (*slavepb.ContainerLimitation, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (remains) Exceeded(c *mesos.Container) *slavepb.ContainerLimitation {
	text, err := os.ReadFile(filepath.Join(c.Config.GetDirectory(), "left"))
	pid, wrong := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || wrong != nil || syscall.Kill(pid, 0) != nil {
		return nil
	}
	return &slavepb.ContainerLimitation{Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum(), Message: proto.String("too much")}
}

// Isolators are asked about limits before what the container has left is destroyed, because control groups of version 2, which know of the
// limits, are destroyed with it.
func TestLimitsAreAskedForBeforeTheEnd(t *testing.T) {
	t.Parallel()
	h := newHouseWith(t, mesos.Options{Isolators: []mesos.Isolator{remains{}}})
	h.launch(shell("sleep 1000 & echo $! > left"))
	end, err := runtime.Wait(t.Context(), h.Wait("c1"))
	if err != nil || end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY || end.GetMessage() != "too much" {
		t.Errorf("ended as %v (%v)", end, err)
	}
}
