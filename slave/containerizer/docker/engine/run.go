package engine

import (
	"context"
	"io"
	"strings"
)

// Exit statuses of docker run for containers that could not be started.
const (
	failed        = 125
	notExecutable = 126
	notFound      = 127
)

// Run creates a container, starts it and writes its output until it has ended, as docker run does. It returns the exit
// status. If the container cannot be started, Run says so on stderr, and returns the exit status of docker run. started is
// called when it has been started.
func Run(ctx context.Context, c *Client, name string, r *Create, stdout, stderr io.Writer, started func(*Container)) (int, error) {
	id, output, err := prepare(ctx, c, name, r)
	if err != nil {
		return unstarted(ctx, stderr, err)
	}
	defer output.Close()
	over, err := c.expect(ctx, id, r.HostConfig.AutoRemove)
	if err != nil {
		return unstarted(ctx, stderr, err)
	}
	if err := c.Start(ctx, id); err != nil {
		return unstarted(ctx, stderr, err)
	}
	if one, err := c.Inspect(ctx, id); err == nil { // it may have been removed at its end
		started(one)
	}
	err = output.Copy(stdout, stderr)
	e := <-over
	if e.err != nil {
		return 0, e.err
	}
	return e.status, err
}

type end struct {
	status int
	err    error
}

// expect begins to wait for the end of a container that is about to be started.
func (c *Client) expect(ctx context.Context, id string, removed bool) (<-chan end, error) {
	condition := NextExit
	if removed {
		condition = Removed
	}
	ready, over := make(chan struct{}), make(chan end, 1)
	go func() {
		status, err := c.Exit(ctx, id, condition, func() { close(ready) })
		over <- end{status, err}
	}()
	select {
	case <-ready:
		return over, nil
	case e := <-over:
		return nil, e.err
	}
}

// prepare creates a container and attaches to its output.
func prepare(ctx context.Context, c *Client, name string, r *Create) (string, *Output, error) {
	if err := c.Connect(ctx); err != nil {
		return "", nil, err
	}
	id, err := c.Create(ctx, name, r)
	if err != nil {
		return "", nil, err
	}
	output, err := c.Attach(ctx, id, r.Tty)
	return id, output, err
}

// unstarted says why a container was not started, and returns the exit status that docker run has then.
func unstarted(ctx context.Context, stderr io.Writer, err error) (int, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	text := strings.TrimSuffix(err.Error(), ".")
	_, _ = io.WriteString(stderr, "docker: "+text+".\n")
	switch {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"):
		return notFound, nil
	case strings.Contains(text, "permission denied"), strings.Contains(text, "is a directory"):
		return notExecutable, nil
	default:
		return failed, nil
	}
}
