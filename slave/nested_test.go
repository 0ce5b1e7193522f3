package slave_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/slave/containerizer"
)

// nestedIn is the id of a container n1 in that of the first executor.
func (w *world) nestedIn() *mesosv1pb.ContainerID {
	root := string(w.containers.Launched()[0].ID)
	return &mesosv1pb.ContainerID{Value: proto.String("n1"), Parent: &mesosv1pb.ContainerID{Value: &root}}
}

func (w *world) launchNested() int {
	w.t.Helper()
	return w.post("/slave(1)/api/v1", mediatype.Protobuf, &agentv1pb.Call{
		Type: agentv1pb.Call_LAUNCH_NESTED_CONTAINER.Enum(), LaunchNestedContainer: &agentv1pb.Call_LaunchNestedContainer{
			ContainerId: w.nestedIn(), Command: &mesosv1pb.CommandInfo{Value: proto.String("true")},
		},
	}).Status
}

// GET_CONTAINERS names a nested container by its own id alone, and its status with those around it.
//
// Recorded: golden/linux/1-default-v1-GET_CONTAINERS.http.
func TestNamesOfNestedContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(custom("t1", true, framework()))
	if status := w.launchNested(); status != 200 {
		t.Fatalf("launching was answered %d", status)
	}
	r := w.post("/slave(1)/api/v1", mediatype.Protobuf, &agentv1pb.Call{
		Type: agentv1pb.Call_GET_CONTAINERS.Enum(), GetContainers: &agentv1pb.Call_GetContainers{ShowNested: proto.Bool(true)},
	})
	answer := &agentv1pb.Response{}
	if err := proto.Unmarshal(r.Body, answer); err != nil || len(answer.GetGetContainers().GetContainers()) != 2 {
		t.Fatalf("answered %v, %v", answer, err)
	}
	nested := answer.GetGetContainers().GetContainers()[1]
	if id := nested.GetContainerId(); id.GetValue() != "n1" || id.Parent != nil || nested.GetContainerStatus().GetContainerId().Parent == nil {
		t.Errorf("the nested container is shown as %v", nested)
	}
}

// A container that was refused was never there.
func TestWaitForARefusedContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(custom("t1", true, framework()))
	w.containers.LaunchErr = containerizer.ErrUnsupported
	if status := w.launchNested(); status != 400 {
		t.Errorf("launching was answered %d", status)
	}
	r := w.post("/slave(1)/api/v1", mediatype.Protobuf, &agentv1pb.Call{
		Type:                agentv1pb.Call_WAIT_NESTED_CONTAINER.Enum(),
		WaitNestedContainer: &agentv1pb.Call_WaitNestedContainer{ContainerId: w.nestedIn()},
	})
	if r.Status != 404 {
		t.Errorf("waiting was answered %d %s", r.Status, r.Body)
	}
}
