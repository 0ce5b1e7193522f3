package conversations

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/slavetest/recording"
)

// uuidBook knows the UUIDs that agents have made for updates of their own: a C++ agent when it was recorded, and ours.
type uuidBook struct {
	name map[string]string // of the update, by its UUID
	ours map[string][]byte // the latest UUID, by the name of the update

	containers map[string]string // that ours has launched: the recorded ID
	launched   map[string]string // the other way round

	version *mesospb.UUID // of our agent's resources
}

func newUUIDBook() *uuidBook {
	return &uuidBook{name: map[string]string{}, ours: map[string][]byte{}, containers: map[string]string{}, launched: map[string]string{}}
}

// made reports whether an agent has made an update.
func made(u *internalpb.StatusUpdate) bool {
	return u.GetStatus().GetSource() == mesospb.TaskStatus_SOURCE_SLAVE
}

func nameOf(u *internalpb.StatusUpdate) string {
	return "made by the agent: " + u.GetStatus().GetTaskId().GetValue() + " " + u.GetStatus().GetState().String()
}

// note notes the UUID of an update that an agent has made.
func (b *uuidBook) note(m proto.Message, ours bool) {
	if r, ok := m.(interface{ GetResourceVersionUuid() *mesospb.UUID }); ok && ours && r.GetResourceVersionUuid() != nil {
		b.version = r.GetResourceVersionUuid()
	}
	u := updateOf(m)
	if u == nil || !made(u) {
		return
	}
	b.name[string(u.GetUuid())] = nameOf(u)
	if ours {
		b.ours[nameOf(u)] = u.GetUuid()
	}
}

func updateOf(m proto.Message) *internalpb.StatusUpdate {
	switch m := m.(type) {
	case *internalpb.StatusUpdateMessage:
		return m.GetUpdate()
	case *internalpb.StatusUpdateRecord:
		return m.GetUpdate()
	}
	return nil
}

// translate gives what was recorded the UUIDs that our agent has made: for an update that is acknowledged, or for the
// version of its resources.
func (b *uuidBook) translate(m proto.Message) {
	switch m := m.(type) {
	case *internalpb.StatusUpdateAcknowledgementMessage:
		if ours := b.ours[b.name[string(m.GetUuid())]]; ours != nil {
			m.Uuid = ours
		}
	case *internalpb.RunTaskMessage:
		for _, v := range m.ResourceVersionUuids {
			v.Uuid = b.version
		}
	case *internalpb.RunTaskGroupMessage:
		for _, v := range m.ResourceVersionUuids {
			v.Uuid = b.version
		}
	}
	b.within(m.ProtoReflect())
}

// within gives the containers that a message names the IDs that our agent has given them.
func (b *uuidBook) within(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() == protoreflect.MessageKind && !f.IsList() && !f.IsMap():
			b.within(v.Message())
		case m.Descriptor().Name() == "ContainerID" && f.Name() == "value" && b.launched[v.String()] != "":
			m.Set(f, protoreflect.ValueOfString(b.launched[v.String()]))
		}
		return true
	})
}

// plain returns the text of a message, in which what agents make by chance or by the clock is named, and what C++ agents
// have in any order is sorted.
func (b *uuidBook) plain(m proto.Message) string {
	m = proto.Clone(m)
	if u := updateOf(m); u != nil && made(u) {
		u.Uuid, u.Timestamp = []byte(nameOf(u)), proto.Float64(0)
		u.Status.Uuid, u.Status.Timestamp = nil, nil
	}
	switch m := m.(type) {
	case *internalpb.StatusUpdateRecord:
		if name := b.name[string(m.GetUuid())]; name != "" {
			m.Uuid = []byte(name)
		}
	case *internalpb.RegisterSlaveMessage:
		m.ResourceVersionUuid = nil
	case *internalpb.ReregisterSlaveMessage:
		m.ResourceVersionUuid = nil
		b.tasks(m.Tasks)
		for _, f := range m.CompletedFrameworks {
			b.tasks(f.Tasks)
		}
		slices.SortFunc(m.Frameworks, func(x, y *mesospb.FrameworkInfo) int {
			return strings.Compare(x.GetId().GetValue(), y.GetId().GetValue())
		})
		slices.SortFunc(m.ExecutorInfos, func(x, y *mesospb.ExecutorInfo) int {
			return strings.Compare(x.GetExecutorId().GetValue(), y.GetExecutorId().GetValue())
		})
	case *internalpb.UpdateSlaveMessage:
		m.ResourceVersionUuid = nil
	}
	text, err := prototext.MarshalOptions{Multiline: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return replaced(string(m.ProtoReflect().Descriptor().FullName())+"\n"+spaces.ReplaceAllString(string(text), ": "), b.containers)
}

var spaces = regexp.MustCompile(`: +`)

// container notes which container our agent has launched in place of a recorded one.
func (b *uuidBook) container(ours, recorded string) {
	b.containers[ours], b.launched[recorded] = recorded, ours
}

// replaced returns a text with other IDs of containers.
func replaced(text string, ids map[string]string) string {
	for old, id := range ids {
		text = strings.ReplaceAll(text, old, id)
	}
	return text
}

func (b *uuidBook) tasks(all []*mesospb.Task) {
	slices.SortFunc(all, func(x, y *mesospb.Task) int {
		return strings.Compare(x.GetTaskId().GetValue(), y.GetTaskId().GetValue())
	})
	for _, t := range all {
		for _, s := range t.Statuses {
			if s.GetSource() == mesospb.TaskStatus_SOURCE_SLAVE {
				s.Uuid, s.Timestamp = nil, nil
			}
		}
		if name := b.name[string(t.GetStatusUpdateUuid())]; name != "" {
			t.StatusUpdateUuid = []byte(name)
		}
	}
}

// lines are what an agent has said to somebody, message after message. Those of one kind that follow each other are sorted,
// because a C++ agent goes through its tasks in any order.
func (p *player) lines(all []said) []string {
	var texts []string
	begin := 0
	for _, s := range all {
		text := s.text
		if s.what != nil {
			text = p.uuids.plain(s.what)
		}
		if kind(text) != kind(strings.Join(texts[max(begin, len(texts)-1):], "")) {
			slices.Sort(texts[begin:])
			begin = len(texts)
		}
		texts = append(texts, text)
	}
	slices.Sort(texts[begin:])
	return texts
}

func kind(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// same demands that our agent has said in its life what the recorded agent has said.
func (p *player) same() {
	p.t.Helper()
	all := map[string]bool{}
	for to := range p.theirs {
		all[to] = true
	}
	for to := range p.ours {
		all[to] = true
	}
	for _, to := range sorted(all) {
		if d := cmp.Diff(p.lines(p.theirs[to]), p.lines(p.ours[to])); d != "" {
			p.t.Errorf("to %s (-recorded +ours):\n%s", to, d)
		}
		p.sameTimes(to)
	}
}

// sameTimes demands that our agent has said as much as the recorded one at any time, give or take what registration waits
// at random.
func (p *player) sameTimes(to string) {
	p.t.Helper()
	const tolerance = 1500 * time.Millisecond
	for i := range min(len(p.theirs[to]), len(p.ours[to])) {
		if late := p.ours[to][i].at - p.theirs[to][i].at; late.Abs() > tolerance {
			p.t.Errorf("to %s: message %d came at %s, recorded at %s", to, i, p.ours[to][i].at, p.theirs[to][i].at)
		}
	}
}

// written demands that our agent has left the recorded checkpoints.
func (p *player) written(name string) {
	p.t.Helper()
	theirs := p.readTree(name)
	p.tree = theirs
	asOurs := recording.Tree{}
	for path, f := range theirs {
		asOurs[replaced(path, p.uuids.launched)] = f
	}
	ours, err := recording.Look(filepath.Join(p.dir, "meta"), theirWork+"/meta", asOurs)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, tree := range []recording.Tree{theirs, ours} {
		for _, f := range tree {
			for _, r := range f.Records {
				p.uuids.note(r, false)
			}
		}
	}
	if d := cmp.Diff(p.describe(theirs), p.describe(ours)); d != "" {
		p.t.Errorf("checkpoints differ from "+name+" (-recorded +ours):\n%s", d)
	}
}

// describe lists the files below meta with what is in them.
func (p *player) describe(tree recording.Tree) map[string]string {
	all := map[string]string{}
	for _, path := range tree.Under(theirWork + "/meta") {
		f := tree[path]
		if strings.Contains(path, "/resource_provider_registry") { // a database of C++ that ours does not touch
			continue
		}
		text := fmt.Sprintf("%04o %c %s%s", f.Mode, f.Kind, f.Target, f.Text)
		for _, r := range f.Records {
			text += "\n" + p.uuids.plain(r)
		}
		all[replaced(path, p.uuids.containers)] = replaced(text, p.uuids.containers)
	}
	return all
}

// before returns the tree that an agent had left, from the one that the next agent has left.
func before(after recording.Tree) recording.Tree {
	tree := recording.Tree{}
	for path, f := range after {
		if strings.HasSuffix(path, "/executor.sentinel") {
			continue
		}
		if strings.HasSuffix(path, "/task.updates") {
			older := *f
			older.Records = untilRunning(f.Records)
			f = &older
		}
		tree[path] = f
	}
	return tree
}

// untilRunning returns the records up to the acknowledgement of the update by which a task runs.
func untilRunning(all []proto.Message) []proto.Message {
	var uuid string
	for i, r := range all {
		record := r.(*internalpb.StatusUpdateRecord)
		switch {
		case record.GetUpdate().GetStatus().GetState() == mesospb.TaskState_TASK_RUNNING:
			uuid = string(record.GetUpdate().GetUuid())
		case record.GetType() == internalpb.StatusUpdateRecord_ACK && string(record.GetUuid()) == uuid:
			return all[:i+1]
		}
	}
	return all
}

func (p *player) readTree(name string) recording.Tree {
	p.t.Helper()
	tree, err := recording.ReadTree(recoveryFile(p.t, p.situation.name+"-"+name+"-trees.txt"), p.tree)
	if err != nil {
		p.t.Fatal(err)
	}
	return tree
}

// container returns the container of an executor of the tree.
func (p *player) container(executor ids.Executor) ids.Container {
	for _, l := range p.containers.Launched() {
		if l.Config.GetExecutorInfo().GetExecutorId().GetValue() == string(executor) {
			return l.ID
		}
	}
	p.t.Fatalf("there is no executor %s", executor)
	return ""
}
