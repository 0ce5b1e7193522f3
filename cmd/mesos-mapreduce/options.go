package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/flags"
	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
)

// options are the flags.
type options struct {
	master, jobs, pattern, input, files, output, split string
	task, tracker, role, node                          string
	reduces                                            int
	slowStart                                          float64
}

func bind(set *flags.Set) *options {
	o := &options{reduces: 6, slowStart: 0.5}
	text := func(name, initial, help string, at *string) {
		*at = initial
		set.Define(flags.Flag{Group: "MapReduce", Name: name, Type: "string", Default: initial, Help: help}, at)
	}
	text("master", "127.0.0.1:5050", "Address of the master, as host:port", &o.master)
	text("job", "wordcount", "Jobs, separated by commas: "+strings.ReplaceAll(strings.TrimSpace(job.Help()), "\n", "; "), &o.jobs)
	text("pattern", "", "Regular expression for the job grep", &o.pattern)
	text("input", "", "Files and directories, separated by commas or spaces; by default the .go files of the installed Go", &o.input)
	text("files", "", "Pattern for the names of files in directories, such as '*.txt'; by default all are read", &o.files)
	text("output", "", "Directory for results; by default a new one among the temporary files", &o.output)
	text("split", "", "Size of the input of one map; by default a 24th of the whole, but at least 64KB and at most 4MB", &o.split)
	text("task_resources", "cpus:0.5;mem:64", "Resources of each map and reduce", &o.task)
	text("executor_resources", "cpus:0.1;mem:64", "Resources of the executor on each agent", &o.tracker)
	text("role", "*", "Role of the framework", &o.role)
	text("node_attribute", "node", "Attribute with which agents name their node; maps are placed on the node of their input", &o.node)
	set.Define(flags.Flag{Group: "MapReduce", Name: "reduces", Type: "int", Default: "6",
		Help: "Number of reduces of each job, and of files in its result"}, &o.reduces)
	set.Define(flags.Flag{Group: "MapReduce", Name: "slow_start", Type: "number", Default: "0.5",
		Help: "Share of the maps, from 0 to 1, that must finish before reduces are placed"}, &o.slowStart)
	set.Check(func() error {
		if o.reduces < 1 {
			return errors.New("--reduces: at least one is needed")
		}
		if !(o.slowStart >= 0 && o.slowStart <= 1) {
			return fmt.Errorf("--slow_start: %g is not a share between 0 and 1", o.slowStart)
		}
		return nil
	})
	return o
}

func (o options) framework() *mesospb.FrameworkInfo {
	return &mesospb.FrameworkInfo{
		Name: proto.String("MapReduce"), Role: &o.role,
		Capabilities: []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT.Enum()}},
	}
}

// config finds the input and puts everything together.
func (o options) config() (mapreduce.Config, error) {
	c := mapreduce.Config{Reduces: o.reduces, SlowStart: o.slowStart, Node: o.node}
	for name := range strings.SplitSeq(o.jobs, ",") {
		spec := job.Spec{Name: name}
		if name == "grep" {
			spec.Pattern = o.pattern
		}
		if _, err := job.New(spec); err != nil {
			return c, err
		}
		c.Jobs = append(c.Jobs, spec)
	}
	var err error
	if c.Splits, err = o.splits(); err != nil {
		return c, err
	}
	if c.Task, err = resources.Parse(o.task, "*"); err != nil {
		return c, fmt.Errorf("--task_resources: %w", err)
	}
	if c.TaskTracker, err = resources.Parse(o.tracker, "*"); err != nil {
		return c, fmt.Errorf("--executor_resources: %w", err)
	}
	if c.Output, err = o.outputFolder(); err != nil {
		return c, err
	}
	self, err := os.Executable()
	if err != nil {
		return c, fmt.Errorf("find the executor: %w", err)
	}
	c.Command = &mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: &self, Arguments: []string{filepath.Base(self), "executor"},
	}
	return c, nil
}

func (o options) splits() ([]input.Split, error) {
	roots := roots(o.input)
	pattern := o.files
	if len(roots) == 0 {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return nil, fmt.Errorf("no --input is given, and the installed Go is not found: %w", err)
		}
		roots, pattern = []string{strings.TrimSpace(string(root))}, cmp.Or(pattern, "*.go")
	}
	files, err := input.Find(roots, pattern)
	if err != nil {
		return nil, err
	}
	size, err := o.splitSize(files)
	if err != nil {
		return nil, err
	}
	splits := input.Cut(files, size)
	if len(splits) == 0 {
		return nil, fmt.Errorf("there is no text in %s", strings.Join(roots, ", "))
	}
	return splits, nil
}

// roots are the files and folders that text lists. A name with spaces is one name if there is such a file.
func roots(text string) []string {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		if _, err := os.Lstat(item); err == nil {
			all = append(all, item)
		} else {
			all = append(all, strings.Fields(item)...)
		}
	}
	return all
}

// splitSize gives a small input enough splits for all agents to take part, and a large one splits that fit in memory.
func (o options) splitSize(files []input.File) (int64, error) {
	if o.split == "" {
		var total int64
		for _, f := range files {
			total += f.Size
		}
		return min(max(total/24, 64<<10), 4<<20), nil
	}
	size, err := units.ParseBytes(o.split)
	if err != nil || size == 0 || size > math.MaxInt64 {
		return 0, fmt.Errorf("--split: %q is not a size, such as 4MB", o.split)
	}
	return int64(size), nil
}

// outputFolder returns an absolute path: executors run elsewhere.
func (o options) outputFolder() (string, error) {
	if o.output == "" {
		return os.MkdirTemp("", "mapreduce-")
	}
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return "", err
	}
	return filepath.Abs(o.output)
}
