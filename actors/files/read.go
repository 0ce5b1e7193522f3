package files

import (
	"errors"
	"io"

	"meseta/runtime"
	"meseta/runtime/web"
)

// MaxRead is how much of a file is read at once: 16 pages.
const MaxRead = 16 << 12

// Range is what to read of a file.
type Range struct {
	Offset int64
	Length int64 // negative: to the end; never more than MaxRead is read
}

// Chunk is a part of a file.
type Chunk struct {
	Data []byte // never nil: answers have to have it
	Size int64  // of the whole file
}

// Read reads a part of the file at a virtual path of n. What an error means is told by [ErrNotFound], [ErrForbidden]
// and [InvalidError].
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
	if errors.Is(err, io.EOF) { // it was cut meanwhile
		err = nil
	}
	return Chunk{data[:n], size}, err
}
