package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

var (
	browseHelp = runtime.Help{
		TLDR:        "Lists a folder.",
		Description: "An array with gid, mode, mtime, nlink, path, size and uid of each file in path=PATH.",
	}
	readHelp = runtime.Help{
		TLDR: "Reads a part of a file.",
		Description: "An object of data and offset, of the file path=PATH from offset=BYTES, length=BYTES long or to the " +
			"end, but at most 16 pages. Without an offset, or with -1, there is no data and offset is the file's size.",
	}
	downloadHelp = runtime.Help{TLDR: "The whole file path=PATH, as it is."}
	debugHelp    = runtime.Help{TLDR: "What is shown: an object of paths of the machine, by virtual path."}
)

// pathOf reads path=.
func pathOf(query url.Values) (string, error) {
	path := query.Get("path")
	if path == "" {
		return "", InvalidError("Expecting 'path=value' in query")
	}
	return path, nil
}

func (f *Files) serveBrowse(req *runtime.Request) runtime.Future[*runtime.Response] {
	path, err := pathOf(req.URL.Query())
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	return answer(f.browse(path, req.Principal), func(all []*mesospb.FileInfo) *runtime.Response {
		return runtime.JSON(req, json.RawMessage(appendListing(nil, all)))
	})
}

func (f *Files) serveRead(req *runtime.Request) runtime.Future[*runtime.Response] {
	query := req.URL.Query()
	path, err := pathOf(query)
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	offset, err := number(query, "offset")
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	length, err := number(query, "length")
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	r := Range{offset, length}
	if offset < 0 {
		r = Range{}
	}
	return answer(f.read(path, r, req.Principal), func(c Chunk) *runtime.Response {
		if offset < 0 {
			offset = c.Size
		}
		body := mesosjson.AppendString([]byte(`{"data":`), string(c.Data))
		body = strconv.AppendInt(append(body, `,"offset":`...), offset, 10)
		return runtime.JSON(req, json.RawMessage(append(body, '}')))
	})
}

// number reads an offset or a length; -1, which the web UI sends, if there is none.
func number(query url.Values, name string) (int64, error) {
	if !query.Has(name) {
		return -1, nil
	}
	text := query.Get(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, InvalidError(fmt.Sprintf("Failed to parse %s: Failed to convert '%s' to number", name, text))
	}
	if n < -1 {
		return 0, InvalidError(fmt.Sprintf("Negative %s provided: %d", name, n))
	}
	return n, nil
}

func (f *Files) serveDownload(req *runtime.Request) runtime.Future[*runtime.Response] {
	path, err := pathOf(req.URL.Query())
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	return answer(at(f, path, req.Principal, place.download), func(r *runtime.Response) *runtime.Response { return r })
}

func (f *Files) serveDebug(req *runtime.Request) runtime.Future[*runtime.Response] {
	shown := map[string]string{}
	for virtual, a := range f.attached {
		shown[virtual] = a.Path
	}
	return answer(f.debug(req.Principal), func(allowed bool) *runtime.Response {
		if !allowed {
			return Refusal(ErrForbidden)
		}
		return runtime.JSON(req, json.RawMessage(appendPaths(nil, shown)))
	})
}

func appendPaths(b []byte, shown map[string]string) []byte {
	b = append(b, '{')
	for i, virtual := range slices.Sorted(maps.Keys(shown)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(mesosjson.AppendString(b, virtual), ':')
		b = mesosjson.AppendString(b, shown[virtual])
	}
	return append(b, '}')
}

// answer makes an answer of what was found, or of why it was not.
func answer[T any](found runtime.Future[T], show func(T) *runtime.Response) runtime.Future[*runtime.Response] {
	shown := runtime.Then(found, func(v T) (*runtime.Response, error) { return show(v), nil })
	return runtime.Recover(shown, func(err error) (*runtime.Response, error) { return Refusal(err), nil })
}

// Refusal is what Mesos answers to a request that fails, with an error of this package.
func Refusal(err error) *runtime.Response {
	var invalid InvalidError
	switch {
	case errors.Is(err, ErrNotFound):
		return runtime.Text(http.StatusNotFound, "")
	case errors.Is(err, ErrForbidden):
		return runtime.Text(http.StatusForbidden, "")
	case errors.As(err, &invalid):
		return runtime.BadRequest(string(invalid) + ".\n")
	}
	return runtime.Text(http.StatusInternalServerError, err.Error()+".\n")
}
