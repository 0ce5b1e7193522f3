package conversation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Record is an event as /trace shows it, one JSON object on a line.
type Record struct {
	ID    string    `json:"id"`
	Cause string    `json:"cause,omitempty"`
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	What  string    `json:"what,omitempty"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
	Name  string    `json:"name,omitempty"`  // the message, the function, or the request
	Title string    `json:"title,omitempty"` // the same in words
	About []string  `json:"about,omitempty"` // whom a message is about, as in "task:web.1"
	Text  string    `json:"text,omitempty"`  // what matters of a message
	Note  string    `json:"note,omitempty"`
	Took  int64     `json:"took_ns,omitempty"` // of a turn that is over
}

// Parse reads records, one on a line.
func Parse(lines []byte) ([]Record, error) {
	var all []Record
	for n, line := range slices.Collect(bytes.Lines(lines)) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		r, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is not an event: %w", n+1, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func parseLine(line []byte) (r Record, err error) {
	if err = json.Unmarshal(line, &r); err == nil && (len(r.ID) != 32 || r.Event == "") {
		err = errors.New("it has no id")
	}
	return r, err
}

// end is the last line of a response that follows a node.
type end struct {
	End string `json:"end"` // why there is no more
}

// EndLine is the last line of a response that follows a node, and says why there is no more.
func EndLine(why string) []byte {
	line, err := json.Marshal(end{why})
	if err != nil {
		panic(err) // a string
	}
	return append(line, '\n')
}

// ParseFollowed reads a line of a response that follows a node: a record or, if why is not empty, the reason why it ends.
func ParseFollowed(line []byte) (r Record, why string, err error) {
	var last end
	if err = json.Unmarshal(line, &last); err != nil || last.End != "" {
		return r, last.End, err
	}
	r, err = parseLine(line)
	return r, "", err
}

// AppendLine appends r as a line.
func (r Record) AppendLine(b []byte) []byte {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // a Record is strings, a number and a time
	}
	return append(append(b, line...), '\n')
}

// NodeDigits is how many digits the ids of all events of a node have in common, at their beginning.
const NodeDigits = 16

// Node is what the ids of all events of a node have in common.
func (r Record) Node() string { return r.ID[:NodeDigits] }

// place is an actor of the node where r happened; empty: it need not be of that node.
func (r Record) place() string {
	switch r.Event {
	case "send", "say":
		return r.From
	case "enqueue", "deliver", "hear", "spawn", "work", "delay":
		return r.To
	}
	return ""
}

// Short is a message's name without its package.
func Short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
