package traceparent_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"meseta/runtime/internal/eventid"
	"meseta/runtime/internal/traceparent"
)

const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// FuzzParse compares the verdict with that of OpenTelemetry.
func FuzzParse(f *testing.F) {
	for _, value := range []string{
		valid, "", "00", strings.ToUpper(valid), valid[:54], valid + "-x", valid + "x", "01" + valid[2:], "01" + valid[2:] + "-x",
		"01" + valid[2:] + "x", "ff" + valid[2:], "0g" + valid[2:], "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", strings.Replace(valid, "-", "_", 1), valid[:53] + "00", valid[:53] + "0g",
		strings.Replace(valid, "c-b", "cb", 1) + "0",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		their := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": value}))
		id, ok := traceparent.Parse([]byte(value))
		// OpenTelemetry refuses flags that have no meaning yet, which the recommendation tells to ignore, and takes a dash at the
		// end, which it does not allow.
		unknown, dash := ok && value[:2] == "00" && value[53:] > "03", len(value) == traceparent.Size+1 && value[traceparent.Size] == '-'
		if ok != their.IsValid() && !unknown && !dash {
			t.Fatalf("%q: %t, of OpenTelemetry %t", value, ok, their.IsValid())
		}
		if ok && their.IsValid() && id.String() != their.TraceID().String() {
			t.Errorf("%q: trace %s, of OpenTelemetry %s", value, id, their.TraceID())
		}
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	for _, id := range []eventid.ID{{Node: 1, Seq: 2}, {Node: ^uint64(0), Seq: ^uint64(0)}, {Seq: 1}, {Node: 1}} {
		value := traceparent.Append([]byte("x"), id)[1:]
		if back, ok := traceparent.Parse(value); !ok || back != id || len(value) != traceparent.Size {
			t.Errorf("%s is read as %s, %t", value, back, ok)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	buffer := make([]byte, 0, traceparent.Size)
	for seq := range uint64(b.N) {
		traceparent.Append(buffer, eventid.ID{Node: 0x0123456789abcdef, Seq: seq})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	value := traceparent.Append(nil, eventid.ID{Node: 0x0123456789abcdef, Seq: 7})
	for b.Loop() {
		traceparent.Parse(value)
	}
}
