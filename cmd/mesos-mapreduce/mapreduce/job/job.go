// Package job defines the jobs of a MapReduce run: they map lines of text to keyed values, and merge the values of a
// key. A job is a [Job] value; [New] makes one from a [Spec], which is sent to the task trackers. To add a job, write
// it and list it in kinds.
//
// The functions of a job are pure: the same split gives the same pairs on any node, so that a lost task can be run
// again.
package job

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Spec names a job. It is sent as JSON.
type Spec struct {
	Name    string `json:"name"`
	Pattern string `json:"pattern,omitempty"` // of grep
}

// String returns the job's name for display.
func (s Spec) String() string {
	if s.Pattern == "" {
		return s.Name
	}
	return s.Name + " " + s.Pattern
}

// Line is a line of the input, without its line break. Text is valid only during the call.
type Line struct {
	File   string
	Offset int64 // of its first byte in File
	Text   []byte
}

// Value is the value of a key: an amount by which the result is ordered, and a text that may explain it.
type Value struct {
	N    int64
	Text string
}

// Job is a computation on text.
type Job struct {
	// Map emits the contribution of a line. The key is valid only during the call.
	Map func(l Line, emit func(key []byte, v Value))
	// Merge combines two values of a key. It is associative and commutative, so that it can be used on both sides: as
	// the combiner after a map, and as the reducer.
	Merge func(a, b Value) Value
	// Finish converts the merged value of a key into the result. nil means that the value is the result.
	Finish func(v Value) Value
}

// kinds lists the jobs.
var kinds = []struct {
	name, help string
	make       func(Spec) (Job, error)
}{
	{"wordcount", "how often each word occurs", func(Spec) (Job, error) { return wordcount(), nil }},
	{"grep", "how often each text that matches PATTERN occurs", grep},
	{"linecount", "how many lines the files of each kind have", func(Spec) (Job, error) { return linecount(), nil }},
	{"longest", "the longest line of each kind of file, and where it is", func(Spec) (Job, error) { return longest(), nil }},
	{"index", "which files each word occurs in", func(Spec) (Job, error) { return index(), nil }},
}

// Help returns a list of the jobs, one a line.
func Help() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "%-10s %s\n", k.name, k.help)
	}
	return b.String()
}

// New returns the job that s names.
func New(s Spec) (Job, error) {
	for _, k := range kinds {
		if k.name == s.Name {
			return k.make(s)
		}
	}
	return Job{}, fmt.Errorf("there is no job %q; there are:\n%s", s.Name, Help())
}

func sum(a, b Value) Value { return Value{N: a.N + b.N} }

func wordcount() Job {
	return Job{
		Map: func(l Line, emit func([]byte, Value)) {
			for word := range words(l.Text) {
				emit(word, Value{N: 1})
			}
		},
		Merge: sum,
	}
}

func grep(s Spec) (Job, error) {
	if s.Pattern == "" {
		return Job{}, fmt.Errorf("grep needs a pattern")
	}
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		return Job{}, fmt.Errorf("grep: %w", err)
	}
	return Job{
		Map: func(l Line, emit func([]byte, Value)) {
			for _, m := range re.FindAllIndex(l.Text, -1) {
				if m[0] < m[1] {
					emit(l.Text[m[0]:m[1]], Value{N: 1})
				}
			}
		},
		Merge: sum,
	}, nil
}

func linecount() Job {
	return Job{
		Map:   func(l Line, emit func([]byte, Value)) { emit(kind(l.File), Value{N: 1}) },
		Merge: sum,
	}
}

func longest() Job {
	return Job{
		Map: func(l Line, emit func([]byte, Value)) {
			if len(l.Text) > 0 {
				emit(kind(l.File), Value{N: int64(len(l.Text)), Text: fmt.Sprintf("%s at byte %d", l.File, l.Offset)})
			}
		},
		Merge: func(a, b Value) Value {
			if a.N > b.N || a.N == b.N && a.Text <= b.Text {
				return a
			}
			return b
		},
	}
}

// index keeps the files of a word, one a line. The same file often comes twice in a row.
func index() Job {
	return Job{
		Map: func(l Line, emit func([]byte, Value)) {
			for word := range words(l.Text) {
				emit(word, Value{Text: l.File})
			}
		},
		Merge: func(a, b Value) Value {
			if a.Text == b.Text || strings.HasSuffix(a.Text, "\n"+b.Text) {
				return a
			}
			return Value{Text: a.Text + "\n" + b.Text}
		},
		Finish: func(v Value) Value {
			files := strings.Split(v.Text, "\n")
			slices.Sort(files)
			files = slices.Compact(files)
			return Value{N: int64(len(files)), Text: strings.Join(files, " ")}
		},
	}
}

func kind(file string) []byte {
	if ext := filepath.Ext(file); ext != "" {
		return []byte(ext)
	}
	return []byte("(none)")
}

// words yields the sequences of letters, digits and underscores.
func words(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			start := skip(text, false)
			text = text[start:]
			end := skip(text, true)
			if end > 0 && !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

// skip returns the length of the prefix of text that belongs to words, or does not.
func skip(text []byte, inWords bool) int {
	i := 0
	for i < len(text) {
		if c := text[i]; c < utf8.RuneSelf {
			if asciiWord[c] != inWords {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if (r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))) != inWords {
			return i
		}
		i += n
	}
	return i
}

// asciiWord tells which ASCII characters belong to words.
var asciiWord = func() (in [utf8.RuneSelf]bool) {
	for c := range in {
		in[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
	}
	return in
}()
