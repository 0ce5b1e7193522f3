package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/agentv1pb"
)

// moment is how things are while a follower looks once.
type moment struct {
	file   string // "" while the agent recovers
	agents string // that the master knows
	state  string // of the task according to the master, or "" if it does not know it
}

// A follower gets over an agent that restarts, a master that has not heard of the task yet, and a file that has become
// shorter; when the task is over, so is the log.
func TestFollowsThroughTrouble(t *testing.T) {
	t.Parallel()
	moments := []moment{
		{"one\n", "a", running},
		{"", "a", running},
		{"one\ntwo\n", "", ""},
		{"3\n", "a", running},
		{"3\n4\n", "a", "TASK_FINISHED"},
	}
	server := troubled(t, moments)
	var out, said bytes.Buffer
	s := &session{Streams: Streams{Out: &out, Err: &said}, master: server.URL, env: func(string) string { return "" }, poll: 1}
	if _, err := s.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := &remoteFile{client: s.client, agent: server.URL + "/slave(1)", path: "/sandbox/stdout"}
	if err := s.follow(t.Context(), task{ID: "t", AgentID: "a"}, f); err != nil {
		t.Error(err)
	}
	if out.String() != "one\ntwo\n3\n4\n" {
		t.Errorf("printed %q", out.String())
	}
	for _, want := range []string{"the agent of task t is unavailable", "stdout was truncated"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("said %q, want %q in it, once", said.String(), want)
		}
	}
}

// troubled is a cluster that goes through moments: each question about the task is a moment later.
func troubled(t *testing.T, moments []moment) *httptest.Server {
	now := -1
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "//"+address)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/slaves", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"slaves":[{"id":%q,"pid":"slave(1)@%s"}]}`, moments[now].agents, address)
	})
	mux.HandleFunc("/tasks", func(w http.ResponseWriter, _ *http.Request) {
		if now++; moments[now].state == "" {
			fmt.Fprint(w, `{"tasks":[]}`)
			return
		}
		fmt.Fprintf(w, `{"tasks":[{"id":"t","slave_id":"a","state":%q}]}`, moments[now].state)
	})
	mux.HandleFunc("/slave(1)/api/v1", func(w http.ResponseWriter, r *http.Request) {
		file := moments[now].file
		if file == "" {
			http.Error(w, "Agent has not finished recovery", http.StatusServiceUnavailable)
			return
		}
		var body bytes.Buffer
		call := &agentv1pb.Call{}
		if _, err := body.ReadFrom(r.Body); err != nil || proto.Unmarshal(body.Bytes(), call) != nil {
			t.Error("a call that cannot be read")
		}
		offset := min(call.GetReadFile().GetOffset(), uint64(len(file)))
		answer, err := proto.Marshal(&agentv1pb.Response{Type: agentv1pb.Response_READ_FILE.Enum(), ReadFile: &agentv1pb.Response_ReadFile{
			Size: proto.Uint64(uint64(len(file))), Data: []byte(file[offset:]),
		}})
		if err != nil {
			t.Error(err)
		}
		if _, err := w.Write(answer); err != nil {
			t.Error(err)
		}
	})
	return server
}
