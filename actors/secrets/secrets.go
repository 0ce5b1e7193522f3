// Package secrets resolves the secrets that the descriptions of tasks contain or refer to.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"meseta/actors/modules"
	"meseta/messages/pb/mesospb"
)

// Resolver resolves secrets.
//
// Mesos: SecretResolver.
type Resolver interface {
	// Resolve returns the data of a valid secret. It may block, and is called from any goroutine. Its errors do not contain
	// the data of secrets.
	Resolve(ctx context.Context, s *mesospb.Secret) ([]byte, error)
}

// Values resolves secrets that are given by value, and no others.
//
// Mesos: DefaultSecretResolver.
type Values struct{}

// Resolve implements [Resolver].
func (Values) Resolve(_ context.Context, s *mesospb.Secret) ([]byte, error) {
	switch s.GetType() {
	case mesospb.Secret_VALUE:
		return s.GetValue().GetData(), nil
	case mesospb.Secret_REFERENCE:
		return nil, fmt.Errorf("Default secret resolver cannot resolve references: %q", s.GetReference().GetName())
	}
	return nil, errors.New("the secret is neither a value nor a reference")
}

// Files resolves references to files in a directory, and values. If a reference has a key, the file is a JSON object of
// strings. A reference cannot leave the directory.
type Files struct{ root *os.Root }

// Module is the name of [Files] for --secret_resolver. Its parameter directory names the directory.
const Module = "org_apache_meseta_FileSecretResolver"

// AddModules adds the resolvers to the modules that can be chosen.
func AddModules(c *modules.Catalogue) {
	modules.Add(c, Module, func(p modules.Parameters) (Resolver, error) {
		directory, ok := p.Get("directory")
		if !ok {
			return nil, errors.New("parameter directory is missing; it names the directory with the secrets")
		}
		return NewFiles(directory)
	})
}

// NewFiles returns a resolver for the files in a directory.
func NewFiles(directory string) (*Files, error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	return &Files{root}, nil
}

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 1 << 20

// Resolve implements [Resolver].
func (f *Files) Resolve(ctx context.Context, s *mesospb.Secret) ([]byte, error) {
	if s.GetType() != mesospb.Secret_REFERENCE {
		return Values{}.Resolve(ctx, s)
	}
	name := s.GetReference().GetName()
	file, err := f.root.Open(strings.TrimLeft(name, "/"))
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("secret %q: %w", name, err)
	case len(data) > maxSecret:
		return nil, fmt.Errorf("secret %q is longer than %d bytes", name, maxSecret)
	case s.GetReference().Key == nil:
		return data, nil
	}
	var values map[string]string
	if json.Unmarshal(data, &values) != nil { // whose error would quote the secret
		return nil, fmt.Errorf("secret %q is not a JSON object of strings, and so has no key %q", name, s.GetReference().GetKey())
	}
	value, ok := values[s.GetReference().GetKey()]
	if !ok {
		return nil, fmt.Errorf("secret %q has no key %q", name, s.GetReference().GetKey())
	}
	return []byte(value), nil
}
