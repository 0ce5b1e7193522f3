package isolation

import (
	"errors"
	"fmt"

	"meseta/messages/pb/internalpb"
)

// checkDNS returns an error, with Mesos's text, if it is not clear which name servers a network has.
//
// Mesos: the validation of Flags::default_container_dns.
func checkDNS(info *internalpb.ContainerDNSInfo) error {
	var networks, bridges, users seen
	for _, m := range info.GetMesos() {
		if err := checkMode(m.GetNetworkMode().String()); err != nil {
			return err
		}
		if err := networks.add("CNI network", m.NetworkName); err != nil {
			return err
		}
	}
	for _, d := range info.GetDocker() {
		err := checkMode(d.GetNetworkMode().String())
		switch {
		case err != nil:
		case d.GetNetworkMode() == internalpb.ContainerDNSInfo_DockerInfo_USER:
			err = users.add("user-defined CNM network", d.NetworkName)
		case bridges.add("", nil) != nil:
			err = errors.New("Multiple DNS configuration for Docker default bridge network in `--default_container_dns` is not allowed")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkMode(mode string) error {
	switch mode {
	case "UNKNOWN":
		return errors.New("UNKNOWN network mode configured in `--default_container_dns`")
	case "HOST":
		return errors.New("Configuring DNS for HOST network with `--default_container_dns` is not yet supported")
	}
	return nil
}

// seen has the names of networks that occurred. One without a name is for all that do not occur.
type seen struct {
	other bool
	named map[string]bool
}

// add adds the name of a network of some kind, which may be nil. It fails if it is there already.
func (s *seen) add(kind string, name *string) error {
	switch {
	case name == nil && s.other:
		return fmt.Errorf("Multiple DNS configuration without network name for %s in `--default_container_dns` is not allowed", kind)
	case name == nil:
		s.other = true
	case s.named[*name]:
		return fmt.Errorf("Multiple DNS configuration with the same network name '%s' for %s in `--default_container_dns` is not allowed", *name, kind)
	case s.named == nil:
		s.named = map[string]bool{*name: true}
	default:
		s.named[*name] = true
	}
	return nil
}
