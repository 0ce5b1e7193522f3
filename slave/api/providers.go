package api

import (
	"fmt"
	"net/http"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Resource providers are configured in a directory that this agent never has. Calls are answered as Mesos does without
// one.

// storageProvider is the only type of local resource providers.
const storageProvider = "org.apache.mesos.rp.local.storage"

const noProviders = "Missing required flag --resource_provider_config_dir"

// apiAddProvider refuses ADD_RESOURCE_PROVIDER_CONFIG.
//
// Mesos: Http::addResourceProviderConfig.
func (a *API) apiAddProvider(c *apiCall) answer {
	return configureProvider(c.GetAddResourceProviderConfig().GetInfo())
}

// apiUpdateProvider refuses UPDATE_RESOURCE_PROVIDER_CONFIG.
//
// Mesos: Http::updateResourceProviderConfig.
func (a *API) apiUpdateProvider(c *apiCall) answer {
	return configureProvider(c.GetUpdateResourceProviderConfig().GetInfo())
}

// configureProvider validates a configuration before it is refused.
//
// Mesos: LocalResourceProvider::validate, LocalResourceProviderDaemon::add.
func configureProvider(info *mesospb.ResourceProviderInfo) answer {
	if info.GetType() != storageProvider {
		return runtime.Ready(web.BadRequest(fmt.Sprintf("Failed to validate resource provider config with type '%s' and name '%s': "+
			"Unknown local resource provider type '%[1]s'", info.GetType(), info.GetName())))
	}
	return runtime.Ready(web.Text(http.StatusInternalServerError, noProviders))
}

// apiRemoveProvider answers REMOVE_RESOURCE_PROVIDER_CONFIG.
//
// Mesos: Http::removeResourceProviderConfig.
func (a *API) apiRemoveProvider(*apiCall) answer {
	return runtime.Ready(web.Text(http.StatusInternalServerError, noProviders))
}

// apiProviderGone answers MARK_RESOURCE_PROVIDER_GONE. No resource provider is known.
//
// Mesos: Slave::markResourceProviderGone.
func (a *API) apiProviderGone(c *apiCall) answer {
	if a.id() == "" {
		return runtime.Ready(web.Text(http.StatusInternalServerError, fmt.Sprintf(
			"Could not mark resource provider '%s' as gone: Agent has not registered yet",
			c.GetMarkResourceProviderGone().GetResourceProviderId().GetValue())))
	}
	return runtime.Ready(web.OK())
}
