// Package conversation puts what many nodes recorded together, and shows who said what to whom, and what came of it: as an
// indented text, as a sequence diagram in several formats, and for other tools.
//
// A [Record] is an event of one node. [Build] joins the records of a message, its sending, its arrival and its turn, into one
// [Step], and puts each step below the one that caused it, whatever the clocks of the nodes say.
package conversation
