// Package version provides the actor "version", which serves the version of the program at /version.
package version

import (
	"encoding/json"

	"meseta/messages/mesosjson"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Build describes a program.
type Build struct {
	Version string  // dotted integers, because clients parse it
	Date    string  // "2026-11-21 03:37:04 UTC"
	Time    float64 // the same as Date, in seconds since 1970
	User    string
	GitSHA  string // empty if unknown, and then not shown
	GitTag  string // empty if unknown, and then not shown
}

// Spawn starts the actor on n.
func Spawn(n *runtime.Node, b Build) error {
	_, err := runtime.Spawn(n, "version", &teller{build: b})
	return err
}

type teller struct {
	runtime.Actor
	build Build
}

// Initialize implements [runtime.Initializer].
func (t *teller) Initialize() {
	web.Route(t, "/", web.Help{
		TLDR:        "The version of the program.",
		Description: "Returns an object with version, build_date, build_time and build_user, and with git_sha and git_tag if they are known.",
	}, func(req *web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(web.JSON(req, json.RawMessage(t.build.JSON())))
	})
}

// JSON returns b in the form that /version serves.
func (b Build) JSON() []byte {
	out := mesosjson.AppendString([]byte(`{"build_date":`), b.Date)
	out = append(out, `,"build_time":`...)
	out = mesosjson.AppendFloat(out, b.Time)
	for _, part := range []struct{ name, value string }{
		{"build_user", b.User}, {"git_sha", b.GitSHA}, {"git_tag", b.GitTag}, {"version", b.Version},
	} {
		if part.value == "" && part.name != "build_user" {
			continue
		}
		out = append(out, `,"`+part.name+`":`...)
		out = mesosjson.AppendString(out, part.value)
	}
	return append(out, '}')
}
