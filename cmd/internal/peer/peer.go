// Package peer makes the node of a program that is no daemon: a framework or an executor. Such a program is told by the
// variables LIBPROCESS_…, if at all, where to listen, and otherwise listens where those it talks to can reach it.
package peer

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/trace"
)

// Listen starts a node. toward, "host:port", is whom it is going to talk to; it may be empty. lookup is usually
// [os.LookupEnv]. MESETA_TRACE says which events are logged, see [runtime.ParseTraceFilter].
//
// Mesos: process::initialize, LIBPROCESS_IP, LIBPROCESS_PORT, LIBPROCESS_ADVERTISE_IP, LIBPROCESS_ADVERTISE_PORT.
func Listen(lookup func(string) (string, bool), toward string, log zerolog.Logger) (*runtime.Node, error) {
	get := func(name string) string {
		v, _ := lookup(name)
		return v
	}
	ip := get("LIBPROCESS_IP")
	if ip == "" {
		ip = localIP(toward)
	}
	o := libprocess.Options{Address: net.JoinHostPort(ip, cmp.Or(get("LIBPROCESS_PORT"), "0")), Log: log}
	if aip, aport := get("LIBPROCESS_ADVERTISE_IP"), get("LIBPROCESS_ADVERTISE_PORT"); aip != "" || aport != "" {
		o.Advertise = net.JoinHostPort(aip, aport)
	}
	wire, err := libprocess.Listen(o)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Address, err)
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire, Log: log, TraceLog: get("MESETA_TRACE")})
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	if err := trace.Spawn(node, ""); err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	return node, nil
}

// localIP is the address that packets to toward would come from; none is sent.
func localIP(toward string) string {
	conn, err := net.Dial("udp4", toward)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// Log writes to w: lines for people if it is a terminal, else JSON. level is one of Mesos's: INFO, WARNING, ERROR.
func Log(w io.Writer, terminal bool, level string) zerolog.Logger {
	if terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	at := zerolog.InfoLevel
	switch level {
	case "WARNING":
		at = zerolog.WarnLevel
	case "ERROR":
		at = zerolog.ErrorLevel
	}
	return zerolog.New(w).Level(at).With().Timestamp().Logger()
}
