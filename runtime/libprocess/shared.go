package libprocess

import (
	"strconv"

	"meseta/runtime/internal/pipe"
	"meseta/runtime/internal/sockets"
)

// piece writes what was written to a stream at once. What many streams share is made ready once, and leaves in one call
// of the system.
func (c *inbound) piece(p pipe.Piece, old bool) error {
	switch {
	case p.Shared == nil:
		return c.chunk(p.Chunk, old)
	case !old:
		if err := c.w.Flush(); err != nil {
			return err
		}
		return sockets.WriteInTurn(c.conn, p.Shared.Encoded(appendChunks))
	}
	for _, chunk := range p.Shared.All() {
		if err := c.chunk(chunk, old); err != nil {
			return err
		}
	}
	return nil
}

// appendChunks writes chunks as they stand in a chunked body.
func appendChunks(chunks [][]byte) []byte {
	var all []byte
	for _, chunk := range chunks {
		if len(chunk) > 0 {
			all = append(strconv.AppendInt(all, int64(len(chunk)), 16), "\r\n"...)
			all = append(append(all, chunk...), "\r\n"...)
		}
	}
	return all
}
