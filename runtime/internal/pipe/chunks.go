package pipe

import "sync"

// Chunks are written to many pipes at once. What a wire makes of them it makes once.
type Chunks struct {
	all     [][]byte
	size    int
	once    sync.Once
	encoded []byte
}

// NewChunks returns chunks, which must not be changed afterwards.
func NewChunks(all [][]byte) *Chunks {
	c := &Chunks{all: all}
	for _, chunk := range all {
		c.size += len(chunk)
	}
	return c
}

// All are the chunks, in order.
func (c *Chunks) All() [][]byte { return c.all }

// Size is how many bytes they have.
func (c *Chunks) Size() int { return c.size }

// Encoded returns what encode made of the chunks for the first that asked.
func (c *Chunks) Encoded(encode func(chunks [][]byte) []byte) []byte {
	c.once.Do(func() { c.encoded = encode(c.all) })
	return c.encoded
}
