package validate

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
)

// Pieces of operations as text.
const (
	reserved = `name: "disk" type: SCALAR scalar { value: 10 } reservations { type: DYNAMIC role: "r" principal: "p" }`
	static   = `name: "disk" type: SCALAR scalar { value: 10 } reservations { type: STATIC role: "r" }`
	refined  = `name: "disk" type: SCALAR scalar { value: 10 } reservations { type: STATIC role: "r" } reservations { type: DYNAMIC role: "r/s" principal: "p" }`
	volume   = reserved + ` disk { persistence { id: "v" principal: "p" } volume { container_path: "x" mode: RW } }`
	readOnly = reserved + ` disk { persistence { id: "v" principal: "p" } volume { container_path: "x" mode: RO } }`
	raw      = `name: "disk" type: SCALAR scalar { value: 10 } provider_id { value: "rp" } disk { source { type: RAW id: "d" profile: "fast" } }`
	block    = `name: "disk" type: SCALAR scalar { value: 10 } provider_id { value: "rp" } disk { source { type: BLOCK } }`
)

func TestOperation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ operation, want string }{
		{`type: RESERVE reserve { resources { ` + reserved + ` } }`, ""},
		{`type: RESERVE reserve { resources { ` + static + ` } }`, "is not dynamically reserved"},
		{`type: RESERVE reserve { resources { ` + strings.ReplaceAll(reserved, `"r"`, `"other"`) + ` } }`, "allocated to role 'r'"},
		{`type: RESERVE reserve { resources { ` + strings.ReplaceAll(reserved, `"p"`, `"q"`) + ` } }`, "attempted by authenticated principal 'p', which does not match a reserved resource in the request with principal 'q'"},
		{`type: RESERVE reserve { resources { ` + refined + ` } }`, "HIERARCHICAL_ROLE"},
		{`type: RESERVE reserve { resources { ` + reserved + ` } resources { ` + reserved + ` provider_id { value: "rp" } } }`, "Invalid resources: Some resources have a resource provider and some do not"},
		{`type: RESERVE reserve { resources { ` + reserved + ` provider_id { value: "a" } } resources { ` + reserved + ` provider_id { value: "b" } } }`,
			"Invalid resources: The resources have multiple resource providers: a, b"},
		{`type: RESERVE reserve {}`, "multiple resource providers: "},
		{`type: RESERVE reserve { resources { ` + strings.ReplaceAll(reserved, `principal: "p"`, "") + ` } }`, "with no principal set"},
		{`type: RESERVE reserve { resources { ` + reserved + ` revocable {} } }`, "cannot be created from revocable resources"},
		{`type: RESERVE reserve { resources { ` + strings.ReplaceAll(reserved, `"r"`, `"other"`) + ` allocation_info { role: "other" } } }`, "the framework only has roles '{ r }'"},
		{`type: UNRESERVE unreserve { resources { ` + reserved + ` } }`, ""},
		{`type: UNRESERVE unreserve { resources { ` + static + ` } }`, "is not dynamically reserved"},
		{`type: UNRESERVE unreserve {}`, "multiple resource providers: "},
		{`type: UNRESERVE unreserve { resources { ` + volume + ` } }`, "cannot be unreserved directly"},
		{`type: CREATE create { volumes { ` + volume + ` } }`, ""},
		{`type: CREATE create { volumes { ` + reserved + ` } }`, "does not have DiskInfo"},
		{`type: CREATE create { volumes { ` + readOnly + ` } }`, "Read-only"},
		{`type: CREATE create { volumes { ` + volume + ` shared {} } }`, "SHARED_RESOURCES"},
		{`type: CREATE create { volumes { ` + volume + ` } volumes { ` + strings.ReplaceAll(volume, "10", "11") + ` } }`, "is not unique"},
		{`type: CREATE create { volumes { ` + strings.ReplaceAll(volume, `principal: "p"`, `principal: "q"`) + ` } }`, "attempted by authenticated principal 'p', which does not match a volume"},
		{`type: CREATE create { volumes { ` + strings.ReplaceAll(volume, `id: "v" principal: "p"`, `id: "v"`) + ` } }`, "no principal set in 'disk.persistence'"},
		{`type: CREATE create {}`, "multiple resource providers: "},
		{`type: DESTROY destroy { volumes { ` + volume + ` } }`, "not found"},
		{`type: DESTROY destroy { volumes { ` + reserved + ` } }`, "Not a persistent volume"},
		{`type: GROW_VOLUME grow_volume { volume { ` + volume + ` } addition { ` + reserved + ` } }`, "RESIZE_VOLUME"},
		{`type: GROW_VOLUME grow_volume { volume { ` + volume + ` shared {} } addition { ` + reserved + ` } }`, "shared persistent volume"},
		{`type: GROW_VOLUME grow_volume { volume { ` + reserved + ` } addition { ` + reserved + ` } }`, "Invalid persistent volume in the 'GrowVolume.volume' field"},
		{`type: GROW_VOLUME grow_volume { volume { ` + volume + ` } addition { ` + static + ` } }`, "Incompatible resources"},
		{`type: GROW_VOLUME grow_volume { volume { ` + volume + ` } addition { ` + strings.ReplaceAll(reserved, "10", "0") + ` } }`, "must be greater than zero"},
		{`type: GROW_VOLUME grow_volume { volume { ` + volume + ` provider_id { value: "rp" } } addition { ` + reserved + ` } }`, "from a resource provider is not supported"},
		{`type: SHRINK_VOLUME shrink_volume { volume { ` + volume + ` } subtract { value: 1 } }`, "RESIZE_VOLUME"},
		{`type: SHRINK_VOLUME shrink_volume { volume { ` + volume + ` } subtract { value: 0 } }`, "greater than zero"},
		{`type: SHRINK_VOLUME shrink_volume { volume { ` + volume + ` } subtract { value: 10 } }`, "smaller than the size"},
		{`type: CREATE_DISK create_disk { source { ` + raw + ` } target_type: MOUNT }`, ""},
		{`type: CREATE_DISK create_disk { source { ` + raw + ` } target_type: PATH }`, "neither MOUNT or BLOCK"},
		{`type: CREATE_DISK create_disk { source { ` + raw + ` } target_type: MOUNT target_profile: "x" }`, "must not be set"},
		{`type: CREATE_DISK create_disk { source { ` + block + ` } target_type: MOUNT }`, "not a RAW disk"},
		{`type: CREATE_DISK create_disk { source { ` + reserved + ` } target_type: MOUNT }`, "not managed by a resource provider"},
		{`type: DESTROY_DISK destroy_disk { source { ` + raw + ` } }`, ""},
		{`type: DESTROY_DISK destroy_disk { source { ` + block + ` } }`, "not backed by a CSI volume"},
		{`type: DESTROY_DISK destroy_disk { source { ` + reserved + ` } }`, "not managed by a resource provider"},
	} {
		op := &mesospb.Offer_Operation{}
		if err := prototext.Unmarshal([]byte(c.operation), op); err != nil {
			t.Fatalf("%s: %v", c.operation, err)
		}
		if err := OperationResources(op); err != nil {
			t.Errorf("%s: invalid resources: %v", c.operation, err)
		}
		f, a := launchpad()
		f.Info.Principal, f.Roles = proto.String("p"), []string{"r"}
		says(t, c.operation, Operation(AllocatedOperation(op, "r"), ByFramework(f), a), c.want)
	}
}

// An operator reserves what is not allocated, and in their own name if they have one. They may replace a reservation.
func TestOperationsOfOperators(t *testing.T) {
	t.Parallel()
	const (
		cpu    = `name: "cpus" type: SCALAR scalar { value: 1 }`
		mem    = `name: "mem" type: SCALAR scalar { value: 1 }`
		red    = `reservations { type: DYNAMIC role: "red" }`
		blue   = `reservations { type: DYNAMIC role: "blue" }`
		mine   = `reservations { type: DYNAMIC role: "red" principal: "p" }`
		shared = `name: "disk" type: SCALAR scalar { value: 8 } ` + red + ` shared {} disk { persistence { id: "v" } volume { container_path: "x" mode: RW } }`
	)
	for _, c := range []struct{ operation, principal, want string }{
		{`type: RESERVE reserve { resources { ` + cpu + red + ` } }`, "", ""},
		{`type: RESERVE reserve { resources { ` + cpu + red + ` } }`, "p", "no principal set"},
		{`type: RESERVE reserve { resources { ` + cpu + mine + ` } }`, "p", ""},
		{`type: RESERVE reserve { resources { ` + cpu + mine + ` } }`, "q", "does not match a reserved resource in the request with principal 'p'"},
		{`type: RESERVE reserve { resources { ` + cpu + red + ` allocation_info { role: "red" } } }`, "", "attempted with an allocated resource"},
		{`type: RESERVE reserve { resources { ` + cpu + blue + ` } source { ` + cpu + red + ` } }`, "", ""},
		{`type: RESERVE reserve { source { ` + cpu + red + ` } }`, "", "Invalid resources: Resource cannot be empty"},
		{`type: RESERVE reserve { resources { ` + cpu + blue + ` } source { ` + mem + red + ` } }`, "", "identical resource quantities: mem:1 vs. cpus:1"},
		{`type: RESERVE reserve { resources { ` + cpu + blue + ` } resources { ` + mem + red + ` } source { ` + cpu + red + ` } source { ` + mem + red + ` } }`, "",
			"Invalid resources: Mixed reservations are not supported"},
		{`type: RESERVE reserve { resources { ` + cpu + blue + ` } source { ` + cpu + red + ` revocable {} } }`, "", "Invalid source: Invalid ReservationInfo"},
		{`type: CREATE create { volumes { ` + shared + ` } }`, "", ""},
		{`type: CREATE create { volumes { ` + shared + ` } }`, "p", "no principal set in 'disk.persistence'"},
		{`type: UNRESERVE unreserve { resources { ` + cpu + mine + ` } }`, "q", ""},
		{`type: RESERVE reserve { }`, "", "Invalid resources: The resources have multiple resource providers: "},
	} {
		op := &mesospb.Offer_Operation{}
		if err := prototext.Unmarshal([]byte(c.operation), op); err != nil {
			t.Fatalf("%s: %v", c.operation, err)
		}
		var by Requester
		if c.principal != "" {
			by.Principal = &c.principal
		}
		_, a := launchpad()
		says(t, c.operation, Operation(UpgradedOperation(op), by, a), c.want)
	}
}

// Resources in the old format get a stack of reservations, which changes neither what they are nor the original.
func TestOperationsAreUpgraded(t *testing.T) {
	t.Parallel()
	op := &mesospb.Offer_Operation{}
	const old = `type: RESERVE reserve { resources { name: "cpus" type: SCALAR scalar { value: 1 } role: "r" reservation { principal: "p" } } }`
	if err := prototext.Unmarshal([]byte(old), op); err != nil {
		t.Fatal(err)
	}
	got := UpgradedOperation(op).GetReserve().GetResources()[0]
	if got.Role != nil || got.Reservation != nil || len(got.GetReservations()) != 1 || got.GetReservations()[0].GetPrincipal() != "p" {
		t.Errorf("upgraded to %v", got)
	}
	before := op.GetReserve().GetResources()
	if before[0].GetRole() != "r" || !resources.FromValid(before).Equal(resources.FromValid([]*mesospb.Resource{got})) {
		t.Errorf("%v became %v", before, got)
	}
}

func TestOperationResources(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]string{
		`type: RESERVE reserve { resources { name: "cpus" type: SCALAR scalar { value: -1 } } }`: "Invalid scalar resource",
		`type: RESERVE`:                  "A RESERVE offer operation must have the Offer.Operation.reserve field set.",
		`type: UNRESERVE`:                "An UNRESERVE offer operation must have the Offer.Operation.unreserve field set.",
		`type: CREATE`:                   "Offer.Operation.create field",
		`type: DESTROY`:                  "Offer.Operation.destroy field",
		`type: GROW_VOLUME`:              "Offer.Operation.grow_volume field",
		`type: SHRINK_VOLUME reserve {}`: "Offer.Operation.shrink_volume field",
		`type: CREATE_DISK`:              "Offer.Operation.create_disk field",
		`type: DESTROY_DISK`:             "Offer.Operation.destroy_disk field",
		`type: UNKNOWN`:                  "Unknown offer operation",
	} {
		op := &mesospb.Offer_Operation{}
		if err := prototext.Unmarshal([]byte(operation), op); err != nil {
			t.Fatal(err)
		}
		says(t, operation, OperationResources(op), want)
	}
}

func TestOfferConstraints(t *testing.T) {
	t.Parallel()
	const named = `selector { attribute_name: "a" }`
	for constraint, want := range map[string]string{
		named + ` predicate { exists {} }`:                                                      "",
		named + ` predicate { text_matches { regex: "a|b" } }`:                                  "",
		`selector { pseudoattribute_type: ZONE } predicate { not_exists {} }`:                   "",
		`selector { pseudoattribute_type: UNKNOWN } predicate { exists {} }`:                    "Unknown pseudoattribute",
		`selector {} predicate { exists {} }`:                                                   "Exactly one of",
		named + ` predicate {}`:                                                                 "Unknown predicate",
		named + ` predicate { text_matches { regex: "(" } }`:                                    "Failed to construct regex",
		named + ` predicate { text_not_matches { regex: "` + strings.Repeat("ab", 60) + `" } }`: "too complex",
	} {
		wishes := &schedulerpb.OfferConstraints{}
		text := `role_constraints { key: "*" value { groups { attribute_constraints { ` + constraint + ` } } } }`
		if err := prototext.Unmarshal([]byte(text), wishes); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		says(t, constraint, OfferConstraints(framework(func(*mesospb.FrameworkInfo) {}), wishes), want)
	}
	empty := &schedulerpb.OfferConstraints{RoleConstraints: map[string]*schedulerpb.OfferConstraints_RoleConstraints{"*": {}}}
	says(t, "no groups", OfferConstraints(framework(func(*mesospb.FrameworkInfo) {}), empty), "has an empty 'RoleConstraints::groups' for role *")
	foreign := &schedulerpb.OfferConstraints{RoleConstraints: map[string]*schedulerpb.OfferConstraints_RoleConstraints{"x": {}}}
	says(t, "not its role", OfferConstraints(framework(func(*mesospb.FrameworkInfo) {}), foreign), "for a role 'x' not contained in the set of roles")
}
