//go:build race

package subsystems_test

// raced is set where the race detector watches, which needs more addresses than the other kernel has.
const raced = true
