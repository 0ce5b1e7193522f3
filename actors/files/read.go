package files

import (
	"errors"
	"io"

	"meseta/runtime"
	"meseta/runtime/web"
)

// MaxRead is the largest number of bytes that one Read returns: 16 pages of 4 KiB.
const MaxRead = 16 << 12

// Range is a range of bytes of a file.
type Range struct {
	Offset int64
	Length int64 // negative: to the end; at most MaxRead bytes are read
}

// Chunk is a part of a file.
type Chunk struct {
	Data []byte // never nil, because responses must contain it
	Size int64  // of the whole file
}

// Read reads a range of the file at a virtual path of n. It fails like [Browse].
func Read(n *runtime.Node, virtual string, r Range, who *web.Principal) runtime.Future[Chunk] {
	f, ok := runtime.Find[*Files](n, ID)
	if !ok {
		return runtime.Failed[Chunk](ErrNotFound)
	}
	return runtime.Flatten(runtime.Dispatch(f, func(f *Files) runtime.Future[Chunk] { return f.read(virtual, r, who) }))
}

func (f *Files) read(virtual string, r Range, who *web.Principal) runtime.Future[Chunk] {
	return at(f, virtual, who, func(p place) (Chunk, error) { return p.read(r) })
}

func (p place) read(r Range) (c Chunk, err error) {
	file, _, size, err := p.openRegular("Cannot read a directory")
	if err != nil {
		return c, err
	}
	defer file.Close()
	length := size - r.Offset
	if r.Length >= 0 {
		length = min(length, r.Length)
	}
	if length <= 0 {
		return Chunk{Data: []byte{}, Size: size}, nil
	}
	data := make([]byte, min(length, MaxRead))
	n, err := file.ReadAt(data, r.Offset)
	if errors.Is(err, io.EOF) { // the file was truncated in the meantime
		err = nil
	}
	return Chunk{data[:n], size}, err
}
