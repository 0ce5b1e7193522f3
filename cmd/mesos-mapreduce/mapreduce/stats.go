package mapreduce

import (
	"maps"
	"slices"
	"time"

	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
)

// Snapshot is the progress of a run.
type Snapshot struct {
	Elapsed   time.Duration
	Jobs      []JobProgress
	Nodes     []NodeProgress // by name
	BytesDone int64          // of input, over all jobs
	BytesAll  int64
}

// JobProgress is the progress of one job.
type JobProgress struct {
	jobtracker.Progress
	Spec   job.Spec
	Phases [2]Phase // by [jobtracker.Kind]
}

// Phase sums up the finished tasks of one kind of a job.
type Phase struct {
	Tasks       int
	In, Out     int64         // bytes
	Records     int64         // lines read, or keys written
	Work        time.Duration // of all tasks together
	First, Last time.Duration // since the start: when the first task began, and when the last one ended
}

// NodeProgress is the work of one node.
type NodeProgress struct {
	Node     jobtracker.Node
	Running  [2]int // by [jobtracker.Kind]
	Finished [2]int
	Local    int // maps launched where their split is
	Launched int // maps launched
	In       int64
}

// Result is the outcome of a run.
type Result struct {
	Snapshot
	Err   error
	Parts [][]string // by job: the files of its result, by reduce
}

// stats collects the data of snapshots.
type stats struct {
	jobs  [][2]Phase
	nodes map[jobtracker.Node]*NodeProgress
}

func newStats(jobs int) stats {
	return stats{jobs: make([][2]Phase, jobs), nodes: map[jobtracker.Node]*NodeProgress{}}
}

func (s *stats) node(n jobtracker.Node) *NodeProgress {
	if s.nodes[n] == nil {
		s.nodes[n] = &NodeProgress{Node: n}
	}
	return s.nodes[n]
}

func (s *stats) launched(n jobtracker.Node, k jobtracker.Kind, local bool) {
	p := s.node(n)
	p.Running[k]++
	if k == jobtracker.Map {
		p.Launched++
		if local {
			p.Local++
		}
	}
}

func (s *stats) ended(n jobtracker.Node, k jobtracker.Kind) { s.node(n).Running[k]-- }

// finished adds a task that finished at the time now since the start.
func (s *stats) finished(l launched, r protocol.Report, now time.Duration) {
	p := s.node(l.node)
	p.Finished[l.attempt.Task.Kind]++
	p.In += r.In
	phase := &s.jobs[l.attempt.Task.Job][l.attempt.Task.Kind]
	took := time.Duration(r.Millis) * time.Millisecond
	if began := max(0, now-took); phase.Tasks == 0 || began < phase.First {
		phase.First = began
	}
	phase.Tasks++
	phase.In += r.In
	phase.Out += r.Out
	phase.Records += r.Records
	phase.Work += took
	phase.Last = now
}

func (f *Framework) snapshot() Snapshot {
	s := Snapshot{Elapsed: f.Now().Sub(f.began)}
	var all int64
	for _, split := range f.config.Splits {
		all += split.Bytes
	}
	for n, spec := range f.config.Jobs {
		s.Jobs = append(s.Jobs, JobProgress{Progress: f.tracker.Progress(n), Spec: spec, Phases: f.stats.jobs[n]})
		s.BytesDone += f.stats.jobs[n][jobtracker.Map].In
		s.BytesAll += all
	}
	for _, n := range slices.Sorted(maps.Keys(f.stats.nodes)) {
		s.Nodes = append(s.Nodes, *f.stats.nodes[n])
	}
	return s
}
