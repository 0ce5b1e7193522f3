// Package portmapper implements a CNI plugin that has ports of the machine lead to ports of containers. It has another
// plugin, its delegate, attach the container to a network, and adds rules of iptables.
//
// The configuration of a network with it has a "chain" for the rules, the "delegate", and perhaps "excludeDevices", from
// which nothing is led to containers.
//
// Mesos: mesos-cni-port-mapper.
package portmapper

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/cnipb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos/isolators/network/cni/spec"
)

// The codes of errors.
const (
	codeRead        = 100
	codeArguments   = 101
	codeDelegate    = 102
	codePorts       = 103
	codeUnsupported = 104
)

// version is that of the specification that errors name.
const version = "0.3.0"

// failure is an error with the code by which a caller distinguishes it.
type failure struct {
	code uint32
	error
}

// Unwrap implements the interface of package errors.
func (f failure) Unwrap() error { return f.error }

func fail(code uint32, format string, args ...any) error {
	return failure{code, fmt.Errorf(format, args...)}
}

// mapper carries out one request.
type mapper struct {
	command, container string
	environ            []string // for the delegate
	network            mesospb.NetworkInfo
	chain              string
	excluded           string // the device from which nothing is led to containers; "" means none
	delegate           string // the path of the plugin
	config             []byte // for the delegate
	log                io.Writer
}

// Run carries out the request of an environment, with the configuration that in has, and returns the exit status. What the
// caller is to know is written to out, and the rest to log.
func Run(environ []string, in io.Reader, out, log io.Writer) int {
	result, err := run(environ, in, log)
	if err == nil {
		_, err = out.Write(result)
	}
	if err == nil {
		return 0
	}
	code, told, text := uint32(codeRead), failure{}, err.Error()
	if errors.As(err, &told) {
		code = told.code
	}
	cniVersion := version
	_, _ = out.Write(append(mesosjson.Marshal(&cnipb.Error{CniVersion: &cniVersion, Code: &code, Msg: &text}), '\n'))
	return 1
}

func run(environ []string, in io.Reader, log io.Writer) ([]byte, error) {
	content, err := io.ReadAll(in)
	if err != nil {
		return nil, fail(codeRead, "Failed to read the configuration: %w", err)
	}
	m, err := parse(environ, content)
	if err != nil {
		return nil, failure{codeArguments, err}
	}
	m.log = log
	switch m.command {
	case "ADD":
		return m.add()
	case "DEL":
		return nil, m.remove()
	}
	return nil, fail(codeUnsupported, "Unsupported command: %s", m.command)
}

// configuration is what the plugin reads.
type configuration struct {
	Name           *string                    `json:"name"`
	Chain          *string                    `json:"chain"`
	ExcludeDevices []string                   `json:"excludeDevices"`
	Delegate       map[string]json.RawMessage `json:"delegate"`
	Args           *struct {
		Mesos *struct {
			Network json.RawMessage `json:"network_info"`
		} `json:"org.apache.mesos"`
	} `json:"args"`
}

// parse reads the request.
//
// Mesos: PortMapper::create.
//
// Differs: a request without the argument of Mesos maps no ports. The reference refuses one whose arguments are those of
// others.
func parse(environ []string, content []byte) (*mapper, error) {
	variables := map[string]string{}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok {
			variables[name] = value
		}
	}
	for _, name := range []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"} {
		if _, found := variables[name]; !found && (name != "CNI_NETNS" || variables["CNI_COMMAND"] != "DEL") {
			return nil, fmt.Errorf("Unable to find environment variable '%s'", name)
		}
	}
	m := &mapper{command: variables["CNI_COMMAND"], container: variables["CNI_CONTAINERID"], environ: environ}
	if variables["PATH"] == "" {
		m.environ = append(m.environ, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return m, m.configure(content, filepath.SplitList(variables["CNI_PATH"]))
}

// configure reads the configuration. The delegate gets the name and the arguments of the network, too.
func (m *mapper) configure(content []byte, dirs []string) error {
	var c configuration
	var fields map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(content, &c), json.Unmarshal(content, &fields)); err != nil {
		return err
	}
	switch {
	case c.Name == nil:
		return errors.New("Failed to get the required field 'name': Not found")
	case c.Chain == nil:
		return errors.New("Failed to get the required field 'chain': Not found")
	case c.Delegate == nil:
		return errors.New("Failed to get the required field 'delegate': Not found")
	}
	m.chain = *c.Chain
	if n := len(c.ExcludeDevices); n > 0 {
		m.excluded = c.ExcludeDevices[n-1] // as in Mesos: iptables takes one
	}
	if c.Args != nil && c.Args.Mesos != nil && c.Args.Mesos.Network != nil {
		if err := mesosjson.Unmarshal(c.Args.Mesos.Network, &m.network); err != nil {
			return fmt.Errorf("Unable to parse `NetworkInfo`: %w", err)
		}
	}
	var plugin string
	if err := json.Unmarshal(c.Delegate["type"], &plugin); err != nil || plugin == "" {
		return errors.New("Failed to get the delegate plugin 'type'")
	}
	var err error
	if m.delegate, err = spec.Find(plugin, dirs); err != nil {
		return fmt.Errorf("Could not find the delegate plugin: %w", err)
	}
	c.Delegate["name"] = fields["name"]
	if fields["args"] != nil {
		c.Delegate["args"] = fields["args"]
	}
	m.config, err = json.Marshal(c.Delegate)
	return err
}

// add attaches the container, and leads ports to it.
//
// Mesos: PortMapper::handleAddCommand.
func (m *mapper) add() ([]byte, error) {
	output, err := m.callDelegate()
	if err != nil {
		return nil, err
	}
	r, err := spec.Parse(output)
	if err != nil {
		return nil, fail(codeDelegate, "Failed to parse the output of the delegate CNI plugin '%s': %w", m.delegate, err)
	}
	if !r.IP4.IsValid() {
		return nil, fail(codeDelegate, "Delegate CNI plugin '%s' did not return an IPv4 address", m.delegate)
	}
	if err := m.lead(r.IP4); err != nil {
		return nil, failure{codePorts, err}
	}
	return output, nil
}

// remove ends the mappings and then detaches the container, whose address may be another's afterwards.
//
// Mesos: PortMapper::handleDelCommand.
func (m *mapper) remove() error {
	if err := m.unlead(); err != nil {
		return fail(codePorts, "Unable to remove iptables DNAT rules: %w", err)
	}
	_, err := m.callDelegate()
	return err
}

// callDelegate has the other plugin carry out the request, and returns its output.
//
// Mesos: PortMapper::delegate.
func (m *mapper) callDelegate() ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.Command(m.delegate)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = m.environ, bytes.NewReader(m.config), &out, m.log
	if err := cmd.Run(); err != nil {
		return nil, fail(codeDelegate, "Could not execute the delegate plugin '%s' for %s command: %w: %s", m.delegate, m.command, err, cmp.Or(out.String(), "it says nothing"))
	}
	return out.Bytes(), nil
}
