package redact_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/redact"
)

// An executor is shown without the values of secrets in its environment and in volumes; others are shown as they are.
func TestExecutor(t *testing.T) {
	t.Parallel()
	secret := func() *mesospb.Secret {
		return &mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte("planted")}}
	}
	plain := &mesospb.Environment_Variable{Name: proto.String("PLAIN"), Value: proto.String("seen")}
	info := &mesospb.ExecutorInfo{
		ExecutorId: &mesospb.ExecutorID{Value: proto.String("e")},
		Command: &mesospb.CommandInfo{Value: proto.String("run"), Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
			plain, {Name: proto.String("WORD"), Type: mesospb.Environment_Variable_SECRET.Enum(), Secret: secret()},
		}}},
		Container: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Volumes: []*mesospb.Volume{{
			ContainerPath: proto.String("word"), Source: &mesospb.Volume_Source{Type: mesospb.Volume_Source_SECRET.Enum(), Secret: secret()},
		}}},
	}
	before := proto.CloneOf(info)
	shown := redact.Executor(info)
	if text := shown.String(); strings.Contains(text, "planted") || !strings.Contains(text, "seen") || !strings.Contains(text, "WORD") {
		t.Errorf("the executor is shown as %s", text)
	}
	if !proto.Equal(info, before) {
		t.Errorf("the executor is now %v", info)
	}
	info.Command.Environment.Variables, info.Container = []*mesospb.Environment_Variable{plain}, nil
	if redact.Executor(info) != info {
		t.Error("an executor without secrets is copied")
	}
}
