package sim

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// handle is an open file.
type handle struct {
	disk   *Disk
	file   *inode
	name   string
	flag   int
	ask    func(OpKind) error // whether something can be done now
	offset int64
	closed bool
}

// begin asks whether something can be done to the file.
func (h *handle) begin(op string, kind OpKind) error {
	err := fs.ErrClosed
	if !h.closed {
		err = h.ask(kind)
	}
	denied := h.flag&(os.O_WRONLY|os.O_RDWR) == 0
	if kind == OpRead {
		denied = h.flag&os.O_WRONLY != 0
	}
	switch {
	case err != nil:
	case denied && kind == OpTruncate:
		err = syscall.EINVAL
	case denied:
		err = syscall.EBADF
	case h.file.entries != nil:
		err = syscall.EISDIR
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: h.name, Err: err}
	}
	return nil
}

// Read implements [io.Reader].
func (h *handle) Read(p []byte) (int, error) {
	n, err := h.ReadAt(p, h.offset)
	h.offset += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt implements [io.ReaderAt].
func (h *handle) ReadAt(p []byte, offset int64) (int, error) {
	if err := h.begin("read", OpRead); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	return bytes.NewReader(h.file.content).ReadAt(p, offset)
}

// Write implements [io.Writer].
func (h *handle) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, h.begin("write", OpWrite)
	}
	if h.flag&os.O_APPEND != 0 {
		h.offset = int64(len(h.file.content))
	}
	n, err := h.WriteAt(p, h.offset)
	h.offset += int64(n)
	return n, err
}

// WriteAt implements [io.WriterAt].
func (h *handle) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) == 0 { // nothing is asked of the disk, so nothing fails
		return 0, nil
	}
	if err := h.begin("write", OpWrite); err != nil {
		return 0, err
	}
	n := h.disk.room(h.file, offset, len(p))
	h.file.change(write{offset: offset, data: bytes.Clone(p[:n])})
	h.file.changed = h.disk.world.Now()
	if h.flag&os.O_SYNC == os.O_SYNC {
		if err := h.Sync(); err != nil {
			return 0, err
		}
	}
	if n < len(p) {
		return n, &fs.PathError{Op: "write", Path: h.name, Err: syscall.ENOSPC}
	}
	return n, nil
}

// room is how many of n bytes at an offset of f fit on the disk.
func (d *Disk) room(f *inode, offset int64, n int) int {
	grow := offset + int64(n) - int64(len(f.content))
	if d.capacity == 0 || grow <= 0 {
		return n
	}
	lacks := grow - max(0, d.capacity-d.root.size())
	return max(0, n-int(max(0, lacks)))
}

// Seek implements [io.Seeker].
func (h *handle) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += h.offset
	case io.SeekEnd:
		offset += int64(len(h.file.content))
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: h.name, Err: syscall.EINVAL}
	}
	h.offset = offset
	return offset, nil
}

// Truncate implements [disk.File].
func (h *handle) Truncate(size int64) error {
	if err := h.begin("truncate", OpTruncate); err != nil {
		return err
	}
	h.file.change(write{offset: size, truncate: true})
	return nil
}

// Sync implements [disk.File]. Once it has failed, what it should have put on the medium is never tried again, as it is
// on Linux.
func (h *handle) Sync() error {
	if h.closed {
		return &fs.PathError{Op: "sync", Path: h.name, Err: fs.ErrClosed}
	}
	if err := h.ask(OpSync); err != nil {
		if err != ErrPowerOff {
			h.file.writes = nil
		}
		return &fs.PathError{Op: "sync", Path: h.name, Err: err}
	}
	h.file.sync()
	return nil
}

// Close implements [io.Closer].
func (h *handle) Close() error {
	if h.closed {
		return &fs.PathError{Op: "close", Path: h.name, Err: fs.ErrClosed}
	}
	h.closed = true
	return nil
}
