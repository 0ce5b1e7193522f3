package job

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Pair is a key with its value.
type Pair struct {
	Key   string
	Value Value
}

// Buffer collects the pairs that a map emits, merged and partitioned by key.
type Buffer struct {
	job        Job
	partitions []map[string]*Value
}

// NewBuffer returns an empty buffer with the given number of partitions.
func NewBuffer(j Job, partitions int) *Buffer {
	b := &Buffer{job: j, partitions: make([]map[string]*Value, partitions)}
	for i := range b.partitions {
		b.partitions[i] = map[string]*Value{}
	}
	return b
}

// Emit adds one pair.
func (b *Buffer) Emit(key []byte, v Value) {
	p := b.partitions[Partition(key, len(b.partitions))]
	if old, ok := p[string(key)]; ok {
		*old = b.job.Merge(*old, v)
		return
	}
	p[string(key)] = &v
}

// Partition returns the reduce, of n, that a key belongs to.
func Partition(key []byte, n int) int {
	h := fnv.New32a()
	h.Write(key)
	return int(h.Sum32() % uint32(n))
}

// Run yields the pairs of one partition, sorted by key. Such a sequence is called a run.
func (b *Buffer) Run(partition int) func(yield func(Pair) bool) {
	return func(yield func(Pair) bool) {
		p := b.partitions[partition]
		for _, key := range slices.Sorted(maps.Keys(p)) {
			if !yield(Pair{key, *p[key]}) {
				return
			}
		}
	}
}

// WriteRun writes a run in the form in which it is stored and served.
func WriteRun(w io.Writer, run func(yield func(Pair) bool)) error {
	out := bufio.NewWriter(w)
	var head []byte
	for p := range run {
		head = binary.AppendUvarint(head[:0], uint64(len(p.Key)))
		head = append(head, p.Key...)
		head = binary.AppendVarint(head, p.Value.N)
		head = binary.AppendUvarint(head, uint64(len(p.Value.Text)))
		head = append(head, p.Value.Text...)
		if _, err := out.Write(head); err != nil {
			return err
		}
	}
	return out.Flush()
}

// maxText bounds the length of a key or text that is read, so that a damaged run cannot take all memory.
const maxText = 64 << 20

// RunReader reads a run.
type RunReader struct{ in *bufio.Reader }

// NewRunReader returns a reader of the run in r.
func NewRunReader(r io.Reader) *RunReader { return &RunReader{bufio.NewReader(r)} }

// Next returns the next pair, or [io.EOF] after the last one.
func (r *RunReader) Next() (Pair, error) {
	if _, err := r.in.Peek(1); err != nil {
		return Pair{}, err
	}
	key, err := r.text()
	if err != nil {
		return Pair{}, damaged(err)
	}
	n, err := binary.ReadVarint(r.in)
	if err != nil {
		return Pair{}, damaged(err)
	}
	text, err := r.text()
	if err != nil {
		return Pair{}, damaged(err)
	}
	return Pair{key, Value{n, text}}, nil
}

func (r *RunReader) text() (string, error) {
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return "", err
	}
	if n > maxText {
		return "", fmt.Errorf("%d bytes of text", n)
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r.in, int64(n)); err != nil {
		return "", err
	}
	return b.String(), nil
}

func damaged(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("damaged run: %w", err)
}

// Reduce merges sorted runs and passes the finished value of each key to out, in the order of keys.
func (j Job) Reduce(runs []*RunReader, out func(Pair) error) error {
	m, err := newMerger(runs)
	if err != nil {
		return err
	}
	for len(m) > 0 {
		current := m[0].pair
		if err := m.advance(); err != nil {
			return err
		}
		for len(m) > 0 && m[0].pair.Key == current.Key {
			current.Value = j.Merge(current.Value, m[0].pair.Value)
			if err := m.advance(); err != nil {
				return err
			}
		}
		if j.Finish != nil {
			current.Value = j.Finish(current.Value)
		}
		if err := out(current); err != nil {
			return err
		}
	}
	return nil
}

// merger is a heap of runs, ordered by their next key and then by their number, so that the order is deterministic.
type merger []*source

type source struct {
	number int
	run    *RunReader
	pair   Pair
}

func newMerger(runs []*RunReader) (merger, error) {
	var m merger
	for i, r := range runs {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m = append(m, &source{i, r, p})
	}
	heap.Init(&m)
	return m, nil
}

// advance replaces the first pair by the next one of its run.
func (m *merger) advance() error {
	first := (*m)[0]
	p, err := first.run.Next()
	switch {
	case errors.Is(err, io.EOF):
		heap.Pop(m)
		return nil
	case err != nil:
		return err
	}
	first.pair = p
	heap.Fix(m, 0)
	return nil
}

func (m merger) Len() int      { return len(m) }
func (m merger) Swap(i, k int) { m[i], m[k] = m[k], m[i] }
func (m merger) Less(i, k int) bool {
	if m[i].pair.Key != m[k].pair.Key {
		return m[i].pair.Key < m[k].pair.Key
	}
	return m[i].number < m[k].number
}
func (m *merger) Push(x any) { *m = append(*m, x.(*source)) }
func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// WriteResult writes a finished pair as a line of the output: key, amount, and the text if there is one. Tabs and other
// control characters in a key are escaped.
func WriteResult(w io.Writer, p Pair) error {
	key := p.Key
	if strings.ContainsFunc(key, unicode.IsControl) {
		quoted := strconv.Quote(key)
		key = quoted[1 : len(quoted)-1]
	}
	var err error
	if p.Value.Text == "" {
		_, err = fmt.Fprintf(w, "%s\t%d\n", key, p.Value.N)
	} else {
		_, err = fmt.Fprintf(w, "%s\t%d\t%s\n", key, p.Value.N, p.Value.Text)
	}
	return err
}

// ParseResult parses a line of [WriteResult], without its line break. It does not remove escapes.
func ParseResult(line string) (Pair, error) {
	key, rest, ok := strings.Cut(line, "\t")
	if !ok {
		return Pair{}, fmt.Errorf("%q is no line of a result", line)
	}
	amount, text, _ := strings.Cut(rest, "\t")
	n, err := strconv.ParseInt(amount, 10, 64)
	if err != nil {
		return Pair{}, fmt.Errorf("%q is no line of a result: %w", line, err)
	}
	return Pair{key, Value{n, text}}, nil
}
