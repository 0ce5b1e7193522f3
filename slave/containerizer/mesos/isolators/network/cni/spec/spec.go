// Package spec has what callers of CNI plugins and plugins that call others share of the Container Network Interface.
package spec

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/cnipb"
)

// Find returns the path of a plugin.
func Find(name string, dirs []string) (string, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the plugin '%s' is not in %s", name, strings.Join(dirs, ", "))
}

// Result is what a plugin says about an interface.
type Result struct {
	IP4, IP6 netip.Addr // invalid if there is none
	DNS      *cnipb.DNS // nil if there is none
}

// written is the result as plugins write it: up to version 0.2.0 of the specification, or later.
type written struct {
	IP4 *struct {
		IP string `json:"ip"`
	} `json:"ip4"`
	IP6 *struct {
		IP string `json:"ip"`
	} `json:"ip6"`
	IPs []struct {
		Address string `json:"address"`
	} `json:"ips"`
	DNS *struct {
		Nameservers []string `json:"nameservers"`
		Domain      *string  `json:"domain"`
		Search      []string `json:"search"`
		Options     []string `json:"options"`
	} `json:"dns"`
}

// Parse reads the output of a plugin. Of several addresses of a kind, it takes the first.
//
// Differs: the reference knows no addresses of networks whose configuration says that it is of version 0.3.0 of the
// specification or later.
func Parse(output []byte) (*Result, error) {
	var w written
	if err := json.Unmarshal(output, &w); err != nil {
		return nil, err
	}
	var texts []string
	if w.IP4 != nil {
		texts = append(texts, w.IP4.IP)
	}
	if w.IP6 != nil {
		texts = append(texts, w.IP6.IP)
	}
	for _, ip := range w.IPs {
		texts = append(texts, ip.Address)
	}
	r := &Result{}
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		if ip := prefix.Addr(); ip.Is4() && !r.IP4.IsValid() {
			r.IP4 = ip
		} else if ip.Is6() && !r.IP6.IsValid() {
			r.IP6 = ip
		}
	}
	if w.DNS != nil {
		r.DNS = &cnipb.DNS{Nameservers: w.DNS.Nameservers, Domain: w.DNS.Domain, Search: w.DNS.Search, Options: w.DNS.Options}
	}
	return r, nil
}
