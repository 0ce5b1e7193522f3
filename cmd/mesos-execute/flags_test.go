package main

import (
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-execute", func(set *flags.Set) map[string]flagstest.Zero {
		return map[string]flagstest.Zero{"kill_after": {Text: "0secs", Field: &bind(set).killAfter}}
	}, "--master=127.0.0.1:5050", "--name=n", "--command=true")
}
