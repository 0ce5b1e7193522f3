package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestLogFilesAreLaidOutAsGlogDoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "when missing")
	at := time.Date(2026, 11, 21, 5, 2, 4, 0, time.UTC)
	files, err := openLogFiles(dir, zerolog.InfoLevel, true, at)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Base(os.Args[0])
	if want := filepath.Join(dir, program+".INFO"); files.path != want {
		t.Errorf("the log is %s, not %s", files.path, want)
	}
	if _, err := os.Lstat(filepath.Join(dir, program+".ERROR")); !os.IsNotExist(err) {
		t.Errorf("there is a file for errors before the first: %v", err)
	}
	log := zerolog.New(glog{files}).Hook(position{})
	log.Debug().Msg("one")
	log.Info().Msg("two")
	log.Warn().Msg("three")
	log.Error().Msg("four")
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	for severity, want := range map[string]string{
		"INFO": "one two three four", "WARNING": "three four", "ERROR": "four",
	} {
		link := filepath.Join(dir, program+"."+severity)
		name, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(name, program+".") || !strings.Contains(name, ".log."+severity+".20261121-050204.") {
			t.Errorf("%s is a link to %q (%v)", link, name, err)
		}
		if got := messages(t, link); got != want {
			t.Errorf("%s has %q, want %q", severity, got, want)
		}
	}
}

func messages(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, lines, ok := strings.Cut(string(text), "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n")
	if !ok || !strings.HasPrefix(head, "Log file created at: 2026/11/21 05:02:04\nRunning on machine: ") {
		t.Errorf("%s begins with %q", path, head)
	}
	var all []string
	for line := range strings.Lines(lines) {
		_, message, _ := strings.Cut(line, "] ")
		all = append(all, strings.TrimSuffix(message, "\n"))
	}
	return strings.Join(all, " ")
}

func TestTheLinksPointToTheLatestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var last *logFiles
	for i := range 2 {
		files, err := openLogFiles(dir, zerolog.ErrorLevel, true, time.Date(2026, 11, 21, 5, 2, i, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		last = files
	}
	name, err := os.Readlink(last.path)
	if err != nil || !strings.Contains(name, "log.ERROR.20261121-050201.") {
		t.Errorf("%s is a link to %q (%v)", last.path, name, err)
	}
}

func TestVerbosity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level     zerolog.Level
		verbosity int
		want      zerolog.Level
	}{
		{zerolog.ErrorLevel, 0, zerolog.ErrorLevel}, {zerolog.ErrorLevel, 1, zerolog.DebugLevel},
		{zerolog.InfoLevel, 1, zerolog.DebugLevel}, {zerolog.InfoLevel, 2, zerolog.TraceLevel}, {zerolog.InfoLevel, 9, zerolog.TraceLevel},
	} {
		if got := verboser(c.level, c.verbosity); got != c.want {
			t.Errorf("%v at %d: %v, want %v", c.level, c.verbosity, got, c.want)
		}
	}
}
