package docker

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"meseta/messages/pb/dockerpb"
)

// Reference names an image.
type Reference struct {
	Registry   string // host, perhaps with a port; "" means the default one
	Repository string
	Tag        string // "" means latest, unless there is a digest
	Digest     string
}

// ParseReference returns the reference that a text is.
//
// Mesos: docker::spec::parseImageReference.
//
// Differs: names that lead out of a directory of archives are refused.
func ParseReference(text string) (r Reference, err error) {
	text, r.Digest, _ = strings.Cut(text, "@")
	if strings.Contains(r.Digest, "@") {
		return r, errors.New("Multiple '@' symbols found")
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.Contains(text[i:], "/") { // otherwise it is a port
		text, r.Tag = text[:i], text[i+1:]
	}
	first, rest, several := strings.Cut(text, "/")
	if r.Repository = text; several && (strings.ContainsAny(first, ".:") || first == "localhost") {
		r.Registry, r.Repository = first, rest
	}
	if r.Repository == "" {
		return r, errors.New("the name of the repository is empty")
	}
	for part := range strings.SplitSeq(r.String(), "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\\") {
			return r, fmt.Errorf("'%s' is no part of a name", part)
		}
	}
	return r, nil
}

// String returns the text of which a reference was parsed.
func (r Reference) String() string {
	s := r.Repository
	if r.Registry != "" {
		s = r.Registry + "/" + s
	}
	switch {
	case r.Digest != "":
		return s + "@" + r.Digest
	case r.Tag != "":
		return s + ":" + r.Tag
	}
	return s
}

func (r Reference) proto() *dockerpb.ImageReference {
	return &dockerpb.ImageReference{Registry: set(r.Registry), Repository: &r.Repository, Tag: set(r.Tag), Digest: set(r.Digest)}
}

// set returns a text that is set unless it is empty.
func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func referenceOf(p *dockerpb.ImageReference) Reference {
	return Reference{Registry: p.GetRegistry(), Repository: p.GetRepository(), Tag: p.GetTag(), Digest: p.GetDigest()}
}

// version returns the tag, which is latest if there is none.
func (r Reference) version() string { return cmp.Or(r.Tag, "latest") }

// isHub reports whether a host is one of Docker's own registry. A host of somebody else whose name only contains that must
// not get its passwords.
func isHub(host string) bool {
	host, _, _ = strings.Cut(host, ":")
	return host == "docker.io" || strings.HasSuffix(host, ".docker.io")
}

// schemeOf returns the scheme of a registry that has only a host and perhaps a port.
//
// Mesos: docker::spec::getRegistryScheme.
func schemeOf(registry string) (string, error) {
	host, port, found := strings.Cut(registry, ":")
	if !found {
		return "https", nil
	}
	switch n, err := strconv.ParseUint(port, 10, 16); {
	case err != nil:
		return "", fmt.Errorf("Failed to get registry port: Failed to numify '%s'", port)
	case n == 443:
		return "https", nil
	case n == 80 || host == "localhost" || host == "127.0.0.1":
		return "http", nil
	}
	return "https", nil
}
