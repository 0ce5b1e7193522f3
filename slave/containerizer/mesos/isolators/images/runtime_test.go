package images

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/dockerv1pb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// The table is the reference's: what the command says, and what the image says.
func TestMerge(t *testing.T) {
	t.Parallel()
	entry, cmd := []string{"/e", "e1"}, []string{"/c", "c1"}
	argv := []string{"a0", "a1"}
	for name, test := range map[string]struct {
		shell, value bool
		argv         []string
		entry, cmd   []string
		want         []string // the program and its arguments; nil means the command's own
		err          string
	}{
		"nothing at all":                      {err: "No executable is found"},
		"only arguments":                      {argv: argv, err: "No executable is found"},
		"the image's command":                 {cmd: cmd, want: []string{"/c", "/c", "c1"}},
		"the image's program":                 {cmd: cmd, argv: argv, want: []string{"/c", "/c", "a0", "a1"}},
		"the entry point":                     {entry: entry, want: []string{"/e", "/e", "e1"}},
		"the entry point, own arguments":      {entry: entry, argv: argv, want: []string{"/e", "/e", "e1", "a0", "a1"}},
		"the entry point and the command":     {entry: entry, cmd: cmd, want: []string{"/e", "/e", "e1", "/c", "c1"}},
		"own arguments instead of a command":  {entry: entry, cmd: cmd, argv: argv, want: []string{"/e", "/e", "e1", "a0", "a1"}},
		"a value":                             {value: true, entry: entry, cmd: cmd},
		"a value with arguments":              {value: true, argv: argv, entry: entry, cmd: cmd},
		"a shell without a value":             {shell: true, entry: entry, cmd: cmd, err: "Shell specified but no command value provided"},
		"a shell with arguments but no value": {shell: true, argv: argv, cmd: cmd, err: "Shell specified but no command value provided"},
		"a shell":                             {shell: true, value: true, entry: entry, cmd: cmd},
	} {
		own := &mesospb.CommandInfo{Shell: proto.Bool(test.shell), Arguments: test.argv}
		if test.value {
			own.Value = proto.String("v")
		}
		before := proto.CloneOf(own)
		got, err := merge(own, &dockerv1pb.ImageManifest_Config{Entrypoint: test.entry, Cmd: test.cmd})
		if err != nil || test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: %v, want %s", name, err, test.err)
			}
			continue
		}
		var words []string
		if got != nil {
			words = append([]string{got.GetValue()}, got.GetArguments()...)
		}
		if diff := cmp.Diff(test.want, words); diff != "" || !proto.Equal(own, before) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The command of a task that its image completes is an argument of the executor, which is in the list of processes: the secrets of
// the task are not in it. The executor has them in its environment.
func TestSecretsAreNoArguments(t *testing.T) {
	t.Parallel()
	task := &mesospb.TaskInfo{Command: &mesospb.CommandInfo{Shell: proto.Bool(false), Environment: &mesospb.Environment{
		Variables: []*mesospb.Environment_Variable{
			{Name: proto.String("PLAIN"), Value: proto.String("a-value")},
			{Name: proto.String("WORD"), Type: mesospb.Environment_Variable_SECRET.Enum(), Secret: &mesospb.Secret{
				Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte("a-secret")},
			}},
		},
	}}}
	before := proto.CloneOf(task)
	c := &mesos.Container{Launch: containerizer.Launch{Config: &slavepb.ContainerConfig{
		TaskInfo: task, CommandInfo: &mesospb.CommandInfo{Value: proto.String("executor")},
		Docker: dockerOf(&dockerv1pb.ImageManifest{Config: &dockerv1pb.ImageManifest_Config{Cmd: []string{"/c"}}}),
	}}}
	if err := (Docker{}).Prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Command().GetArguments(), " ")
	if !strings.Contains(all, "a-value") || strings.Contains(all, "WORD") || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte("a-secret"))) {
		t.Errorf("arguments of the executor: %s", all)
	}
	if !proto.Equal(task, before) {
		t.Error("the task has changed")
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment(&dockerv1pb.ImageManifest_Config{Env: []string{"A=b=c", "junk", "=x", "B="}})
	want := map[string]string{"A": "b=c", "B": ""}
	all := map[string]string{}
	for _, v := range got.GetVariables() {
		all[v.GetName()] = v.GetValue()
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if got := environment(&dockerv1pb.ImageManifest_Config{Env: []string{"junk"}}); got != nil {
		t.Errorf("%v", got)
	}
}
