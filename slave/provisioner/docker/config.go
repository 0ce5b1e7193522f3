package docker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Config has the passwords for registries, as Docker's configuration file has them (--docker_config).
type Config map[string]authn.AuthConfig

// ParseConfig returns the configuration that a file holds: either that of config.json, with "auths" in it, or the older one
// of .dockercfg, without. Errors contain no passwords.
//
// Mesos: docker::spec::parseAuthConfig.
//
// Differs: a file that leaves passwords to other programs is refused; Mesos takes it for one without passwords.
func ParseConfig(content []byte) (Config, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, errors.New("JSON parse failed: it is no JSON object")
	}
	for _, name := range []string{"credsStore", "credHelpers"} {
		if _, found := file[name]; found {
			return nil, fmt.Errorf("'%s' is not supported, because the agent runs no programs for passwords; put them into 'auths'", name)
		}
	}
	if auths, found := file["auths"]; found {
		file = nil
		if err := json.Unmarshal(auths, &file); err != nil {
			return nil, errors.New("Failed to find 'auths' in docker config file: it is no JSON object")
		}
	}
	c := Config{}
	for _, registry := range slices.Sorted(maps.Keys(file)) {
		if value := bytes.TrimSpace(file[registry]); len(value) == 0 || value[0] != '{' {
			return nil, fmt.Errorf("Invalid JSON object for '%s'", registry)
		}
		auth, err := parseAuth(file[registry])
		if err != nil {
			return nil, fmt.Errorf("the credentials for '%s': %w", registry, err)
		}
		c[registry] = auth
	}
	return c, nil
}

func parseAuth(content []byte) (a authn.AuthConfig, err error) {
	var file struct{ Auth, Username, Password, IdentityToken, RegistryToken string }
	if err := json.Unmarshal(content, &file); err != nil {
		return a, errors.New("they have another form than Docker's")
	}
	a = authn.AuthConfig{Username: file.Username, Password: file.Password, IdentityToken: file.IdentityToken, RegistryToken: file.RegistryToken}
	if file.Auth == "" {
		return a, nil
	}
	pair, err := base64.StdEncoding.DecodeString(file.Auth)
	if err != nil {
		pair, err = base64.RawStdEncoding.DecodeString(file.Auth)
	}
	user, password, found := strings.Cut(strings.TrimRight(string(pair), "\x00"), ":")
	if err != nil || !found {
		return a, errors.New("'auth' is not the base64 of a user, a colon and a password")
	}
	a.Username, a.Password = user, password
	return a, nil
}

// authenticator returns what proves to a registry who we are. Nobody else's password is sent to it.
//
// Mesos: getAuthHeaderBasic.
func (c Config) authenticator(host string) authn.Authenticator {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		of := strings.TrimPrefix(strings.TrimPrefix(key, "http://"), "https://")
		of, _, _ = strings.Cut(of, "/")
		if of == host || isHub(of) && isHub(host) {
			return authn.FromConfig(c[key])
		}
	}
	return authn.Anonymous
}
