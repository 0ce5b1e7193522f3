// Package credentials reads the files with the principals and secrets that daemons authenticate their peers by, and
// themselves.
//
// A file is either JSON, {"credentials": [{"principal": "ann", "secret": "s3cret"}]}, or text with a principal and its
// secret on each line.
package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
)

// File is the content of a file of credentials.
type File struct {
	Credentials []*mesospb.Credential
	// Warning says, in Mesos's words, that other users of the machine have access to the file. It is empty if they have
	// none.
	Warning string
}

// Read reads a file of credentials for --credentials or --http_credentials. The path may begin with file://. Errors
// never contain a secret.
//
// Mesos: credentials::read.
//
// Differs: Mesos does not read text any more.
func Read(path string) (File, error) {
	content, warning, err := read(path, "credentials")
	if err != nil {
		return File{}, err
	}
	parsed, err := parse(content)
	if err != nil {
		return File{}, fmt.Errorf("Failed to parse credentials file '%s': %w", trim(path), err)
	}
	if len(parsed) == 0 {
		return File{}, errors.New("Credentials file must contain at least one credential")
	}
	return File{parsed, warning}, nil
}

// ReadOne reads a file for --credential. It has the one credential of the program itself, as a JSON object or as a line
// of text. Everything else is as for [Read].
//
// Mesos: credentials::readCredential.
func ReadOne(path string) (File, error) {
	content, warning, err := read(path, "credential")
	if err != nil {
		return File{}, err
	}
	one, err := parseOne(content)
	if err != nil {
		return File{}, fmt.Errorf("Failed to parse credential file '%s': %w", trim(path), err)
	}
	return File{[]*mesospb.Credential{one}, warning}, nil
}

// Secrets returns the secrets by principal. If a principal occurs twice, the last counts.
func (f File) Secrets() map[string]string {
	secrets := map[string]string{}
	for _, c := range f.Credentials {
		secrets[c.GetPrincipal()] = c.GetSecret()
	}
	return secrets
}

func trim(path string) string { return strings.TrimPrefix(path, "file://") }

// read returns the content of a file of credentials, and a warning if others can read it.
func read(path, kind string) (content []byte, warning string, err error) {
	path = trim(path)
	content, err = os.ReadFile(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return nil, "", fmt.Errorf("Failed to read %s file '%s': %w", kind, path, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		warning = fmt.Sprintf("Permissions on %s file '%s' are too open; it is recommended that your %s file is NOT accessible by others", kind, path, kind)
	}
	return content, warning, nil
}

func isJSON(content []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) }

// parse parses all credentials of a file.
func parse(content []byte) ([]*mesospb.Credential, error) {
	if isJSON(content) {
		all := &mesospb.Credentials{}
		if err := mesosjson.Unmarshal(content, all); err != nil {
			return nil, err
		}
		return all.GetCredentials(), nil
	}
	var all []*mesospb.Credential
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		fields := strings.Fields(line)
		switch len(fields) {
		case 0:
		case 2:
			all = append(all, &mesospb.Credential{Principal: &fields[0], Secret: proto.String(fields[1])})
		default:
			return nil, fmt.Errorf("line %d is not a principal and a secret with a space between them, and the file is not a JSON object", number)
		}
	}
	return all, nil
}

func parseOne(content []byte) (*mesospb.Credential, error) {
	if isJSON(content) {
		one := &mesospb.Credential{}
		return one, mesosjson.Unmarshal(content, one)
	}
	all, err := parse(content)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d credentials, instead of one", len(all))
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}
