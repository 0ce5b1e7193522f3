package api

import (
	"net/http"

	"meseta/actors/operator"
	"meseta/messages/pb/agentpb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/containerizer"
	"meseta/slave/view"
)

// answer is the future answer to an HTTP client.
type answer = operator.Answer

// operatorCalls holds the handlers of calls that only agents have; [operator.Daemon] has the others. Calls about
// features that are not implemented are answered as if the feature was not used, or refused.
var operatorCalls = map[agentpb.Call_Type]func(*API, *apiCall) answer{
	agentpb.Call_GET_AGENT:      (*API).apiAgent,
	agentpb.Call_GET_STATE:      show(view.GetState),
	agentpb.Call_GET_TASKS:      show(view.GetTasks),
	agentpb.Call_GET_EXECUTORS:  show(view.GetExecutors),
	agentpb.Call_GET_FRAMEWORKS: show(view.GetFrameworks),
	agentpb.Call_GET_CONTAINERS: (*API).apiContainers,

	agentpb.Call_GET_OPERATIONS:                  (*API).apiOperations,
	agentpb.Call_GET_RESOURCE_PROVIDERS:          (*API).apiResourceProviders,
	agentpb.Call_ADD_RESOURCE_PROVIDER_CONFIG:    (*API).apiAddProvider,
	agentpb.Call_UPDATE_RESOURCE_PROVIDER_CONFIG: (*API).apiUpdateProvider,
	agentpb.Call_REMOVE_RESOURCE_PROVIDER_CONFIG: (*API).apiRemoveProvider,
	agentpb.Call_MARK_RESOURCE_PROVIDER_GONE:     (*API).apiProviderGone,
	agentpb.Call_PRUNE_IMAGES:                    (*API).apiPruneImages,
}

// apiPruneImages deletes images that no container has.
//
// Mesos: Http::pruneImages.
func (a *API) apiPruneImages(c *apiCall) answer {
	pruner, ok := a.options.Containers.(containerizer.ImagePruner)
	if !ok {
		return runtime.Ready(web.OK())
	}
	return runtime.Recover(okay(pruner.PruneImages(c.GetPruneImages().GetExcludedImages())), func(err error) (*web.Response, error) {
		return web.Text(http.StatusInternalServerError, err.Error()), nil
	})
}
