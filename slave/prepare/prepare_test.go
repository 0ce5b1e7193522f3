package prepare_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/slave/book"
	"meseta/slave/prepare"
)

// Executors are told of the agent's socket, if it has one, unless they are Docker's.
func TestSocket(t *testing.T) {
	t.Parallel()
	container := func(kind mesospb.ContainerInfo_Type) *mesospb.ContainerInfo {
		return &mesospb.ContainerInfo{Type: kind.Enum()}
	}
	for name, test := range map[string]struct {
		socket    string
		container *mesospb.ContainerInfo
		want      string
	}{
		"none": {"", nil, ""}, "one": {"/run/agent.sock", nil, "/run/agent.sock"},
		"mesos":  {"/run/agent.sock", container(mesospb.ContainerInfo_MESOS), "/run/agent.sock"},
		"docker": {"/run/agent.sock", container(mesospb.ContainerInfo_DOCKER), ""},
	} {
		env := prepare.Options{Socket: test.socket}.Variables(prepare.Execution{Executor: &mesospb.ExecutorInfo{Container: test.container}})
		if got, ok := env["MESOS_DOMAIN_SOCKET"]; got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %t", name, got, ok)
		}
	}
}

// An executor that does not say what container it wants has the default one, and keeps its own description.
func TestDefaultContainer(t *testing.T) {
	t.Parallel()
	standard := &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Hostname: proto.String("standard")}
	own := &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Hostname: proto.String("own")}
	for name, test := range map[string]struct{ asked, standard, want *mesospb.ContainerInfo }{
		"neither": {nil, nil, nil}, "own": {own, nil, own}, "default": {nil, standard, standard}, "own before the default": {own, standard, own},
	} {
		o := prepare.Options{DefaultContainer: test.standard, LauncherDir: "/libexec"}
		task := &mesospb.TaskInfo{TaskId: &mesospb.TaskID{Value: proto.String("t")}, Container: test.asked, Command: &mesospb.CommandInfo{}}
		e := &book.Executor{Info: o.Executor(task, &mesospb.FrameworkInfo{})}
		config := o.Container(e, &book.Launch{Tasks: []*mesospb.TaskInfo{task}, Command: true})
		if !proto.Equal(config.GetContainerInfo(), test.want) || !proto.Equal(config.GetExecutorInfo().GetContainer(), test.want) {
			t.Errorf("%s: the container is %v", name, config.GetContainerInfo())
		}
		if !proto.Equal(e.Info.GetContainer(), test.asked) {
			t.Errorf("%s: the executor is described as %v", name, e.Info)
		}
	}
}
