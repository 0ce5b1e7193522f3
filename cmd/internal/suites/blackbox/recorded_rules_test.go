package blackbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meseta/messages/pb/v1/schedulerv1pb"
)

// recordedCall is a line of an INDEX.txt.
var recordedCall = regexp.MustCompile(`^(\S+)\.http +(GET|POST|PUT|DELETE) http://127\.0\.0\.1:(505[01])(\S+)(?:  as Basic\(([^:)]+):?([^)]*)\))?(?:  body=(.*))? -> HTTP/1\.1 (\d+)`)

// Each principal of a C++ cluster with rules may do and may not do the same here, and sees the same.
//
// Recorded in golden/auth/3-acls-*.
func TestPermissionsAsRecorded(t *testing.T) {
	t.Parallel()
	acls := recordedAuth(t, "3-acls-acls.json")
	folders, err := filepath.Glob(filepath.Join(filepath.Dir(acls), "3-acls-*", "INDEX.txt"))
	if err != nil || len(folders) < 30 {
		t.Fatal(folders, err)
	}
	var principals []string
	for _, f := range folders {
		name := strings.TrimPrefix(filepath.Base(filepath.Dir(f)), "3-acls-")
		principals = append(principals, fmt.Sprintf(`{"principal": %q, "secret": "%[1]ssecret"}`, name))
	}
	credentials := write(t, "credentials", `{"credentials": [`+strings.Join(principals, ",")+`]}`)
	flags := []string{"--acls=file://" + acls, "--authenticate_http_readonly", "--authenticate_http_readwrite", "--log_dir=" + t.TempDir()}
	master := startMaster(t, "0", t.TempDir(), append(flags, "--credentials="+credentials)...)
	agent := startAgent(t, "0", master.address, t.TempDir(), append(flags, "--http_credentials="+credentials, "--no-switch_user")...)
	agent.awaits("registered")
	there := newPlaces(t, master, agent)
	slices.SortStableFunc(folders, func(x, y string) int { // op first, who schedules the maintenance that others start
		return strings.Compare(strconv.FormatBool(!strings.Contains(x, "-acls-op/")), strconv.FormatBool(!strings.Contains(y, "-acls-op/")))
	})
	refused := 0
	for _, folder := range folders {
		content, err := os.ReadFile(folder)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			r := recordedCall.FindStringSubmatch(strings.TrimSpace(line))
			if r == nil {
				t.Errorf("%s: %s", folder, line)
				continue
			}
			if r[1] == "DESTROY_VOLUMES" { // there is none here; see TestCallsAreRefused of package master
				continue
			}
			ask := func() (*http.Response, string) {
				return map[string]*process{"5050": master, "5051": agent}[r[3]].as(login{r[5], r[6]}, r[2], there.here(r[4]), there.here(r[7]))
			}
			answer, text := ask()
			if (r[8] == "403") != (answer.StatusCode == http.StatusForbidden) || answer.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s as %s: %d %.200s, recorded %s", r[1], r[5], answer.StatusCode, text, r[8])
			}
			if r[8] == "403" {
				refused++
			}
			if r[8] == fmt.Sprint(answer.StatusCode) {
				sameHeaders(t, r[1]+" as "+r[5], answer, filepath.Join(filepath.Dir(folder), r[1]+".http"))
			}
			if r[8] == "200" && answer.StatusCode == http.StatusOK {
				again := func() string {
					first := text
					if r[2] == http.MethodGet || strings.HasPrefix(r[1], "GET_") {
						_, text = ask()
					}
					return first
				}
				there.sameView(t, r[1]+" as "+r[5], again, filepath.Join(filepath.Dir(folder), r[1]+".http"))
			}
		}
	}
	if refused < 50 {
		t.Errorf("only %d refusals were recorded", refused)
	}
}

// sameHeaders demands that an answer has the headers of the recorded one in a file, but for its date and length.
func sameHeaders(t *testing.T, what string, answer *http.Response, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	defer recorded.Body.Close()
	got, want := answer.Header.Clone(), recorded.Header
	for _, h := range []http.Header{got, want} {
		h.Del("Date")
		h.Del("Content-Length")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("headers of %s, %s (-recorded +ours):\n%s", what, answer.Status, d)
	}
}

// places translates what was recorded about one cluster into another: IDs and sandboxes.
type places struct{ replacer, named, recorded *strings.Replacer }

var (
	recordedMaster = "cc2a8260-8bff-4b0c-b020-3b7e6fc87c43"
	recordedRun    = "59ba0c23-f890-4d5a-a6da-d32c29872879"
)

// newPlaces has the frameworks of the recordings run their tasks: one of alice's is done, bob's and another of hers last. Red
// resources are reserved, of which some are a volume.
func newPlaces(t *testing.T, master, agent *process) *places {
	t.Helper()
	op, w := login{"op", "opsecret"}, &world{master, agent}
	as := func(name, user, role, failover string) *framework {
		return w.subscribes(t, fmt.Sprintf(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":%q,"name":%q,"roles":[%q],`+
			`"failover_timeout":%s,"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]}}}`, user, name, role, failover))
	}
	const weights = `{"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [{"role": "red", "weight": 2.0}, {"role": "blue", "weight": 3.0}]}}`
	const quotas = `{"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [{"role": "blue", "limits": {"cpus": {"value": 4}}}, {"role": "red", "limits": {"cpus": {"value": 4}}}]}}`
	for _, call := range []string{weights, quotas} {
		if answer, text := master.as(op, http.MethodPost, "/api/v1", call); answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, text)
		}
	}
	done := as("fw-done", "alice", "red", "0")
	done.runs("t-done", "true")
	done.acknowledges(done.event(schedulerv1pb.Event_UPDATE).GetUpdate().GetStatus())
	done.calls(`"type":"TEARDOWN"`).wants("202")
	open := newGate(t)
	t.Cleanup(func() { open.open(t) })
	bob := as("fw-bob", "bob", "blue", "600")
	bob.runs("t-bob", open.wait())
	bob.calls(`"type":"SUPPRESS"`).wants("202")
	bob.calls(`"type":"DECLINE","decline":{"offer_ids":[` + offersOf(master, op, "fw-bob") + `]}`).wants("202")
	alice := as("fw-alice", "alice", "red", "600")
	alice.runs("t-alice", open.wait())
	agentID := alice.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0].GetAgentId().GetValue()
	for _, call := range []string{
		`{"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": {"value": %q}, "resources": [` + reserved("cpus", 0.1, "") + `,` + reserved("disk", 64, "") + `]}}`,
		`{"type": "CREATE_VOLUMES", "create_volumes": {"agent_id": {"value": %q}, "volumes": [` +
			reserved("disk", 16, `, "disk": {"persistence": {"id": "v1", "principal": "op"}, "volume": {"mode": "RW", "container_path": "d"}}`) + `]}}`,
	} {
		if answer, text := master.as(op, http.MethodPost, "/api/v1", fmt.Sprintf(call, agentID)); answer.StatusCode != http.StatusAccepted {
			t.Fatal(answer.Status, text)
		}
	}
	alice.event(schedulerv1pb.Event_OFFERS) // with what is reserved
	_, state := agent.as(op, http.MethodGet, "/state", "")
	run := regexp.MustCompile(`"directory":"([^"]*/executors/t-alice/runs/([^"/]+))"`).FindStringSubmatch(state)
	if run == nil {
		t.Fatal(state)
	}
	sandbox := "/var/lib/mesos/a/slaves/" + recordedMaster + "-S0/frameworks/" + recordedMaster + "-0000/executors/t-alice/runs/" + recordedRun
	return &places{
		strings.NewReplacer(sandbox, run[1], recordedRun, run[2], recordedMaster+"-0000", alice.id, recordedMaster, strings.TrimSuffix(agentID, "-S0")),
		strings.NewReplacer(alice.id, "F-alice", bob.id, "F-bob", done.id, "F-done"),
		strings.NewReplacer(recordedMaster+"-0000", "F-alice", recordedMaster+"-0001", "F-bob", recordedMaster+"-0002", "F-done"),
	}
}

// reserved is a resource that op has reserved for the role red.
func reserved(name string, amount float64, more string) string {
	return fmt.Sprintf(`{"name": %q, "type": "SCALAR", "scalar": {"value": %v}, "reservations": [{"type": "DYNAMIC", "role": "red", "principal": "op"}]%s}`, name, amount, more)
}

// offersOf lists the IDs of the offers that a framework has.
func offersOf(master *process, as login, name string) string {
	_, text := master.as(as, http.MethodGet, "/frameworks", "")
	var all struct {
		Frameworks []struct {
			Name   string
			Offers []struct{ ID string }
		}
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		master.t.Fatal(err)
	}
	var found []string
	for _, f := range all.Frameworks {
		for _, o := range f.Offers {
			if f.Name == name {
				found = append(found, fmt.Sprintf(`{"value": %q}`, o.ID))
			}
		}
	}
	return strings.Join(found, ",")
}

func (p *places) here(text string) string { return p.replacer.Replace(text) }

// shown are the frameworks, tasks, roles, users and volumes that an answer shows, with where it shows them.
func shown(t *testing.T, what, text string) []string {
	t.Helper()
	var all []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, field := range v {
				if name == "red" || name == "blue" {
					all = append(all, path+": "+name)
					name = "ROLE"
				}
				walk(path+"."+name, field)
			}
		case []any:
			for _, element := range v {
				walk(path+"[]", element)
			}
		case string:
			if showable.MatchString(v) {
				all = append(all, path+": "+v)
			}
		}
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%s: %v: %.200s", what, err, text)
	}
	walk("", v)
	slices.Sort(all)
	return all
}

var showable = regexp.MustCompile(`^(fw|F|t)-(alice|bob|done)$|^(alice|bob|red|blue|v1)$`)

// sameView demands that an answer shows what the recorded one shows.
// sameView demands that an answer shows what the recorded one in a file does, soon: calls have offers rescinded, which are made
// again. text returns the answer, and one that is newer at each further call.
func (p *places) sameView(t *testing.T, what string, text func() string, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	if !strings.HasPrefix(body, "{") && !strings.HasPrefix(body, "[") {
		return
	}
	want := shown(t, file, p.recorded.Replace(body))
	if d := remaining(func() []string {
		if d := cmp.Diff(want, shown(t, what, p.named.Replace(text()))); d != "" {
			return []string{d}
		}
		return nil
	}); len(d) > 0 {
		t.Errorf("%s (-recorded +ours):\n%s", what, d[0])
	}
}
