package oversubscription

import (
	"context"
	"errors"
	"fmt"
	"io"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
)

// Serve makes a program of the estimators and controllers in a catalogue, which an agent may use as one of its libraries. It
// answers requests from in on out until there are no more: in a main function, from os.Stdin on os.Stdout.
func Serve(c *modules.Catalogue, in io.Reader, out io.Writer) error {
	n, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		return err
	}
	defer n.Close(context.Background()) //nolint:errcheck // it has no wire
	s := &server{node: n, catalogue: c, made: map[string]module{}}
	return plugin.Serve(in, out, s.answer)
}

// server is a program with modules.
type server struct {
	node      *runtime.Node
	catalogue *modules.Catalogue
	made      map[string]module
	usage     *mesospb.ResourceUsage // of the request that is being answered
}

type module struct {
	ResourceEstimator
	QoSController
}

func (s *server) answer(r *pluginpb.Request) (*pluginpb.Response, error) {
	switch call := r.GetCall().(type) {
	case *pluginpb.Request_Describe:
		return s.describe(), nil
	case *pluginpb.Request_Create:
		return &pluginpb.Response{}, s.create(call.Create)
	case *pluginpb.Request_Estimate:
		return s.estimate(call.Estimate)
	case *pluginpb.Request_Correct:
		return s.correct(call.Correct)
	}
	return nil, errors.New("the call is of a kind that is not known here")
}

func (s *server) describe() *pluginpb.Response {
	var all []*pluginpb.Module
	for _, name := range s.catalogue.Names() {
		all = append(all, &pluginpb.Module{Name: name, Kind: s.catalogue.Kind(name)})
	}
	return &pluginpb.Response{Answer: &pluginpb.Response_Described{Described: &pluginpb.Described{Modules: all}}}
}

// create makes a module as an agent would that has it built in.
func (s *server) create(c *pluginpb.Create) error {
	var set modules.Set
	manifest := &modulepb.Modules{Libraries: []*modulepb.Modules_Library{{
		Name: new(string), Modules: []*modulepb.Modules_Library_Module{{Name: &c.Name, Parameters: c.GetParameters()}},
	}}}
	if err := set.Load(s.catalogue, manifest); err != nil {
		return err
	}
	usage := func() runtime.Future[*mesospb.ResourceUsage] { return runtime.Ready(s.usage) }
	var m module
	var err error
	if s.catalogue.Kind(c.GetName()) == "ResourceEstimator" {
		if m.ResourceEstimator, err = modules.Create[ResourceEstimator](&set, c.GetName()); err == nil {
			err = m.ResourceEstimator.Initialize(s.node, usage)
		}
	} else if m.QoSController, err = modules.Create[QoSController](&set, c.GetName()); err == nil {
		err = m.QoSController.Initialize(s.node, usage)
	}
	if err == nil {
		s.made[c.GetName()] = m
	}
	return err
}

func (s *server) estimate(c *pluginpb.Estimate) (*pluginpb.Response, error) {
	m := s.made[c.GetName()]
	if m.ResourceEstimator == nil {
		return nil, fmt.Errorf("there is no resource estimator %q", c.GetName())
	}
	s.usage = c.GetUsage()
	rs, err := runtime.Wait(context.Background(), m.Oversubscribable())
	return &pluginpb.Response{Answer: &pluginpb.Response_Estimated{Estimated: &pluginpb.Estimated{Resources: rs.Proto()}}}, err
}

func (s *server) correct(c *pluginpb.Correct) (*pluginpb.Response, error) {
	m := s.made[c.GetName()]
	if m.QoSController == nil {
		return nil, fmt.Errorf("there is no QoS controller %q", c.GetName())
	}
	s.usage = c.GetUsage()
	corrections, err := runtime.Wait(context.Background(), m.Corrections())
	return &pluginpb.Response{Answer: &pluginpb.Response_Corrected{Corrected: &pluginpb.Corrected{Corrections: corrections}}}, err
}
