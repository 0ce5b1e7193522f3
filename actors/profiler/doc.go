// Package profiler provides the actors "profiler" and "memory-profiler", libprocess's endpoints for profiles of a
// running program. The profiles are made by Go's own profilers and can be read with `go tool pprof`.
package profiler
