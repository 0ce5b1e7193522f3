// Package plugin runs modules that are programs of their own, so that an operator adds one without a new build of the daemon.
//
// The daemon starts the [Program] and talks to it over its standard input and output, as messages/pb/pluginpb/plugin.proto
// says. The program asks nothing back. A program that ends, or does not answer in time, is started again for the next call.
// A [Kind] tells how modules of one kind are used in this way. [Serve] is the program's side.
package plugin

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/pluginpb"
)

// Patience is how long a program may take to answer.
const Patience = 30 * time.Second

// errClosed ends the calls of a program that was closed.
var errClosed = fmt.Errorf("the program was ended: %w", os.ErrClosed)

// most is the size of the largest answer, in bytes.
const most = 64 << 20

// Program is a program with modules. Its methods may be called from any goroutine; they block, one call after the other.
type Program struct {
	file  string
	limit Limit
	open  context.Context // ends with Close
	close context.CancelCauseFunc

	turn    chan struct{} // full while a call has its turn, to which what follows belongs
	running *process      // nil: it has to be started
	created []*pluginpb.Request
}

// Open starts a program, and returns what it brings. limit bounds each of its answers.
func Open(file string, limit Limit) (*Program, []*pluginpb.Module, error) {
	p := &Program{file: file, limit: limit, turn: make(chan struct{}, 1)}
	p.open, p.close = context.WithCancelCause(context.Background())
	r, err := p.Call(context.Background(), &pluginpb.Request{Call: &pluginpb.Request_Describe{Describe: &pluginpb.Describe{}}})
	if err != nil {
		p.Close()
		return nil, nil, err
	}
	return p, r.GetDescribed().GetModules(), nil
}

// File is the path of the program.
func (p *Program) File() string { return p.file }

// Create makes a module, now and whenever the program is started again.
func (p *Program) Create(name string, parameters []*mesospb.Parameter) (*pluginpb.Created, error) {
	r := &pluginpb.Request{Call: &pluginpb.Request_Create{Create: &pluginpb.Create{Name: name, Parameters: parameters}}}
	answer, err := p.Call(context.Background(), r)
	if err != nil {
		return nil, err
	}
	p.turn <- struct{}{}
	defer p.ends()
	p.created = append(p.created, r)
	return answer.GetCreated(), nil
}

// Call has the program answer a request, when it has answered those before. If it does not until ctx ends, or for [Patience],
// it has to end. A call whose turn does not come before ctx ends leaves the program alone.
func (p *Program) Call(ctx context.Context, r *pluginpb.Request) (*pluginpb.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.open, func() { cancel(errClosed) })()
	select {
	case p.turn <- struct{}{}:
		defer p.ends()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", p.file, context.Cause(ctx))
	}
	if err := p.start(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	return p.ask(ctx, r)
}

// ends ends a turn.
func (p *Program) ends() { <-p.turn }

// ask is Call of a program that runs.
func (p *Program) ask(ctx context.Context, r *pluginpb.Request) (*pluginpb.Response, error) {
	ctx, cancel := p.limit(ctx, Patience)
	defer cancel()
	answer, err := p.running.ask(ctx, r)
	if err != nil {
		ended := p.running.end()
		p.running = nil
		if ended != nil {
			return nil, fmt.Errorf("%s: %w; it ended with %w", p.file, err, ended)
		}
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", p.file, answer.Error)
	}
	return answer, nil
}

// start starts the program unless it runs, and makes its modules.
func (p *Program) start(ctx context.Context) (err error) {
	if p.running != nil {
		return nil
	}
	if p.running, err = begin(p.file); err != nil {
		return err
	}
	for _, r := range p.created {
		if _, err := p.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the program: its input ends, and if it does not end of itself in a second it is killed. It is not started again.
// Calls that it has not answered fail.
func (p *Program) Close() {
	p.close(errClosed)
	p.turn <- struct{}{}
	defer p.ends()
	if p.running != nil {
		p.running.end() //nolint:errcheck // how it ended does not matter any more
		p.running = nil
	}
}

// process is one life of a program.
type process struct {
	cmd  *exec.Cmd
	over context.CancelFunc // in a second, if it runs then
	in   *os.File
	out  *os.File
	read *bufio.Reader
}

func begin(file string) (*process, error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer stdout.Close()
	ctx, over := context.WithCancel(context.Background())
	x := &process{cmd: exec.CommandContext(ctx, file), over: over, in: in, out: out, read: bufio.NewReader(out)}
	x.cmd.Cancel = func() error { return os.ErrProcessDone } // it ends with its input
	x.cmd.WaitDelay = time.Second
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = stdin, stdout, os.Stderr
	if err := x.cmd.Start(); err != nil {
		over()
		in.Close()
		out.Close()
		return nil, err
	}
	return x, nil
}

func (x *process) ask(ctx context.Context, r *pluginpb.Request) (*pluginpb.Response, error) {
	stop := context.AfterFunc(ctx, func() { // closing ends what waits; the program is of no use any more
		x.in.Close()
		x.out.Close()
	})
	answer := &pluginpb.Response{}
	_, err := protodelim.MarshalTo(x.in, r)
	if err == nil {
		err = protodelim.UnmarshalOptions{MaxSize: most}.UnmarshalFrom(x.read, answer)
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	return answer, err
}

// end lets a program end, and kills it if it has not in a second. It tells how the program ended.
func (x *process) end() error {
	x.in.Close()
	x.out.Close()
	x.over()
	return x.cmd.Wait()
}
