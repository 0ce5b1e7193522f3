// Package about tells what messages are about, for traces and logs: which tasks, executors, frameworks, agents, offers,
// operations and containers they name, and what matters of them in a few words. It knows which fields are secret.
//
// All of it follows from two tables: [Of] and [Summary] from that of table.go, which names for each type of message the
// fields that count, and [Hidden] from that of hidden.go.
package about
