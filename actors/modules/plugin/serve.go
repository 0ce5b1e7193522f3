package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"

	"meseta/actors/modules"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
)

// Serve makes a program of those modules of a catalogue that are of one of the kinds. A daemon may then use it as one of
// its libraries. Serve answers requests from in on out until there are no more: in a main function, from os.Stdin on
// os.Stdout.
func Serve(c *modules.Catalogue, in io.Reader, out io.Writer, kinds ...Kind) error {
	n, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		return err
	}
	defer n.Close(context.Background()) //nolint:errcheck // it has no wire
	s := &server{node: n, catalogue: c, kinds: kinds, made: map[string]Answer{}}
	return s.serve(in, out)
}

// server is a program with modules.
type server struct {
	node      *runtime.Node
	catalogue *modules.Catalogue
	kinds     []Kind
	made      map[string]Answer
}

func (s *server) serve(in io.Reader, out io.Writer) error {
	read := bufio.NewReader(in)
	for {
		r := &pluginpb.Request{}
		err := protodelim.UnmarshalOptions{MaxSize: most}.UnmarshalFrom(read, r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		response, err := s.answer(r)
		if err != nil {
			response = &pluginpb.Response{Error: err.Error()}
		}
		if _, err := protodelim.MarshalTo(out, response); err != nil {
			return fmt.Errorf("answer a request: %w", err)
		}
	}
}

func (s *server) answer(r *pluginpb.Request) (*pluginpb.Response, error) {
	switch call := r.GetCall().(type) {
	case *pluginpb.Request_Describe:
		return s.describe(), nil
	case *pluginpb.Request_Create:
		return s.create(call.Create)
	case *pluginpb.Request_Estimate:
		return s.ask(call.Estimate.GetName(), r)
	case *pluginpb.Request_Correct:
		return s.ask(call.Correct.GetName(), r)
	case *pluginpb.Request_Hook:
		return s.ask(call.Hook.GetName(), r)
	}
	return unknown(r)
}

// unknown answers a call that the module does not know.
func unknown(*pluginpb.Request) (*pluginpb.Response, error) {
	return nil, errors.New("the call is of a kind that is not known here")
}

func (s *server) describe() *pluginpb.Response {
	var all []*pluginpb.Module
	for _, name := range s.catalogue.Names() {
		if _, ok := s.kind(name); ok {
			all = append(all, &pluginpb.Module{Name: name, Kind: s.catalogue.Kind(name)})
		}
	}
	return &pluginpb.Response{Answer: &pluginpb.Response_Described{Described: &pluginpb.Described{Modules: all}}}
}

// kind returns the kind of a module, if it is one of those that the program serves.
func (s *server) kind(name string) (Kind, bool) {
	for _, k := range s.kinds {
		if k.Name == s.catalogue.Kind(name) {
			return k, true
		}
	}
	return Kind{}, false
}

// create makes a module as a daemon would that has it built in.
func (s *server) create(c *pluginpb.Create) (*pluginpb.Response, error) {
	k, ok := s.kind(c.GetName())
	if !ok {
		return nil, fmt.Errorf("there is no module %q", c.GetName())
	}
	set := &modules.Set{}
	manifest := &modulepb.Modules{Libraries: []*modulepb.Modules_Library{{
		Name: new(string), Modules: []*modulepb.Modules_Library_Module{{Name: &c.Name, Parameters: c.GetParameters()}},
	}}}
	if err := set.Load(s.catalogue, manifest); err != nil {
		return nil, err
	}
	answer, created, err := k.Make(s.node, set, c.GetName())
	if err != nil {
		return nil, err
	}
	s.made[c.GetName()] = answer
	return &pluginpb.Response{Answer: &pluginpb.Response_Created{Created: created}}, nil
}

// ask has a module answer a call.
func (s *server) ask(name string, r *pluginpb.Request) (*pluginpb.Response, error) {
	answer, ok := s.made[name]
	if !ok {
		return nil, fmt.Errorf("there is no module %q, or it was not made", name)
	}
	return answer(r)
}
