package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
)

// File is a file, a directory or a link of a recorded tree.
type File struct {
	Path    string
	Mode    fs.FileMode // permissions
	Kind    byte        // 'f', 'd' or 'l'
	Target  string      // of a link
	Text    string      // the content, unless there are records
	Records []proto.Message
	Stream  bool // each record is preceded by its length; otherwise there is one
}

// Tree is what was recorded of some directories, by path.
type Tree map[string]*File

// ReadTree reads a file with a tree. What had not changed since an earlier tree is taken from there; that may be nil.
func ReadTree(file string, earlier Tree) (Tree, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t, err := parseTree(string(content), earlier)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

func parseTree(text string, earlier Tree) (Tree, error) {
	t := Tree{}
	list, contents, _ := strings.Cut(text, "\n## contents\n")
	for line := range strings.SplitSeq(list, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f, err := parseFile(line)
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, line)
		}
		t[f.Path] = f
	}
	for _, block := range strings.Split("\n"+contents, "\n=== ")[1:] {
		if err := t.content(block, earlier); err != nil {
			return nil, fmt.Errorf("%w in %.300q", err, block)
		}
	}
	return t, nil
}

// parseFile reads a line such as "0600 f    36 /a/boot_id", "0755 d       /a/" or "0777 l       /a/latest -> /a/b".
func parseFile(line string) (*File, error) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return nil, errors.New("too few words")
	}
	mode, err := strconv.ParseUint(words[0], 8, 32)
	if err != nil {
		return nil, err
	}
	f := &File{Mode: fs.FileMode(mode), Kind: words[1][0], Path: words[len(words)-1]}
	if f.Kind == 'l' {
		f.Path, f.Target = words[2], words[len(words)-1]
	}
	f.Path = strings.TrimSuffix(f.Path, "/")
	return f, nil
}

// content reads "PATH (N bytes)" and what follows it.
func (t Tree) content(block string, earlier Tree) error {
	title, text, _ := strings.Cut(block, "\n")
	path, more, _ := strings.Cut(title, " (")
	f := t[path]
	if f == nil {
		return errors.New("content of a file that is not in the tree")
	}
	if strings.Contains(more, "(unchanged since") {
		if earlier[path] == nil {
			return errors.New("unchanged since an unknown tree")
		}
		t[path] = earlier[path]
		return nil
	}
	text = strings.TrimSpace(text)
	if plain, ok := strings.CutPrefix(text, "text: "); ok {
		f.Text = plain
		return nil
	}
	if quoted, ok := strings.CutPrefix(text, "bytes: "); ok {
		var err error
		f.Text, err = strconv.Unquote(`"` + quoted + `"`)
		return err
	}
	return f.decode(text)
}

// decode reads the text of one record, or of a stream of them.
func (f *File) decode(text string) error {
	for _, record := range strings.Split("\n"+text, "\n-- record, ")[1:] {
		f.Stream = true
		if err := f.add(record); err != nil {
			return err
		}
	}
	if !f.Stream && strings.HasPrefix(text, "4-byte little-endian length ") {
		return f.add(text)
	}
	return nil
}

// add reads a title that ends with the type of a record, and the record.
func (f *File) add(text string) error {
	title, body, _ := strings.Cut(text, "\n")
	words := strings.Fields(strings.TrimSuffix(title, ":"))
	m, err := decode(words[len(words)-1], body)
	if err == nil {
		f.Records = append(f.Records, m)
	}
	return err
}

// Content returns the bytes of a file.
func (f *File) Content() ([]byte, error) {
	content := []byte(f.Text)
	for _, r := range f.Records {
		record, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil {
			return nil, err
		}
		content = append(binary.LittleEndian.AppendUint32(content, uint32(len(record))), record...)
	}
	return content, nil
}

// Under returns the paths below a directory, in order.
func (t Tree) Under(dir string) []string {
	var all []string
	for path := range t {
		if strings.HasPrefix(path, dir+"/") {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return all
}

// Write makes the files below a directory of the recording in another one. Links within it lead there, too.
func (t Tree) Write(from, to string) error {
	for _, path := range t.Under(from) {
		f, place := t[path], to+strings.TrimPrefix(path, from)
		if err := f.write(place, strings.Replace(f.Target, from, to, 1)); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) write(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch f.Kind {
	case 'd':
		return errors.Join(os.MkdirAll(path, f.Mode), os.Chmod(path, f.Mode))
	case 'l':
		return os.Symlink(target, path)
	}
	content, err := f.Content()
	return errors.Join(err, os.WriteFile(path, content, f.Mode), os.Chmod(path, f.Mode))
}

// Look reads a directory as it is now, as if it had been recorded as another one. Records are decoded as they are in the
// recorded tree.
func Look(dir, as string, recorded Tree) (Tree, error) {
	t := Tree{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := &File{Path: as + strings.TrimPrefix(path, dir), Mode: info.Mode().Perm(), Kind: 'f'}
		t[f.Path] = f
		switch {
		case d.IsDir():
			f.Kind = 'd'
		case info.Mode().Type() == fs.ModeSymlink:
			f.Kind = 'l'
			f.Target, err = os.Readlink(path)
			f.Target = strings.Replace(f.Target, dir, as, 1)
		default:
			err = f.read(path, recorded[f.Path])
		}
		return err
	})
	return t, err
}

// read reads a file as the recorded one was; that is nil if there was none.
func (f *File) read(path string, recorded *File) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if recorded == nil || len(recorded.Records) == 0 {
		f.Text = string(content)
		return nil
	}
	f.Stream = recorded.Stream
	for len(content) > 0 {
		if len(content) < 4 || uint64(len(content)-4) < uint64(binary.LittleEndian.Uint32(content)) {
			return fmt.Errorf("%s is torn", path)
		}
		n := binary.LittleEndian.Uint32(content)
		m := recorded.Records[0].ProtoReflect().New().Interface()
		if err := proto.Unmarshal(content[4:4+n], m); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		f.Records, content = append(f.Records, m), content[4+n:]
	}
	return nil
}
