package equal_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"meseta/messages/attributes"
	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// relation is an equality of messages, adapted to take messages of any type.
type relation func(a, b proto.Message) bool

func of[M proto.Message](f func(a, b M) bool) relation {
	return func(a, b proto.Message) bool { return f(a.(M), b.(M)) }
}

// relations lists the equalities of the package. ignored holds paths of fields that do not count; apart holds those
// that have a test of their own.
var relations = []struct {
	message        proto.Message
	equal          relation
	ignored, apart string
	ordered        string
}{
	{&mesospb.ExecutorInfo{}, of(equal.Executor), `labels shutdown_grace_period
		command.uris.cache command.environment.variables.type command.environment.variables.secret
		container.linux_info container.rlimit_info container.tty_info container.network_infos container.mesos
		container.volumes.source container.volumes.image container.docker.volume_driver
		discovery.ports.ports.labels`, `resources`, `arguments`},
	{&mesospb.SlaveInfo{}, of(equal.Agent), ``, `resources attributes`, ``},
	{&mesospb.MasterInfo{}, of(equal.Master), `address capabilities`, ``, ``},
	{&mesospb.FrameworkInfo{}, of(equal.Framework), ``, ``, `labels`},
}

// Every field counts unless it is listed as ignored, so that a new field cannot be forgotten.
func TestEveryFieldCountsUnlessItIsIgnored(t *testing.T) {
	t.Parallel()
	for _, r := range relations {
		full := r.message.ProtoReflect().New()
		fill(full, strings.Fields(r.apart), 6)
		unchanged := proto.Clone(full.Interface())
		if !r.equal(full.Interface(), unchanged) {
			t.Errorf("%T is not equal to its copy", r.message)
		}
		changes(full, nil, func(path []string) {
			name := strings.Join(path, ".")
			want := slices.ContainsFunc(strings.Fields(r.ignored), func(i string) bool { return strings.HasPrefix(name+".", i+".") })
			x, y := full.Interface(), unchanged
			if got, back := r.equal(x, y), r.equal(y, x); got != want || back != want {
				t.Errorf("%T, one without %s: equal is %v, and %v the other way round", r.message, name, got, back)
			}
		})
	}
}

func TestOrderDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, r := range relations {
		rapid.Check(t, func(t *rapid.T) {
			a, b := r.message.ProtoReflect().New(), r.message.ProtoReflect().New()
			fill(a, nil, 6)
			fill(b, nil, 6)
			shuffle(t, a, strings.Fields(r.ordered))
			shuffle(t, b, strings.Fields(r.ordered))
			x, y := a.Interface(), b.Interface()
			if !r.equal(x, y) || !r.equal(y, x) {
				t.Fatalf("not equal:\n%v\n%v", x, y)
			}
		})
	}
}

func TestArgumentsHaveAnOrder(t *testing.T) {
	t.Parallel()
	a := &mesospb.CommandInfo{Arguments: []string{"a", "b"}}
	b := &mesospb.CommandInfo{Arguments: []string{"b", "a"}}
	if equal.Command(a, b) {
		t.Error("commands with other arguments are equal")
	}
}

// The number of occurrences counts, whatever the order of the arguments.
func TestItemsAreCounted(t *testing.T) {
	t.Parallel()
	variables := func(values ...string) *mesospb.Environment {
		e := &mesospb.Environment{}
		for _, v := range values {
			e.Variables = append(e.Variables, &mesospb.Environment_Variable{Name: proto.String("A"), Value: proto.String(v)})
		}
		return e
	}
	for _, c := range []struct {
		a, b []string
		want bool
	}{
		{nil, nil, true}, {[]string{"1", "2"}, []string{"2", "1"}, true}, {[]string{"1", "1", "2"}, []string{"2", "1", "1"}, true},
		{[]string{"1", "1"}, []string{"1", "2"}, false}, {[]string{"1", "1", "2"}, []string{"1", "2", "2"}, false},
		{[]string{"1"}, []string{"1", "1"}, false},
	} {
		a, b := variables(c.a...), variables(c.b...)
		if equal.Environment(a, b) != c.want || equal.Environment(b, a) != c.want {
			t.Errorf("%q and %q: want %v both ways", c.a, c.b, c.want)
		}
	}
}

// A nil message equals an empty one.
func TestNilIsNothing(t *testing.T) {
	t.Parallel()
	if !equal.Executor(nil, &mesospb.ExecutorInfo{}) || !equal.Agent(&mesospb.SlaveInfo{}, nil) || !equal.Command(nil, &mesospb.CommandInfo{}) ||
		!equal.Container(nil, &mesospb.ContainerInfo{Docker: &mesospb.ContainerInfo_DockerInfo{}}) {
		t.Error("nil is not what has nothing set")
	}
	if equal.Executor(nil, &mesospb.ExecutorInfo{Name: proto.String("e")}) {
		t.Error("nil is equal to something")
	}
}

func TestResourcesOfExecutorsCount(t *testing.T) {
	t.Parallel()
	with := func(text string) *mesospb.ExecutorInfo {
		rs, err := resources.Parse(text, "*")
		if err != nil {
			t.Fatal(err)
		}
		return &mesospb.ExecutorInfo{Resources: rs.Proto()}
	}
	if !equal.Executor(with("cpus:1;mem:2"), with("mem:1;cpus:1;mem:1")) {
		t.Error("the same resources in another order are not equal")
	}
	if equal.Executor(with("cpus:1;mem:2"), with("cpus:1;mem:3")) {
		t.Error("other resources are equal")
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"a:1;b:x", "b:x;a:1", true}, {"a:1.0001", "a:1", true}, {"a:1.001", "a:1", false},
		{"a:[1-3,4-5]", "a:[1-5]", true}, {"a:[1-3]", "a:[1-4]", false}, {"a:x", "a:y", false}, {"a:x", "b:x", false},
		{"a:x;a:x;b:y", "a:x;b:y;b:y", true}, {"a:x;b:y", "a:x;b:y;b:y", false}, {"a:x", "a:[1-2]", false},
	} {
		a, b := parsed(t, c.a), parsed(t, c.b)
		if equal.Attributes(a, b) != c.want || equal.Attributes(b, a) != c.want {
			t.Errorf("%q and %q: want %v both ways", c.a, c.b, c.want)
		}
	}
}

func parsed(t *testing.T, text string) []*mesospb.Attribute {
	t.Helper()
	all, err := attributes.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ---- messages with all fields ----

// fill sets every field of m except those in apart, down to depth. Repeated fields get two items.
func fill(m protoreflect.Message, apart []string, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case slices.Contains(apart, string(f.Name())), f.Message() != nil && depth == 0, f.IsMap():
		case f.IsList():
			list := m.Mutable(f).List()
			list.Append(value(list.NewElement, f, depth, 0))
			list.Append(value(list.NewElement, f, depth, 1))
		default:
			m.Set(f, value(func() protoreflect.Value { return m.NewField(f) }, f, depth, 0))
		}
	}
}

// value returns a value that is not the field's default. It differs for each n.
func value(empty func() protoreflect.Value, f protoreflect.FieldDescriptor, depth, n int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		v := empty()
		fill(v.Message(), nil, depth-1)
		if n > 0 {
			distinguish(v.Message())
		}
		return v
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		at := n % values.Len()
		usual := values.Get(0)
		if f.DefaultEnumValue() != nil {
			usual = f.DefaultEnumValue()
		}
		if values.Get(at).Number() == usual.Number() {
			at = (at + 1) % values.Len()
		}
		return protoreflect.ValueOfEnum(values.Get(at).Number())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(!f.Default().Bool())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte('a' + n)})
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(rune('a' + n)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(3 + n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(3 + n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(3 + n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(3 + n))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(3 + n))
	default:
		return protoreflect.ValueOfUint32(uint32(3 + n))
	}
}

// distinguish changes the first string in m, so that two items of a list differ.
func distinguish(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Kind() == protoreflect.StringKind && !f.IsList() && m.Has(f) {
			m.Set(f, protoreflect.ValueOfString("other"))
			return
		}
	}
}

// changes clears one field of m after the other, calls f with its path, and restores it. For a list it removes the
// first item, and then visits each field of that item.
func changes(m protoreflect.Message, path []string, f func(path []string)) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := append(slices.Clone(path), string(field.Name()))
		if field.IsList() {
			v = copied(m.NewField(field), v.List())
		}
		m.Clear(field)
		f(at)
		m.Set(field, v)
		switch {
		case field.IsMap() || field.Message() == nil:
		case field.IsList():
			changes(m.Get(field).List().Get(0).Message(), at, f)
		default:
			changes(v.Message(), at, f)
		}
		return true
	})
}

func copied(to protoreflect.Value, from protoreflect.List) protoreflect.Value {
	for i := range from.Len() {
		to.List().Append(from.Get(i))
	}
	return to
}

// shuffle reorders all lists in m except those in ordered.
func shuffle(t *rapid.T, m protoreflect.Message, ordered []string) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.IsList():
			list := v.List()
			for i := range list.Len() {
				if field.Message() != nil {
					shuffle(t, list.Get(i).Message(), ordered)
				}
			}
			if !slices.Contains(ordered, string(field.Name())) && rapid.Bool().Draw(t, string(field.Name())) {
				a, b := list.Get(0), list.Get(1)
				list.Set(0, b)
				list.Set(1, a)
			}
		case field.Message() != nil:
			shuffle(t, v.Message(), ordered)
		}
		return true
	})
}

// Agents have the same resources if the bags are equal, however alike or different the messages look.
func TestResourcesOfAgentsAreComparedAsBags(t *testing.T) {
	t.Parallel()
	scalar := func(name string, value float64) *mesospb.Resource {
		return &mesospb.Resource{Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &value}}
	}
	ranges := func(name string, bounds ...uint64) *mesospb.Resource {
		r := &mesospb.Resource{Name: &name, Type: mesospb.Value_RANGES.Enum(), Ranges: &mesospb.Value_Ranges{}}
		for i := 0; i < len(bounds); i += 2 {
			r.Ranges.Range = append(r.Ranges.Range, &mesospb.Value_Range{Begin: &bounds[i], End: &bounds[i+1]})
		}
		return r
	}
	with := func(change func(*mesospb.Resource)) *mesospb.Resource {
		r := scalar("cpus", 1)
		change(r)
		return r
	}
	lists := [][]*mesospb.Resource{
		nil, {scalar("cpus", 1)}, {scalar("cpus", 1.0001)}, {scalar("cpus", 2)}, {scalar("mem", 1)}, {scalar("cpus", -1)}, {scalar("cpus", 0)},
		{scalar("cpus", 1), scalar("mem", 1)}, {scalar("mem", 1), scalar("cpus", 1)}, {scalar("cpus", 0.5), scalar("cpus", 0.5)},
		{ranges("ports", 1, 5)}, {ranges("ports", 1, 2, 3, 5)}, {ranges("ports", 1, 6)}, {ranges("ports", 5, 1)},
		{with(func(r *mesospb.Resource) { r.Role = proto.String("web") })},
		{with(func(r *mesospb.Resource) { r.Role = proto.String("*") })},
		{with(func(r *mesospb.Resource) { r.Revocable = &mesospb.Resource_RevocableInfo{} })},
		{with(func(r *mesospb.Resource) {
			r.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String("web")}
		})},
		{with(func(r *mesospb.Resource) { r.ProviderId = &mesospb.ResourceProviderID{Value: proto.String("p")} })},
		{with(func(r *mesospb.Resource) { r.Scalar = nil })},
		{with(func(r *mesospb.Resource) { r.Type = mesospb.Value_RANGES.Enum() })},
	}
	for _, a := range lists {
		for _, b := range lists {
			want := resources.FromValid(a).Equal(resources.FromValid(b))
			copied := proto.CloneOf(&mesospb.SlaveInfo{Resources: b})
			if got := equal.Agent(&mesospb.SlaveInfo{Resources: a}, copied); got != want {
				t.Errorf("%v and %v are the same: %t, want %t", a, b, got, want)
			}
		}
	}
}
