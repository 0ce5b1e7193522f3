// Package cli is the command line "mesos": what people ask a cluster, and what they see of it.
//
// Its commands, tables and configuration file are those of Mesos's own command line: [Command] puts them together, a
// file each. It talks to the leading master and to agents over HTTP alone, so it works with any Mesos since 1.0.
//
// Every command prints a table; -o json prints what the cluster answered, number by number.
package cli
