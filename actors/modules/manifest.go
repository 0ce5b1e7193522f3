package modules

import (
	"fmt"
	"os"
	"path/filepath"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/modulepb"
)

// Parse reads a manifest, which is JSON.
func Parse(text []byte) (*modulepb.Modules, error) {
	m := &modulepb.Modules{}
	if err := mesosjson.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("not a manifest of modules: %w", err)
	}
	return m, nil
}

// LoadDirectory adds the modules of all manifests in a directory to s, in the order of their names. It stops at the first
// that makes no sense.
//
// Mesos: ModuleManager::load.
func (s *Set) LoadDirectory(c *Catalogue, dir string) error {
	files, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if err := s.loadFile(c, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (s *Set) loadFile(c *Catalogue, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m, err := Parse(text)
	if err != nil {
		return err
	}
	return s.Load(c, m)
}
