package request

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"meseta/messages/units"
	"meseta/slave/containerizer/docker/engine"
)

var ofFiles = map[string]setter{
	"mount":         mount,
	"read-only":     truth(func(r *engine.Create, b bool) { r.HostConfig.ReadonlyRootfs = b }),
	"storage-opt":   pairs(func(r *engine.Create) *map[string]string { return &r.HostConfig.StorageOpt }),
	"tmpfs":         tmpfs,
	"volume":        volume,
	"volume-driver": text(func(r *engine.Create) *string { return &r.HostConfig.VolumeDriver }),
	"volumes-from":  list(func(r *engine.Create) *[]string { return &r.HostConfig.VolumesFrom }),
}

func tmpfs(r *engine.Create, v string) error {
	path, options, _ := strings.Cut(v, ":")
	put(&r.HostConfig.Tmpfs, path, options)
	return nil
}

func volume(r *engine.Create, v string) error {
	if strings.Contains(v, ":") {
		r.HostConfig.Binds = append(r.HostConfig.Binds, v)
		return nil
	}
	if r.Volumes == nil {
		r.Volumes = map[string]struct{}{}
	}
	r.Volumes[v] = struct{}{}
	return nil
}

// mount adds a mount such as type=bind,source=/a,target=/b,readonly.
func mount(r *engine.Create, v string) error {
	m := engine.Mount{Type: "volume"}
	for field := range strings.SplitSeq(v, ",") {
		name, value, given := strings.Cut(field, "=")
		switch name {
		case "type":
			m.Type = value
		case "source", "src":
			m.Source = value
		case "target", "destination", "dst":
			m.Target = value
		case "readonly", "ro":
			m.ReadOnly = !given || value == "true" || value == "1"
		default:
			return fmt.Errorf("the field '%s' of a mount is not supported by this agent", name)
		}
	}
	if m.Target == "" {
		return errors.New("the mount has no target")
	}
	r.HostConfig.Mounts = append(r.HostConfig.Mounts, m)
	return nil
}

// device adds a device such as /dev/sda:/dev/xvda:rwm.
func device(r *engine.Create, v string) error {
	d := engine.Device{CgroupPermissions: "rwm"}
	parts := strings.Split(v, ":")
	d.PathOnHost, d.PathInContainer = parts[0], parts[0]
	switch {
	case len(parts) == 2 && !strings.HasPrefix(parts[1], "/"):
		d.CgroupPermissions = parts[1]
	case len(parts) >= 2:
		d.PathInContainer = parts[1]
	}
	if len(parts) == 3 {
		d.CgroupPermissions = parts[2]
	}
	if len(parts) > 3 || !strings.HasPrefix(d.PathOnHost, "/") || strings.Trim(d.CgroupPermissions, "rwm") != "" {
		return errors.New("it should be like /dev/sda:/dev/xvda:rwm")
	}
	r.HostConfig.Devices = append(r.HostConfig.Devices, d)
	return nil
}

var ofNetwork = map[string]setter{
	"add-host":      list(func(r *engine.Create) *[]string { return &r.HostConfig.ExtraHosts }),
	"dns":           list(func(r *engine.Create) *[]string { return &r.HostConfig.DNS }),
	"dns-opt":       list(func(r *engine.Create) *[]string { return &r.HostConfig.DNSOptions }),
	"dns-option":    list(func(r *engine.Create) *[]string { return &r.HostConfig.DNSOptions }),
	"dns-search":    list(func(r *engine.Create) *[]string { return &r.HostConfig.DNSSearch }),
	"domainname":    text(func(r *engine.Create) *string { return &r.Domainname }),
	"expose":        exposed,
	"hostname":      text(func(r *engine.Create) *string { return &r.Hostname }),
	"ip":            func(r *engine.Create, v string) error { return address(&addresses(r).IPv4Address, v) },
	"ip6":           func(r *engine.Create, v string) error { return address(&addresses(r).IPv6Address, v) },
	"link":          list(func(r *engine.Create) *[]string { return &r.HostConfig.Links }),
	"link-local-ip": list(func(r *engine.Create) *[]string { return &addresses(r).LinkLocalIPs }),
	"mac-address":   text(func(r *engine.Create) *string { return &r.MacAddress }),
	"net-alias":     list(func(r *engine.Create) *[]string { return &endpoint(r).Aliases }),
	"network-alias": list(func(r *engine.Create) *[]string { return &endpoint(r).Aliases }),
	"publish":       published,
	"publish-all":   truth(func(r *engine.Create, b bool) { r.HostConfig.PublishAllPorts = b }),
}

// endpoint returns the container's end of its network.
func endpoint(r *engine.Create) *engine.Endpoint {
	name := r.HostConfig.NetworkMode
	if r.NetworkingConfig == nil {
		r.NetworkingConfig = &engine.NetworkingConfig{EndpointsConfig: map[string]*engine.Endpoint{name: {}}}
	}
	return r.NetworkingConfig.EndpointsConfig[name]
}

func addresses(r *engine.Create) *engine.IPAMConfig {
	e := endpoint(r)
	if e.IPAMConfig == nil {
		e.IPAMConfig = &engine.IPAMConfig{}
	}
	return e.IPAMConfig
}

func address(to *string, v string) error {
	if net.ParseIP(v) == nil {
		return errors.New("it is not an IP address")
	}
	*to = v
	return nil
}

// port returns a port with its protocol, such as 80/tcp. Ranges are not supported.
func port(v string) (string, error) {
	number, protocol, found := strings.Cut(v, "/")
	if !found {
		protocol = "tcp"
	}
	if _, err := strconv.ParseUint(number, 10, 16); err != nil {
		return "", fmt.Errorf("'%s' is not a port", number)
	}
	return number + "/" + protocol, nil
}

func exposed(r *engine.Create, v string) error {
	p, err := port(v)
	if err == nil {
		expose(r, p)
	}
	return err
}

// published publishes a port: [[address:]host port:]container port[/protocol].
func published(r *engine.Create, v string) error {
	parts := strings.Split(v, ":")
	p, err := port(parts[len(parts)-1])
	if err != nil {
		return err
	}
	var b engine.Binding
	switch len(parts) {
	case 1:
	case 2:
		b.HostPort = parts[0]
	case 3:
		b.HostIP, b.HostPort = parts[0], parts[1]
	default:
		return errors.New("it should be like 127.0.0.1:8080:80/tcp")
	}
	publish(r, p, b)
	return nil
}

func text(field func(*engine.Create) *string) setter {
	return func(r *engine.Create, v string) error { *field(r) = v; return nil }
}

func list(field func(*engine.Create) *[]string) setter {
	return func(r *engine.Create, v string) error { *field(r) = append(*field(r), v); return nil }
}

func pairs(field func(*engine.Create) *map[string]string) setter {
	return func(r *engine.Create, v string) error { return pair(field(r), v) }
}

func pair(to *map[string]string, v string) error {
	name, value, found := strings.Cut(v, "=")
	if !found {
		return errors.New("it should be like name=value")
	}
	put(to, name, value)
	return nil
}

func put(to *map[string]string, name, value string) {
	if *to == nil {
		*to = map[string]string{}
	}
	(*to)[name] = value
}

func truth(set func(*engine.Create, bool)) setter {
	return func(r *engine.Create, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("it is neither true nor false")
		}
		set(r, b)
		return nil
	}
}

func number(set func(*engine.Create, int64)) setter {
	return func(r *engine.Create, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		set(r, n)
		return plain(err)
	}
}

func size(set func(*engine.Create, int64)) setter {
	return func(r *engine.Create, v string) error {
		n, err := bytes(v)
		set(r, n)
		return err
	}
}

// bytes parses a size such as 64m.
func bytes(v string) (int64, error) {
	unit := units.Bytes(1)
	digits := strings.TrimRight(strings.ToLower(v), "b")
	if n := len(digits); n > 0 {
		switch digits[n-1] {
		case 'k':
			unit = units.Kilobyte
		case 'm':
			unit = units.Megabyte
		case 'g':
			unit = units.Gigabyte
		}
		if unit != 1 {
			digits = digits[:n-1]
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n*float64(unit) >= 1<<62 {
		return 0, errors.New("it is not a size such as 64m")
	}
	return int64(n * float64(unit)), nil
}

// plain returns a short error for one of parsing.
func plain(err error) error {
	if err != nil {
		return errors.New("it is not a number of the kind that is needed")
	}
	return nil
}
