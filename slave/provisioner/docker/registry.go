package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"meseta/messages/pb/agentstatepb"
	"meseta/runtime/web"
	"meseta/slave/provisioner/layer"
)

// registry gets images from registries, version 2 of their API.
//
// Mesos: RegistryPuller.
type registry struct {
	scheme, host string // of the default one
	config       Config
	transport    http.RoundTripper
}

// newRegistry returns the puller for a default registry.
func newRegistry(address string, c Config, t http.RoundTripper) (*registry, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("Failed to parse the default Docker registry: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("Failed to parse the default Docker registry: '%s' is neither the URL of a registry (http:// or https://) nor a directory of archives", address)
	}
	return &registry{scheme: u.Scheme, host: u.Host, config: c, transport: t}, nil
}

// place returns where an image is.
//
// Mesos: RegistryPullerProcess::_pull, normalize.
func (p *registry) place(r Reference) (scheme, host, repository string, err error) {
	scheme, host, repository = p.scheme, p.host, r.Repository
	if r.Registry != "" {
		host = r.Registry
		if scheme, err = schemeOf(host); err != nil {
			return "", "", "", err
		}
	}
	if isHub(host) && !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	return scheme, host, repository, nil
}

// pull implements [puller].
func (p *registry) pull(ctx context.Context, r Reference, c Config, s *staging) (*agentstatepb.Image, error) {
	scheme, host, repository, err := p.place(r)
	if err != nil {
		return nil, err
	}
	if c == nil {
		c = p.config
	}
	at, err := address(scheme, host, repository, r)
	if err != nil {
		return nil, err
	}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuth(c.authenticator(host)), remote.WithTransport(web.Propagating(fixed{p.transport, scheme, host})),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: goruntime.GOARCH}), remote.WithUserAgent("mesos"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 100 * time.Millisecond, Factor: 5, Steps: attempts}),
	}
	image, err := remote.Image(at, options...)
	if errors.Is(err, remote.ErrSchema1) {
		return nil, fmt.Errorf("the image '%s' has a manifest of schema 1, which registries and this agent do not support any more; push it again with a current version of Docker", r)
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to fetch the manifest of image '%s': %w", r, err)
	}
	return get(ctx, r, image, s)
}

// attempts is how often something is asked for that does not arrive.
const attempts = 3

func address(scheme, host, repository string, r Reference) (name.Reference, error) {
	options := []name.Option{name.StrictValidation}
	if scheme == "http" {
		options = append(options, name.Insecure)
	}
	at, err := name.NewRegistry(host, options...)
	var in name.Repository
	if err == nil {
		in, err = name.NewRepository(at.Name()+"/"+repository, options...)
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to parse docker image '%s': %w", r, err)
	}
	if r.Digest == "" {
		return in.Tag(r.version()), nil
	}
	if _, err := v1.NewHash(r.Digest); err != nil {
		return nil, fmt.Errorf("Failed to parse docker image '%s': Incorrect 'digest' format: %s", r, r.Digest)
	}
	return in.Digest(r.Digest), nil
}

// get gets the configuration and the layers of an image that the store does not have. Their digests are checked.
func get(ctx context.Context, r Reference, from v1.Image, s *staging) (*agentstatepb.Image, error) {
	manifest, err := from.Manifest()
	if err != nil {
		return nil, fmt.Errorf("Failed to parse the manifest: %w", err)
	}
	total := int64(0)
	for _, l := range manifest.Layers {
		total += min(max(l.Size, 0), layer.DefaultLimits.Bytes+1)
	}
	if n := len(manifest.Layers); n == 0 || n > maxLayers || total > layer.DefaultLimits.Bytes {
		return nil, fmt.Errorf("Failed to parse the manifest: the image '%s' has %d layers of %d bytes", r, n, total)
	}
	digest := manifest.Config.Digest.String()
	image := &agentstatepb.Image{Reference: r.proto(), ConfigDigest: &digest}
	content, err := from.RawConfigFile()
	if err == nil {
		err = s.root.WriteFile(digest, content, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to fetch the configuration of image '%s': %w", r, err)
	}
	for i, l := range manifest.Layers {
		id := l.Digest.String()
		if slices.Contains(image.LayerIds, id) {
			continue
		}
		image.LayerIds = append(image.LayerIds, id)
		if s.has(id) {
			continue
		}
		s.log.Info().Stringer("image", r).Str("layer", id).Int("number", i+1).Int("of", len(manifest.Layers)).Int64("bytes", l.Size).Msg("pulling layer")
		if err := getLayer(ctx, l, from, s); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// getLayer downloads the archive of a layer, checks its digest, and unpacks it.
func getLayer(ctx context.Context, about v1.Descriptor, from v1.Image, s *staging) error {
	id := about.Digest.String()
	archive := id + "-archive"
	if err := downloadLayer(ctx, about, from, archive, s); err != nil {
		return fmt.Errorf("Failed to fetch layer '%s': %w", id, err)
	}
	f, err := s.root.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.unpack(ctx, id, f); err != nil {
		return err
	}
	return s.root.Remove(archive)
}

// downloadLayer downloads a layer into a file, and begins again when it does not arrive whole.
func downloadLayer(ctx context.Context, about v1.Descriptor, from v1.Image, to string, s *staging) error {
	var err error
	for n := range attempts {
		if n > 0 {
			s.log.Warn().Err(err).Stringer("layer", about.Digest).Msg("layer did not arrive; it is pulled again")
		}
		if err = downloadOnce(about, from, to, s); err == nil || ctx.Err() != nil || errors.As(err, new(*os.PathError)) {
			break
		}
	}
	return err
}

func downloadOnce(about v1.Descriptor, from v1.Image, to string, s *staging) error {
	l, err := from.LayerByDigest(about.Digest)
	if err != nil {
		return err
	}
	body, err := l.Compressed()
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := s.root.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, &progress{Reader: body, staging: s, about: about})
	return errors.Join(err, f.Close())
}

// progressStep is how much of a layer arrives between two lines in the log.
const progressStep = 256 << 20

// progress tells how much of a layer has arrived.
type progress struct {
	io.Reader
	staging *staging
	about   v1.Descriptor
	arrived int64
}

// Read implements io.Reader.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	before := p.arrived
	if p.arrived += int64(n); p.arrived/progressStep > before/progressStep {
		p.staging.log.Info().Stringer("layer", p.about.Digest).Int64("arrived", p.arrived).Int64("bytes", p.about.Size).Msg("pulling layer")
	}
	return n, err
}

// fixed is a transport that speaks to a registry in the way that its address says, whatever the library takes its host for.
type fixed struct {
	http.RoundTripper
	scheme, host string
}

// RoundTrip implements http.RoundTripper.
func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == f.host && r.URL.Scheme != f.scheme {
		r = r.Clone(r.Context())
		r.URL.Scheme = f.scheme
	}
	return f.RoundTripper.RoundTrip(r)
}
