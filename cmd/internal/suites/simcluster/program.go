package simcluster

import (
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program is what a task does, as a shell would read it: "sleep 10", "sleep 10; exit 1", "trap ” TERM; sleep 10". The
// empty program runs without end.
type program struct {
	lasts  time.Duration
	ends   bool // after lasts
	status int  // its exit status then
	deaf   bool // SIGTERM has no effect
}

// parseProgram reads text, of which it must know all words.
func parseProgram(text string) program {
	var p program
	for _, statement := range strings.Split(text, ";") {
		word, rest, _ := strings.Cut(strings.TrimSpace(statement), " ")
		switch word {
		case "":
		case "sleep":
			if rest == "infinity" {
				return p
			}
			p.lasts, p.ends = p.lasts+seconds(rest), true
		case "exit":
			p.status, p.ends = int(seconds(rest)/time.Second), true
		case "trap":
			p.deaf = true
		default:
			panic("simcluster: no program is called " + word)
		}
	}
	return p
}

func seconds(text string) time.Duration {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("simcluster: " + text + " is not a number")
	}
	return time.Duration(n * float64(time.Second))
}

// exited and signaled are wait statuses.
func exited(status int) syscall.WaitStatus { return syscall.WaitStatus(status << 8) }

func signaled(s syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(s) }
