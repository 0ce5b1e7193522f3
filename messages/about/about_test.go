package about

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/messages/pb/agentpb"
	_ "meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	_ "meseta/messages/pb/resourceproviderpb"
	"meseta/messages/pb/schedulerpb"
	_ "meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

func TestOf(t *testing.T) {
	t.Parallel()
	accept := &schedulerpb.Call{
		Type: schedulerpb.Call_ACCEPT.Enum(), FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")},
		Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{{Value: proto.String("o1")}, {Value: proto.String("o2")}},
			Operations: []*mesospb.Offer_Operation{{
				Type: mesospb.Offer_Operation_LAUNCH.Enum(),
				Launch: &mesospb.Offer_Operation_Launch{TaskInfos: []*mesospb.TaskInfo{{
					Name: proto.String("n"), TaskId: &mesospb.TaskID{Value: proto.String("t")},
					SlaveId: &mesospb.SlaveID{Value: proto.String("a")}, Data: []byte("confidential"),
				}}},
			}},
		},
	}
	v1 := &schedulerv1pb.Event{Type: schedulerv1pb.Event_UPDATE.Enum(), Update: &schedulerv1pb.Event_Update{Status: &mesosv1pb.TaskStatus{
		TaskId: &mesosv1pb.TaskID{Value: proto.String("t")}, State: mesosv1pb.TaskState_TASK_LOST.Enum(),
		AgentId: &mesosv1pb.AgentID{Value: proto.String("a")}, Message: proto.String("gone"),
		ContainerStatus: &mesosv1pb.ContainerStatus{ContainerId: &mesosv1pb.ContainerID{
			Value: proto.String("c"), Parent: &mesosv1pb.ContainerID{Value: proto.String("p")},
		}},
	}}}
	told := &masterpb.Event{Type: masterpb.Event_TASK_UPDATED.Enum(), TaskUpdated: &masterpb.Event_TaskUpdated{
		FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")}, State: mesospb.TaskState_TASK_LOST.Enum(),
		Status: &mesospb.TaskStatus{TaskId: &mesospb.TaskID{Value: proto.String("t")}, State: mesospb.TaskState_TASK_RUNNING.Enum()},
	}}
	uuid := &internalpb.AcknowledgeOperationStatusMessage{OperationUuid: &mesospb.UUID{Value: []byte("0123456789abcdef")}}
	for _, test := range []struct {
		message       proto.Message
		about, summed string
	}{
		{accept, "framework:f offer:o1 offer:o2 task:t agent:a", "ACCEPT f o1 o2 LAUNCH t a"},
		{v1, "task:t agent:a container:p.c", `UPDATE t TASK_LOST a p.c "gone"`},
		{&masterv1pb.Call{Type: masterv1pb.Call_DRAIN_AGENT.Enum(), DrainAgent: &masterv1pb.Call_DrainAgent{AgentId: &mesosv1pb.AgentID{Value: proto.String("a")}}},
			"agent:a", "DRAIN_AGENT a"},
		{&agentpb.Call{Type: agentpb.Call_LAUNCH_NESTED_CONTAINER.Enum(), LaunchNestedContainer: &agentpb.Call_LaunchNestedContainer{
			ContainerId: &mesospb.ContainerID{Value: proto.String("c"), Parent: &mesospb.ContainerID{Value: proto.String("p")}},
		}}, "container:p.c", "LAUNCH_NESTED_CONTAINER p.c"},
		{told, "framework:f task:t", "TASK_UPDATED f t TASK_RUNNING"},
		{uuid, "operation:30313233-3435-3637-3839-616263646566", "30313233-3435-3637-3839-616263646566"},
		{&mesospb.FrameworkID{}, "", ""},
	} {
		var got []string
		for _, s := range Of(test.message) {
			got = append(got, s.String())
		}
		if about := strings.Join(got, " "); about != test.about || Summary(test.message) != test.summed {
			t.Errorf("%T is about %q, summed up as %q; want %q and %q", test.message, about, Summary(test.message), test.about, test.summed)
		}
	}
}

func TestSummariesAreBounded(t *testing.T) {
	t.Parallel()
	m := &internalpb.LaunchTasksMessage{}
	for range 1000 {
		m.OfferIds = append(m.OfferIds, &mesospb.OfferID{Value: proto.String(strings.Repeat("€", len(m.OfferIds)))})
	}
	if got := Summary(m); len(got) > 4096 || !strings.HasSuffix(got, " …") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// ofPackages yields the types of messages in the packages, nested ones, too.
func ofPackages(packages ...protoreflect.FullName) (all []protoreflect.MessageDescriptor) {
	var add func(protoreflect.MessageDescriptors)
	add = func(ms protoreflect.MessageDescriptors) {
		for i := range ms.Len() {
			all = append(all, ms.Get(i))
			add(ms.Get(i).Messages())
		}
	}
	for _, name := range packages {
		protoregistry.GlobalFiles.RangeFilesByPackage(name, func(f protoreflect.FileDescriptor) bool {
			add(f.Messages())
			return true
		})
	}
	return all
}

// spoken are the packages whose messages actors send each other.
var spoken = []protoreflect.FullName{"mesos.internal", "mesos.scheduler", "mesos.executor", "mesos.resource_provider"}

// TestEveryIDCounts finds types of messages that name somebody and are not in the table, or whose entry leaves out a field
// that does without saying so.
func TestEveryIDCounts(t *testing.T) {
	t.Parallel()
	checked := map[protoreflect.FullName]bool{}
	var check func(protoreflect.MessageDescriptor)
	check = func(d protoreflect.MessageDescriptor) {
		if checked[d.FullName()] {
			return
		}
		checked[d.FullName()] = true
		words := strings.Fields(table[string(d.FullName())])
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if f.Message() == nil || f.IsMap() || !names(f.Message(), nil) {
				continue
			}
			listed, skipped := slices.Contains(words, string(f.Name())), slices.Contains(words, "-"+string(f.Name()))
			if listed == skipped {
				t.Errorf("%s names somebody, and is not in the table as a field of %s", f.FullName(), d.FullName())
			}
			if listed && kinds[f.Message().Name()] == "" {
				check(f.Message())
			}
		}
	}
	for _, d := range ofPackages(spoken...) {
		check(d)
	}
	for _, m := range []proto.Message{&masterpb.Call{}, &masterpb.Event{}, &agentpb.Call{}} { // their answers do not count
		check(m.ProtoReflect().Descriptor())
	}
	for name := range table {
		if !checked[protoreflect.FullName(name)] {
			t.Errorf("the table has %s, which is no type that actors send", name)
		}
	}
}

// names reports whether messages of the type, or those in their fields, hold ids. Resources do not count.
func names(d protoreflect.MessageDescriptor, above []protoreflect.FullName) bool {
	if kinds[d.Name()] != "" {
		return true
	}
	if d.FullName() == "mesos.Resource" || slices.Contains(above, d.FullName()) {
		return false
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.Message() != nil && !f.IsMap() && names(f.Message(), append(above, d.FullName())) {
			return true
		}
	}
	return false
}

func TestTheTableFitsTheTypes(t *testing.T) {
	t.Parallel()
	all := ofPackages(append(spoken, "mesos", "mesos.v1", "mesos.v1.scheduler", "mesos.v1.executor", "mesos.v1.master", "mesos.v1.agent")...)
	for _, d := range all {
		steps, err := compile(d)
		if err != nil {
			t.Error(err)
		}
		if entry, isV1 := entryOf(d.FullName()); isV1 && entry != "" && len(steps) == 0 && strings.Trim(entry, "-") == entry {
			t.Errorf("nothing of %s is read", d.FullName())
		}
	}
}

// TestWhatLooksConfidentialIsNotShown finds bytes and secrets among the texts that are shown, and texts that are shown of fields
// which do not exist.
func TestWhatLooksConfidentialIsNotShown(t *testing.T) {
	t.Parallel()
	suspicious := regexp.MustCompile(`(?i)secret|data$|token|password|credential|value$`)
	packages := append([]protoreflect.FullName{"mesos", "mesos.agent", "mesos.master", "mesos.v1", "mesos.v1.scheduler", "mesos.v1.executor"}, spoken...)
	found := map[string]bool{}
	for _, d := range ofPackages(packages...) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			found[string(f.FullName())] = true
			isText := f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind
			if !isText || !Shown(f) || kinds[d.Name()] != "" {
				continue
			}
			if suspicious.MatchString(string(f.Name())) || f.Kind() == protoreflect.BytesKind && f.Name() != "uuid" {
				t.Errorf("is %s confidential?", f.FullName())
			}
		}
	}
	for name := range shown {
		if !found[name] {
			t.Errorf("there is no field %s to show", name)
		}
	}
}

// What somebody wrote for people is shown, and says from where, but not with which password or signature.
func TestURIsInMessagesAreVeiled(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"it ended":                                   "it ended",
		"a@b: see c?d":                               "a@b: see c?d",
		"fetch 'http://u:p@h:80/f': 404":             "fetch 'http://…@h:80/f': 404",
		"fetch https://h/f?sig=abc&x=1 failed":       "fetch https://h/f?… failed",
		"ftp://u@h/a and s3+x://k:s@b/f?v=1":         "ftp://…@h/a and s3+x://…@b/f?…",
		"http://h/a@b?":                              "http://h/a@b?",
		"hdfs://u:p%40w@q@h/f":                       "hdfs://…@h/f",
		`Get "http://u:p@h/?token=t#s": it is gone.`: `Get "http://…@h/?…": it is gone.`,
	} {
		m := &internalpb.FrameworkErrorMessage{Message: &said}
		if got := Summary(m); got != strconv.Quote(want) {
			t.Errorf("%s is shown as %s, want %q", said, got, want)
		}
	}
}
