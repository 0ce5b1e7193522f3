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
	"meseta/runtime/web"
)

var (
	browseHelp = web.Help{
		TLDR:        "Lists a directory.",
		Description: "Returns an array with gid, mode, mtime, nlink, path, size and uid of each file in the directory path=PATH.",
	}
	readHelp = web.Help{
		TLDR: "Reads part of a file.",
		Description: "Returns an object with data and offset: the file path=PATH from offset=BYTES on, length=BYTES long or to the " +
			"end, but at most 64 KiB. Without an offset, or with -1, data is empty and offset is the size of the file.",
	}
	downloadHelp = web.Help{TLDR: "Returns the whole file path=PATH."}
	debugHelp    = web.Help{TLDR: "Returns an object that maps virtual paths to paths of the machine."}
)

// pathOf returns the value of the parameter path.
func pathOf(query url.Values) (string, error) {
	path := query.Get("path")
	if path == "" {
		return "", InvalidError("Expecting 'path=value' in query")
	}
	return path, nil
}

func (f *Files) serveBrowse(req *web.Request) runtime.Future[*web.Response] {
	path, err := pathOf(req.URL.Query())
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	return answer(f.browse(path, req.Principal), func(all []*mesospb.FileInfo) *web.Response {
		return web.JSON(req, json.RawMessage(appendListing(nil, all)))
	})
}

func (f *Files) serveRead(req *web.Request) runtime.Future[*web.Response] {
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
	return answer(f.read(path, r, req.Principal), func(c Chunk) *web.Response {
		if offset < 0 {
			offset = c.Size
		}
		body := mesosjson.AppendString([]byte(`{"data":`), string(c.Data))
		body = strconv.AppendInt(append(body, `,"offset":`...), offset, 10)
		return web.JSON(req, json.RawMessage(append(body, '}')))
	})
}

// number returns the value of the parameter offset or length, or -1 if it is missing. The web UI sends -1, too.
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

func (f *Files) serveDownload(req *web.Request) runtime.Future[*web.Response] {
	path, err := pathOf(req.URL.Query())
	if err != nil {
		return runtime.Ready(Refusal(err))
	}
	return answer(at(f, path, req.Principal, place.download), func(r *web.Response) *web.Response { return r })
}

func (f *Files) serveDebug(req *web.Request) runtime.Future[*web.Response] {
	shown := map[string]string{}
	for virtual, a := range f.attached {
		shown[virtual] = a.Path
	}
	return answer(f.debug(req.Principal), func(allowed bool) *web.Response {
		if !allowed {
			return Refusal(ErrForbidden)
		}
		return web.JSON(req, json.RawMessage(appendPaths(nil, shown)))
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

// answer turns a result into a response, and an error into a [Refusal].
func answer[T any](found runtime.Future[T], show func(T) *web.Response) runtime.Future[*web.Response] {
	shown := runtime.Then(found, func(v T) (*web.Response, error) { return show(v), nil })
	return runtime.Recover(shown, func(err error) (*web.Response, error) { return Refusal(err), nil })
}

// Refusal returns the response that Mesos sends for a request that failed with an error of this package.
func Refusal(err error) *web.Response {
	var invalid InvalidError
	switch {
	case errors.Is(err, ErrNotFound):
		return web.Text(http.StatusNotFound, "")
	case errors.Is(err, ErrForbidden):
		return web.Text(http.StatusForbidden, "")
	case errors.As(err, &invalid):
		return web.BadRequest(string(invalid) + ".\n")
	}
	return web.Text(http.StatusInternalServerError, err.Error()+".\n")
}
