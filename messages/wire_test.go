package messages_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "meseta/messages/pb/agentpb"
	_ "meseta/messages/pb/agentstatepb"
	_ "meseta/messages/pb/allocatorpb"
	_ "meseta/messages/pb/appcpb"
	_ "meseta/messages/pb/authorizationpb"
	_ "meseta/messages/pb/authorizerpb"
	_ "meseta/messages/pb/cnipb"
	_ "meseta/messages/pb/csi/csiv0pb"
	_ "meseta/messages/pb/csi/csiv1pb"
	_ "meseta/messages/pb/csistatepb"
	_ "meseta/messages/pb/dockerpb"
	_ "meseta/messages/pb/dockerv1pb"
	_ "meseta/messages/pb/dockerv22pb"
	_ "meseta/messages/pb/dockerv2pb"
	_ "meseta/messages/pb/executorpb"
	_ "meseta/messages/pb/fetcherpb"
	_ "meseta/messages/pb/internalpb"
	_ "meseta/messages/pb/logpb"
	_ "meseta/messages/pb/maintenancepb"
	_ "meseta/messages/pb/masterpb"
	_ "meseta/messages/pb/mesospb"
	_ "meseta/messages/pb/modulepb"
	_ "meseta/messages/pb/ocipb"
	_ "meseta/messages/pb/quotapb"
	_ "meseta/messages/pb/registrypb"
	_ "meseta/messages/pb/resourceproviderpb"
	_ "meseta/messages/pb/schedulerpb"
	_ "meseta/messages/pb/seccomppb"
	_ "meseta/messages/pb/slavepb"
	_ "meseta/messages/pb/statepb"
	_ "meseta/messages/pb/uripb"
	_ "meseta/messages/pb/v1/agentv1pb"
	_ "meseta/messages/pb/v1/allocatorv1pb"
	_ "meseta/messages/pb/v1/executorv1pb"
	_ "meseta/messages/pb/v1/maintenancev1pb"
	_ "meseta/messages/pb/v1/masterv1pb"
	_ "meseta/messages/pb/v1/mesosv1pb"
	_ "meseta/messages/pb/v1/quotav1pb"
	_ "meseta/messages/pb/v1/resourceproviderv1pb"
	_ "meseta/messages/pb/v1/schedulerv1pb"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file instead of comparing with it")

// TestDescriptorsAreThoseOfTheReference compares every message, enum and service with the reference's: names, numbers,
// labels, types, defaults, oneofs and options.
func TestDescriptorsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	reference := referenceFiles(t)
	compared := 0
	for _, file := range reference.GetFile() {
		if strings.HasPrefix(file.GetName(), "google/protobuf/") {
			continue
		}
		scope := protoreflect.FullName(file.GetPackage())
		for _, message := range file.GetMessageType() {
			compare(t, scope.Append(protoreflect.Name(message.GetName())), message)
			compared++
		}
		for _, enum := range file.GetEnumType() {
			compare(t, scope.Append(protoreflect.Name(enum.GetName())), enum)
			compared++
		}
		for _, service := range file.GetService() {
			compare(t, scope.Append(protoreflect.Name(service.GetName())), service)
			compared++
		}
	}
	if compared < 300 {
		t.Errorf("the reference has only %d declarations", compared)
	}
}

func referenceFiles(t *testing.T) *descriptorpb.FileDescriptorSet {
	t.Helper()
	shared := os.Getenv("MESETA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	bytes, err := os.ReadFile(filepath.Join(shared, "reference", "mesos.fds"))
	if err != nil {
		t.Skip("no descriptors of the reference here:", err)
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(bytes, &files); err != nil {
		t.Fatal(err)
	}
	return &files
}

func compare(t *testing.T, name protoreflect.FullName, want proto.Message) {
	t.Helper()
	ours, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var got proto.Message
	switch ours := ours.(type) {
	case protoreflect.MessageDescriptor:
		got = protodesc.ToDescriptorProto(ours)
		normalize(got.(*descriptorpb.DescriptorProto))
		normalize(want.(*descriptorpb.DescriptorProto))
	case protoreflect.EnumDescriptor:
		got = protodesc.ToEnumDescriptorProto(ours)
	case protoreflect.ServiceDescriptor:
		got = protodesc.ToServiceDescriptorProto(ours)
		for _, method := range want.(*descriptorpb.ServiceDescriptorProto).GetMethod() {
			method.Options = nil // those of the reference are all empty
		}
	}
	if !proto.Equal(got, want) {
		t.Errorf("%s differs:\n got %v\nwant %v", name, got, want)
	}
}

// normalize removes what compilers derive, and any order that has no meaning.
func normalize(message *descriptorpb.DescriptorProto) {
	for _, field := range message.GetField() {
		field.JsonName = nil
	}
	slices.SortFunc(message.GetNestedType(), func(a, b *descriptorpb.DescriptorProto) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	for _, nested := range message.GetNestedType() {
		normalize(nested)
	}
}

// TestWireNamesStay compares all names and numbers on the wire with testdata/wirenames.txt. A changed line there breaks
// existing clients.
func TestWireNamesStay(t *testing.T) {
	t.Parallel()
	var lines []string
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "messages/") {
			return true
		}
		lines = append(lines, messageNames(file.Messages())...)
		lines = append(lines, enumNames(file.Enums())...)
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				lines = append(lines, fmt.Sprintf("%s(%s) %s", method.FullName(), method.Input().FullName(),
					method.Output().FullName()))
			}
		}
		return true
	})
	slices.Sort(lines)
	golden(t, filepath.Join("testdata", "wirenames.txt"), strings.Join(lines, "\n")+"\n")
}

func messageNames(messages protoreflect.MessageDescriptors) []string {
	var lines []string
	for i := range messages.Len() {
		message := messages.Get(i)
		lines = append(lines, string(message.FullName()))
		for j := range message.Fields().Len() {
			lines = append(lines, fieldName(message.Fields().Get(j)))
		}
		lines = append(lines, messageNames(message.Messages())...)
		lines = append(lines, enumNames(message.Enums())...)
	}
	return lines
}

func fieldName(field protoreflect.FieldDescriptor) string {
	kind := field.Kind().String()
	switch {
	case field.Message() != nil:
		kind = string(field.Message().FullName())
	case field.Enum() != nil:
		kind = string(field.Enum().FullName())
	}
	line := fmt.Sprintf("%s = %d %v %s", field.FullName(), field.Number(), field.Cardinality(), kind)
	if field.HasDefault() {
		line += fmt.Sprintf(" default %v", field.Default())
	}
	return line
}

func enumNames(enums protoreflect.EnumDescriptors) []string {
	var lines []string
	for i := range enums.Len() {
		enum := enums.Get(i)
		for j := range enum.Values().Len() {
			value := enum.Values().Get(j)
			lines = append(lines, fmt.Sprintf("%s.%s = %d", enum.FullName(), value.Name(), value.Number()))
		}
	}
	return lines
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wanted, have := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for _, line := range wanted {
		if !slices.Contains(have, line) {
			t.Errorf("%s: gone: %s", name, line)
		}
	}
	for _, line := range have {
		if !slices.Contains(wanted, line) {
			t.Errorf("%s: new (go test -rewrite to accept): %s", name, line)
		}
	}
}
