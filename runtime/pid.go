package runtime

import "meseta/runtime/internal/events"

// PID names an actor on any node by its ID, unique on its node ("master", "slave(1)"), and by its Addr, the node's advertised
// "ip:port". It is libprocess's UPID, written id@ip:port. It is comparable and may be a map key. The zero PID names nobody.
type PID = events.PID

// ParsePID reads id@ip:port. The id must not be empty and the address must be an IP address and a port.
func ParsePID(s string) (PID, error) { return events.ParsePID(s) }
