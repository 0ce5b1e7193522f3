//go:build !race

package subsystems_test

const raced = false
