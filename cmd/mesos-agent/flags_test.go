package main

import (
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
)

// Flags that choose what the agent does anyway are accepted, others are refused by what there is instead.
func TestFlagsWithOneValue(t *testing.T) {
	t.Parallel()
	for arg, refused := range map[string]string{
		"--launcher=posix":                       "",
		"--launcher=linux":                       `"linux" is not supported yet, only posix`,
		"--isolation=posix/cpu,posix/mem":        "",
		"--isolation=posix/mem,filesystem/posix": "",
		"--isolation=cgroups/cpu":                `"cgroups/cpu" is not supported yet, only posix/cpu`,
		"--containerizers=mesos":                 "",
		"--containerizers=docker,mesos":          `"docker" is not supported yet, only mesos`,
		"--systemd_enable_support=false":         "",
		"--no-systemd_enable_support":            "",
		"--systemd_enable_support":               "only --no-systemd_enable_support",
	} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			set := flags.New("mesos-agent", "")
			bind(set)
			_, err := set.Parse([]string{arg, "--master=127.0.0.1:5050", "--work_dir=/w"}, nil)
			if refused == "" && err != nil || refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
				t.Errorf("Parse: %v, want %q", err, refused)
			}
		})
	}
}
