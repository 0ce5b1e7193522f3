package program

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// glog writes what zerolog logs in lines of glog: people and programs that read Mesos's logs know the format.
// What varies follows the message:
//
//	I1121 05:02:04.217318  2644 accept.go:198] task launched task_id=t1 agent_id=…-S0 actor=master
type glog struct {
	to zerolog.LevelWriter
}

// letters maps levels to glog's severity letters. Levels below INFO are written as INFO, as in glog.
var letters = map[zerolog.Level]byte{
	zerolog.WarnLevel: 'W', zerolog.ErrorLevel: 'E', zerolog.FatalLevel: 'F', zerolog.PanicLevel: 'F',
}

// line holds the buffers for one line: the whole line, and the fields that follow the message.
type line struct{ whole, varying []byte }

var lines = sync.Pool{New: func() any { return new(line) }}

// Write implements [io.Writer].
func (g glog) Write(event []byte) (int, error) { return g.WriteLevel(zerolog.NoLevel, event) }

// WriteLevel implements [zerolog.LevelWriter].
func (g glog) WriteLevel(level zerolog.Level, event []byte) (int, error) {
	l := lines.Get().(*line)
	defer lines.Put(l)
	l.write(level, event)
	if _, err := g.to.WriteLevel(level, l.whole); err != nil {
		return 0, err
	}
	return len(event), nil
}

// processID takes the place of glog's thread ID, which means nothing in a Go program.
var processID = fmt.Sprintf(" %5d ", os.Getpid())

// write makes the line of an event, an object of JSON. Of several members called message the last is the event's.
func (l *line) write(level zerolog.Level, event []byte) {
	var at, caller, message []byte
	l.varying = l.varying[:0]
	for key, value := range members(event) {
		switch string(key) {
		case zerolog.LevelFieldName:
		case zerolog.TimestampFieldName:
			at = text(value)
		case zerolog.CallerFieldName:
			caller = text(value)
		case zerolog.MessageFieldName:
			if message != nil {
				l.vary(key, message)
			}
			message = value
		default:
			l.vary(key, value)
		}
	}
	letter, ok := letters[level]
	if !ok {
		letter = 'I'
	}
	to := appendTime(append(l.whole[:0], letter), at)
	to = append(to, processID...)
	to = append(to, caller...)
	to = append(to, "] "...)
	to = append(to, text(message)...)
	to = append(to, l.varying...)
	l.whole = append(to, '\n')
}

func (l *line) vary(key, value []byte) {
	to := append(l.varying, ' ')
	to = append(to, key...)
	to = append(to, '=')
	l.varying = append(to, bare(value)...)
}

// appendTime formats an RFC 3339 time as glog does: without year and time zone, with microseconds.
func appendTime(to, at []byte) []byte {
	const seconds = len("2006-01-02T15:04:05")
	if len(at) < seconds {
		return append(to, "0101 00:00:00.000000"...)
	}
	to = append(append(to, at[5:7]...), at[8:10]...)
	to = append(append(to, ' '), at[11:seconds]...)
	to = append(to, '.')
	fraction := at[seconds:]
	for i := 1; i <= 6; i++ {
		if len(fraction) > 0 && fraction[0] == '.' && i < len(fraction) && '0' <= fraction[i] && fraction[i] <= '9' {
			to = append(to, fraction[i])
			continue
		}
		fraction = nil
		to = append(to, '0')
	}
	return to
}

// members goes over the members of an object as zerolog writes it: without blanks, on one line. Values are JSON.
func members(object []byte) func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		rest := object
		for len(rest) > 1 && (rest[0] == '{' || rest[0] == ',') && rest[1] == '"' {
			end := 1 + length(rest[1:])
			if end < 3 || end >= len(rest) || rest[end] != ':' {
				return
			}
			key := rest[2 : end-1]
			rest = rest[end+1:]
			n := length(rest)
			if n == 0 || !yield(key, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// length returns the length of the JSON value at the beginning of text.
func length(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += quoted(text[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return min(i+1, len(text))
		}
	}
	return len(text)
}

// quoted returns the length of the JSON string at the beginning of text.
func quoted(text []byte) int {
	if end := bytes.IndexByte(text[1:], '"'); end >= 0 && bytes.IndexByte(text[:end+1], '\\') < 0 {
		return end + 2
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// text returns the content of a JSON string; other values are returned unchanged.
func text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var said string
	if json.Unmarshal(value, &said) != nil {
		return value
	}
	return []byte(said)
}

// bare removes the quotes of a string that is unambiguous without them.
func bare(value []byte) []byte {
	if len(value) > 2 && value[0] == '"' && !bytes.ContainsAny(value[1:len(value)-1], ` ="\`) {
		return value[1 : len(value)-1]
	}
	return value
}

// glogHead returns the head of a log file of glog.
func glogHead(host string, now time.Time) []byte {
	return fmt.Appendf(nil, "Log file created at: %s\nRunning on machine: %s\nLog line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n",
		now.Format("2006/01/02 15:04:05"), host)
}
