package resources_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// read parses resources written as protobuf text.
func read(t testing.TB, texts ...string) resources.Resources {
	t.Helper()
	rs, err := resources.FromProto(messages(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func messages(t testing.TB, texts ...string) []*mesospb.Resource {
	t.Helper()
	ps := make([]*mesospb.Resource, len(texts))
	for i, text := range texts {
		ps[i] = &mesospb.Resource{}
		if err := prototext.Unmarshal([]byte(text), ps[i]); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return ps
}

const (
	plain  = `name: "disk" type: SCALAR scalar { value: 10 } `
	mount  = plain + `disk { source { type: MOUNT mount { root: "/mnt" } } } `
	path   = plain + `disk { source { type: PATH path { root: "/srv" } } } `
	volume = plain + `reservations { type: DYNAMIC role: "db" }
		disk { persistence { id: "v" } volume { container_path: "data" mode: RW } } `
	shared = volume + `shared { } `
)

func TestDisksPrint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{mount, "disk[MOUNT:/mnt]:10"},
		{path, "disk[PATH:/srv]:10"},
		{volume, "disk(reservations: [(DYNAMIC,db)])[v:data]:10"},
		{shared, "disk(reservations: [(DYNAMIC,db)])[v:data]<SHARED>:10<1>"},
		{plain + `disk { source { type: RAW id: "i" profile: "p" vendor: "c" } }`, "disk[RAW(c,i,p)]:10"},
		{plain + `revocable { } allocation_info { role: "db" }`, "disk(allocated: db){REV}:10"},
	} {
		if got := read(t, c.text).String(); got != c.want {
			t.Errorf("got %s; want %s", got, c.want)
		}
	}
}

func TestMountDisksAreTakenWholeAndPathDisksAreNot(t *testing.T) {
	t.Parallel()
	half := func(text string) resources.Resources {
		p := messages(t, text)[0]
		five := 5.0
		p.Scalar.Value = &five
		rs, err := resources.FromProto([]*mesospb.Resource{p})
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	if read(t, mount).Contains(half(mount)) {
		t.Error("half of a mounted disk can be had")
	}
	if !read(t, path).Contains(half(path)) {
		t.Error("half of a path cannot be had")
	}
	if two := read(t, mount, mount); two.Len() != 2 || !two.Minus(read(t, mount)).Equal(read(t, mount)) {
		t.Errorf("two mounted disks: %s", two)
	}
}

func TestSharedVolumesAreCounted(t *testing.T) {
	t.Parallel()
	one := read(t, shared)
	two := one.Plus(one)
	switch {
	case !two.Contains(one) || one.Contains(two):
		t.Error("two copies are not more than one")
	case !two.Minus(one).Equal(one):
		t.Errorf("%s - %s = %s", two, one, two.Minus(one))
	case two.Disk() != one.Disk():
		t.Errorf("two copies are %s of disk; want %s", two.Disk(), one.Disk())
	case len(two.Proto()) != 2:
		t.Errorf("written as %d resources", len(two.Proto()))
	}
}

func TestOperationsConvert(t *testing.T) {
	t.Parallel()
	const reserved = plain + `reservations { type: DYNAMIC role: "db" } `
	operation := func(typ mesospb.Offer_Operation_Type, fill func(*mesospb.Offer_Operation)) *mesospb.Offer_Operation {
		op := &mesospb.Offer_Operation{Type: typ.Enum()}
		fill(op)
		return op
	}
	for _, c := range []struct {
		op            *mesospb.Offer_Operation
		before, after resources.Resources
	}{
		{
			operation(mesospb.Offer_Operation_RESERVE, func(op *mesospb.Offer_Operation) {
				op.Reserve = &mesospb.Offer_Operation_Reserve{Resources: messages(t, reserved)}
			}),
			read(t, plain), read(t, reserved),
		},
		{
			operation(mesospb.Offer_Operation_UNRESERVE, func(op *mesospb.Offer_Operation) {
				op.Unreserve = &mesospb.Offer_Operation_Unreserve{Resources: messages(t, reserved)}
			}),
			read(t, reserved), read(t, plain),
		},
		{
			operation(mesospb.Offer_Operation_CREATE, func(op *mesospb.Offer_Operation) {
				op.Create = &mesospb.Offer_Operation_Create{Volumes: messages(t, shared)}
			}),
			read(t, reserved), read(t, shared),
		},
		{
			operation(mesospb.Offer_Operation_DESTROY, func(op *mesospb.Offer_Operation) {
				op.Destroy = &mesospb.Offer_Operation_Destroy{Volumes: messages(t, shared)}
			}),
			read(t, shared), read(t, reserved),
		},
		{
			operation(mesospb.Offer_Operation_GROW_VOLUME, func(op *mesospb.Offer_Operation) {
				op.GrowVolume = &mesospb.Offer_Operation_GrowVolume{
					Volume: messages(t, volume)[0], Addition: messages(t, reserved)[0],
				}
			}),
			read(t, volume, reserved), grown(t, volume, 20),
		},
		{
			operation(mesospb.Offer_Operation_SHRINK_VOLUME, func(op *mesospb.Offer_Operation) {
				four := 4.0
				op.ShrinkVolume = &mesospb.Offer_Operation_ShrinkVolume{
					Volume: messages(t, volume)[0], Subtract: &mesospb.Value_Scalar{Value: &four},
				}
			}),
			read(t, volume), grown(t, volume, 6).Plus(grown(t, reserved, 4)),
		},
	} {
		conversions, err := resources.ConversionsOf(c.op)
		if err != nil {
			t.Errorf("%s: %v", c.op.GetType(), err)
			continue
		}
		after, err := c.before.Apply(conversions...)
		if err != nil || !after.Equal(c.after) {
			t.Errorf("%s makes %s of %s, %v; want %s", c.op.GetType(), after, c.before, err, c.after)
		}
		if _, err := (resources.Resources{}).Apply(conversions...); err == nil {
			t.Errorf("%s works on nothing", c.op.GetType())
		}
	}
}

// grown returns the resource with another amount.
func grown(t *testing.T, text string, amount float64) resources.Resources {
	t.Helper()
	p := messages(t, text)[0]
	p.Scalar.Value = &amount
	rs, err := resources.FromProto([]*mesospb.Resource{p})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func TestASharedVolumeInUseElsewhereIsNotDestroyed(t *testing.T) {
	t.Parallel()
	op := &mesospb.Offer_Operation{
		Type:    mesospb.Offer_Operation_DESTROY.Enum(),
		Destroy: &mesospb.Offer_Operation_Destroy{Volumes: messages(t, shared)},
	}
	conversions, err := resources.ConversionsOf(op)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, shared, shared).Apply(conversions...); err == nil {
		t.Error("a volume with another copy was destroyed")
	}
}

func TestCheckpointedResourcesAreTakenOutOfThoseStartedWith(t *testing.T) {
	t.Parallel()
	started := parse(t, "cpus:2;disk:30")
	after, err := started.WithCheckpointed(read(t, volume))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := after.String(), "cpus:2; disk:20; disk(reservations: [(DYNAMIC,db)])[v:data]:10"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if !after.Checkpointed().Equal(read(t, volume)) {
		t.Errorf("to be checkpointed: %s", after.Checkpointed())
	}
	if _, err := parse(t, "disk:5").WithCheckpointed(read(t, volume)); err == nil {
		t.Error("a volume of 10 fits into a disk of 5")
	}
}
