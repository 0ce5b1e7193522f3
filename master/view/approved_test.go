package view_test

import (
	"testing"

	"meseta/actors/authorizer/authorizertest"
	"meseta/master/view"
	"meseta/messages/pb/authorizationpb"
)

// A reader that may see everything shares all with other readers, including what was encoded already; one that may not see
// tasks or executors gets frameworks of its own.
func TestWhatIsNotHiddenIsShared(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	f, a := c.addFramework(1), c.addAgent(0)
	c.addTask(f, a, 1)
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	judge := &authorizertest.Judge{}
	for _, denied := range []authorizationpb.Action{authorizationpb.Action_UNKNOWN, authorizationpb.Action_VIEW_TASK} {
		judge.Deny(denied)
		part := look.For(judge)
		if part.Agents[0] != look.Agents[0] {
			t.Errorf("without %s, the agent is not shared", denied)
		}
		tasks := 0
		for range part.Frameworks[0].Tasks() {
			tasks++
		}
		shared := part.Frameworks[0] == look.Frameworks[0]
		if hidden := denied == authorizationpb.Action_VIEW_TASK; shared == hidden || (tasks == 0) != hidden {
			t.Errorf("without %s: shared %t, %d tasks", denied, shared, tasks)
		}
	}
	if about := judge.About(); about.GetTask().GetTaskId() == nil || about.GetFrameworkInfo() == nil {
		t.Errorf("asked about %v", about)
	}
}
