package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos/isolators/network/cni/spec"
)

// configs are the configurations of networks.
type configs struct {
	paths   map[string]string // of the file of each network
	skipped []error           // why files were left out
	reasons map[string]error  // why networks were left out
}

// config is the configuration of a network.
type config struct {
	network string
	path    string
	plugin  string                     // its name
	fields  map[string]json.RawMessage // all that the file has
}

// mesosArgs is the name of what containers say about themselves, in the args of a configuration.
const mesosArgs = "org.apache.mesos"

// load reads the configurations of all networks. A file that is not usable is left out, and so is a second one for a network.
//
// Mesos: NetworkCniIsolatorProcess::loadNetworkConfigs.
func load(dir string, plugins []string) (configs, error) {
	all := configs{paths: map[string]string{}, reasons: map[string]error{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all, fmt.Errorf("Unable to list the CNI network configuration directory '%s': %w", dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		c, err := read(path)
		if err == nil {
			err = c.check(plugins)
		}
		if first := all.paths[c.network]; err == nil && first != "" {
			err = fmt.Errorf("network '%s' has the configuration file '%s' already", c.network, first)
		}
		if err != nil {
			err = fmt.Errorf("CNI network configuration file '%s': %w", path, err)
			all.skipped = append(all.skipped, err)
			all.reasons[c.network] = errors.Join(all.reasons[c.network], err)
			continue
		}
		all.paths[c.network] = path
	}
	return all, nil
}

// report logs what was left out.
func (c configs) report(log zerolog.Logger) {
	for _, err := range c.skipped {
		log.Error().Err(err).Msg("a CNI network is left out")
	}
}

// read reads a configuration. Even with an error, it has the name of the network if that is known.
func read(path string) (config, error) {
	c := config{path: path}
	content, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(content, &c.fields); err != nil {
		return c, fmt.Errorf("JSON parse failed: %w", err)
	}
	name, err := c.text("name")
	if err != nil {
		return c, err
	}
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
		return c, fmt.Errorf("'%s' cannot be the name of a network, since a directory is named after it", name)
	}
	c.network = name
	c.plugin, err = c.text("type")
	return c, err
}

// text returns a field that a configuration must have.
func (c config) text(field string) (text string, err error) {
	if c.fields[field] == nil {
		return "", fmt.Errorf("'%s' is missing", field)
	}
	if err := json.Unmarshal(c.fields[field], &text); err != nil {
		return "", fmt.Errorf("'%s' is not a text: %w", field, err)
	}
	return text, nil
}

// check returns an error if a plugin that the configuration names does not exist.
func (c config) check(plugins []string) error {
	if _, err := spec.Find(c.plugin, plugins); err != nil {
		return err
	}
	if c.fields["ipam"] == nil {
		return nil
	}
	var ipam struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(c.fields["ipam"], &ipam); err != nil {
		return fmt.Errorf("'ipam' is not understood: %w", err)
	}
	if ipam.Type == "" {
		return errors.New("'ipam' has no 'type'")
	}
	_, err := spec.Find(ipam.Type, plugins)
	return err
}

// config returns the configuration of a network as its file has it now. The directory is read again if that is not what it
// was before.
//
// Mesos: NetworkCniIsolatorProcess::getNetworkConfigJSON.
func (x *Isolator) config(network string) (config, error) {
	if !x.enabled() {
		return config{}, fmt.Errorf("Unknown CNI network '%s'", network)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if path := x.configs.paths[network]; path != "" {
		if c, err := read(path); err == nil && c.network == network {
			return c, nil
		}
	}
	var err error
	if x.configs, err = load(x.options.ConfigDir, x.options.PluginDirs); err != nil {
		return config{}, fmt.Errorf("Unknown CNI network '%s': %w", network, err)
	}
	x.configs.report(x.log)
	if path := x.configs.paths[network]; path != "" {
		return read(path)
	}
	if reason := x.configs.reasons[network]; reason != nil {
		return config{}, fmt.Errorf("Unknown CNI network '%s': %w", network, reason)
	}
	return config{}, fmt.Errorf("Unknown CNI network '%s'", network)
}

// forContainer returns the configuration for a plugin, which is told what the container asks for.
func (c config) forContainer(info *mesospb.NetworkInfo) ([]byte, error) {
	args := map[string]json.RawMessage{}
	if c.fields["args"] != nil {
		if err := json.Unmarshal(c.fields["args"], &args); err != nil {
			return nil, fmt.Errorf("Invalid 'args' found in CNI network configuration file '%s': %w", c.path, err)
		}
	}
	if args[mesosArgs] != nil {
		return nil, fmt.Errorf("'%s' in 'args' should not be set in CNI network configuration file '%s'. It is reserved by Mesos", mesosArgs, c.path)
	}
	var err error
	if args[mesosArgs], err = json.Marshal(map[string]json.RawMessage{"network_info": mesosjson.Marshal(info)}); err != nil {
		return nil, err
	}
	if c.fields["args"], err = json.Marshal(args); err != nil {
		return nil, err
	}
	return json.Marshal(c.fields)
}
