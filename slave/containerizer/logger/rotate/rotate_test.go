package rotate_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/slave/containerizer/logger/rotate"
)

// lines returns so many lines of 100 bytes, numbered from first on.
func lines(first, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%-99d\n", first+i)
	}
	return text.String()
}

// world is a sandbox.
type world struct {
	t   *testing.T
	dir string
}

func (w world) writes(options, text string) {
	w.t.Helper()
	o, err := rotate.ParseOptions(options)
	if err != nil {
		w.t.Fatal(err)
	}
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer root.Close()
	if err := rotate.New(root, "stdout", rotate.Smallest, o).Copy(strings.NewReader(text)); err != nil {
		w.t.Error(err)
	}
}

// has returns the content of a file, decompressed, or "none".
func (w world) has(name string) string {
	w.t.Helper()
	f, err := os.Open(filepath.Join(w.dir, name))
	if err != nil {
		return "none"
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			w.t.Fatal(err)
		}
	}
	content, err := io.ReadAll(from)
	if err != nil {
		w.t.Error(err)
	}
	return string(content)
}

func (w world) want(files map[string]string) {
	w.t.Helper()
	for name, want := range files {
		if got := w.has(name); got != want {
			w.t.Errorf("%s has %d bytes %.20q, want %d bytes %.20q", name, len(got), got, len(want), want)
		}
	}
	left, err := os.ReadDir(w.dir)
	if err != nil || len(left) != len(files) {
		w.t.Errorf("there are %v (%v), want %d files", left, err, len(files))
	}
}

// Files have whole lines, and at most their size. A page has room for forty lines of a hundred bytes.
func TestFilesAreKept(t *testing.T) {
	t.Parallel()
	all := lines(0, 130)
	for options, want := range map[string]map[string]string{
		"":                      {"stdout": all[12000:]},
		"rotate 1":              {"stdout": all[12000:], "stdout.1": all[8000:12000]},
		"rotate=9\n\nmissingok": {"stdout": all[12000:], "stdout.1": all[8000:12000], "stdout.2": all[4000:8000], "stdout.3": all[:4000]},
		"# few\nrotate 2\n compress\nsize 5M": {
			"stdout": all[12000:], "stdout.1.gz": all[8000:12000], "stdout.2.gz": all[4000:8000],
		},
		"rotate 3\ncompress\ndelaycompress": {
			"stdout": all[12000:], "stdout.1": all[8000:12000], "stdout.2.gz": all[4000:8000], "stdout.3.gz": all[:4000],
		},
	} {
		w := world{t, t.TempDir()}
		w.writes(options, all)
		w.want(want)
	}
}

// A file that exists is continued, and counts.
func TestFileIsContinued(t *testing.T) {
	t.Parallel()
	w := world{t, t.TempDir()}
	w.writes("rotate 1", lines(0, 30))
	w.writes("rotate 1", lines(30, 5))
	w.writes("rotate 1", lines(35, 20))
	w.want(map[string]string{"stdout": lines(40, 15), "stdout.1": lines(0, 40)})
}

// A line that is longer than a file is cut, and nothing is lost.
func TestLongLine(t *testing.T) {
	t.Parallel()
	w := world{t, t.TempDir()}
	long := strings.Repeat("x", 2*rotate.Smallest) + "y\n"
	w.writes("rotate 9", "a\n"+long)
	w.want(map[string]string{
		"stdout": "y\n", "stdout.1": long[:rotate.Smallest], "stdout.2": long[:rotate.Smallest], "stdout.3": "a\n",
	})
}

// script is the output of a container that does something before it goes on.
type script []func() string

// Read implements [io.Reader].
func (s *script) Read(p []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	next := (*s)[0]
	*s = (*s)[1:]
	return copy(p, next()), nil
}

// What a container puts in the place of its logs is not written to and not waited for, and the log says what is missing.
func TestTrapsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(path, outside string) error{
		"link":      func(path, outside string) error { return os.Symlink(outside, path) },
		"hard link": func(path, outside string) error { return os.Link(outside, path) },
		"pipe":      func(path, _ string) error { return syscall.Mkfifo(path, 0o666) },
		"directory": func(path, _ string) error { return os.Mkdir(path, 0o777) },
	} {
		w, outside := world{t, t.TempDir()}, filepath.Join(t.TempDir(), "outside")
		if err := os.WriteFile(outside, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := set(filepath.Join(w.dir, "stdout"), outside); err != nil {
			t.Fatal(err)
		}
		o := rotate.Options{Keep: 1}
		root, err := os.OpenRoot(w.dir)
		if err != nil {
			t.Fatal(err)
		}
		says := &script{func() string { return "first\n" }, func() string {
			if err := os.Remove(filepath.Join(w.dir, "stdout")); err != nil {
				t.Error(err)
			}
			return "second\n"
		}}
		if err := rotate.New(root, "stdout", rotate.Smallest, o).Copy(says); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		root.Close()
		if content, err := os.ReadFile(outside); err != nil || string(content) != "mine" {
			t.Errorf("%s: outside is %q, %v", name, content, err)
		}
		if got := w.has("stdout"); !strings.HasPrefix(got, "\n6 bytes are missing here: ") || !strings.HasSuffix(got, "\nsecond\n") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A log that cannot be renamed grows rather than being lost.
func TestObstacleIsNoLoss(t *testing.T) {
	t.Parallel()
	w := world{t, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(w.dir, "stdout.1", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.writes("rotate 1", lines(0, 100))
	if got := w.has("stdout"); got != lines(0, 100) {
		t.Errorf("%d bytes", len(got))
	}
}

// A link in the place of a former file is renamed and deleted itself, and never what it leads to.
func TestLinksAmongFormerFiles(t *testing.T) {
	t.Parallel()
	w, outside := world{t, t.TempDir()}, filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stdout.1", "stdout.2", "stdout.1.gz", "stdout.2.gz"} {
		if err := os.Symlink(outside, filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.writes("rotate 2\ncompress", lines(0, 130))
	w.want(map[string]string{"stdout": lines(120, 10), "stdout.1.gz": lines(80, 40), "stdout.2.gz": lines(40, 40)})
	if content, err := os.ReadFile(outside); err != nil || string(content) != "mine" {
		t.Errorf("outside is %q, %v", content, err)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postrotate\n touch /tmp/x\nendscript": "the option 'postrotate' of logrotate is not supported; rotate, compress and delaycompress are",
		"rotate -1":                            "rotate -1: it has to be a number of files from 0 to 1000",
		"rotate 1001":                          "rotate 1001: it has to be a number of files from 0 to 1000",
		"rotate many":                          "rotate many: it has to be a number of files from 0 to 1000",
		"rotate":                               "the option 'rotate' of logrotate is not supported; rotate, compress and delaycompress are",
		"compress\nolddir /etc":                "the option 'olddir /etc' of logrotate is not supported; rotate, compress and delaycompress are",
		"} /etc/passwd {":                      "the option '} /etc/passwd {' of logrotate is not supported; rotate, compress and delaycompress are",
	} {
		if _, err := rotate.ParseOptions(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// The program takes its arguments as the agent gives them, and says what is wrong with others.
func TestProgram(t *testing.T) {
	t.Parallel()
	w := world{t, t.TempDir()}
	var said strings.Builder
	args := rotate.Arguments(filepath.Join(w.dir, "stdout"), rotate.Smallest, "rotate 1\ncompress")
	if status := rotate.Run(args, "1.2.3", strings.NewReader(lines(0, 50)), &said, &said); status != 0 || said.Len() > 0 {
		t.Errorf("exit status %d: %s", status, said.String())
	}
	w.want(map[string]string{"stdout": lines(40, 10), "stdout.1.gz": lines(0, 40)})
	if status := rotate.Run([]string{"--version"}, "1.2.3", nil, &said, &said); status != 0 || said.String() != "1.2.3\n" {
		t.Errorf("--version: exit status %d: %s", status, said.String())
	}
	for flag, want := range map[string]string{
		"--max_size=4095B":             "Expected --max_size of at least 4096 bytes",
		"--max_size=many":              `size "many"`,
		"--logrotate_options=shred":    "the option 'shred' of logrotate is not supported",
		"--log_filename=":              "--log_filename is needed",
		"more":                         "--log_filename is needed, and nothing but flags",
		"--log_filename=/nowhere/at/x": "no such file or directory",
	} {
		said.Reset()
		status := rotate.Run([]string{"--log_filename=x", flag}, "1.2.3", strings.NewReader(""), &said, &said)
		if status != 1 || !strings.Contains(said.String(), want) {
			t.Errorf("%s: exit status %d: %s", flag, status, said.String())
		}
	}
}
