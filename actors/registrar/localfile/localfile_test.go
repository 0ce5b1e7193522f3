package localfile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/actors/registrar/registrartest"
)

func open(t *testing.T, path string) *localfile.Storage {
	t.Helper()
	s, err := localfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStorage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "on", "demand", "registry.db")
	registrartest.Run(t, func(t *testing.T) registrar.Storage { return open(t, path) })
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "registry.db")
	first := open(t, path)
	defer func() { _ = first.Close() }()
	if _, err := localfile.Open(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("got %v", err)
	}
}
