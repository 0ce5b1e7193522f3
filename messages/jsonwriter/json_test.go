package jsonwriter_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
)

// Each call writes one field or element, with what separates it from the one before and nothing else.
func TestText(t *testing.T) {
	t.Parallel()
	id := &mesospb.SlaveID{Value: proto.String("S0")}
	for want, fields := range map[string]func(jsonwriter.Object){
		`{}`: func(jsonwriter.Object) {},
		`{"a":"x","b":""}`: func(o jsonwriter.Object) {
			o.Str("a", "x")
			o.Str("b", "")
		},
		`{"\"":"\\\n\u0001é"}`: func(o jsonwriter.Object) { o.Str(`"`, "\\\n\x01é") },
		`{"one":1.0,"half":0.5,"none":0.0,"much":1099511627776.0}`: func(o jsonwriter.Object) {
			o.Num("one", 1)
			o.Num("half", 0.5)
			o.Num("none", 0)
			o.Num("much", 1<<40)
		},
		`{"one":1,"most":9223372036854775807,"least":-9223372036854775808}`: func(o jsonwriter.Object) {
			o.Integer("one", 1)
			o.Integer("most", math.MaxInt64)
			o.Integer("least", math.MinInt64)
		},
		`{"yes":true,"no":false}`: func(o jsonwriter.Object) {
			o.Boolean("yes", true)
			o.Boolean("no", false)
		},
		`{"in":{},"out":{"a":1,"b":{"c":2}},"after":3}`: func(o jsonwriter.Object) {
			o.Obj("in", func(jsonwriter.Object) {})
			o.Obj("out", func(o jsonwriter.Object) {
				o.Integer("a", 1)
				o.Obj("b", func(o jsonwriter.Object) { o.Integer("c", 2) })
			})
			o.Integer("after", 3)
		},
		`{"none":[],"two":["a","b"],"after":[]}`: func(o jsonwriter.Object) {
			o.Strs("none", nil)
			o.Strs("two", []string{"a", "b"})
			o.List("after", func(jsonwriter.Array) {})
		},
		`{"list":["a",{"b":1},{},{"value":"S0"},{"value":"S0"}],"after":{"value":"S0"}}`: func(o jsonwriter.Object) {
			o.List("list", func(a jsonwriter.Array) {
				a.Str("a")
				a.Obj(func(o jsonwriter.Object) { o.Integer("b", 1) })
				a.Obj(func(jsonwriter.Object) {})
				a.Message(id)
				a.MessageV1(id)
			})
			o.Message("after", id)
		},
	} {
		if got := string(jsonwriter.Bytes(fields)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := text(jsonwriter.Text(fields)); got != want {
			t.Errorf("in pieces: got  %s\nwant %s", got, want)
		}
	}
}

func text(pieces func(func([]byte) bool)) string {
	var all bytes.Buffer
	for p := range pieces {
		all.Write(p)
	}
	return all.String()
}

// long is a list of n objects of about a kilobyte each; written is called for each.
func long(n int, written func()) func(jsonwriter.Array) {
	return func(a jsonwriter.Array) {
		for i := range n {
			if a.Stopped() {
				return
			}
			written()
			a.Obj(func(o jsonwriter.Object) {
				o.Integer("i", int64(i))
				o.Str("text", strings.Repeat("x", 1000))
			})
		}
	}
}

// A long text comes in pieces of bounded length, the same whenever it is read, and equals the text as a whole.
func TestPieces(t *testing.T) {
	t.Parallel()
	pieces := jsonwriter.List(long(1000, func() {}))
	var lengths []int
	for p := range pieces {
		lengths = append(lengths, len(p))
	}
	if len(lengths) < 10 || slices.Max(lengths) > 80<<10 || slices.Min(lengths[:len(lengths)-1]) < 64<<10 {
		t.Errorf("the pieces have lengths %v, want all but the last to be little more than %d", lengths, 64<<10)
	}
	first := text(pieces)
	var values []struct {
		I    int
		Text string
	}
	if err := json.Unmarshal([]byte(first), &values); err != nil || len(values) != 1000 || values[999].I != 999 {
		t.Errorf("read %d values, %v", len(values), err)
	}
	if again := text(pieces); again != first {
		t.Error("the text is another when it is read again")
	}
	whole := jsonwriter.Bytes(func(o jsonwriter.Object) { o.List("a", long(1000, func() {})) })
	if string(whole) != `{"a":`+first+`}` {
		t.Error("the text in pieces is not that of the whole")
	}
}

// Whoever writes can see that the reader has stopped; a reader that has is given no more.
func TestReaderStops(t *testing.T) {
	t.Parallel()
	n := 0
	for range jsonwriter.List(long(1_000_000, func() { n++ })) {
		break
	}
	if n > 100 {
		t.Errorf("%d elements were written for a reader that wanted one piece", n)
	}
}

// What is remembered is written the same every time, asked for twice, and written as a whole even if it is long.
func TestRemembered(t *testing.T) {
	t.Parallel()
	var memo jsonwriter.Memo
	asked := 0
	object := func(o jsonwriter.Object) {
		o.Remembered(&memo, func(o jsonwriter.Object) {
			asked++
			o.List("long", long(100, func() {}))
			o.Str("last", "x")
		})
		o.Integer("after", 1)
	}
	want := jsonwriter.Bytes(func(o jsonwriter.Object) {
		o.List("long", long(100, func() {}))
		o.Str("last", "x")
		o.Integer("after", 1)
	})
	for i, wantAsked := range []int{1, 2, 2, 2} {
		got := text(jsonwriter.Text(object))
		if got != string(want) || asked != wantAsked {
			t.Errorf("the %d. time it has %d bytes and was asked for %d times, want %d bytes and %d times", i+1, len(got), asked, len(want), wantAsked)
		}
	}
}

// An object of which nothing is remembered is still one.
func TestNothingRemembered(t *testing.T) {
	t.Parallel()
	var memo jsonwriter.Memo
	for range 4 {
		got := string(jsonwriter.Bytes(func(o jsonwriter.Object) {
			o.Remembered(&memo, func(jsonwriter.Object) {})
			o.Integer("after", 1)
		}))
		if got != `{"after":1}` {
			t.Errorf("got %s", got)
		}
	}
}

// Readers share what is remembered.
func TestRememberedBySeveral(t *testing.T) {
	t.Parallel()
	var memo jsonwriter.Memo
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				got := string(jsonwriter.Bytes(func(o jsonwriter.Object) {
					o.Remembered(&memo, func(o jsonwriter.Object) { o.Str("a", "x") })
				}))
				if got != `{"a":"x"}` {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	readers.Wait()
}
