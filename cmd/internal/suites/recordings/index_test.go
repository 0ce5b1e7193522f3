package recordings

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// recording is a request to Mesos and, if it was kept, the answer.
type recording struct {
	name   string // "master-metrics_snapshot"
	method string
	daemon string // "master" or "agent"
	target string
	accept string // header; empty: none
	status int
	answer *answer // nil: only the status is known
}

type answer struct {
	contentType, disposition string
	body                     []byte
}

var (
	indexLine = regexp.MustCompile(`^(\S+)\.http  ([A-Z]+) http://127\.0\.0\.1:(\d+)(\S*)\s+(.*?)\s*-> HTTP/1\.1 (\d+)`)
	header    = regexp.MustCompile(`-H Accept: (\S+)`)
)

// shared finds the recordings, which lie beside the module, or where MESETA_SHARED says.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "golden", "http")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recordings: %v", err)
	}
	return dir
}

// readIndex returns the recorded requests that are without a body and chosen.
func readIndex(t *testing.T, chosen func(target string) bool) []recording {
	t.Helper()
	dir := shared(t)
	index, err := os.ReadFile(filepath.Join(dir, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	for line := range strings.Lines(string(index)) {
		m := indexLine.FindStringSubmatch(line)
		if m == nil || m[2] != http.MethodGet || strings.Contains(m[5], "-X") || !chosen(m[4]) {
			continue
		}
		r := recording{name: m[1], method: m[2], daemon: "master", target: m[4]}
		if m[3] == "5051" {
			r.daemon = "agent"
		}
		if h := header.FindStringSubmatch(m[5]); h != nil {
			r.accept = h[1]
		}
		r.status, _ = strconv.Atoi(m[6])
		r.answer = readAnswer(t, filepath.Join(dir, m[1]+".http"))
		all = append(all, r)
	}
	return all
}

func readAnswer(t *testing.T, path string) *answer {
	t.Helper()
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return receive(t, r)
}

func receive(t *testing.T, r *http.Response) *answer {
	t.Helper()
	defer r.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	return &answer{r.Header.Get("Content-Type"), r.Header.Get("Content-Disposition"), body.Bytes()}
}
