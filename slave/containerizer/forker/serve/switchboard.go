package serve

import (
	"syscall"
	"unsafe"
)

// SwitchboardMode is the argument of a process that holds the terminal of a container.
const SwitchboardMode = "io-switchboard"

// The files of a switchboard.
const (
	boardTerminal = 0 // the container has the other end
	boardLog      = 1 // for the output
	boardListener = 2 // a socket to which the agent connects
)

// patience bounds, in seconds, how long an agent that does not read, such as one that was stopped, may delay the container.
// Then it has to connect again.
const patience = 5

// switchboard is the state of a process that holds the terminal of a container.
type switchboard struct {
	agent int // a connection; -1 if there is none
}

// beSwitchboard holds the terminal of a container, so that it outlives the agent. It writes what the container says to a file
// and to the agent that has connected last, which gets the terminal, for input, with the first byte. It ends when the last
// process with the terminal has ended, and returns its exit status.
//
// Mesos: mesos-io-switchboard.
//
// Differs: Mesos's speaks HTTP, and also serves debug containers, which end with their agent.
func beSwitchboard() int {
	b := switchboard{agent: -1}
	buffer := make([]byte, 32<<10)
	for {
		said, called := await(boardTerminal, boardListener)
		if called {
			b.admit()
		}
		if !said {
			continue
		}
		n, err := syscall.Read(boardTerminal, buffer)
		switch {
		case n > 0:
			b.say(buffer[:n])
		case err != syscall.EINTR && err != syscall.EAGAIN:
			return 0 // the end, which a terminal reports as an error
		}
	}
}

// admit gives an agent the terminal, and takes the line from the one before it.
func (b *switchboard) admit() {
	conn, _, err := syscall.Accept4(boardListener, syscall.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	b.hangUp()
	b.agent = conn
	limit := syscall.Timeval{Sec: patience}
	err = syscall.SetsockoptTimeval(conn, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit)
	if err == nil {
		_, err = syscall.SendmsgN(conn, []byte{0}, syscall.UnixRights(boardTerminal), nil, syscall.MSG_NOSIGNAL)
	}
	if err != nil {
		b.hangUp()
	}
}

// hangUp closes the connection to the agent, if there is one.
func (b *switchboard) hangUp() {
	if b.agent >= 0 {
		syscall.Close(b.agent)
		b.agent = -1
	}
}

// say passes on output. What cannot be written, for want of room on the disk, is lost.
func (b *switchboard) say(what []byte) {
	for rest := what; len(rest) > 0; {
		n, err := syscall.Write(boardLog, rest)
		if err != nil && err != syscall.EINTR {
			break
		}
		rest = rest[max(n, 0):]
	}
	for rest := what; len(rest) > 0 && b.agent >= 0; {
		n, err := syscall.SendmsgN(b.agent, rest, nil, nil, syscall.MSG_NOSIGNAL)
		if err != nil && err != syscall.EINTR {
			b.hangUp()
		}
		rest = rest[max(n, 0):]
	}
}

// await waits until one of two files can be read, or never will, and reports which.
func await(first, second int32) (firstReady, secondReady bool) {
	const readable = 1 // POLLIN
	files := [2]struct {
		fd              int32
		events, happens int16
	}{{fd: first, events: readable}, {fd: second, events: readable}}
	_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&files)), uintptr(len(files)), 0, 0, 0, 0)
	return errno == 0 && files[0].happens != 0, errno == 0 && files[1].happens != 0
}
