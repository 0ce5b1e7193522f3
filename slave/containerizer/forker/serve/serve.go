// Package serve is the program of a forker: the process that starts the first processes of containers, and writes down
// how they ended. It is the parent of them all, and ends after the last of them, even if its agent is long gone.
//
// A program that imports this package becomes a forker when it is run as "mesos-containerizer launch". It does so while it is
// initialized, after many of the packages that it has besides, so that an agent takes five times as long for that as the
// program mesos-containerizer, which has none. The imports are few for that reason, and because a forker lives as long as the
// containers of its agent, and has to be small.
//
// Mesos: mesos-containerizer launch, of which each container has one. That is too much for a program in Go, whose start
// takes longer than that of most commands.
package serve

import (
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"meseta/slave/containerizer/forker/spawn"
)

// Name and Mode are the arguments of a forker.
const (
	Name = "mesos-containerizer"
	Mode = "launch"
)

// The files that a forker gets from its agent.
const (
	Requests = 3 // a socket; see [Request]
	Lock     = 4 // a directory that is locked as long as a request may be carried out, or an empty file
)

func init() {
	if len(os.Args) == 2 && os.Args[0] == Name && os.Args[1] == Mode {
		os.Exit(Serve())
	}
	if len(os.Args) == 2 && os.Args[0] == Name && os.Args[1] == InitMode {
		os.Exit(beInit())
	}
	if len(os.Args) == 2 && os.Args[0] == Name && os.Args[1] == SwitchboardMode {
		os.Exit(beSwitchboard())
	}
}

// Serve carries out requests until the agent has ended, and then waits until the last process has ended. It returns the
// exit status.
func Serve() int {
	// What ends the agent must not end the forker. The signals are handled rather than ignored, because commands would
	// inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	syscall.CloseOnExec(Requests)
	syscall.CloseOnExec(Lock)
	f := &forker{running: map[int]int{}, over: make(chan struct{}), answered: make(chan struct{})}
	f.changed.L = &f.mu
	close(f.answered)
	go f.reap()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for f.handle() {
			}
		})
	}
	workers.Wait()
	f.finish()
	<-f.over
	return 0
}

// forker is the state of a forker. Several requests are carried out at the same time, because who starts a process waits until that
// has executed its program, which may be on another processor. The answers are in the order of the requests.
type forker struct {
	receiving sync.Mutex
	text      [MaxText]byte // the message that is being received
	answered  chan struct{} // closed when the latest request that was received is answered
	gone      atomic.Bool   // the agent has ended

	mu      sync.Mutex
	changed sync.Cond
	running map[int]int // the open status file of each process
	forking int         // requests whose process may have ended before it is known
	ending  bool        // there will be no more requests
	over    chan struct{}
}

// finish ends the requests. The next agent may read the runtime directory as soon as the lock is gone.
func (f *forker) finish() {
	syscall.Close(Requests)
	syscall.Close(Lock)
	f.mu.Lock()
	f.ending = true
	f.mu.Unlock()
	f.changed.Broadcast()
}

// handle carries out one request. It returns false at the end of the agent.
func (f *forker) handle() bool {
	text, files, before, after := f.receive()
	if after == nil {
		return false
	}
	defer close(after)
	defer func() {
		for _, fd := range files {
			if fd >= 0 {
				syscall.Close(fd)
			}
		}
	}()
	pid, handle, err := 0, -1, error(syscall.EINVAL)
	if len(files) == fileCount || len(files) == fileCount+1 {
		pid, handle, err = f.start(text, files)
	}
	<-before
	if f.answer(pid, handle, err) {
		return true
	}
	if pid > 0 { // nobody knows it; it leads a group
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	f.gone.Store(true)
	_ = syscall.Shutdown(Requests, syscall.SHUT_RDWR) // or a later answer would be taken for this one
	return false
}

// receive returns the next request, which may be answered when before is closed; then after has to be closed. after is nil at the end
// of the agent. text is nil if the request is in a file; otherwise there is none.
func (f *forker) receive() (text []byte, files []int, before, after chan struct{}) {
	f.receiving.Lock()
	defer f.receiving.Unlock()
	rights := make([]byte, syscall.CmsgSpace((fileCount+1)*4))
	for !f.gone.Load() {
		n, rn, _, _, err := syscall.Recvmsg(Requests, f.text[:], rights, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			f.gone.Store(true)
			break
		}
		before, after = f.answered, make(chan struct{})
		f.answered = after
		files = received(rights[:rn])
		if n > 1 {
			text, files = append(text, f.text[:n]...), append([]int{-1}, files...)
		}
		return text, files, before, after
	}
	return nil, nil, nil, nil
}

// received returns the files that came with a request.
func received(rights []byte) []int {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var files []int
	for i := range messages {
		more, err := syscall.ParseUnixRights(&messages[i])
		if err == nil {
			files = append(files, more...)
		}
	}
	return files
}

// start starts the process of a request, and keeps a copy of its status file open.
func (f *forker) start(text []byte, files []int) (pid, handle int, err error) {
	if text == nil {
		if text, err = readAll(files[fileRequest]); err != nil {
			return 0, -1, err
		}
	}
	r, ok := Decode(text)
	if !ok || r.Init != nil && (files[fileRequest] < 0 || len(files) == fileCount) {
		return 0, -1, syscall.EINVAL
	}
	p := spawn.Process{
		Env: r.Env, Files: []int{files[fileStdin], files[fileStdout], files[fileStderr]}, Directory: files[fileDirectory],
		Credential: r.Credential, Terminal: r.Terminal,
	}
	f.count(1)
	defer f.count(-1)
	if r.Init != nil {
		pid, handle, err = r.run(p, files)
	} else {
		pid, handle, err = r.fork(p)
	}
	if err != nil {
		return 0, -1, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[pid] = files[fileStatus]
	files[fileStatus] = -1
	return pid, handle, nil
}

// count adds to the requests that are starting a process.
func (f *forker) count(more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forking += more
	f.changed.Broadcast()
}

// answer tells the agent the process that was started, or the error and whether that is the one of the program.
func (f *forker) answer(pid, handle int, err error) bool {
	var rights []byte
	if handle >= 0 {
		rights = syscall.UnixRights(handle)
		defer syscall.Close(handle)
	}
	text := strconv.Itoa(pid) + " 0"
	if errno, ok := err.(syscall.Errno); ok {
		text = "0 " + strconv.Itoa(int(errno))
	} else if err != nil {
		text = "0 " + strconv.Itoa(int(syscall.EINVAL)) + " " + err.Error()
	}
	_, sent := syscall.SendmsgN(Requests, []byte(text), rights, nil, syscall.MSG_NOSIGNAL)
	return sent == nil
}

// reap writes down how processes ended, until none is left after the end of the agent. A process stays in the process
// table until its status is written.
func (f *forker) reap() {
	defer close(f.over)
	for f.await() {
		var info [128]byte
		const all, exited, keep = 0, 4, 0x01000000 // P_ALL, WEXITED, WNOWAIT
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, all, 0, uintptr(unsafe.Pointer(&info)), exited|keep, 0, 0)
		switch errno {
		case 0:
			f.ended(ended(&info))
		case syscall.ECHILD: // it was the child of a request that failed, or the processes are nobody's any more
			f.lost()
		}
	}
}

// await waits for a process. It returns false if there will be none.
func (f *forker) await() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.running) == 0 {
		if f.ending {
			return false
		}
		f.changed.Wait()
	}
	return true
}

// ended writes the wait status of a process, and reaps it.
func (f *forker) ended(pid int, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, known := f.running[pid]
	if !known && f.forking > 0 { // it may be known soon
		f.changed.Wait()
		return
	}
	if known {
		var about syscall.Stat_t
		if err := syscall.Fstat(file, &about); err == nil && about.Size == 0 { // the init of a container writes it itself
			_, _ = syscall.Write(file, []byte(strconv.Itoa(status))) // without it, the container counts as killed
		}
		syscall.Close(file)
		delete(f.running, pid)
	}
	_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // those that could not be started were reaped
}

// lost closes the files of processes that are no children.
func (f *forker) lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid, file := range f.running {
		if err := syscall.Kill(pid, 0); err == syscall.ESRCH {
			syscall.Close(file)
			delete(f.running, pid)
		}
	}
}

// ended returns the process of a siginfo and its wait status.
func ended(info *[128]byte) (pid, status int) {
	word := func(at uintptr) int { return int(*(*int32)(unsafe.Pointer(&info[at]))) }
	code, fields := word(8), uintptr(12) // the process, its user, its status
	if unsafe.Sizeof(fields) == 8 {
		fields = 16 // aligned
	}
	pid, status = word(fields), word(fields+8)
	const exited, dumped = 1, 3 // CLD_EXITED, CLD_DUMPED
	switch code {
	case exited:
		status = status & 0xff << 8
	case dumped:
		status |= 0x80
	}
	return pid, status
}

// readAll reads a file from its beginning.
func readAll(fd int) ([]byte, error) {
	var about syscall.Stat_t
	if err := syscall.Fstat(fd, &about); err != nil {
		return nil, err
	}
	content := make([]byte, about.Size)
	for at := 0; at < len(content); {
		n, err := syscall.Pread(fd, content[at:], int64(at))
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return nil, syscall.EIO
		}
		at += n
	}
	return content, nil
}
