// Package validate validates IDs, commands and containers by the rules that masters and agents share. Its errors use
// Mesos's words.
//
// Mesos: common::validation.
package validate
