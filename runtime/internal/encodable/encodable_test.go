package encodable_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime/internal/encodable"
)

// The verdict is that of encoding, for types that can always be encoded and for those that cannot, at any depth.
func TestErrorIsThatOfEncoding(t *testing.T) {
	t.Parallel()
	part := &descriptorpb.UninterpretedOption_NamePart{NamePart: proto.String("only one of two")}
	for what, m := range map[string]proto.Message{
		"empty":       &emptypb.Empty{},
		"number":      wrapperspb.Int64(1),
		"bytes":       wrapperspb.Bytes([]byte{0xff}),
		"text":        wrapperspb.String("good"),
		"no text":     wrapperspb.String("\xff"),
		"list":        structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("\xff")}}),
		"key":         &structpb.Struct{Fields: map[string]*structpb.Value{"\xff": structpb.NewNullValue()}},
		"proto2 text": &descriptorpb.FileDescriptorProto{Name: proto.String("\xff")},
		"missing":     part,
		"missing in":  &descriptorpb.FileOptions{UninterpretedOption: []*descriptorpb.UninterpretedOption{{Name: []*descriptorpb.UninterpretedOption_NamePart{part}}}},
		"complete":    &descriptorpb.UninterpretedOption_NamePart{NamePart: proto.String("a"), IsExtension: proto.Bool(true)},
	} {
		_, want := proto.Marshal(m)
		got := encodable.Error(m)
		if (got == nil) != (want == nil) {
			t.Errorf("%s: %v; encoding says %v", what, got, want)
		}
		if encodable.CheckOf(m) == nil && want != nil {
			t.Errorf("%s is of a type that is never checked", what)
		}
	}
}

// Types without required fields and text are not checked at all: sending them within a node costs nothing.
func TestSomeTypesAreNeverChecked(t *testing.T) {
	t.Parallel()
	for _, m := range []proto.Message{&emptypb.Empty{}, wrapperspb.Int64(1), wrapperspb.Bytes(nil)} {
		if encodable.CheckOf(m) != nil {
			t.Errorf("a %T is checked", m)
		}
	}
}
