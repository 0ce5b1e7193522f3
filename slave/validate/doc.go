// Package validate validates the calls of executors and operators. It is pure. Its errors use Mesos's words.
package validate
