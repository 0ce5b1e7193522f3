// Package about tells what messages are about, for traces and logs: which tasks, executors, frameworks, agents, offers,
// operations and containers they name, and what matters of them in a few words. It shows nothing that may be secret.
//
// All of it follows from two tables: [Of] and [Summary] from that of table.go, which names for each type of message the
// fields that count, and [Shown] from that of shown.go, which names the texts that may be seen. [Veiled] is for what else goes into logs.
package about
