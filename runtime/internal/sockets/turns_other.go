//go:build !unix

package sockets

import "net"

// WriteInTurn writes to conn. Elsewhere connections take turns; see turns_unix.go.
func WriteInTurn(conn net.Conn, data []byte) error {
	_, err := conn.Write(data)
	return err
}
