package blackbox

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// requirement is something without which clients that exist do not work.
type requirement struct {
	number int    // in the list of what they force
	what   string // in a few words
	check  func(*testing.T, *world)
	also   []string // other tests that prove it, as folder.Test
}

// requirements are all of them. What a program can be asked from outside is checked here, on the programs.
var requirements = []requirement{
	{1, "one record is one chunk", recordsAreChunks, []string{"runtime/libprocess.TestAStreamIsOneChunkAWriteAndEndsWithItsClient"}},
	{2, "a heartbeat follows at once", heartbeatFollows, []string{"master.TestHeartbeats", "slave.TestDriverBeats"}},
	{3, "how streams and calls are answered", streamsAndCalls, []string{"slave.TestHTTPExecutor"}},
	{4, "only fields of Mesos's", recordsAreStrict, nil},
	{5, "content types", contentTypes, []string{"slave.TestLastAcceptCounts"}},
	{6, "JSON that comes in", jsonComesIn, []string{"messages/mesosjson.TestWhatIsReadIsForgiving"}},
	{7, "JSON that goes out", jsonGoesOut, []string{"messages/mesosjson.TestMessagesAreWritten"}},
	{8, "an empty id is none", emptyIDs, nil},
	{9, "credentials that were not asked for", uncalledCredentials, nil},
	{10, "jsonp", jsonp, nil},
	{11, "routes", routes, []string{"runtime/web.TestRequestsFindTheirActorsAndRoutes"}},
	{12, "masters that do not lead", nil, []string{
		"master.TestRedirect", "master.TestSchedulerRedirect", "master.TestMasterFailoverOverHTTP",
	}},
	{13, "the version", versions, nil},
	{14, "offers", offers, []string{"master.TestRoles", "sched.TestRecordedConversation"}},
	{15, "a running task", runningTask, []string{"master/book.TestTaskUpdates"}},
	{16, "state and metrics", stateAndMetrics, []string{"actors/metrics.TestSnapshotIsFlatSortedAndInMesosNumbers"}},
	{17, "ids of frameworks", frameworkIDs, []string{"master.TestSubscriptionsOfFormerFrameworks"}},
	{18, "who the master says it is", whoTheMasterIs, []string{"runtime/libprocess.TestTheRecordedConversationIsSpoken"}},
	{19, "how nodes are answered", nodesAreAnswered, []string{"runtime/libprocess.TestTheRecordedConversationIsUnderstood", "cmd/internal/suites/conformance/mesosgo.TestV0Example"}},
	{20, "pipelined messages", pipelined, []string{"runtime/libprocess.TestMessagesArriveInOrderWithSenderAndCause"}},
	{21, "fields that proto2 requires", nil, []string{"cmd/internal/suites/conformance/mesosgo.TestV0Example", "runtime/libprocess.TestTheRecordedConversationIsSpoken"}},
	{22, "a task is launched once", nil, []string{"slave.TestDuplicateLaunch", "slave.TestTasksWaitForTheirExecutor"}},
	{23, "old drivers", nil, []string{"master.TestOldScheduler"}},
	{24, "the environment of executors", environment, []string{"slave.TestEnvironment"}},
	{25, "URIs", nil, []string{"slave/fetcher.TestCopies", "cmd/internal/suites/conformance/mesosgo.TestV0Example"}},
}

// What breaks clients in practice does not happen: each of the requirements is checked, and its other proofs exist.
func TestWhatClientsForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, r := range requirements {
		if r.number != i+1 || (r.check == nil && len(r.also) == 0) {
			t.Errorf("requirement %d: it is out of order, or nothing proves it", r.number)
		}
		for _, proof := range r.also {
			if !exists(t, proof) {
				t.Errorf("requirement %d: there is no test %s", r.number, proof)
			}
		}
		if r.check != nil {
			t.Run(strconv.Itoa(r.number)+" "+r.what, func(t *testing.T) { r.check(t, w) })
		}
	}
}

// The list of requirements has the numbers that the table has.
func TestAllRequirementsAreInTheTable(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	text, err := os.ReadFile(filepath.Join(dir, "reference", "client-requirements.md"))
	if err != nil {
		t.Skip("what clients force is not beside the module: ", err)
	}
	var numbers []int
	for _, found := range regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(found[1])
		numbers = append(numbers, n)
	}
	for _, r := range requirements {
		if !slices.Contains(numbers, r.number) {
			t.Errorf("requirement %d is not in the list", r.number)
		}
	}
	if len(numbers) != len(requirements) {
		t.Errorf("the list has %d requirements, the table %d", len(numbers), len(requirements))
	}
}

// exists reports whether there is a test, named as in requirement.also.
func exists(t *testing.T, proof string) bool {
	t.Helper()
	folder, name, _ := strings.Cut(proof, ".")
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
