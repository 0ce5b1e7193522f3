// Package cli implements the command line "mesos", which shows the state of a cluster and gives access to its tasks.
//
// Its commands, tables and configuration file are those of Mesos's own command line. [Command] assembles the commands,
// each of which has a file. It uses HTTP only, to the leading master and to agents, so it works with any Mesos since
// 1.0.
//
// Every command prints a table. With -o json it prints the cluster's response with its numbers unchanged.
package cli
