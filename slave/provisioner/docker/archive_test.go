package docker_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"meseta/slave/provisioner/docker"
	"meseta/slave/provisioner/layer"
)

// append1 adds a layer to an image.
func append1(t *testing.T, i v1.Image, content []byte) v1.Image {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, tarball.WithCompressionLevel(0))
	if err == nil {
		i, err = mutate.AppendLayers(i, l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// legacy returns an archive as older programs write it, with two layers.
func legacy(t *testing.T, repositories string) []byte {
	t.Helper()
	return archive(t, "repositories", repositories,
		"1/VERSION", "1.0", "1/json", `{"id": "1"}`, "1/layer.tar", string(archive(t, "one", "")),
		"2/VERSION", "1.0", "2/json", `{"id": "2", "parent": "1", "config": {"Cmd": ["/cmd"]}}`, "2/layer.tar", string(archive(t, "two", "", ".wh.one", "")))
}

func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The store looks as the reference's: linux/8-image-store-tree.txt.
func TestLegacyArchive(t *testing.T) {
	t.Parallel()
	registry := t.TempDir()
	put(t, registry, "box.tar", legacy(t, `{"box": {"latest": "2"}}`))
	s, dir := newStore(t, docker.Options{Registry: registry})
	i, err := s.Get(t.Context(), named("box"), layer.Keep)
	if err != nil {
		t.Fatal(err)
	}
	if i.Docker.GetId() != "2" || i.Docker.GetConfig().GetCmd()[0] != "/cmd" || i.Config != "" {
		t.Errorf("configuration: %v, %s", i.Docker, i.Config)
	}
	want := "layers/1/VERSION layers/1/json layers/1/rootfs/one layers/2/VERSION layers/2/json layers/2/rootfs/.wh.one layers/2/rootfs/two storedImages"
	if got := strings.Join(files(t, dir), " "); got != want {
		t.Errorf("the store has %s", got)
	}
	clean(t, dir)
}

func TestArchives(t *testing.T) {
	t.Parallel()
	registry := t.TempDir()
	put(t, registry, "r.io/a/box:v1.tar", legacy(t, `{"r.io/a/box": {"v1": "2"}}`))
	put(t, registry, "other.tar", legacy(t, `{"box": {"latest": "2"}}`))
	put(t, registry, "untagged.tar", legacy(t, `{"untagged": {"v2": "2"}}`))
	put(t, registry, "gone.tar", legacy(t, `{"gone": {"latest": "7"}}`))
	put(t, registry, "escaping.tar", legacy(t, `{"escaping": {"latest": "../1"}}`))
	put(t, registry, "empty.tar", archive(t))
	put(t, registry, "junk.tar", []byte(strings.Repeat("x", 1000)))
	put(t, registry, "cut.tar", legacy(t, `{"cut": {"latest": "2"}}`)[:520])
	put(t, registry, "circle.tar", archive(t, "repositories", `{"circle": {"latest": "1"}}`, "1/json", `{"parent": "1"}`))
	put(t, registry, "unlayered.tar", archive(t, "repositories", `{"unlayered": {"latest": "3"}}`, "3/json", `{}`))
	s, dir := newStore(t, docker.Options{Registry: registry})
	if i, err := s.Get(t.Context(), named("r.io/a/box:v1"), layer.Keep); err != nil || len(i.Layers) != 2 {
		t.Errorf("%v, %v", i, err)
	}
	for name, want := range map[string]string{
		"nosuch":    fmt.Sprintf("Failed to find archive for image 'nosuch' at '%s/nosuch.tar'", registry),
		"other":     "Repository 'other' does not exist in 'repositories'",
		"untagged":  "Layer id 'latest' is not found",
		"gone":      "names layers that are not in the archive",
		"escaping":  "'../1' is no ID of a layer",
		"empty":     "Failed to read 'repositories'",
		"junk":      "Failed to untar the archive of image 'junk'",
		"cut":       "unexpected EOF",
		"circle":    "there is no first layer",
		"unlayered": "Failed to open the archive of layer '3'",
		"../x":      "Failed to parse docker image '../x'",
	} {
		if _, err := s.Get(t.Context(), named(name), layer.Keep); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	clean(t, dir)
}

// An archive as programs write it now: no directories of layers, digests instead.
func TestCurrentArchive(t *testing.T) {
	t.Parallel()
	registry := t.TempDir()
	tag, err := name.NewTag("box:v1")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tarball.Write(tag, image(t, "one", "two"), &b); err != nil {
		t.Fatal(err)
	}
	put(t, registry, "box:v1.tar", b.Bytes())
	put(t, registry, "box:v2.tar", b.Bytes())
	s, dir := newStore(t, docker.Options{Registry: registry})
	i, err := s.Get(t.Context(), named("box:v1"), layer.Keep)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(contents(t, i), " "); got != "one two" || i.Docker.GetConfig().GetCmd()[0] != "/cmd" || i.Config == "" {
		t.Errorf("%s, %v", got, i)
	}
	if _, err := s.Get(t.Context(), named("box:v2"), layer.Keep); err == nil || !strings.Contains(err.Error(), "with tag 'v2' does not exist in 'manifest.json'") {
		t.Errorf("another tag: %v", err)
	}
	clean(t, dir)
}
