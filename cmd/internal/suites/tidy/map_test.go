package tidy

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
)

// mapped matches what ARCHITECTURE.md draws, in lines that are indented, and what it names, in backquotes.
var mapped = regexp.MustCompile("(?m)^    .*$|`[^`]+`")

// TestArchitectureNamesEveryPackage keeps the map complete: the packages right below each layer are in its pictures or named in
// its text.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, place := range mapped.FindAllString(string(text), -1) {
		for _, word := range regexp.MustCompile(`[\w-]+`).FindAllString(place, -1) {
			words[word] = true
		}
	}
	for _, s := range parsed(t) {
		folder := s.folder()
		layer := path.Dir(folder)
		if layer == "cmd" || layers[layer].reason == "" && layer != "cmd/internal" { // README.md has the programs
			continue
		}
		if !s.isTest() && !words[path.Base(folder)] {
			t.Errorf("ARCHITECTURE.md does not name %s, for %s", folder, s.path)
			words[path.Base(folder)] = true // once is enough
		}
	}
}
