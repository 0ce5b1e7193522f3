package mesos_test

import (
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/switchboard"
)

// ear collects the output of a container.
type ear struct {
	*house
	stream *web.Stream
	said   chan *agentpb.ProcessIO_Data
	heard  map[agentpb.ProcessIO_Data_Type]string
}

func (h *house) hear(b *switchboard.Board) *ear {
	e := &ear{h, web.NewStream(), make(chan *agentpb.ProcessIO_Data, 1000), map[agentpb.ProcessIO_Data_Type]string{}}
	b.Listen(e.stream, func(x *agentpb.ProcessIO) []byte {
		e.said <- x.GetData()
		return []byte{0}
	})
	b.Over().OnAny(func(struct{}, error) { close(e.said) })
	return e
}

// until reads until text was written, or to the end.
func (e *ear) until(text string) {
	e.t.Helper()
	for text == "" || !strings.Contains(e.heard[agentpb.ProcessIO_Data_STDOUT], text) {
		select {
		case d, more := <-e.said:
			if !more {
				return
			}
			e.heard[d.GetType()] += string(d.GetData())
		case <-e.t.Context().Done():
			e.t.Fatal("the test is over")
		}
	}
}

// end returns all output.
func (e *ear) end() (stdout, stderr string) {
	e.t.Helper()
	e.until("")
	if _, done := webtest.Take(e.stream); !done {
		e.t.Error("the stream goes on")
	}
	return e.heard[agentpb.ProcessIO_Data_STDOUT], e.heard[agentpb.ProcessIO_Data_STDERR]
}

func (h *house) attach(id ids.Container) *switchboard.Board {
	h.t.Helper()
	b, err := runtime.Wait(h.t.Context(), h.Attach(id))
	if err != nil {
		h.t.Fatal(err)
	}
	return b.(*switchboard.Board)
}

func typed(text string) *agentpb.ProcessIO {
	return &agentpb.ProcessIO{
		Type: agentpb.ProcessIO_DATA.Enum(),
		Data: &agentpb.ProcessIO_Data{Type: agentpb.ProcessIO_Data_STDIN.Enum(), Data: []byte(text)},
	}
}

func sized(rows, columns uint32) *agentpb.ProcessIO {
	return &agentpb.ProcessIO{Type: agentpb.ProcessIO_CONTROL.Enum(), Control: &agentpb.ProcessIO_Control{
		Type:    agentpb.ProcessIO_Control_TTY_INFO.Enum(),
		TtyInfo: &mesospb.TTYInfo{WindowSize: &mesospb.TTYInfo_WindowSize{Rows: &rows, Columns: &columns}},
	}}
}

// The output of a debug container waits for the first client, reaches all clients, and is in the sandbox, too.
func TestAttachToPipes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c1.d1", slavepb.ContainerClass_DEBUG, shell("echo first; cat; echo last >&2; exit 3")); err != nil {
		t.Fatal(err)
	}
	b := h.attach("c1.d1")
	if !b.TakeInput() || b.TakeInput() {
		t.Error("not one gives input")
	}
	heard := h.hear(b)
	for _, text := range []string{"one\n", "two\n", ""} {
		if err := b.Type(typed(text)); err != nil {
			t.Error(err)
		}
	}
	if err := b.Type(sized(1, 1)); !errors.Is(err, switchboard.ErrNoTerminal) {
		t.Errorf("a terminal was resized: %v", err)
	}
	if out, err := heard.end(); out != "first\none\ntwo\n" || err != "last\n" {
		t.Errorf("heard %q and %q", out, err)
	}
	if status := h.ended("c1.d1"); status.ExitStatus() != 3 {
		t.Errorf("ended with %v", status)
	}
	if out, err := h.file("containers/d1/stdout"), h.file("containers/d1/stderr"); out != "first\none\ntwo\n" || err != "last\n" {
		t.Errorf("the sandbox holds %q and %q", out, err)
	}
	if _, err := runtime.Wait(t.Context(), h.Attach("c1.d1")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("attached to what is over: %v", err)
	}
}

// A container with a terminal is controlled by it; the terminal has the requested size and echoes.
func TestAttachToTerminal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	size := sized(33, 44).GetControl().GetTtyInfo()
	_, err := runtime.Wait(t.Context(), h.Launch(containerizer.Launch{ID: "c1.n1", Config: &slavepb.ContainerConfig{
		CommandInfo:   shell("read line; stty size </dev/tty; read line; stty size; echo done >&2"),
		ContainerInfo: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), TtyInfo: size}, Directory: proto.String(""),
	}}))
	if err != nil {
		t.Fatal(err)
	}
	b := h.attach("c1.n1")
	heard := h.hear(b)
	for _, x := range []*agentpb.ProcessIO{typed("go\n"), typed("")} {
		if err := b.Type(x); err != nil {
			t.Error(err)
		}
	}
	heard.until("33 44")
	for _, x := range []*agentpb.ProcessIO{sized(5, 6), typed("on\n")} {
		if err := b.Type(x); err != nil {
			t.Error(err)
		}
	}
	if out, err := heard.end(); out != "go\r\n33 44\r\non\r\n5 6\r\ndone\r\n" || err != "" {
		t.Errorf("heard %q and %q", out, err)
	}
}

// A debug container is not far ahead of its clients.
func TestAttachSlowly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	const all, most = 20 << 20, 2 << 20
	if err := h.nest("c1.d1", slavepb.ContainerClass_DEBUG, shell(fmt.Sprintf("head -c %d /dev/zero", all))); err != nil {
		t.Fatal(err)
	}
	stream := web.NewStream()
	b := h.attach("c1.d1")
	b.Listen(stream, func(x *agentpb.ProcessIO) []byte { return x.GetData().GetData() })
	heard, far := 0, 0
	for done := false; !done; {
		n := stream.Buffered()
		if _, over, _ := b.Over().Peek(); n < 1<<20 && !over {
			goruntime.Gosched()
			continue
		}
		far = max(far, n)
		var chunks [][]byte
		chunks, done = webtest.Take(stream)
		for _, c := range chunks {
			heard += len(c)
		}
	}
	if heard != all || far > most {
		t.Errorf("heard %d bytes of %d, %d at once", heard, all, far)
	}
}

// A container without clients ends when it is destroyed. A container that writes its logs itself cannot be attached to.
func TestNobodyAttaches(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.launch(shell("sleep 1000"))
	if err := h.nest("c1.d1", slavepb.ContainerClass_DEBUG, shell("yes")); err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Wait(t.Context(), h.Destroy("c1.d1")); err != nil {
		t.Error(err)
	}
	if _, err := runtime.Wait(t.Context(), h.Attach("c1")); !errors.Is(err, containerizer.ErrUnattachable) {
		t.Errorf("attached: %v", err)
	}
}
