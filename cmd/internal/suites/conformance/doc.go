// Package conformance proves that programs which know nothing of us run on our binaries, as released: the examples and
// commands of github.com/mesos/mesos-go in package mesosgo, npm's mesos-framework in package mesosframework. It is a
// module of its own, so that what they need stays out of ours:
//
//	cd cmd/internal/suites/conformance && go test ./...
package conformance
