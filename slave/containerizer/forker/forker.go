// Package forker starts the first processes of containers in a process of its own, which outlives the agent and writes
// down how they ended. [Forker] is the agent's end; package serve is that process.
//
// An agent that is killed leaves processes whose parent is gone, so that nobody would learn their exit status. Therefore
// the agent is not their parent. Its forker starts them when the agent asks for it, and writes the status of each to a
// file when it ends. A status file is locked until then: who can lock it knows that it will not be written any more.
//
// The processes have no other tie to the agent or to the forker: each has a session of its own, and files that the agent
// opened.
package forker

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/slave/containerizer/forker/serve"
)

// RuntimeVariable is the environment variable of a forker with the runtime directory of its agent.
const RuntimeVariable = "MESOS_CONTAINERIZER_RUNTIME_DIRECTORY"

// errMuddled is the error of an answer that no forker gives.
var errMuddled = errors.New("the process that starts containers answers with nonsense")

// Command describes a process to start.
type Command struct {
	Path       string              // of the program
	Args       []string            // from the name of the program on
	Env        []string            // name=value
	Credential *syscall.Credential // nil means the agent's own
	Terminal   bool                // the standard input becomes the terminal of the process
	Directory  *os.File            // the working directory
	Streams    [3]*os.File         // standard input, output and error
	Status     *os.File            // for the wait status; locked with [LockStatus]
	Groups     []string            // the tasks files of its version 1 control groups; none means those of the forker
	Unified    string              // the directory of its version 2 control group; "" means that of the forker
	Init       *serve.Init         // what an init does before it starts the program; nil means that there is none
	Ready      *os.File            // of an init, which closes it when it has started the program; nil without one
}

// Process is a process that was started.
type Process struct {
	PID    int
	Handle *os.File // a process descriptor, which the caller closes; nil if the system has none
}

// Wait waits until the process has ended. It needs no thread if the kernel has process descriptors, which is so since Linux 5.3;
// otherwise it does not wait.
func (p Process) Wait() error {
	if p.Handle == nil {
		return nil
	}
	conn, err := p.Handle.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(fd uintptr) bool { return Exited(int(fd)) })
}

// Exited reports whether the process of a descriptor has ended.
func Exited(handle int) bool {
	for {
		poll := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		if !errors.Is(err, unix.EINTR) {
			return n == 1 || err != nil
		}
	}
}

// Forker starts processes. Its methods may be called from any goroutine, and block.
type Forker struct {
	program    *os.File
	runtimeDir string
	contain    func(pid int) error
	permits    chan struct{} // for requests without an answer yet

	mu     sync.Mutex
	lock   *os.File
	line   *line // nil if the process does not run
	pid    int   // of the process that was started last; 0 if none was
	closed bool
}

// line is the connection to a forker's process. That answers requests in their order, so that callers read the answers
// one after the other. It is not woken for each.
type line struct {
	conn *net.UnixConn
	last chan struct{} // closed when the caller that sent the last request has read its answer
}

// maxRequests bounds the requests without an answer, because the system bounds the files that are on their way.
const maxRequests = 32

// maxForks bounds the processes that are being started at the same time. The kernel puts one after the other into its groups.
const maxForks = 4

// New returns a forker for a runtime directory. Its process is started when it is needed, from a program that imports package
// serve, see [Program]; nil means the one that runs. lock is a file that is locked for this agent; the lock is held until the
// agent and the forker's last request have ended. nil means none. The forker closes it. contain is called with the forker's
// process before that starts others, so that these are where it is; nil means nothing.
func New(program *os.File, runtimeDir string, lock *os.File, contain func(pid int) error) *Forker {
	_ = makeRoom() // or the kernel does it later
	return &Forker{program: program, runtimeDir: runtimeDir, lock: lock, contain: contain, permits: make(chan struct{}, maxRequests)}
}

// Fork starts a process in a session of its own. The error wraps the [syscall.Errno] if the program cannot be executed.
// The caller closes the files of the command.
func (f *Forker) Fork(c Command) (Process, error) {
	m, err := c.message()
	if err != nil {
		return Process{}, fmt.Errorf("ask for a process: %w", err)
	}
	defer m.close()
	f.permits <- struct{}{}
	defer func() { <-f.permits }()
	l, before, after, err := f.send(m)
	if errors.Is(err, errGone) {
		l, before, after, err = f.send(m)
	}
	if err != nil {
		return Process{}, err
	}
	<-before
	defer close(after)
	p, err := l.receive()
	if errors.Is(err, errGone) { // it may have started the process, so there is no second request
		f.hangUp(l)
	}
	return p, err
}

// errGone is the error of a request to a forker's process that was killed.
var errGone = errors.New("the process that starts containers was killed")

// message is a request as it is sent.
type message struct {
	text  []byte
	file  *os.File // of the request, if it is not the text; nil otherwise
	files []*os.File
}

// message returns the request of a command. An init reads it from a file, and so does the forker one that is long.
func (c Command) message() (m message, err error) {
	r := serve.Request{
		Path: c.Path, Args: c.Args, Env: c.Env, Credential: c.Credential, Terminal: c.Terminal, Groups: c.Groups, Unified: c.Unified, Init: c.Init,
	}
	m.text, m.files = r.Encode(), []*os.File{c.Directory, c.Status, c.Streams[0], c.Streams[1], c.Streams[2]}
	if c.Ready != nil {
		m.files = append(m.files, c.Ready)
	}
	if c.Init == nil && len(m.text) <= serve.MaxText {
		return m, nil
	}
	if m.file, err = memory(m.text); err != nil {
		return m, err
	}
	m.text, m.files = []byte{0}, append([]*os.File{m.file}, m.files...)
	return m, nil
}

func (m message) close() {
	if m.file != nil {
		m.file.Close()
	}
}

// memory returns a file with that content.
func memory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("request", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "request")
	if _, err := file.Write(content); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// send passes on a request. The answer is there to read when before is closed; then after has to be closed.
func (f *Forker) send(m message) (l *line, before, after chan struct{}, err error) {
	var fds []int
	for _, file := range m.files {
		fds = append(fds, int(file.Fd()))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l, err = f.connect(); err != nil {
		return nil, nil, nil, err
	}
	if _, _, err := l.conn.WriteMsgUnix(m.text, unix.UnixRights(fds...), nil); err != nil {
		l.conn.Close()
		f.line = nil
		return nil, nil, nil, fmt.Errorf("%w: %w", errGone, err)
	}
	before, after = l.last, make(chan struct{})
	l.last = after
	return l, before, after, nil
}

// receive reads one answer.
func (l *line) receive() (Process, error) {
	answer, rights := make([]byte, 1024), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := l.conn.ReadMsgUnix(answer, rights)
	if err != nil || n == 0 {
		return Process{}, fmt.Errorf("%w: %w", errGone, cmp.Or(err, io.EOF))
	}
	return parse(string(answer[:n]), rights[:rn])
}

// parse reads an answer.
func parse(answer string, rights []byte) (Process, error) {
	p, errno := Process{}, 0
	numbers := strings.SplitN(answer, " ", 3)
	if _, err := fmt.Sscanf(answer, "%d %d", &p.PID, &errno); err != nil {
		return Process{}, errMuddled
	}
	if messages, err := unix.ParseSocketControlMessage(rights); err == nil && len(messages) == 1 {
		if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
			_ = unix.SetNonblock(fds[0], true) // for the poller; a wait that is not polled takes a thread
			p.Handle = os.NewFile(uintptr(fds[0]), "process")
		}
	}
	switch {
	case errno != 0 && len(numbers) == 3: // before the program was executed
		return Process{}, errors.New(numbers[2])
	case errno != 0:
		return Process{}, syscall.Errno(errno)
	case p.PID <= 0:
		return Process{}, errMuddled
	}
	return p, nil
}

// connect starts the forker's process if it does not run.
func (f *Forker) connect() (*line, error) {
	if f.closed {
		return nil, net.ErrClosed
	}
	if f.line != nil {
		return f.line, nil
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "forker"), os.NewFile(uintptr(pair[1]), "forker")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	if err := f.start(theirs); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start the process that starts containers: %w", err)
	}
	f.line = &line{conn: conn.(*net.UnixConn), last: make(chan struct{})}
	close(f.line.last)
	return f.line, nil
}

// path returns the path of the program, even if others have taken its name since.
func (f *Forker) path() string {
	if f.program == nil {
		return "/proc/self/exe"
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.program.Fd())
}

// start starts the forker's process, without any tie to this one but the socket.
func (f *Forker) start(socket *os.File) error {
	lock := f.lock
	if lock == nil {
		none, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer none.Close()
		lock = none
	}
	cmd := &exec.Cmd{
		Path: f.path(), Args: []string{serve.Name, serve.Mode}, Dir: "/",
		Env: []string{RuntimeVariable + "=" + f.runtimeDir, "GOMAXPROCS=" + strconv.Itoa(min(runtime.NumCPU(), maxForks))}, ExtraFiles: []*os.File{socket, lock},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.pid = cmd.Process.Pid
	if f.contain != nil {
		if err := f.contain(cmd.Process.Pid); err != nil {
			cmd.Process.Kill() //nolint:errcheck // it waits for a request
			cmd.Wait()         //nolint:errcheck // it was killed
			return err
		}
	}
	go cmd.Wait() //nolint:errcheck // it ends when all containers have ended, or is killed
	return nil
}

// Is reports whether pid is the forker's process. With kernels before Linux 5.5, and for a process that shares namespaces, its threads
// are in control groups of containers for a moment.
func (f *Forker) Is(pid int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return pid == f.pid
}

// hangUp gives up a process that was killed. The next request starts another one.
func (f *Forker) hangUp(l *line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.conn.Close()
	if f.line == l {
		f.line = nil
	}
}

// Close refuses further requests, and waits for the answers to earlier ones, so that the agent knows all processes. They
// go on, and so does the forker's process until they have ended.
func (f *Forker) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for range maxRequests {
		f.permits <- struct{}{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for range maxRequests {
		<-f.permits
	}
	if f.line != nil {
		f.line.conn.Close()
		f.line = nil
	}
	if f.lock != nil {
		f.lock.Close()
		f.lock = nil
	}
}
