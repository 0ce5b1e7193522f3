package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/agentv1pb"
)

const (
	pollInterval = time.Second
	pieceSize    = 256 << 10 // of a file, read at a time
)

// logOptions say what of a task's output is printed.
type logOptions struct {
	follow bool
	stderr bool
	lines  int // from the end; negative: all
}

func logsCommand(s *session) *cobra.Command {
	o := logOptions{}
	cmd := &cobra.Command{
		Use: "logs [-f] [-e] [-n lines] <task-id>", Short: "Print what a task wrote", Args: takes(false, "task-id"),
		Long: "Print what a task wrote to its standard output or, with -e, to its standard error output. The task may be\n" +
			"over, as long as its agent is there and has not collected its sandbox.\n\n" +
			"With -f, go on until the task is over or Ctrl-C is pressed: through an agent that restarts and a master\n" +
			"that fails over, and from the beginning of a file that has become shorter.",
		Example:           "  mesos task logs -f -n 20 web.1\n  mesos task logs -e web.1 | grep panic",
		ValidArgsFunction: s.completes((*session).tasks),
		RunE:              func(cmd *cobra.Command, args []string) error { return s.logs(cmd.Context(), args[0], o) },
	}
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on printing what is written")
	cmd.Flags().BoolVarP(&o.stderr, "stderr", "e", false, "the standard error output")
	cmd.Flags().IntVarP(&o.lines, "lines", "n", -1, "only that many lines from the end")
	return cmd
}

func (s *session) logs(ctx context.Context, id string, o logOptions) error {
	t, err := s.task(ctx, id)
	if err != nil {
		return err
	}
	f, err := s.outputOf(ctx, t, o.stderr)
	if err != nil {
		return err
	}
	if o.lines >= 0 {
		if err := f.seekLines(ctx, o.lines); err != nil {
			return err
		}
	}
	if !o.follow {
		return s.copy(ctx, f)
	}
	return s.follow(ctx, t, f)
}

// follow prints what is written to f until t is over. An agent that is away for a while may come back.
func (s *session) follow(ctx context.Context, t task, f *remoteFile) error {
	told := false
	for {
		ended := s.isOver(ctx, t) // before reading: what is written until then is read below
		err := s.copy(ctx, f)
		away := isAway(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case ended && away:
			return fmt.Errorf("task %s is over, and its agent is away: %w", t.ID, err)
		case ended, err != nil && !away:
			return err
		case away && !told:
			fmt.Fprintf(s.Err, "mesos: the agent of task %s is away, waiting for it: %v\n", t.ID, err)
		}
		told = away
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(cmp.Or(s.poll, pollInterval)):
		}
	}
}

// copy prints the rest of f as far as it goes by now.
func (s *session) copy(ctx context.Context, f *remoteFile) error {
	for {
		piece, size, err := f.read(ctx, f.offset, pieceSize)
		if err != nil {
			return err
		}
		if size < f.offset {
			fmt.Fprintf(s.Err, "mesos: %s has become shorter; from its beginning:\n", path.Base(f.path))
			f.offset = 0
			continue
		}
		if len(piece) == 0 {
			return nil
		}
		f.offset += uint64(len(piece))
		if _, err := s.Out.Write(piece); err != nil {
			return err
		}
	}
}

// isOver reports whether the master says that t is over, or says nothing of it any more.
func (s *session) isOver(ctx context.Context, t task) bool {
	tasks, err := s.tasksOf(ctx, url.Values{"task_id": {t.ID}, "framework_id": {t.FrameworkID}})
	if err != nil {
		s.client = nil // the master may be failing over; look for the leader again
		return false
	}
	if len(tasks) == 0 {
		_, err := s.address(ctx, t.AgentID)
		return err == nil // a new master hears of a task when its agent registers
	}
	live, err := only(tasks, func(t task) bool { return !t.over() })
	return err == nil && len(live) == 0
}

// outputOf finds the file of a task's output in its sandbox.
func (s *session) outputOf(ctx context.Context, t task, stderr bool) (*remoteFile, error) {
	if stderr {
		return s.sandboxFile(ctx, t, "stderr")
	}
	return s.sandboxFile(ctx, t, "stdout")
}

// sandboxFile finds a file in the sandbox of a task.
func (s *session) sandboxFile(ctx context.Context, t task, name string) (*remoteFile, error) {
	agent, err := s.address(ctx, t.AgentID)
	if err != nil {
		return nil, err
	}
	text, err := s.client.getFrom(ctx, agent, "/state", nil, "")
	if err != nil {
		return nil, err
	}
	var state agentState
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("%s/state: %w", agent, err)
	}
	sandbox := state.sandbox(t)
	if sandbox == "" {
		return nil, fmt.Errorf("agent %s has no sandbox of task %s", t.AgentID, t.ID)
	}
	return &remoteFile{client: s.client, agent: agent, path: path.Join(sandbox, name)}, nil
}

// agentState is what is needed of an agent's /state.
type agentState struct {
	Frameworks []agentFramework
	Completed  []agentFramework `json:"completed_frameworks"`
}

type agentFramework struct {
	ID        string
	Executors []agentExecutor
	Completed []agentExecutor `json:"completed_executors"`
}

type agentExecutor struct {
	ID, Container, Directory, Type string
}

// sandbox is the directory of t: of its run, or, if that is not known, of the latest of its executor.
func (s agentState) sandbox(t task) string {
	var found string
	for _, f := range append(s.Frameworks, s.Completed...) {
		if f.ID != t.FrameworkID {
			continue
		}
		for _, e := range append(f.Executors, f.Completed...) {
			if e.ID != t.executor() || (found != "" && (t.container() == nil || e.Container != t.container().root())) {
				continue
			}
			found = e.Directory
			if e.Type == "DEFAULT" {
				found = path.Join(e.Directory, "tasks", t.ID)
			}
		}
	}
	return found
}

// remoteFile is a file of an agent, read from offset on.
type remoteFile struct {
	client *client
	agent  string
	path   string
	offset uint64
}

// read reads up to length bytes at offset, and tells how long the file is.
func (f *remoteFile) read(ctx context.Context, offset, length uint64) (piece []byte, size uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.client.timeout)
	defer cancel()
	response, err := f.client.call(ctx, f.agent, &agentv1pb.Call{
		Type:     agentv1pb.Call_READ_FILE.Enum(),
		ReadFile: &agentv1pb.Call_ReadFile{Path: &f.path, Offset: &offset, Length: proto.Uint64(length)},
	})
	var refused *refusal
	if errors.As(err, &refused) && refused.code == http.StatusNotFound {
		return nil, 0, fmt.Errorf("%s is not there, or not any more: the agent collects sandboxes after a while", f.path)
	}
	return response.GetReadFile().GetData(), response.GetReadFile().GetSize(), err
}

// seekLines moves to where the last n lines begin.
func (f *remoteFile) seekLines(ctx context.Context, n int) error {
	_, end, err := f.read(ctx, 0, 0)
	if err != nil {
		return err
	}
	f.offset = end
	for start := end; n > 0 && start > 0; {
		stop := start
		start -= min(start, pieceSize)
		piece, _, err := f.read(ctx, start, stop-start)
		if err != nil {
			return err
		}
		for at := bytes.LastIndexByte(piece, '\n'); n > 0 && at >= 0; at = bytes.LastIndexByte(piece[:at], '\n') {
			if next := start + uint64(at) + 1; next < end { // the newline at the end begins no line
				f.offset = next
				n--
			}
		}
		if n > 0 {
			f.offset = start
		}
	}
	return nil
}
