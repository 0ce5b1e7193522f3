package oversubscription

import (
	"context"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
)

// asked is a module in the program that has it. What it sees of the agent is in the request that is being answered.
type asked struct{ usage *mesospb.ResourceUsage }

func (a *asked) measure() runtime.Future[*mesospb.ResourceUsage] { return runtime.Ready(a.usage) }

func makeEstimator(n *runtime.Node, s *modules.Set, name string) (plugin.Answer, *pluginpb.Created, error) {
	a := &asked{}
	e, err := modules.Create[ResourceEstimator](s, name)
	if err == nil {
		err = e.Initialize(n, a.measure)
	}
	return func(r *pluginpb.Request) (*pluginpb.Response, error) {
		a.usage = r.GetEstimate().GetUsage()
		rs, err := runtime.Wait(context.Background(), e.Oversubscribable())
		return &pluginpb.Response{Answer: &pluginpb.Response_Estimated{Estimated: &pluginpb.Estimated{Resources: rs.Proto()}}}, err
	}, &pluginpb.Created{}, err
}

func makeController(n *runtime.Node, s *modules.Set, name string) (plugin.Answer, *pluginpb.Created, error) {
	a := &asked{}
	c, err := modules.Create[QoSController](s, name)
	if err == nil {
		err = c.Initialize(n, a.measure)
	}
	return func(r *pluginpb.Request) (*pluginpb.Response, error) {
		a.usage = r.GetCorrect().GetUsage()
		corrections, err := runtime.Wait(context.Background(), c.Corrections())
		return &pluginpb.Response{Answer: &pluginpb.Response_Corrected{Corrected: &pluginpb.Corrected{Corrections: corrections}}}, err
	}, &pluginpb.Created{}, err
}
