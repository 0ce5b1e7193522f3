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
	pieceSize    = 256 << 10 // bytes of a file that are read at a time
)

// logOptions selects the part of a task's output to print.
type logOptions struct {
	follow bool
	stderr bool
	lines  int // number of lines from the end; negative: all
}

func logsCommand(s *session) *cobra.Command {
	o := logOptions{}
	cmd := &cobra.Command{
		Use: "logs [-f] [-e] [-n lines] <task-id>", Short: "Print the output of a task", Args: takes(false, "task-id"),
		Long: "Print the standard output of a task or, with -e, its standard error. This works for tasks that have ended, as\n" +
			"long as the agent is available and has not deleted the sandbox.\n\n" +
			"With -f, keep printing until the task ends or Ctrl-C is pressed, even if the agent restarts or the master\n" +
			"fails over. If the file was truncated, it is printed from its beginning.",
		Example:           "  mesos task logs -f -n 20 web.1\n  mesos task logs -e web.1 | grep panic",
		ValidArgsFunction: s.completes((*session).tasks),
		RunE:              func(cmd *cobra.Command, args []string) error { return s.logs(cmd.Context(), args[0], o) },
	}
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "keep printing output as it is written")
	cmd.Flags().BoolVarP(&o.stderr, "stderr", "e", false, "print standard error instead of standard output")
	cmd.Flags().IntVarP(&o.lines, "lines", "n", -1, "number of lines to print from the end; negative prints all")
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

// follow prints output written to f until t ends. It waits for an agent that is temporarily away.
func (s *session) follow(ctx context.Context, t task, f *remoteFile) error {
	told := false
	for {
		ended := s.isOver(ctx, t) // checked before reading, so that all output of an ended task is read below
		err := s.copy(ctx, f)
		away := isAway(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case ended && away:
			return fmt.Errorf("task %s has ended, and its agent is unavailable: %w", t.ID, err)
		case ended, err != nil && !away:
			return err
		case away && !told:
			fmt.Fprintf(s.Err, "mesos: the agent of task %s is unavailable, waiting for it: %v\n", t.ID, err)
		}
		told = away
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(cmp.Or(s.poll, pollInterval)):
		}
	}
}

// copy prints the rest of f up to its current end.
func (s *session) copy(ctx context.Context, f *remoteFile) error {
	for {
		piece, size, err := f.read(ctx, f.offset, pieceSize)
		if err != nil {
			return err
		}
		if size < f.offset {
			fmt.Fprintf(s.Err, "mesos: %s was truncated; printing it from the beginning\n", path.Base(f.path))
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

// isOver reports whether the master says that t has ended, or no longer knows t.
func (s *session) isOver(ctx context.Context, t task) bool {
	tasks, err := s.tasksOf(ctx, url.Values{"task_id": {t.ID}, "framework_id": {t.FrameworkID}})
	if err != nil {
		s.client = nil // the master may be failing over; look for the leader again
		return false
	}
	if len(tasks) == 0 {
		_, err := s.address(ctx, t.AgentID)
		return err == nil // a new master learns of a task when its agent reregisters
	}
	live, err := only(tasks, func(t task) bool { return !t.over() })
	return err == nil && len(live) == 0
}

// outputOf finds the file with a task's output in its sandbox.
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

// agentState holds the parts of an agent's /state that are needed.
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

// sandbox returns the sandbox directory of t: that of its container or, if the container is unknown, of the latest run
// of its executor.
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

// remoteFile is a file on an agent, read from offset on.
type remoteFile struct {
	client *client
	agent  string
	path   string
	offset uint64
}

// read reads up to length bytes at offset, and returns the size of the file.
func (f *remoteFile) read(ctx context.Context, offset, length uint64) (piece []byte, size uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.client.timeout)
	defer cancel()
	response, err := f.client.call(ctx, f.agent, &agentv1pb.Call{
		Type:     agentv1pb.Call_READ_FILE.Enum(),
		ReadFile: &agentv1pb.Call_ReadFile{Path: &f.path, Offset: &offset, Length: proto.Uint64(length)},
	})
	var refused *refusal
	if errors.As(err, &refused) && refused.code == http.StatusNotFound {
		return nil, 0, fmt.Errorf("%s does not exist; the agent may have deleted the sandbox", f.path)
	}
	return response.GetReadFile().GetData(), response.GetReadFile().GetSize(), err
}

// seekLines moves to the beginning of the last n lines.
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
			if next := start + uint64(at) + 1; next < end { // the final newline does not begin a line
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
