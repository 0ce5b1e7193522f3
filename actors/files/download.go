package files

import (
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"

	"meseta/runtime/web"
)

// piece is the number of bytes of a download that are held in memory.
const piece = 64 << 10

// download responds with a whole file at its current size. The file is opened again when the client starts reading, so
// that a response that is never read keeps no file open.
func (p place) download() (*web.Response, error) {
	file, name, size, err := p.openRegular("Cannot download a directory")
	if err != nil {
		return nil, err
	}
	return &web.Response{
		Status: http.StatusOK,
		Header: http.Header{
			"Content-Type":        {contentType(name)},
			"Content-Disposition": {"attachment; filename=" + filepath.Base(name)},
		},
		Content: p.pieces(size), Length: size,
	}, file.Close()
}

// pieces yields size bytes of the file. It ends early if the file can no longer be read.
func (p place) pieces(size int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		file, _, _, err := p.openRegular("")
		if err != nil {
			return
		}
		defer file.Close()
		copyPieces(file, size, yield)
	}
}

func copyPieces(file *os.File, size int64, yield func([]byte) bool) {
	buffer := make([]byte, min(size, piece))
	for left := size; left > 0; {
		n, err := io.ReadFull(file, buffer[:min(left, piece)])
		if n > 0 && !yield(buffer[:n]) || err != nil {
			return
		}
		left -= int64(n)
	}
}

// contentTypes maps file name extensions to the content types that Mesos uses. They do not depend on the machine.
var contentTypes = map[string]string{
	".css": "text/css", ".csv": "text/csv", ".htm": "text/html", ".html": "text/html", ".txt": "text/plain",
	".tsv": "text/tab-separated-values", ".xml": "text/xml", ".py": "text/x-python",
	".c": "text/plain", ".h": "text/plain", ".bat": "text/plain", ".ksh": "text/plain", ".pl": "text/plain",
	".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml",
	".tif": "image/tiff", ".tiff": "image/tiff",
	".mp3": "audio/mpeg", ".wav": "audio/x-wav", ".avi": "video/x-msvideo", ".mp4": "video/mp4", ".mpeg": "video/mpeg",
	".csh": "application/x-csh", ".js": "application/x-javascript", ".json": "application/json", ".pdf": "application/pdf",
	".ps": "application/postscript", ".sh": "application/x-sh", ".tar": "application/x-tar", ".tcl": "application/x-tcl",
	".tex": "application/x-tex", ".zip": "application/zip",
}

func contentType(name string) string {
	if t, ok := contentTypes[filepath.Ext(name)]; ok {
		return t
	}
	return "application/octet-stream"
}
