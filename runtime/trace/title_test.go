package trace_test

import (
	"testing"

	"meseta/runtime/trace"
)

func TestTitles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"master.(*Master).offerTimedOut-fm":           "offer timed out",
		"allocator.(*Allocator).RecoverResources":     "recover resources",
		"registration.(*Registration).detected.func1": "detected…",
		"meseta/master/agents.(*Watch).begin.func2.1": "begin…",
		"runtime.Continue[...].func1":                 "continue…",
		"web.newURLOf":                                "new URL of",
		"slave.(*Slave).sendHTTP":                     "send HTTP",
		"trace_test.work":                             "work",
		"GET /state":                                  "GET /state",
		"":                                            "",
		"odd":                                         "odd",
	} {
		if got := trace.Title(name); got != want {
			t.Errorf("%q is called %q; want %q", name, got, want)
		}
	}
}
