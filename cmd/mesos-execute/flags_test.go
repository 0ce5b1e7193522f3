package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
	"meseta/messages/pb/mesospb"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-execute", func(set *flags.Set) map[string]flagstest.Zero {
		return map[string]flagstest.Zero{"kill_after": {Text: "0secs", Field: &bind(set).killAfter}}
	}, "--master=127.0.0.1:5050", "--name=n", "--command=true")
}

// Tasks are read in Mesos's JSON with the names of v1.
func TestTaskIsMesosJSON(t *testing.T) {
	t.Parallel()
	const ids = `"name":"n","task_id":{"value":"t"},"agent_id":{"value":"a"}`
	file := filepath.Join(t.TempDir(), "task.json")
	if err := os.WriteFile(file, []byte(`{`+ids+`,"data":"AAE="}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{` + ids + `,"data":"AAE=","labels":null,"colour":"red"}`: "",
		file:           "",
		`{"name":"n"}`: "Missing required fields: task_id, agent_id",
		`{"name":"n","taskId":{"value":"t"},"agentId":{"value":"a"}}`: "Missing required fields: task_id, agent_id",
		`{` + ids + `,"data":7}`: "data",
	} {
		task := &mesospb.TaskInfo{}
		err := readJSON(text, task)
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: want %q, got %v", text, want, err)
		case want == "" && (err != nil || string(task.GetData()) != "\x00\x01" || task.GetSlaveId().GetValue() != "a"):
			t.Errorf("%s: %v, %v", text, task, err)
		}
	}
}
