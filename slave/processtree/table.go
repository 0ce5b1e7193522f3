package processtree

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
)

// Table reads the process table of the system. The zero value is ready for use. A Table may be used by several
// goroutines.
//
// A reading takes time in proportion to the number of processes of the system. Callers that come while the table is
// read for others share the next reading, so that a thousand containers that end together do not cause a thousand
// readings.
type Table struct {
	reading sync.Mutex // held by the caller that reads

	mu   sync.Mutex
	next *reading // not begun yet; nil if nobody waits for one
}

// reading is one reading of the table, for all callers that wait for it.
type reading struct {
	once sync.Once
	snap *Snapshot
	err  error
}

// Look returns the process table at some moment after the call. It blocks.
func (t *Table) Look() (*Snapshot, error) { return t.carryOut(t.join()) }

// join returns the next reading to begin.
func (t *Table) join() *reading {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = &reading{}
	}
	return t.next
}

// carryOut returns the result of a reading. The first caller reads, and the others wait for it.
func (t *Table) carryOut(r *reading) (*Snapshot, error) {
	r.once.Do(func() {
		t.reading.Lock()
		defer t.reading.Unlock()
		t.mu.Lock()
		t.next = nil
		t.mu.Unlock()
		r.snap, r.err = read()
	})
	return r.snap, r.err
}

// Process is one process in the table.
type Process struct{ PID, Parent, Group, Session int }

// Snapshot is the process table at one moment, in the order of PIDs, without zombies. It does not change.
type Snapshot struct {
	Processes []Process

	followers map[int][]int // by PID: its children, and the members of the group and session that it leads

	once      sync.Once
	sandboxes map[int]string
}

// Look reads the process table.
func Look() (*Snapshot, error) { return new(Table).Look() }

// read reads the process table. It parses the five fields that are needed by hand, because this is most of the cost of
// ending a container.
func read() (*Snapshot, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read the process table: %w", err)
	}
	s := &Snapshot{Processes: make([]Process, 0, len(names))}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue // not a process
		}
		line, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended meanwhile
		}
		if p, alive := parse(pid, line); alive {
			s.Processes = append(s.Processes, p)
		}
	}
	slices.SortFunc(s.Processes, func(a, b Process) int { return a.PID - b.PID })
	s.index()
	return s, nil
}

// parse parses a line of /proc/PID/stat. A zombie is not alive, unless only its first thread has ended.
func parse(pid int, line []byte) (p Process, alive bool) {
	// The name of the program, in parentheses, may contain anything.
	_, rest, found := bytes.Cut(line[max(0, bytes.LastIndexByte(line, ')')):], []byte(") "))
	fields := bytes.Fields(rest)
	const state, parent, group, session, threads = 0, 1, 2, 3, 17
	if !found || len(fields) <= threads {
		return Process{}, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(string(fields[i])) // the kernel writes numbers
		return n
	}
	p = Process{PID: pid, Parent: number(parent), Group: number(group), Session: number(session)}
	return p, fields[state][0] != 'Z' && fields[state][0] != 'X' || number(threads) > 1
}

// index computes the followers of each process.
func (s *Snapshot) index() {
	s.followers = map[int][]int{}
	for _, p := range s.Processes {
		s.follow(p, p.Parent)
		if p.Group != p.Parent {
			s.follow(p, p.Group)
		}
		if p.Session != p.Group && p.Session != p.Parent {
			s.follow(p, p.Session)
		}
	}
}

// follow ignores what is no process: 0 is the parent of the first process, and the group and session of those that
// have none here. The first process of the system follows nobody, and what nobody else leads does not belong to it.
func (s *Snapshot) follow(p Process, leader int) {
	if leader > firstProcess && leader != p.PID {
		s.followers[leader] = append(s.followers[leader], p.PID)
	}
}

// NewSnapshot returns a snapshot of the given processes.
func NewSnapshot(all []Process) *Snapshot {
	s := &Snapshot{Processes: slices.SortedFunc(slices.Values(all), func(a, b Process) int { return a.PID - b.PID })}
	s.index()
	return s
}

// Has reports whether there is a process pid.
func (s *Snapshot) Has(pid int) bool {
	_, found := slices.BinarySearchFunc(s.Processes, pid, func(p Process, pid int) int { return p.PID - pid })
	return found
}

// firstProcess is the ID of the process that the others descend from, and that adopts orphans.
const firstProcess = 1

// Tree returns the trees of the roots that exist. Each process comes after the one that it follows. The tree of the
// system's first process, and of what is no process, is empty: nobody who asks for that knows what it is asking for.
func (s *Snapshot) Tree(roots ...int) []int {
	var tree []int
	seen := map[int]bool{}
	roots = slices.DeleteFunc(slices.Clone(roots), func(root int) bool { return root <= firstProcess })
	for _, root := range roots {
		if !seen[root] && s.Has(root) {
			tree = append(tree, root)
		}
		seen[root] = true
	}
	queue := roots
	for len(queue) > 0 {
		leader := queue[0]
		queue = queue[1:]
		for _, p := range s.followers[leader] {
			if !seen[p] {
				seen[p] = true
				tree, queue = append(tree, p), append(queue, p)
			}
		}
	}
	return tree
}
