package events_test

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime/internal/events"
)

// A message is taken for as long as it is on the wire, and for little longer if there are only numbers in it; also if others are
// in it which this program does not know.
func TestSizesAreThoseOnTheWire(t *testing.T) {
	t.Parallel()
	unknown := protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), []byte(strings.Repeat("x", 5000)))
	for _, m := range []proto.Message{
		&emptypb.Empty{}, (*emptypb.Empty)(nil), &durationpb.Duration{Seconds: -1, Nanos: -1}, &durationpb.Duration{},
		wrapperspb.Bool(true), wrapperspb.Double(1), wrapperspb.UInt64(1 << 63),
		wrapperspb.String(strings.Repeat("x", 5000)), wrapperspb.Bytes(make([]byte, 5000)),
		structpb.NewListValue(&structpb.ListValue{Values: make([]*structpb.Value, 100)}),
		&descriptorpb.UninterpretedOption_NamePart{NamePart: proto.String("name"), IsExtension: proto.Bool(true)},
		&descriptorpb.MethodOptions{Deprecated: proto.Bool(true)}, // has extensions
	} {
		for _, more := range [][]byte{nil, unknown} {
			if more != nil && m.ProtoReflect().IsValid() {
				m.ProtoReflect().SetUnknown(more)
			}
			got, want := int(events.SizerOf(reflect.TypeOf(m)).Size(m)), proto.Size(m)
			if got < want || got > want+24 {
				t.Errorf("%T with %d bytes of unknown fields: %d; want %d", m, len(more), got, want)
			}
		}
	}
}
