package checkpoint_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/checkpoint"
)

// volume returns a persistent volume.
func volume(t *testing.T, reservations, id, source string) resources.Resource {
	t.Helper()
	p := &mesospb.Resource{}
	text := `name: "disk" type: SCALAR scalar { value: 1 } ` + reservations + ` disk { persistence { id: "` + id + `" }
		volume { mode: RW container_path: "data" } ` + source + ` }`
	if err := prototext.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	for r := range resources.FromValid([]*mesospb.Resource{p}).All() {
		return r
	}
	return resources.Resource{}
}

const red = `reservations { type: DYNAMIC role: "red" } `

func TestVolumePaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reservations, id, source, want string }{
		{red, "v", "", "/w/volumes/roles/red/v"},
		{red, "v 1", "", "/w/volumes/roles/red/v 1"},
		{`reservations { type: STATIC role: "a" } reservations { type: DYNAMIC role: "a/b/c" }`, "v", "", "/w/volumes/roles/a b c/v"},
		{red, "v", `source { type: PATH path { root: "/disks/1" } }`, "/disks/1/volumes/roles/red/v"},
		{red, "v", `source { type: PATH path { root: "disks/1" } }`, "/w/disks/1/volumes/roles/red/v"},
		{red, "v", `source { type: MOUNT mount { root: "/disks/2/" } }`, "/disks/2"},
		{red, "v", `source { type: MOUNT mount { root: "disks/2" } }`, "/w/disks/2"},
		{red, "v", `source { type: RAW }`, "error: is on a disk of type RAW"},
		{red, "v", `source { type: BLOCK }`, "error: is on a disk of type BLOCK"},
		{red, "v", `source { type: PATH path { root: "/x" } id: "csi" }`, "error: is of a resource provider"},
		{red, "..", "", "error: '..' is disallowed"},
		{red, "a/b", "", "error: contains invalid characters"},
		{`reservations { type: DYNAMIC role: "a\000" }`, "v", "", "error: cannot be the name of a directory"},
		{`reservations { type: DYNAMIC role: "` + strings.Repeat("x", 256) + `" }`, "v", "", "error: cannot be the name of a directory"},
	} {
		got, err := checkpoint.Root("/w").Volume(volume(t, c.reservations, c.id, c.source))
		if text, fails := strings.CutPrefix(c.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%v: %q, %v", c, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%v: %q, %v", c, got, err)
		}
	}
}

// Volumes are made and removed; one that is a whole disk is emptied, and its directory stays.
func TestVolumes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	change := func(before, after resources.Resources) {
		t.Helper()
		var r checkpoint.Records
		if err := r.Volumes("/w", before, after); err != nil {
			t.Fatal(err)
		}
		d.write(r)
	}
	at := func(name string) bool { _, err := d.disk.Lstat(name); return err == nil }
	kept, gone := volume(t, red, "kept", ""), volume(t, red, "gone", "")
	whole := volume(t, red, "whole", `source { type: MOUNT mount { root: "/w/mount" } }`)
	change(resources.Resources{}, resources.Of(kept, gone, whole))
	for _, name := range []string{"/w/volumes/roles/red/kept/f/g", "/w/volumes/roles/red/gone/f/g", "/w/mount/f/g"} {
		if err := d.disk.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	change(resources.Of(kept, gone, whole), resources.Of(kept))
	change(resources.Of(gone, whole), resources.Resources{}) // what is gone already is no error
	for name, want := range map[string]bool{
		"/w/volumes/roles/red/kept/f/g": true, "/w/volumes/roles/red/gone": false, "/w/mount": true, "/w/mount/f": false,
	} {
		if at(name) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
	if err := (&checkpoint.Records{}).Volumes("/w", resources.Resources{}, resources.Of(volume(t, red, "..", ""))); err == nil {
		t.Error("a volume outside is made")
	}
}
