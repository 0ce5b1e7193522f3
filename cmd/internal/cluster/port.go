package cluster

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports that [FreePort] returns are from firstPort on. They are below those that Linux gives to connections, so that nobody
// gets one while the daemon that has it starts again.
const (
	firstPort = 10_000
	numPorts  = 20_000
	// spread is how many ports lie between those at which two processes with successive IDs begin.
	spread = 101
)

// asked is how many ports this process has tried.
var asked atomic.Int64

// FreePort returns a port of loopback at which nobody listens, and another one each time. It stays free while nobody listens
// there, unless somebody asks for that very port.
func FreePort() (int, error) {
	for range numPorts {
		port := firstPort + (os.Getpid()*spread+int(asked.Add(1)))%numPorts
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port of 127.0.0.1 from %d to %d is free", firstPort, firstPort+numPorts-1)
}
