package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Auth is what a registry asks for.
type Auth struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
}

// Credentials are those of a Docker client, by the addresses of registries.
type Credentials map[string]Auth

// hub is the address of Docker's own registry in the configuration of clients.
const hub = "https://index.docker.io/v1/"

// ParseCredentials parses the file config.json, or the older .dockercfg, of a Docker client. Credential helpers are
// programs of the client's machine, and are refused.
func ParseCredentials(content []byte) (Credentials, error) {
	var file struct {
		Auths       map[string]entry  `json:"auths"`
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, err
	}
	if file.CredsStore != "" || len(file.CredHelpers) > 0 {
		return nil, errors.New("it has credsStore or credHelpers, which are programs that this agent does not run; put the credentials into auths")
	}
	if file.Auths == nil {
		if err := json.Unmarshal(content, &file.Auths); err != nil {
			return nil, errors.New("it has no 'auths'")
		}
	}
	all := Credentials{}
	for _, server := range slices.Sorted(maps.Keys(file.Auths)) {
		auth, err := file.Auths[server].parse(server)
		if err != nil {
			return nil, err
		}
		all[server] = auth
	}
	return all, nil
}

// entry holds the credentials for one registry as they are in a file.
type entry struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

func (e entry) parse(server string) (Auth, error) {
	a := Auth{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, ServerAddress: server}
	if e.Auth == "" {
		return a, nil
	}
	plain, err := base64.StdEncoding.DecodeString(e.Auth)
	user, password, found := strings.Cut(string(plain), ":")
	if err != nil || !found {
		return a, fmt.Errorf("'auth' of %s is not base64 of user:password", server)
	}
	a.Username, a.Password = user, strings.TrimRight(password, "\x00")
	return a, nil
}

// For returns the credentials for an image, or nil.
func (c Credentials) For(image string) *Auth {
	registry := Registry(image)
	for _, server := range slices.Sorted(maps.Keys(c)) {
		if host(server) == registry || registry == "docker.io" && server == hub {
			a := c[server]
			return &a
		}
	}
	return nil
}

// Registry returns the registry of an image: the first part of its name if that looks like a host.
func Registry(image string) string {
	first, _, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}

// host returns the host of a registry's address, with the port.
func host(server string) string {
	if _, rest, found := strings.Cut(server, "://"); found {
		server = rest
	}
	name, _, _ := strings.Cut(server, "/")
	return name
}
