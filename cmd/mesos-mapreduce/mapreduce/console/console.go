// Package console shows the progress of a MapReduce run: bars on a terminal, lines elsewhere, and a summary at the end.
package console

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
)

// Console shows progress. Its Progress method is a value for [mapreduce.Config]; Close ends the display.
type Console interface {
	Progress(s mapreduce.Snapshot)
	Close()
}

// New returns a console that writes to out.
func New(out io.Writer, terminal bool) Console {
	if terminal {
		return newBars(out)
	}
	return &lines{out: out, last: -interval}
}

// totals returns the sum of the progress of all jobs.
func totals(s mapreduce.Snapshot) jobtracker.Progress {
	var t jobtracker.Progress
	for _, j := range s.Jobs {
		t.Maps += j.Maps
		t.MapsRunning += j.MapsRunning
		t.MapsDone += j.MapsDone
		t.Reduces += j.Reduces
		t.ReducesRunning += j.ReducesRunning
		t.ReducesDone += j.ReducesDone
	}
	return t
}

// nodes returns the tasks that run on each agent, as maps + reduces.
func nodes(s mapreduce.Snapshot) string {
	var words []string
	for _, n := range s.Nodes {
		words = append(words, fmt.Sprintf("%s %d+%d", n.Node, n.Running[jobtracker.Map], n.Running[jobtracker.Reduce]))
	}
	return strings.Join(words, "  ")
}

func rate(s mapreduce.Snapshot) string {
	if s.Elapsed <= 0 {
		return "0 MB/s"
	}
	return fmt.Sprintf("%.1f MB/s", float64(s.BytesDone)/1e6/s.Elapsed.Seconds())
}

// interval is the least time between two lines.
const interval = time.Second

// lines writes at most a line per second, if there is something new.
type lines struct {
	out  io.Writer
	last time.Duration
	text string
}

// Progress implements [Console].
func (l *lines) Progress(s mapreduce.Snapshot) {
	t := totals(s)
	text := fmt.Sprintf("maps %d/%d  reduces %d/%d  running %d  %s  %s",
		t.MapsDone, t.Maps, t.ReducesDone, t.Reduces, t.MapsRunning+t.ReducesRunning, rate(s), nodes(s))
	over := t.MapsDone == t.Maps && t.ReducesDone == t.Reduces
	if text == l.text || s.Elapsed-l.last < interval && !over {
		return
	}
	l.last, l.text = s.Elapsed, text
	_, _ = fmt.Fprintf(l.out, "%6.1fs  %s\n", s.Elapsed.Seconds(), text)
}

// Close implements [Console].
func (l *lines) Close() {}

// bars shows one bar for maps and one for reduces. The library draws them on a goroutine of its own.
type bars struct {
	progress      *mpb.Progress
	maps, reduces *mpb.Bar
	latest        atomic.Pointer[mapreduce.Snapshot]
}

func newBars(out io.Writer) *bars {
	b := &bars{progress: mpb.New(mpb.WithOutput(out), mpb.WithWidth(36))}
	b.latest.Store(&mapreduce.Snapshot{})
	b.maps = b.bar("maps", func(s mapreduce.Snapshot) string {
		return fmt.Sprintf("  %d running  %s", totals(s).MapsRunning, rate(s))
	})
	b.reduces = b.bar("reduces", func(s mapreduce.Snapshot) string {
		return fmt.Sprintf("  %d running  %s", totals(s).ReducesRunning, nodes(s))
	})
	return b
}

func (b *bars) bar(name string, text func(mapreduce.Snapshot) string) *mpb.Bar {
	return b.progress.AddBar(0,
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-8s", name)), decor.CountersNoUnit("%4d/%-4d ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return text(*b.latest.Load()) })))
}

// Progress implements [Console].
func (b *bars) Progress(s mapreduce.Snapshot) {
	b.latest.Store(&s)
	t := totals(s)
	b.maps.SetTotal(int64(t.Maps), false)
	b.maps.SetCurrent(int64(t.MapsDone))
	b.reduces.SetTotal(int64(t.Reduces), false)
	b.reduces.SetCurrent(int64(t.ReducesDone))
}

// Close implements [Console].
func (b *bars) Close() {
	b.maps.Abort(false)
	b.reduces.Abort(false)
	b.progress.Wait()
}
