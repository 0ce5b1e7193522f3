package main

import (
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-docker-executor", func(set *flags.Set) map[string]flagstest.Zero {
		return map[string]flagstest.Zero{"stop_timeout": {Text: "0secs", Field: &bind(set).unused.timeout}}
	}, "--container=c")
}
