// Package trace reads the events that nodes record ([runtime.Trace]) and shows them as JSON lines over HTTP or as a causal
// tree.
//
// Every event names the event that caused it, across nodes, so the consequences of one message form a tree: the turn it
// was handled in, the messages that turn sent, the calls it dispatched, the timers it booked, and so on. A node remembers
// a bounded number of events; where the cause of an event has been forgotten, the event is the root of a tree.
//
// [Spawn] puts the actor "trace" on a node, which answers
//
//	GET  /trace                     everything the node remembers, one JSON object per line, oldest first
//	GET  /trace?actor=master        what "master" sent or received; patterns such as slave* are allowed
//	GET  /trace?message=*Ping*      messages, and functions of calls and timers, by name
//	GET  /trace?since=10s           of the last ten seconds; or since a time such as 2024-01-02T15:04:05Z
//	GET  /trace?cause=ID            that event and all that followed from it
//	GET  /trace?about=task:web.1    messages about a task, and what led to them; see [Lens]
//	GET  /trace?after=ID            what happened later than that event of the node
//	GET  /trace?follow=true         what happens from now on, as it happens; with actor=, message=, cause= and about=
//	POST /trace/record?events=65536 remember that many events from now on; 0 stops
//	POST /trace/save                write what is remembered to a file, and answer with its path
//	GET  /trace/actors              the actors, and what waits for them
//
// Messages and requests carry the id of what caused them as a traceparent of W3C's Trace Context, in which an event's id is
// the id of a trace. A request of somebody who has a tracer of another kind names a foreign trace: its id is the cause of the
// request's first event, which keeps the header as its note.
//
// An ID is 32 hexadecimal digits, as in the answers. [Log] writes events to the log as they happen.
package trace
