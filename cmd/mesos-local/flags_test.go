package main

import (
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-local", func(set *flags.Set) map[string]flagstest.Zero {
		o := bind(set)
		return map[string]flagstest.Zero{
			"num_agents": {Refused: "at least 1 agent"},
			"port":       {Field: &o.cluster.Port}, // any port is valid
		}
	})
}
