package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Output is the output of a container from now on.
type Output struct {
	body     io.ReadCloser
	terminal bool
}

// Attach returns the output of a container, which usually was not started yet. terminal says that it has a terminal, and so
// only one stream.
func (c *Client) Attach(ctx context.Context, id string, terminal bool) (*Output, error) {
	query := url.Values{"stream": {"1"}, "stdout": {"1"}, "stderr": {"1"}}
	answer, err := c.open(ctx, http.MethodPost, container(id, "attach"), query, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Output{answer.Body, terminal}, nil
}

// Close ends the output.
func (o *Output) Close() { o.body.Close() }

// Copy writes the output until its end.
func (o *Output) Copy(stdout, stderr io.Writer) error {
	if o.terminal {
		_, err := io.Copy(stdout, o.body)
		return err
	}
	for {
		var head [8]byte // the number of the stream, and the length of what follows
		if _, err := io.ReadFull(o.body, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		to := stdout
		switch head[0] {
		case 0, 1:
		case 2, 3:
			to = stderr
		default:
			return fmt.Errorf("the Docker engine sent the unknown stream %d", head[0])
		}
		if _, err := io.CopyN(to, o.body, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

// Exec runs a command in a container that runs, and returns its exit status and discards its output.
func (c *Client) Exec(ctx context.Context, id string, command []string, env []string) (int, error) {
	var made struct {
		ID string `json:"Id"`
	}
	want := map[string]any{"Cmd": command, "Env": env, "AttachStdout": true, "AttachStderr": true}
	if err := c.call(ctx, http.MethodPost, container(id, "exec"), nil, want, &made); err != nil {
		return 0, err
	}
	// The engine answers when the command has ended, because it is attached.
	if err := c.start(ctx, made.ID); err != nil {
		return 0, err
	}
	var end struct {
		Running  bool
		ExitCode int
	}
	if err := c.call(ctx, http.MethodGet, "/exec/"+made.ID+"/json", nil, nil, &end); err != nil {
		return 0, err
	}
	if end.Running {
		return 0, errors.New("the connection to the command was lost")
	}
	return end.ExitCode, nil
}

// start starts a command that was made, and reads its output.
func (c *Client) start(ctx context.Context, exec string) error {
	answer, err := c.open(ctx, http.MethodPost, "/exec/"+exec+"/start", nil, http.Header{"Content-Type": {"application/json"}}, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}
