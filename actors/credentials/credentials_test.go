package credentials

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]map[string]string{
		`{"credentials": [{"principal": "ann", "secret": "1"}, {"principal": "bob", "secret": "2"}]}`: {"ann": "1", "bob": "2"},
		" \n{\"credentials\": [{\"principal\": \"ann\"}]}":                                            {"ann": ""},
		"ann 1\n\nbob\t2": {"ann": "1", "bob": "2"},
		"ann 1\nann 2\n":  {"ann": "2"},
	} {
		f, err := Read("file://" + write(t, content, 0o600))
		if err != nil || !maps.Equal(f.Secrets(), want) || f.Warning != "" {
			t.Errorf("%q: %v, %q, %v", content, f.Secrets(), f.Warning, err)
		}
	}
}

// Errors name the file and what is wrong, and keep secrets.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                    "at least one credential",
		`{"credentials": []}`: "at least one credential",
		`{"credentials": [{"secret": "hidden word"}]}`: "principal",
		`{"credentials`:   "Failed to parse credentials file '",
		"ann hidden word": "line 1 is not a principal and a secret",
		"\nann\n":         "line 2 is not a principal and a secret",
	} {
		_, err := Read(write(t, content, 0o600))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	if _, err := Read("/no/such/file"); err == nil || err.Error() != "Failed to read credentials file '/no/such/file': no such file or directory" {
		t.Errorf("a missing file: %v", err)
	}
}

func TestReadOne(t *testing.T) {
	t.Parallel()
	for _, content := range []string{`{"principal": "ann", "secret": "1"}`, "ann 1\n"} {
		f, err := ReadOne(write(t, content, 0o640))
		if err != nil || f.Secrets()["ann"] != "1" || f.Warning != "" {
			t.Errorf("%q: %v, %v", content, f, err)
		}
	}
	for content, want := range map[string]string{
		"": "0 credentials, instead of one", "ann 1\nbob 2": "2 credentials, instead of one", "{}": "principal", "ann": "line 1",
	} {
		if _, err := ReadOne(write(t, content, 0o600)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// A file that other users can read is used with a warning.
func TestOpenFilesAreWarnedOf(t *testing.T) {
	t.Parallel()
	path := write(t, "ann 1", 0o644)
	want := "Permissions on credentials file '" + path + "' are too open; it is recommended that your credentials file is NOT accessible by others"
	if f, err := Read(path); err != nil || f.Warning != want {
		t.Errorf("%q, %v", f.Warning, err)
	}
}

// Whatever is in a file, it is read or refused, and text and JSON are never mixed up.
func FuzzParse(f *testing.F) {
	f.Add([]byte("ann 1\nbob 2"))
	f.Add([]byte(`{"credentials": [{"principal": "ann", "secret": "1"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := parse(content)
		if err != nil && all != nil {
			t.Errorf("%d credentials with an error", len(all))
		}
		for _, c := range all {
			if c.Principal == nil {
				t.Error("a credential without a principal")
			}
		}
		if one, err := parseOne(content); err == nil && one.Principal == nil {
			t.Error("one without a principal")
		}
	})
}
