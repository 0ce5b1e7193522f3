package portmapper

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"

	"meseta/messages/pb/mesospb"
)

// tag is the comment of the rules of a container.
//
// Mesos: PortMapper::getIptablesRuleTag.
func (m *mapper) tag() string { return "container_id: " + m.container }

// rule returns the rule for a port.
//
// Mesos: PortMapper::getIptablesRule.
func (m *mapper) rule(ip netip.Addr, p *mesospb.NetworkInfo_PortMapping) ([]string, error) {
	rule := []string{m.chain}
	if m.excluded != "" {
		rule = append(rule, "!", "-i", m.excluded)
	}
	protocol := "tcp"
	if p.Protocol != nil {
		protocol = strings.ToLower(p.GetProtocol())
	}
	if protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return nil, fmt.Errorf("the protocol '%s' of a port mapping has no ports: it must be tcp, udp or sctp", p.GetProtocol())
	}
	return append(rule, "-p", protocol, "-m", protocol, "--dport", strconv.Itoa(int(p.GetHostPort())),
		"-j", "DNAT", "--to-destination", fmt.Sprintf("%s:%d", ip, p.GetContainerPort()), "-m", "comment", "--comment", m.tag()), nil
}

// iptables changes the table of address translations, or lists it.
//
// Differs: no shell reads the arguments, which come from frameworks.
func (m *mapper) iptables(args ...string) (output []byte, err error) {
	var out, errs bytes.Buffer
	cmd := exec.Command("iptables", append([]string{"-w", "-t", "nat"}, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = m.environ, &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}

// lead has ports of the machine lead to an address.
//
// Mesos: PortMapper::addPortMapping.
func (m *mapper) lead(ip netip.Addr) error {
	for i, p := range m.network.GetPortMappings() {
		rule, err := m.rule(ip, p)
		if err != nil {
			return err
		}
		if i == 0 {
			if err := m.makeChain(); err != nil {
				return fmt.Errorf("Failed to add DNAT rule with tag: %w", err)
			}
		}
		if _, missing := m.iptables(append([]string{"-C"}, rule...)...); missing == nil {
			continue
		}
		if _, err := m.iptables(append([]string{"-A"}, rule...)...); err != nil {
			return fmt.Errorf("Failed to add DNAT rule with tag: %w", err)
		}
	}
	return nil
}

// makeChain makes the chain of the rules, which sees what comes to addresses of this machine, and what this machine sends
// to one of its own. The plugin that makes it adds these jumps.
//
// Differs: of plugins that make it at once, none fails.
func (m *mapper) makeChain() error {
	if _, err := m.iptables("-N", m.chain); err != nil {
		if _, missing := m.iptables("-n", "-L", m.chain); missing == nil {
			return nil
		}
		return err
	}
	if _, err := m.iptables("-A", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", m.chain); err != nil {
		return err
	}
	_, err := m.iptables("-A", "OUTPUT", "!", "-d", "127.0.0.0/8", "-m", "addrtype", "--dst-type", "LOCAL", "-j", m.chain)
	return err
}

// unlead removes the rules of the container. The chain stays for others.
//
// Mesos: PortMapper::delPortMapping.
//
// Differs: the rules of containers whose IDs begin with that of this one stay.
func (m *mapper) unlead() error {
	list, missing := m.iptables("-S", m.chain)
	if missing != nil { // there was no mapping yet
		return nil
	}
	for line := range strings.Lines(string(list)) {
		rule, tagged := m.parseRule(strings.TrimSpace(line))
		if !tagged {
			continue
		}
		if _, err := m.iptables(append([]string{"-D"}, rule...)...); err != nil {
			return err
		}
	}
	return nil
}

// parseRule returns the words after -A of a line that adds a rule, and whether that is one of this container.
func (m *mapper) parseRule(line string) (rule []string, tagged bool) {
	rest, ok := strings.CutPrefix(line, "-A ")
	if !ok {
		return nil, false
	}
	for i, part := range strings.Split(rest, `"`) {
		if i%2 == 1 { // it was quoted, as texts with spaces are
			rule, tagged = append(rule, part), tagged || part == m.tag()
			continue
		}
		rule = append(rule, strings.Fields(part)...)
	}
	return rule, tagged
}
