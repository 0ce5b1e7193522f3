package job_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"meseta/cmd/mesos-mapreduce/mapreduce/job"
)

const text = `package main

// main says hello, hello.
func main() { println("hello") }
`

// run runs a job over files, with one map for each file, and returns the lines of the result, sorted as they are
// written.
func run(t testing.TB, s job.Spec, files map[string]string, reduces int) []string {
	t.Helper()
	j, err := job.New(s)
	if err != nil {
		t.Fatal(err)
	}
	runs := make([][]*job.RunReader, reduces)
	for name, content := range files {
		b := job.NewBuffer(j, reduces)
		offset := int64(0)
		for line := range strings.Lines(content) {
			j.Map(job.Line{File: name, Offset: offset, Text: []byte(strings.TrimSuffix(line, "\n"))}, b.Emit)
			offset += int64(len(line))
		}
		for r := range reduces {
			var out bytes.Buffer
			if err := job.WriteRun(&out, b.Run(r)); err != nil {
				t.Fatal(err)
			}
			runs[r] = append(runs[r], job.NewRunReader(&out))
		}
	}
	var out strings.Builder
	for r := range reduces {
		if err := j.Reduce(runs[r], func(p job.Pair) error { return job.WriteResult(&out, p) }); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestJobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec job.Spec
		want string
	}{
		{job.Spec{Name: "wordcount"}, "func\t1 hello\t3 main\t3 package\t1 println\t1 says\t1"},
		{job.Spec{Name: "grep", Pattern: `h\w+o|x*`}, "hello\t3"},
		{job.Spec{Name: "linecount"}, ".go\t4"},
		{job.Spec{Name: "longest"}, ".go\t32\ta/x.go at byte 41"},
		{job.Spec{Name: "index"}, "func\t1\ta/x.go hello\t1\ta/x.go main\t1\ta/x.go package\t1\ta/x.go println\t1\ta/x.go says\t1\ta/x.go"},
	} {
		t.Run(c.spec.Name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(run(t, c.spec, map[string]string{"a/x.go": text}, 1), " "); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestJobsAcrossFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{"b.txt": "x y\nlonger line\n", "a.txt": "y\nz z\n", "c": "y"}
	for _, c := range []struct {
		spec job.Spec
		want string
	}{
		{job.Spec{Name: "index"}, "line\t1\tb.txt longer\t1\tb.txt x\t1\tb.txt y\t3\ta.txt b.txt c z\t1\ta.txt"},
		{job.Spec{Name: "longest"}, "(none)\t1\tc at byte 0 .txt\t11\tb.txt at byte 4"},
		{job.Spec{Name: "linecount"}, "(none)\t1 .txt\t4"},
	} {
		if got := strings.Join(run(t, c.spec, files, 1), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.spec, got, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []job.Spec{{Name: "sort"}, {Name: "grep"}, {Name: "grep", Pattern: "("}} {
		if _, err := job.New(s); err == nil {
			t.Errorf("%v was accepted", s)
		}
	}
}

// However words are distributed over maps and reduces, their counts are those of all words at once.
func TestWordcountProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		files := rapid.MapOfN(rapid.StringN(1, 5, 5), rapid.StringOf(rapid.RuneFrom([]rune("ab_9 \n\té,"))), 1, 4).Draw(rt, "files")
		want := map[string]int64{}
		for _, content := range files {
			for _, w := range strings.FieldsFunc(content, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				want[w]++
			}
		}
		got := map[string]int64{}
		for _, line := range run(t, job.Spec{Name: "wordcount"}, files, rapid.IntRange(1, 5).Draw(rt, "reduces")) {
			if p, err := job.ParseResult(line); err == nil {
				got[p.Key] = p.Value.N
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		for w, n := range want {
			if got[w] != n {
				rt.Fatalf("%q: got %d, want %d", w, got[w], n)
			}
		}
	})
}

// FuzzRunReader reads arbitrary data as a run. Reading ends with an error or with pairs that are written and read
// alike.
func FuzzRunReader(f *testing.F) {
	var good bytes.Buffer
	_ = job.WriteRun(&good, func(yield func(job.Pair) bool) {
		_ = yield(job.Pair{Key: "a", Value: job.Value{N: -1, Text: "t"}}) && yield(job.Pair{Key: "b"})
	})
	f.Add(good.Bytes())
	f.Add([]byte{1, 'a'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var pairs []job.Pair
		for r := job.NewRunReader(bytes.NewReader(data)); ; {
			p, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					return
				}
				break
			}
			pairs = append(pairs, p)
		}
		var out bytes.Buffer
		if err := job.WriteRun(&out, func(yield func(job.Pair) bool) {
			for _, p := range pairs {
				if !yield(p) {
					return
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		for i, r := 0, job.NewRunReader(&out); ; i++ {
			p, err := r.Next()
			if errors.Is(err, io.EOF) && i == len(pairs) {
				return
			}
			if err != nil || p != pairs[i] {
				t.Fatalf("pair %d came back as %v, %v", i, p, err)
			}
		}
	})
}

func BenchmarkWordcountMap(b *testing.B) {
	j, err := job.New(job.Spec{Name: "wordcount"})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var lines [][]byte
	total := 0
	for range 1000 {
		var line []byte
		for range 8 {
			line = append(line, "abcdefghij"[:1+r.IntN(9)]...)
			line = append(line, ' ')
		}
		lines = append(lines, line)
		total += len(line)
	}
	b.SetBytes(int64(total))
	for b.Loop() {
		buffer := job.NewBuffer(j, 4)
		for _, l := range lines {
			j.Map(job.Line{Text: l}, buffer.Emit)
		}
	}
}
