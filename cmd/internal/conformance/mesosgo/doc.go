// Package mesosgo proves that a framework which knows nothing of us runs on our binaries: the v0 example scheduler and
// executor of github.com/mesos/mesos-go, as released. It is a module of its own, so that what they need stays out of
// ours:
//
//	cd cmd/internal/conformance/mesosgo && go test ./...
package mesosgo
