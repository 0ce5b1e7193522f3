// Command protogen compiles every .proto file below messages/ into the Go file beside it.
//
// It is a single process without external tools: protocompile parses and links the files, and the generator of
// protoc-gen-go writes the Go code. So go generate ./messages works on a fresh machine with only Go. Frequent messages
// get faster methods in addition, for the binary format and for Mesos's JSON. With -check nothing is written; the
// command fails and names each generated file that is missing, outdated or superfluous.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	_ "github.com/planetscale/vtprotobuf/features/marshal"
	_ "github.com/planetscale/vtprotobuf/features/size"
	"github.com/planetscale/vtprotobuf/generator"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	root := flag.String("root", ".", "folder that holds messages/, the module's root")
	check := flag.Bool("check", false, "write nothing; fail if a generated file is not what it would be")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	sources, err := find(root, ".proto")
	if err != nil {
		return err
	}
	generated, err := generate(root, sources)
	if err != nil {
		return err
	}
	if check {
		return compare(root, generated)
	}
	for name, content := range generated {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// find returns the files below root/messages whose name ends in suffix, relative to root, in order.
func find(root, suffix string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(filepath.Join(root, "messages"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		name, err := filepath.Rel(root, path)
		found = append(found, filepath.ToSlash(name))
		return err
	})
	slices.Sort(found)
	return found, err
}

// generate returns the content of every generated file by its name relative to root.
func generate(root string, sources []string) (map[string][]byte, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{root},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), sources...)
	if err != nil {
		return nil, err
	}
	plugin, err := protogen.Options{}.New(request(sources, files))
	if err != nil {
		return nil, err
	}
	for _, file := range plugin.Files {
		if file.Generate {
			internal_gengo.GenerateFile(plugin, file)
		}
	}
	out, err := contents(plugin.Response())
	if err != nil {
		return nil, err
	}
	for _, more := range []func([]string, linker.Files) (map[string][]byte, error){generateFaster, generateJSON} {
		written, err := more(sources, files)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, written)
	}
	return out, nil
}

// hot lists the packages with frequent messages. They get methods MarshalVT and SizeVT in addition to protobuf's own;
// for other packages these would only enlarge the binaries. There is no UnmarshalVT, because it has no limit for the
// depth of nested messages, so that foreign bytes could end the process.
var hot = []string{"messages/pb/mesospb/", "messages/pb/internalpb/", "messages/pb/schedulerpb/", "messages/pb/masterpb/", "messages/pb/agentpb/"}

// generateFaster generates those methods with vtprotobuf's generator.
func generateFaster(sources []string, files linker.Files) (map[string][]byte, error) {
	plugin, err := protogen.Options{}.New(request(below(hot, sources), files))
	if err != nil {
		return nil, err
	}
	vtproto, err := generator.NewGenerator(plugin, []string{"marshal", "size"}, &generator.Config{})
	if err != nil {
		return nil, err
	}
	vtproto.Generate()
	return contents(plugin.Response())
}

// below returns the sources that are in one of folders.
func below(folders, sources []string) []string {
	return slices.DeleteFunc(slices.Clone(sources), func(source string) bool {
		return !slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(source, folder) })
	})
}

// request describes files and everything that they import to the generator, imports first.
func request(sources []string, files linker.Files) *pluginpb.CodeGeneratorRequest {
	req := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: sources,
		Parameter:      proto.String("module=meseta"),
	}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		req.ProtoFile = append(req.ProtoFile, descriptor(file))
	}
	for _, file := range files {
		add(file)
	}
	return req
}

// descriptor keeps the comments, which protodesc drops.
func descriptor(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	if result, ok := file.(linker.Result); ok {
		return result.FileDescriptorProto()
	}
	return protodesc.ToFileDescriptorProto(file)
}

func contents(resp *pluginpb.CodeGeneratorResponse) (map[string][]byte, error) {
	if resp.Error != nil {
		return nil, errors.New(resp.GetError())
	}
	out := make(map[string][]byte, len(resp.File))
	for _, file := range resp.File {
		out[file.GetName()] = document([]byte(file.GetContent()))
	}
	return out, nil
}

// document makes the comment above a .proto file's package statement the package comment in Go. protoc-gen-go writes it
// there, but with an empty line below.
func document(content []byte) []byte {
	content = toolVersion.ReplaceAll(content, nil)
	return packageComment.ReplaceAll(content, []byte("${1}package "))
}

// toolVersion matches the version of the program that runs the generator. It depends on how this program was built.
var toolVersion = regexp.MustCompile(`(?m)^// protoc-gen-go-vtproto version: .*\n`)

var packageComment = regexp.MustCompile(`(?m)^(// Package .*\n(?://.*\n)*)\npackage `)

// compare returns an error with every difference between the tree and the generated files.
func compare(root string, generated map[string][]byte) error {
	present, err := find(root, ".pb.go")
	if err != nil {
		return err
	}
	var problems []string
	for _, name := range present {
		if _, ok := generated[name]; !ok {
			problems = append(problems, name+" has no .proto file any more")
		}
	}
	for name, want := range generated {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(have, want) {
			problems = append(problems, name+" is stale")
		}
	}
	slices.Sort(problems)
	if len(problems) > 0 {
		return fmt.Errorf("run `go generate ./messages`:\n  %s", strings.Join(problems, "\n  "))
	}
	return nil
}
