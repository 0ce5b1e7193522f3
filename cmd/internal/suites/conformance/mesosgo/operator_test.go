package mesosgo

import (
	"path/filepath"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

// mesos-go's clients of the operator APIs understand each answer, in either format.
func TestOperator(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	local.Build(t, ".", bin, "./operator")
	// Those that read the master (but GET_MASTER in JSON), change it, read the agent, and run commands there.
	for codec, calls := range map[string]int{"protobuf": 16 + 5 + 14 + 7, "json": 15 + 5 + 14 + 7} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			if out := local.Run(t, "", filepath.Join(bin, "operator"), "-codec="+codec, "{master}"); strings.Count(out, " ok\n") != calls {
				t.Error(out)
			}
		})
	}
}
