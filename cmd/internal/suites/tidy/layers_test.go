package tidy

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the module's path.
const module = "meseta"

// layers says for each root folder what it may import of this module besides itself, and why not more.
var layers = map[string]struct {
	imports []string
	reason  string
}{
	"messages": {nil, "data knows neither actors nor the daemons that exchange it"},
	"runtime":  {nil, "actors work on any protobuf message and could be used without Mesos"},
	"actors":   {[]string{"messages", "runtime"}, "a reusable actor knows no daemon"},
	"master":   {[]string{"messages", "runtime", "actors"}, "master, slave and sched meet on the wire only"},
	"slave":    {[]string{"messages", "runtime", "actors"}, "master, slave and sched meet on the wire only"},
	"sched":    {[]string{"messages", "runtime", "actors"}, "master, slave and sched meet on the wire only"},
	"cmd":      {[]string{"messages", "runtime", "actors", "master", "slave", "sched"}, "everything is wired here"},
}

func TestFoldersImportOnlyWhatIsBelowThem(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		from, _, _ := strings.Cut(s.path, "/")
		layer, known := layers[from]
		if !known {
			t.Errorf("%s: no root folder for Go code is called %s", s.path, from)
			continue
		}
		for _, imported := range s.file.Imports {
			name, _ := strconv.Unquote(imported.Path.Value)
			inside, ok := strings.CutPrefix(name, module+"/")
			if !ok {
				continue
			}
			to, _, _ := strings.Cut(inside, "/")
			if to != from && !slices.Contains(layer.imports, to) {
				t.Errorf("%s imports %s, but %s", s.path, name, layer.reason)
			}
		}
	}
}

// protojson says who may import Google's JSON, and why.
var protojson = map[string]string{
	"messages/mesosjson/bench_test.go":             "it is compared with Mesos's",
	"cmd/internal/suites/blackbox/clients_test.go": "it stands for clients that read JSON strictly",
}

// TestMessagesAreMesosJSON keeps Google's JSON for messages, which has other names, numbers and rules, from users.
func TestMessagesAreMesosJSON(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		for _, imported := range s.file.Imports {
			name, _ := strconv.Unquote(imported.Path.Value)
			if name == "google.golang.org/protobuf/encoding/protojson" && protojson[s.path] == "" {
				t.Errorf("%s imports %s, but JSON of messages is that of package mesosjson", s.path, name)
			}
		}
	}
}

// TestDaemonsCarryNoOpenTelemetry keeps its libraries, and those below them, in the command line. Tests are part of no daemon.
func TestDaemonsCarryNoOpenTelemetry(t *testing.T) {
	t.Parallel()
	const only = "cmd/internal/tracing"
	for _, s := range parsed(t) {
		for _, imported := range s.file.Imports {
			name, _ := strconv.Unquote(imported.Path.Value)
			if strings.HasPrefix(name, "go.opentelemetry.io/") && !s.isTest() && s.folder() != only+"/otlp" {
				t.Errorf("%s imports %s, but only %s/otlp exports spans", s.path, name, only)
			}
			inside, _ := strings.CutPrefix(name, module+"/")
			if (inside == only || inside == only+"/otlp") && !s.isTest() && s.folder() != only && s.folder() != "cmd/internal/cli" {
				t.Errorf("%s imports %s, which only the command line needs", s.path, name)
			}
		}
	}
}

// TestPurePackagesAreBelowTheirActors keeps bookkeeping and validation free of actors.
func TestPurePackagesAreBelowTheirActors(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		if base := path.Base(s.folder()); base != "book" && base != "validate" || s.isTest() {
			continue
		}
		for _, imported := range s.file.Imports {
			name, _ := strconv.Unquote(imported.Path.Value)
			if name == path.Dir(module+"/"+s.folder()) {
				t.Errorf("%s imports the actor it serves", s.path)
			}
		}
	}
}

func TestNamesSayWhatIsInside(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		name := s.file.Name.Name
		for _, empty := range []string{"util", "utils", "common", "helper", "helpers", "misc", "shared"} {
			if name == empty || path.Base(s.folder()) == empty {
				t.Errorf("%s: a package called %s could hold anything", s.path, empty)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	said, folders := map[string]bool{}, map[string]bool{}
	for _, s := range parsed(t) {
		if s.isTest() {
			continue
		}
		folders[s.folder()] = true
		if s.file.Doc != nil && len(s.file.Doc.Text()) > 20 {
			said[s.folder()] = true
		}
	}
	for folder := range folders {
		if !said[folder] {
			t.Errorf("%s has no package comment", folder)
		}
	}
}
