package cli_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/masterv1pb"
)

// What is not said is neither guaranteed nor limited; a quota is removed by setting none.
func TestSetsQuotas(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var called []*masterv1pb.Call
	c.Config.Handler.(*http.ServeMux).HandleFunc("POST /api/v1", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		call := &masterv1pb.Call{}
		if err != nil || proto.Unmarshal(body, call) != nil {
			http.Error(w, "Failed to parse body", http.StatusBadRequest)
		}
		called = append(called, call)
	})
	for command, want := range map[string]string{
		"set web --guarantee=cpus:1.5 --limit=mem:64;gpus:0": `force: false quota_configs { role: "web" guarantees { key: "cpus" value { value: 1.5 } }
			limits { key: "mem" value { value: 64 } } limits { key: "gpus" value { value: 0 } } }`,
		"set web --limit=cpus:1 --force": `force: true quota_configs { role: "web" limits { key: "cpus" value { value: 1 } } }`,
		"remove b":                       `force: false quota_configs { role: "b" }`,
	} {
		called = nil
		if out, err := mesos(t, nil, append([]string{"--master=" + c.URL, "quota"}, strings.Fields(command)...)...); err != nil || out != "" {
			t.Errorf("%s: %q, %v", command, out, err)
		}
		expected := &masterv1pb.Call{Type: masterv1pb.Call_UPDATE_QUOTA.Enum(), UpdateQuota: &masterv1pb.Call_UpdateQuota{}}
		if err := prototext.Unmarshal([]byte(want), expected.UpdateQuota); err != nil {
			t.Fatal(err)
		}
		if len(called) != 1 || !proto.Equal(called[0], expected) {
			t.Errorf("%s calls %v, want %v", command, called, expected)
		}
	}
	for command, want := range map[string]string{
		"remove a":             `role "a" has no quota`,
		"set web":              "mesos quota remove",
		"set web --limit=cpus": "missing or extra ':'",
	} {
		called = nil
		_, err := mesos(t, nil, append([]string{"--master=" + c.URL, "quota"}, strings.Fields(command)...)...)
		if err == nil || !strings.Contains(err.Error(), want) || len(called) > 0 {
			t.Errorf("%s: %v after %v, want an error with %q", command, err, called, want)
		}
	}
}
