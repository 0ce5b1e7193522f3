// Package validate says what is wrong with ids, commands and containers, wherever they come in: at a master and at an agent,
// in tasks, executors and calls. Reasons are in Mesos's words.
//
// Mesos: common::validation.
package validate
