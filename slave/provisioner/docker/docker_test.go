package docker_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/provisioner"
	"meseta/slave/provisioner/docker"
	"meseta/slave/provisioner/layer"
	"meseta/slave/provisioner/mounttest"
)

func TestMain(m *testing.M) { os.Exit(mounttest.Main(m)) }

// archive returns an archive of files: names and contents in turn.
func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg, Uid: os.Getuid(), Gid: os.Getgid()}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image returns an image of layers, each a file that has its content as its name.
func image(t testing.TB, layers ...string) v1.Image {
	t.Helper()
	i, err := mutate.Config(empty.Image, v1.Config{Cmd: []string{"/cmd"}, Env: []string{"A=b"}, WorkingDir: "/w"})
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(archive(t, content, content))), nil
		})
		if err == nil {
			i, err = mutate.AppendLayers(i, l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// hub is a registry that runs in the test.
type hub struct {
	http.Handler
	t    *testing.T
	host string
}

// newHub starts a registry. around is what its clients meet first; nil means nothing.
func newHub(t *testing.T, around func(http.Handler) http.Handler) *hub {
	t.Helper()
	h := &hub{t: t, Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	outside := h.Handler
	if around != nil {
		outside = around(h.Handler)
	}
	server := httptest.NewServer(outside)
	t.Cleanup(server.Close)
	h.host = strings.TrimPrefix(server.URL, "http://")
	return h
}

// push puts an image into the registry.
func (h *hub) push(what remote.Taggable, as string) {
	h.t.Helper()
	direct := httptest.NewServer(h.Handler)
	defer direct.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(direct.URL, "http://")+"/"+as, name.Insecure)
	if err != nil {
		h.t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(ref, what)
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, what)
	default:
		err = errors.New("neither an image nor an index")
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func newStore(t *testing.T, o docker.Options) (provisioner.Store, string) {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := docker.New(n, o)
	if err == nil {
		err = s.Recover(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, o.Dir
}

func named(name string) *mesospb.Image {
	return &mesospb.Image{Type: mesospb.Image_DOCKER.Enum(), Docker: &mesospb.Image_Docker{Name: &name}}
}

// contents returns the files of the layers of an image.
func contents(t *testing.T, i provisioner.Image) (all []string) {
	t.Helper()
	for _, dir := range i.Layers {
		all = append(all, files(t, dir)...)
	}
	return all
}

func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// clean fails the test if something of a pull is left.
func clean(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"staging", "gc"} {
		if left, err := os.ReadDir(filepath.Join(dir, name)); err != nil || len(left) != 0 {
			t.Errorf("%s has %v, %v", name, left, err)
		}
	}
}

func TestPull(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil)
	h.push(image(t, "one", "two", "one"), "a/b:v1")
	s, dir := newStore(t, docker.Options{Registry: "http://" + h.host})
	i, err := s.Get(t.Context(), named("a/b:v1"), layer.Keep)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(contents(t, i), " "); got != "one two" { // the same layer twice is one
		t.Errorf("layers: %s", got)
	}
	c := i.Docker.GetConfig()
	if len(c.GetCmd()) != 1 || c.GetCmd()[0] != "/cmd" || c.GetEnv()[0] != "A=b" || c.GetWorkingDir() != "/w" {
		t.Errorf("configuration: %v", c)
	}
	clean(t, dir)
	again, _ := newStore(t, docker.Options{Registry: "http://localhost:1", Dir: dir}) // an agent that starts again needs no registry
	if _, err := again.Get(t.Context(), named("a/b:v1"), layer.Keep); err != nil {
		t.Error(err)
	}
	uncached := named("a/b:v1")
	uncached.Cached = proto.Bool(false)
	if _, err := again.Get(t.Context(), uncached, layer.Keep); err == nil {
		t.Error("an image that must not be cached is")
	}
	other, err := s.Get(t.Context(), named(h.host+"/a/b:v1"), layer.Overlay)
	if err != nil || strings.Join(contents(t, other), " ") != "one two" || !strings.HasSuffix(other.Layers[0], "/rootfs.overlay") {
		t.Errorf("for another backend, by the name of the registry: %v, %v", other, err)
	}
}

// Of an index, the image for this platform is pulled.
func TestIndex(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil)
	add := func(os, architecture, content string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: image(t, content), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: architecture}}}
	}
	for _, kind := range []types.MediaType{types.OCIImageIndex, types.DockerManifestList} {
		h.push(mutate.IndexMediaType(mutate.AppendManifests(empty.Index, add("windows", "amd64", "w"), add("linux", "arm64", "arm"),
			add("linux", "amd64", "amd"), add("linux", "s390x", "z")), kind), "index")
		s, _ := newStore(t, docker.Options{Registry: "http://" + h.host})
		i, err := s.Get(t.Context(), named("index"), layer.Keep)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, i); len(got) != 1 || got[0] != "amd" && got[0] != "arm" {
			t.Errorf("%s: %v", kind, got)
		}
	}
	h.push(mutate.AppendManifests(empty.Index, add("windows", "amd64", "w")), "windows")
	s, dir := newStore(t, docker.Options{Registry: "http://" + h.host})
	if i, err := s.Get(t.Context(), named("windows"), layer.Keep); err == nil || !strings.Contains(err.Error(), "no child with platform linux") {
		t.Errorf("%v, %v", i, err)
	}
	clean(t, dir)
}

func TestDigest(t *testing.T) {
	t.Parallel()
	h, i := newHub(t, nil), image(t, "one")
	h.push(i, "a:v1")
	digest, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newStore(t, docker.Options{Registry: "http://" + h.host})
	if _, err := s.Get(t.Context(), named("a@"+digest.String()), layer.Keep); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"a@sha256:123":                        "Incorrect 'digest' format",
		"a@sha256:" + strings.Repeat("0", 64): "MANIFEST_UNKNOWN",
		"nosuch":                              "Failed to fetch the manifest of image 'nosuch'",
		"a:v2":                                "Failed to fetch the manifest of image 'a:v2'",
		"a b":                                 "Failed to parse docker image 'a b'",
		"../a":                                "Failed to parse docker image '../a'",
		"localhost:x/a":                       "Failed to numify 'x'",
		"a@sha256:1@sha256:2":                 "Multiple '@' symbols found",
		"UPPER":                               "Failed to parse docker image 'UPPER'",
	} {
		if _, err := s.Get(t.Context(), named(name), layer.Keep); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// A layer whose compression no media type tells is unpacked all the same, and one with another digest is refused.
func TestLayers(t *testing.T) {
	t.Parallel()
	plain, err := mutate.AppendLayers(empty.Image, static.NewLayer(archive(t, "plain", ""), types.DockerLayer))
	if err != nil {
		t.Fatal(err)
	}
	junk, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte(strings.Repeat("x", 2000)), types.DockerLayer))
	if err != nil {
		t.Fatal(err)
	}
	escaping, err := mutate.AppendLayers(empty.Image, static.NewLayer(archive(t, "../../x", ""), types.DockerLayer))
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, nil)
	for name, i := range map[string]v1.Image{"plain": plain, "junk": junk, "escaping": escaping, "none": empty.Image} {
		h.push(i, name)
	}
	s, dir := newStore(t, docker.Options{Registry: "http://" + h.host})
	if i, err := s.Get(t.Context(), named("plain"), layer.Keep); err != nil || contents(t, i)[0] != "plain" {
		t.Errorf("%v, %v", i, err)
	}
	for name, want := range map[string]string{"junk": "read the archive", "escaping": "outside of it", "none": "has 0 layers"} {
		if _, err := s.Get(t.Context(), named(name), layer.Keep); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	clean(t, dir)
}

// Registries, which have traces of their own, are told what caused a pull, if that is traced: with each of its requests.
func TestPullsNameTheirCause(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var parents []string
	h := newHub(t, func(within http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			parents = append(parents, r.Header.Get("Traceparent"))
			mu.Unlock()
			within.ServeHTTP(w, r)
		})
	})
	h.push(image(t, "one", "two"), "a/b:v1")
	n := runtimetest.Node(t)
	n.Trace().Record(1000)
	s, err := docker.New(n, docker.Options{Registry: "http://" + h.host, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), named("a/b:v1"), layer.Keep); err != nil {
		t.Fatal(err)
	}
	work := map[string]bool{}
	for _, e := range n.Trace().Events() {
		work["00-"+e.ID.String()] = e.Kind == runtime.EventWork
	}
	for _, parent := range parents {
		if len(parent) != 55 || !work[parent[:35]] {
			t.Errorf("a request says that %q caused it, which is no work of this node", parent)
		}
	}
	if len(parents) < 4 {
		t.Errorf("%d requests", len(parents))
	}
}
