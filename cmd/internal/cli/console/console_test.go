package console

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/recordio"
)

// sent returns what a console sends: the name of the container, and after it the input as it was cut.
func sent(t *testing.T, c Console) (container string, chunks []string, err error) {
	t.Helper()
	var w bytes.Buffer
	err = c.Type(t.Context(), &mesosv1pb.ContainerID{Value: proto.String("c1")}, &w)
	records := recordio.NewReader(&w, longestFrame)
	for {
		record, end := records.Next()
		if end != nil {
			return container, chunks, err
		}
		call := &agentv1pb.Call{}
		if err := proto.Unmarshal(record, call); err != nil {
			t.Fatal(err)
		}
		switch input := call.GetAttachContainerInput(); {
		case input.GetType() == agentv1pb.Call_AttachContainerInput_CONTAINER_ID:
			container = input.GetContainerId().GetValue()
		case input.GetProcessIo().GetType() == agentv1pb.ProcessIO_DATA:
			chunks = append(chunks, string(input.GetProcessIo().GetData().GetData()))
		case input.GetProcessIo().GetControl().GetType() == agentv1pb.ProcessIO_Control_TTY_INFO:
			chunks = append(chunks, "size")
		}
	}
}

// The first record names the container, and the last one is the end of the input. A terminal's size comes before what is typed on it.
func TestType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		console Console
		want    []string
		err     error
	}{
		{"input", Console{In: strings.NewReader("hello"), Interactive: true}, []string{"hello", ""}, nil},
		{"none is sent", Console{In: strings.NewReader("hello")}, []string{""}, nil},
		{"a terminal", Console{In: strings.NewReader("ls\r"), Interactive: true, TTY: true}, []string{"size", "ls\r", ""}, nil},
		{"the user leaves", Console{In: strings.NewReader("ls\x10\x11"), Interactive: true, TTY: true}, []string{"size"}, ErrDetached},
		{"no terminal, no keys", Console{In: strings.NewReader("ls\x10\x11"), Interactive: true}, []string{"ls\x10\x11", ""}, nil},
	} {
		container, chunks, err := sent(t, c.console)
		if container != "c1" || strings.Join(chunks, "|") != strings.Join(c.want, "|") || !errors.Is(err, c.err) {
			t.Errorf("%s: %q got %q, %v, want %q, %v", c.name, container, chunks, err, c.want, c.err)
		}
	}
}

// What a container says goes to standard output and error. An end in the middle of a record is one that the user has to know of.
func TestPrint(t *testing.T) {
	t.Parallel()
	var said []byte
	for kind, text := range map[agentv1pb.ProcessIO_Data_Type]string{
		agentv1pb.ProcessIO_Data_STDOUT: "good", agentv1pb.ProcessIO_Data_STDERR: "bad",
	} {
		record, err := proto.Marshal(&agentv1pb.ProcessIO{
			Type: agentv1pb.ProcessIO_DATA.Enum(), Data: &agentv1pb.ProcessIO_Data{Type: kind.Enum(), Data: []byte(text)},
		})
		if err != nil {
			t.Fatal(err)
		}
		said = recordio.Append(said, record)
	}
	for cut, failed := range map[int]bool{0: false, 1: true} {
		var out, bad strings.Builder
		c := Console{Out: &out, Err: &bad}
		err := c.Print(bytes.NewReader(said[:len(said)-cut]))
		if (err != nil) != failed || !failed && (out.String() != "good" || bad.String() != "bad") {
			t.Errorf("less %d bytes: %q, %q, %v", cut, out.String(), bad.String(), err)
		}
	}
}
