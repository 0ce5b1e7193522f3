package oversubscription

import (
	"context"
	"errors"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/pluginpb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Kinds are the kinds of modules in this package, for programs that have them.
func Kinds() []plugin.Kind {
	return []plugin.Kind{
		{Name: "ResourceEstimator", Add: addEstimator, Make: makeEstimator},
		{Name: "QoSController", Add: addController, Make: makeController},
	}
}

func addEstimator(c *modules.Catalogue, p *plugin.Program, name string) {
	modules.Add(c, name, func(parameters modules.Parameters) (ResourceEstimator, error) { return newRemote(p, name, parameters) })
}

func addController(c *modules.Catalogue, p *plugin.Program, name string) {
	modules.Add(c, name, func(parameters modules.Parameters) (QoSController, error) { return newRemote(p, name, parameters) })
}

func newRemote(p *plugin.Program, name string, parameters modules.Parameters) (*remote, error) {
	_, err := p.Create(name, parameters)
	return &remote{name: name, program: p}, err
}

// remote is a module of a program.
type remote struct {
	name    string
	program *plugin.Program
	actor   runtime.Ref[*remoteCaller]
}

// Initialize implements [ResourceEstimator] and [QoSController].
func (x *remote) Initialize(n *runtime.Node, usage Usage) (err error) {
	x.actor, err = runtime.Spawn(n, n.NewID("plugin"), &remoteCaller{name: x.name, program: x.program, usage: usage})
	return err
}

// Oversubscribable implements [ResourceEstimator].
func (x *remote) Oversubscribable() runtime.Future[resources.Resources] {
	answer := runtime.Flatten(runtime.Call(x.actor, (*remoteCaller).call, estimate))
	return runtime.Then(answer, func(r *pluginpb.Response) (resources.Resources, error) {
		if r.GetEstimated() == nil {
			return resources.Resources{}, errors.New(x.program.File() + ": the answer is no estimate")
		}
		return resources.FromProto(r.GetEstimated().GetResources())
	})
}

// Corrections implements [QoSController].
func (x *remote) Corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	answer := runtime.Flatten(runtime.Call(x.actor, (*remoteCaller).call, correct))
	return runtime.Then(answer, func(r *pluginpb.Response) ([]*slavepb.QoSCorrection, error) {
		if r.GetCorrected() == nil {
			return nil, errors.New(x.program.File() + ": the answer is no correction")
		}
		return r.GetCorrected().GetCorrections(), nil
	})
}

func estimate(name string, u *mesospb.ResourceUsage) *pluginpb.Request {
	return &pluginpb.Request{Call: &pluginpb.Request_Estimate{Estimate: &pluginpb.Estimate{Name: name, Usage: u}}}
}

func correct(name string, u *mesospb.ResourceUsage) *pluginpb.Request {
	return &pluginpb.Request{Call: &pluginpb.Request_Correct{Correct: &pluginpb.Correct{Name: name, Usage: u}}}
}

// remoteCaller calls a program off its turns.
type remoteCaller struct {
	runtime.Actor
	name    string
	program *plugin.Program
	usage   Usage
}

// call measures the agent and asks the program about that.
func (x *remoteCaller) call(request func(string, *mesospb.ResourceUsage) *pluginpb.Request) runtime.Future[*pluginpb.Response] {
	return runtime.Chain(x, x.usage(), func(u *mesospb.ResourceUsage, err error) runtime.Future[*pluginpb.Response] {
		if err != nil {
			return runtime.Failed[*pluginpb.Response](err)
		}
		return runtime.Go(x, func(ctx context.Context) (*pluginpb.Response, error) { return x.program.Call(ctx, request(x.name, u)) })
	})
}
