//go:build !unix

package libprocess

// writeInTurn writes to the connection. Elsewhere connections take turns; see shared_unix.go.
func (c *inbound) writeInTurn(data []byte) error {
	_, err := c.conn.Write(data)
	return err
}
