package recording

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// Message is an HTTP request, an answer, or an event of a stream.
type Message struct {
	At       time.Duration     // since the first message of the recording
	From, To string            // ports
	Line     string            // the first line, or "event NAME"
	Header   map[string]string // by name
	Body     proto.Message     // nil if it is no message that this program knows
	Text     string            // the body as recorded, if Body is nil
}

// Sender is the sender's PID, as text; "" if it has none.
func (m Message) Sender() string { return m.Header["Libprocess-From"] }

// Path returns the path of a request, and "" for an answer or an event.
func (m Message) Path() string {
	words := strings.Fields(m.Line)
	if len(words) != 3 || !strings.HasPrefix(words[1], "/") {
		return ""
	}
	return words[1]
}

// Status returns the status of an answer, and 0 for a request or an event.
func (m Message) Status() int {
	words := strings.Fields(m.Line)
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
		return 0
	}
	status, _ := strconv.Atoi(words[1])
	return status
}

// ReadConversation reads a file with a conversation. Answers that were recorded without their bodies are not in the result.
func ReadConversation(file string) ([]Message, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all, err := parseConversation(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

func parseConversation(text string) ([]Message, error) {
	timeline, text, found := strings.Cut(text, "\n## MESSAGES")
	if !found {
		return nil, fmt.Errorf("there are no messages")
	}
	text, _, _ = strings.Cut(text, "\n## COUNTS")
	var all []Message
	for _, block := range strings.Split(text, "\n====================================================================================================\n")[1:] {
		m, err := parseMessage(strings.TrimRight(block, "\n"))
		if err != nil {
			return nil, fmt.Errorf("%w in %.200q", err, block)
		}
		all = append(all, m)
	}
	return withPings(timeline, all), nil
}

// parseMessage reads what is between two rules: where and when, the head, and the decoded body.
func parseMessage(block string) (Message, error) {
	m := Message{Header: map[string]string{}}
	first, rest, _ := strings.Cut(block, "\n")
	words := strings.Fields(first) // @6.0661s  49478 -> 44061   body 43 bytes
	if len(words) < 4 || words[2] != "->" {
		return m, fmt.Errorf("no time and ports")
	}
	at, err := time.ParseDuration(strings.TrimPrefix(words[0], "@"))
	if err != nil {
		return m, err
	}
	m.At, m.From, m.To = at, words[1], words[3]
	head, body, _ := strings.Cut(rest, "\n--- ")
	for i, line := range strings.Split(head, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok && i > 0 {
			m.Header[name] = value
		} else if i == 0 {
			m.Line = strings.TrimSpace(line)
		}
	}
	if _, name, ok := strings.Cut(m.Path(), "/mesos."); ok && body == "" { // a message without fields
		body = "decoded mesos." + name
	}
	return m, m.decode(body)
}

// decode reads what follows "--- ": "decoded NAME:" and the text of a message, or something else.
func (m *Message) decode(body string) error {
	title, text, _ := strings.Cut(body, "\n")
	name, decoded := strings.CutPrefix(title, "decoded ")
	if !decoded || strings.HasPrefix(name, "text/") || strings.HasPrefix(text, "(cannot decode") {
		m.Text = text
		return nil
	}
	var err error
	m.Body, err = decode(strings.TrimSuffix(name, ":"), text)
	return err
}
