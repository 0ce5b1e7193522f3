// Package validate says what is wrong with the calls that executors and operators make, in Mesos's words. It is pure.
package validate
