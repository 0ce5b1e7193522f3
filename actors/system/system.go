// Package system provides the actor "system", which exports the machine's load, processors and memory as metrics and
// at /system/stats.json.
package system

import (
	"encoding/json"
	goruntime "runtime"

	"golang.org/x/sys/unix"

	"meseta/actors/metrics"
	"meseta/messages/mesosjson"
	"meseta/runtime"
	"meseta/runtime/web"
)

// System answers /system/stats.json and exports the machine's load and memory.
type System struct{ runtime.Actor }

// Spawn starts the actor on n. It is not for simulations, since it reports the real machine.
func Spawn(n *runtime.Node) error {
	_, err := runtime.Spawn(n, "system", &System{})
	return err
}

// Initialize implements [runtime.Initializer].
func (s *System) Initialize() {
	metrics.Export(s, s.measure)
	web.Route(s, "/stats.json", web.Help{
		TLDR: "The machine's load, processors and memory.",
		Description: "Returns an object with avg_load_1min, avg_load_5min and avg_load_15min as in uptime(1), cpus_total, " +
			"mem_total_bytes and mem_free_bytes.",
	}, s.stats)
}

// facts are the kernel's figures for the machine.
type facts struct {
	load        [3]float64 // averages over 1, 5 and 15 minutes
	total, free uint64     // bytes of memory
	cpus        int
}

// loadUnit is the factor by which the kernel scales load averages.
const loadUnit = 1 << 16

func look() (f facts, ok bool) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return f, false
	}
	for i := range f.load {
		f.load[i] = float64(info.Loads[i]) / loadUnit
	}
	f.total, f.free = info.Totalram*uint64(info.Unit), info.Freeram*uint64(info.Unit)
	f.cpus = goruntime.NumCPU()
	return f, true
}

func (s *System) measure(to *metrics.Sample) {
	f, ok := look()
	if !ok {
		return
	}
	to.Gauge("system/load_1min", f.load[0])
	to.Gauge("system/load_5min", f.load[1])
	to.Gauge("system/load_15min", f.load[2])
	to.Gauge("system/cpus_total", float64(f.cpus))
	to.Gauge("system/mem_total_bytes", float64(f.total))
	to.Gauge("system/mem_free_bytes", float64(f.free))
}

func (s *System) stats(req *web.Request) runtime.Future[*web.Response] {
	f, ok := look()
	if !ok {
		return runtime.Ready(web.JSON(req, json.RawMessage("{}")))
	}
	return runtime.Ready(web.JSON(req, struct {
		Load15 number `json:"avg_load_15min"`
		Load1  number `json:"avg_load_1min"`
		Load5  number `json:"avg_load_5min"`
		CPUs   int    `json:"cpus_total"`
		Free   uint64 `json:"mem_free_bytes"`
		Total  uint64 `json:"mem_total_bytes"`
	}{number(f.load[2]), number(f.load[0]), number(f.load[1]), f.cpus, f.free, f.total}))
}

// number is a number that is encoded as Mesos encodes it: 1.0 rather than 1.
type number float64

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) { return mesosjson.AppendFloat(nil, float64(n)), nil }
