package plugin_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/actors/modules/plugin/plugintest"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

func TestMain(m *testing.M) {
	c := &modules.Catalogue{}
	modules.Add(c, "one", func(modules.Parameters) (modules.Anonymous, error) { return nil, nil })
	plugintest.Main(m, c, plugin.Anonymous)
}

// world is a program whose time stands still.
type world struct {
	*testing.T
	program *plugin.Program
	asker   runtime.Ref[*asker]
	file    string
	limits  chan func() // each begins when a program is asked, and is called when its time is over
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, file: plugintest.Self(t), limits: make(chan func(), 100)}
	program, offered, err := plugin.Open(w.file, func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		ctx, end := context.WithCancelCause(ctx)
		w.limits <- func() { end(plugin.Overdue(d)) }
		return ctx, func() { end(nil) }
	})
	if err != nil || len(offered) != 1 || offered[0].GetName() != "one" {
		t.Fatalf("it offers %v, %v", offered, err)
	}
	<-w.limits
	w.program, w.asker = program, runtimetest.Spawn(t, runtimetest.Node(t), "asker", &asker{})
	t.Cleanup(program.Close)
	return w
}

// signal sends the program a signal, and returns its ID.
func (w *world) signal(s syscall.Signal) int {
	w.Helper()
	return plugintest.Signal(w.T, w.file, s)
}

// asker asks programs beside its turns.
type asker struct{ runtime.Actor }

func (x *asker) ask(call func() error) runtime.Future[error] {
	return runtime.Go(x, func(context.Context) (error, error) { return call(), nil })
}

// asks asks the program what it has. The error arrives when it has answered.
func (w *world) asks(ctx context.Context) runtime.Future[error] {
	return runtime.Flatten(runtime.Call(w.asker, (*asker).ask, func() error {
		_, err := w.program.Call(ctx, &pluginpb.Request{Call: &pluginpb.Request_Describe{Describe: &pluginpb.Describe{}}})
		return err
	}))
}

// error waits for the error of a call.
func (w *world) error(answer runtime.Future[error]) error {
	w.Helper()
	err, failed := runtimetest.Wait(w.T, answer)
	return errors.Join(err, failed)
}

func (w *world) wantError(answer runtime.Future[error], want string) {
	w.Helper()
	if err := w.error(answer); err == nil || !strings.Contains(err.Error(), want) {
		w.Errorf("the program answered %v, want an error with %q", err, want)
	}
}

// A program that hangs has its time, and has to end then. Another one answers the next call.
func TestHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signal(syscall.SIGSTOP)
	answered := w.asks(t.Context())
	over := <-w.limits
	over()
	w.wantError(answered, "program: no answer within 30s")
	if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
	if err := w.error(w.asks(t.Context())); err != nil {
		t.Errorf("the next one answered %v", err)
	}
}

// Who waits for another's answer may give up. That does nothing to the program, which then answers the others.
func TestGivesUpWhileOthersWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.signal(syscall.SIGSTOP)
	first := w.asks(t.Context())
	<-w.limits
	ctx, cancel := context.WithCancelCause(t.Context())
	second, third := w.asks(ctx), w.asks(t.Context())
	cancel(errors.New("enough"))
	w.wantError(second, "program: enough")
	if now := w.signal(syscall.SIGCONT); now != before {
		t.Errorf("the program is %d now, before it was %d", now, before)
	}
	if err := errors.Join(w.error(first), w.error(third)); err != nil {
		t.Errorf("the others got %v", err)
	}
}

// The end of the daemon does not wait for a program that hangs, nor for those who wait for its answer.
func TestClosedWhileItHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signal(syscall.SIGSTOP)
	first := w.asks(t.Context())
	<-w.limits
	second := w.asks(t.Context())
	w.program.Close()
	w.wantError(first, "the program was ended")
	w.wantError(second, "the program was ended")
	w.wantError(w.asks(t.Context()), "the program was ended")
	if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}

// A program that was killed fails the call that it was about to answer, and no other.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signal(syscall.SIGKILL)
	w.wantError(w.asks(t.Context()), "signal: killed")
	if err := w.error(w.asks(t.Context())); err != nil {
		t.Errorf("the next call: %v", err)
	}
}
