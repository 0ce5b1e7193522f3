package console

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
)

const (
	topLines = 10 // of each job's result
	topWidth = 60 // runes of a key or a text
)

// Summary writes the outcome of a run: the largest entries of each result and its files, the phases, the agents.
func Summary(out io.Writer, r mapreduce.Result) error {
	for n, j := range r.Jobs {
		if !j.Done() {
			continue
		}
		top, err := Top(r.Parts[n], topLines)
		if err != nil {
			return fmt.Errorf("read the result of %s: %w", j.Spec, err)
		}
		fmt.Fprintf(out, "\n%s, the first %d of %d:\n", j.Spec, len(top), j.Phases[jobtracker.Reduce].Records)
		for _, p := range top {
			fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%12d  %s  %s", p.Value.N, shorten(p.Key), shorten(p.Value.Text)), " "))
		}
		fmt.Fprintf(out, "  all of it: %s\n", filepath.Join(filepath.Dir(r.Parts[n][0]), "part-*"))
	}
	phases(out, r)
	agents(out, r)
	_, err := fmt.Fprintf(out, "\n%s of input in %.1fs: %s\n", size(r.BytesDone), r.Elapsed.Seconds(), rate(r.Snapshot))
	return err
}

// Top returns the n largest entries of a result, largest first, and by key if they are equal.
func Top(parts []string, n int) ([]job.Pair, error) {
	var top []job.Pair
	larger := func(a, b job.Pair) int {
		return cmp.Or(cmp.Compare(b.Value.N, a.Value.N), strings.Compare(a.Key, b.Key))
	}
	keep := func(p job.Pair) {
		if i, _ := slices.BinarySearchFunc(top, p, larger); i < n {
			top = slices.Insert(top, i, p)
			top = top[:min(n, len(top))]
		}
	}
	for _, path := range parts {
		if err := eachLine(path, keep); err != nil {
			return nil, err
		}
	}
	return top, nil
}

func eachLine(path string, f func(job.Pair)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadString('\n')
		if line != "" {
			p, perr := job.ParseResult(strings.TrimSuffix(line, "\n"))
			if perr != nil {
				return perr
			}
			f(p)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > topWidth {
		return string(r[:topWidth-1]) + "…"
	}
	return s
}

func newTable(out io.Writer, title string, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateRows = false
	t.SetTitle(title)
	t.AppendHeader(header)
	return t
}

func phases(out io.Writer, r mapreduce.Result) {
	fmt.Fprintln(out)
	t := newTable(out, "Phases", "job", "phase", "tasks", "read", "written", "records", "per task", "from", "to")
	for _, j := range r.Jobs {
		for kind, p := range j.Phases {
			per := time.Duration(0)
			if p.Tasks > 0 {
				per = p.Work / time.Duration(p.Tasks)
			}
			t.AppendRow(table.Row{
				j.Spec.Name, jobtracker.Kind(kind), p.Tasks, size(p.In), size(p.Out), p.Records, seconds(per), seconds(p.First), seconds(p.Last),
			})
		}
	}
	t.Render()
}

func agents(out io.Writer, r mapreduce.Result) {
	fmt.Fprintln(out)
	t := newTable(out, "Tasks per agent", "agent", "maps", "near their input", "reduces", "read")
	for _, n := range r.Nodes {
		near := "-"
		if n.Launched > 0 {
			near = fmt.Sprintf("%d%%", 100*n.Local/n.Launched)
		}
		t.AppendRow(table.Row{n.Node, n.Finished[jobtracker.Map], near, n.Finished[jobtracker.Reduce], size(n.In)})
	}
	t.Render()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

func size(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
