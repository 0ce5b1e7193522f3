package tasktracker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
)

// runMap reads a split and writes a run for each reduce. Its memory is bounded by the split's size.
func runMap(ctx context.Context, j job.Job, task protocol.Task, dir string) (protocol.Report, error) {
	buffer := job.NewBuffer(j, task.Map.Reduces)
	report := protocol.Report{In: task.Map.Split.Bytes}
	err := input.Read(ctx, task.Map.Split, func(l job.Line) {
		report.Records++
		j.Map(l, buffer.Emit)
	})
	if err != nil {
		return report, err
	}
	for r := range task.Map.Reduces {
		n, err := writeFile(runFile(dir, task.Job, task.Index, task.Number, r), func(w io.Writer) error {
			return job.WriteRun(w, buffer.Run(r))
		})
		if err != nil {
			return report, err
		}
		report.Out += n
	}
	return report, nil
}

// maxMerge bounds how many runs are open at once.
const maxMerge = 256

// runReduce merges the runs into the result.
func runReduce(ctx context.Context, j job.Job, task protocol.Task, runs []string) (protocol.Report, error) {
	var report protocol.Report
	unfinished := j
	unfinished.Finish = nil
	for round := 0; len(runs) > maxMerge; round++ {
		merged := filepath.Join(filepath.Dir(runs[0]), fmt.Sprintf("merged-%05d", round))
		if err := mergeRuns(ctx, unfinished, runs[:maxMerge], merged); err != nil {
			return report, err
		}
		runs = append(runs[maxMerge:], merged)
	}
	n, err := writeFile(task.Reduce.Output, func(w io.Writer) error {
		return withRuns(runs, func(readers []*job.RunReader) error {
			return j.Reduce(readers, func(p job.Pair) error {
				report.Records++
				if err := ctx.Err(); err != nil {
					return err
				}
				return job.WriteResult(w, p)
			})
		})
	})
	report.Out = n
	return report, err
}

// mergeRuns merges runs into one.
func mergeRuns(ctx context.Context, j job.Job, runs []string, to string) error {
	_, err := writeFile(to, func(w io.Writer) error {
		return withRuns(runs, func(readers []*job.RunReader) error {
			var failed error
			err := job.WriteRun(w, func(yield func(job.Pair) bool) {
				failed = j.Reduce(readers, func(p job.Pair) error {
					if !yield(p) {
						return io.ErrShortWrite
					}
					return ctx.Err()
				})
			})
			if err != nil {
				return err
			}
			return failed
		})
	})
	return err
}

// withRuns opens runs and calls f with them.
func withRuns(paths []string, f func([]*job.RunReader) error) error {
	var readers []*job.RunReader
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		readers = append(readers, job.NewRunReader(file))
	}
	return f(readers)
}

// writeFile creates a file atomically with what write writes, and returns its length. Two attempts of a task may write
// the same file at the same time, if one is wrongly believed dead.
func writeFile(path string, write func(io.Writer) error) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	out := bufio.NewWriter(f)
	err = write(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	length, serr := f.Seek(0, io.SeekCurrent)
	if err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, err
	}
	return length, os.Rename(f.Name(), path)
}
