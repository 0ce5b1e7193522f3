package mesos_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
)

// hidden returns a command with a secret in the variable WORD.
func hidden(text string, s *mesospb.Secret) *mesospb.CommandInfo {
	c := shell(text)
	c.Environment = &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
		{Name: proto.String("WORD"), Type: mesospb.Environment_Variable_SECRET.Enum(), Secret: s},
	}}
	return c
}

func valueSecret(data string) *mesospb.Secret {
	return &mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte(data)}}
}

// A command and those that debug it see a secret in its environment.
func TestSecretInTheEnvironment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wait := h.signal()
	h.launch(hidden("echo $WORD; echo > ready; sleep 1000", valueSecret("open sesame")))
	wait()
	if err := h.nest("c1.d1", slavepb.ContainerClass_DEBUG, shell("echo $WORD")); err != nil {
		t.Fatal(err)
	}
	h.attach("c1.d1").Flow()
	h.ended("c1.d1")
	for _, name := range []string{"stdout", "containers/d1/stdout"} {
		if got := h.file(name); got != "open sesame\n" {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

// A container whose secret cannot be had is not started, and the reason does not contain it.
func TestSecretsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]*mesospb.Secret{
		"Failed to resolve the secret of environment variable 'WORD': Default secret resolver cannot resolve references": {
			Type: mesospb.Secret_REFERENCE.Enum(), Reference: &mesospb.Secret_Reference{Name: proto.String("name")},
		},
		"Environment variable 'WORD' cannot have a NUL character in its secret": valueSecret("open\x00sesame"),
	} {
		h := newHouse(t)
		_, err := runtime.Wait(t.Context(), h.Launch(h.spec(hidden("true", s))))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := runtime.Wait(t.Context(), h.Wait("c1")); err != nil {
			t.Error(err)
		}
	}
}
