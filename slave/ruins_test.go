package slave_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/checkpoint"
	"meseta/slave/slavetest"
)

// ruin is a change of something that an agent has left.
type ruin struct {
	name   string
	strict bool
	do     func(path string) error
	path   string // relative to the work directory
}

// everyRuin is the share of ruins that a test makes, so that it does not take long: one in so many. MESETA_SEEDS=1 makes all of them.
const everyRuin = 23

// newEstate makes an agent leave everything that agents can: tasks of a command and of an executor with updates that nobody has acknowledged,
// one that has ended, reservations, a volume, an operation of which the end is not acknowledged, and that it is draining.
func newEstate(t *testing.T, strict bool) *world {
	w := newWorld(t, func(w *world) {
		w.config.Strict = strict
		w.shape = func(x *slavetest.Executor) { x.Deaf = true }
	})
	w.apply(1, life(t)[:2]...)
	f := framework(checkpointing)
	w.say(custom("t1", true, f), command("t2", f), custom("t3", false, f))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t3", finished) })
	runtime.Tell(w.master, func(m *slavetest.Master) { m.Acknowledge = false })
	w.apply(3, operation(t, `type: RESERVE id { value: "op" } reserve { resources { `+redDisk+` } }`, 7))
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", mesospb.TaskState_TASK_KILLING) })
	w.say(&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{MaxGracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(5)}}})
	w.Kill(agentAddr)
	w.Advance(time.Second)
	w.settled()
	return w
}

// ruins lists what can be done to the files of an estate.
func ruins(t *testing.T, w *world) (all []ruin) {
	t.Helper()
	contents := map[string][]byte{}
	var files []string
	err := filepath.WalkDir(filepath.Join(w.dir, "meta"), func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(w.dir, path)
		switch {
		case err != nil || e.Type()&fs.ModeSymlink != 0:
			for what, do := range ruinsOfLinks {
				all = append(all, ruin{name: what, path: name, do: do})
			}
		case e.IsDir():
			all = append(all, ruin{name: "strangers in it", path: name, do: strangers}, ruin{name: "a file", path: name, do: func(path string) error {
				return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600))
			}})
		default:
			files = append(files, name)
			contents[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for i, name := range files {
		for what, content := range ruinsOfBytes(contents[name], contents[files[(i+1)%len(files)]], contents[files[(i+5)%len(files)]]) {
			for _, strict := range []bool{true, false} {
				all = append(all, ruin{name: what, strict: strict, path: name, do: func(path string) error { return os.WriteFile(path, content, 0o600) }})
			}
		}
		all = append(all, ruin{name: "removed", strict: true, path: name, do: os.Remove}, ruin{name: "a directory", path: name, do: func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}})
		for what, content := range ruinsOfRecords(t, name, contents[name]) {
			all = append(all, ruin{name: what, strict: true, path: name, do: func(path string) error { return os.WriteFile(path, content, 0o600) }})
		}
	}
	slices.SortFunc(all, func(a, b ruin) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// String names a ruin.
func (r ruin) String() string { return fmt.Sprintf("%s: %s, strict=%t", r.path, r.name, r.strict) }

var ruinsOfLinks = map[string]func(path string) error{
	"removed": os.Remove,
	"to itself": func(path string) error {
		return errors.Join(os.Remove(path), os.Symlink(path, path))
	},
	"to nothing": func(path string) error {
		return errors.Join(os.Remove(path), os.Symlink(path+"-nothing", path))
	},
	"to the parent": func(path string) error {
		return errors.Join(os.Remove(path), os.Symlink("..", path))
	},
	"a file": func(path string) error {
		return errors.Join(os.Remove(path), os.WriteFile(path, []byte("a1"), 0o600))
	},
	"a directory": func(path string) error {
		return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
	},
}

// strangers makes directories with names that no agent gives.
func strangers(path string) error {
	var errs []error
	for _, name := range []string{"x", "a b", "latest.tmp", "-", ".hidden", strings.Repeat("y", 255), "\xff", "f9/executors/e/runs/c/tasks/t"} {
		errs = append(errs, os.MkdirAll(filepath.Join(path, name), 0o700))
	}
	return errors.Join(errs...)
}

// ruinsOfBytes are contents of a file that disks and foreign hands leave.
func ruinsOfBytes(content []byte, others ...[]byte) map[string][]byte {
	all := map[string][]byte{
		"emptied": nil, "half": content[:len(content)/2], "without its last byte": content[:max(0, len(content)-1)], "its length": content[:min(4, len(content))],
		"zeros": make([]byte, len(content)), "junk": []byte("\x10\x00\x00\x00junkjunkjunkjunk"), "of huge length": append([]byte("\xff\xff\xff\xff"), content...),
		"with junk behind": append(append([]byte{}, content...), "\x04\x00\x00\x00junk"...), "twice": append(append([]byte{}, content...), content...),
		"an empty record": make([]byte, 4), "text": []byte("../../../x\n"),
	}
	for i, other := range others {
		all[fmt.Sprint("another file ", i)] = other
	}
	return all
}

// recordOf returns what a file holds records of; nil if it is none.
func recordOf(name string) proto.Message {
	return map[string]proto.Message{
		"slave.info": &mesospb.SlaveInfo{}, "framework.info": &mesospb.FrameworkInfo{}, "executor.info": &mesospb.ExecutorInfo{}, "task.info": &mesospb.Task{},
		"task.updates": &internalpb.StatusUpdateRecord{}, "operation.updates": &internalpb.UpdateOperationStatusRecord{}, "drain.config": &mesospb.DrainConfig{},
		"resources_and_operations.state": &agentstatepb.ResourceState{}, "resources.info": &mesospb.Resource{},
	}[filepath.Base(name)]
}

// ruinsOfRecords are contents in which one field of one record is another one.
func ruinsOfRecords(t *testing.T, name string, content []byte) map[string][]byte {
	t.Helper()
	if recordOf(name) == nil {
		return nil
	}
	all := map[string][]byte{}
	var before []byte
	for i := 0; len(content) > 0; i++ {
		m := recordOf(name)
		if err := checkpoint.Decode(content, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		whole, err := checkpoint.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		n := 4 + int(content[0]) + int(content[1])<<8 + int(content[2])<<16
		rest := content[n:]
		alter(m.ProtoReflect(), func(field string) {
			changed, err := checkpoint.Encode(m)
			if err == nil && string(changed) != string(whole) {
				all[fmt.Sprintf("record %d, %s", i, field)] = append(append(append([]byte{}, before...), changed...), rest...)
			}
		})
		before, content = append(before, content[:n]...), rest
	}
	return all
}

// alter calls with after each of many changes of one thing in a message, which is undone afterwards.
func alter(m protoreflect.Message, with func(what string)) {
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		name := string(field.Name())
		if !m.Has(field) {
			if field.Message() != nil && !field.IsList() && !field.IsMap() {
				m.Mutable(field)
				with(name + " added")
				m.Clear(field)
			}
			continue
		}
		was := copied(m, field)
		m.Clear(field)
		with(name + " cleared")
		m.Set(field, was)
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() != nil:
			list := m.Mutable(field).List()
			list.Append(protoreflect.ValueOfMessage(proto.Clone(list.Get(0).Message().Interface()).ProtoReflect()))
			with(name + " doubled")
			list.Truncate(list.Len() - 1)
			alter(list.Get(0).Message(), func(what string) { with(name + "." + what) })
		case field.IsList():
		case field.Message() != nil:
			alter(m.Mutable(field).Message(), func(what string) { with(name + "." + what) })
		default:
			for _, v := range others(field) {
				m.Set(field, v)
				with(fmt.Sprintf("%s = %.20v", name, v))
			}
			m.Set(field, was)
		}
	}
}

// copied returns the value of a field, which stays when the field is cleared.
func copied(m protoreflect.Message, field protoreflect.FieldDescriptor) protoreflect.Value {
	if !field.IsList() {
		return m.Get(field)
	}
	list := m.NewField(field)
	for i := range m.Get(field).List().Len() {
		list.List().Append(m.Get(field).List().Get(i))
	}
	return list
}

// others are values of a scalar field that nobody expects.
func others(field protoreflect.FieldDescriptor) (all []protoreflect.Value) {
	switch field.Kind() {
	case protoreflect.StringKind:
		for _, s := range []string{"", "../../x", "another"} {
			all = append(all, protoreflect.ValueOfString(s))
		}
	case protoreflect.BytesKind:
		all = append(all, protoreflect.ValueOfBytes(nil), protoreflect.ValueOfBytes([]byte("short")), protoreflect.ValueOfBytes(make([]byte, 16)))
	case protoreflect.DoubleKind:
		for _, x := range []float64{-1, math.NaN(), math.Inf(1), 1e300} {
			all = append(all, protoreflect.ValueOfFloat64(x))
		}
	case protoreflect.EnumKind:
		for i := range field.Enum().Values().Len() {
			all = append(all, protoreflect.ValueOfEnum(field.Enum().Values().Get(i).Number()))
		}
	case protoreflect.Int32Kind:
		all = append(all, protoreflect.ValueOfInt32(-1), protoreflect.ValueOfInt32(math.MaxInt32))
	case protoreflect.Int64Kind:
		all = append(all, protoreflect.ValueOfInt64(-1), protoreflect.ValueOfInt64(math.MaxInt64))
	case protoreflect.Uint64Kind:
		all = append(all, protoreflect.ValueOfUint64(math.MaxUint64))
	}
	return all
}

// Whatever is in the files that an agent finds, it says why it does not start, or starts, takes tasks and goes on; and so does the one after it.
// None crashes.
func TestRuins(t *testing.T) {
	t.Parallel()
	all := ruins(t, newEstate(t, true))
	step := everyRuin
	if os.Getenv("MESETA_SEEDS") != "" {
		step = 1
	}
	t.Logf("%d ruins, of which one in %d is made", len(all), step)
	for i := 0; i < len(all); i += step {
		r := all[i]
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			w := newEstate(t, r.strict)
			if err := r.do(filepath.Join(w.dir, r.path)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				w.inhabits(r.name == "a file" || r.name == "a directory")
				w.Kill(agentAddr)
				w.Advance(time.Second)
				w.fatal = nil
			}
		})
	}
}

// inhabits starts an agent on what there is. It may give up later if something is in the way of what it writes.
func (w *world) inhabits(obstructed bool) {
	w.t.Helper()
	w.startAgent()
	w.Advance(10 * time.Second)
	if w.fatal != nil {
		return
	}
	if got := w.answer("/state").Status; got != http.StatusOK {
		w.t.Errorf("the agent answers %d", got)
	}
	w.consistent()
	w.say(command("t9", framework(checkpointing)), kill("t1"), kill("t9"), &internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.apply(20, life(w.t)[0])
	w.Advance(10 * time.Second)
	if w.fatal == nil || !obstructed {
		w.alive()
	}
}
