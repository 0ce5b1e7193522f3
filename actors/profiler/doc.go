// Package profiler is the actors "profiler" and "memory-profiler", libprocess's endpoints for profiles of a running
// program. What they answer with is made by Go's own profilers, for `go tool pprof`.
package profiler
