// Command mesos asks a Mesos cluster what it does: its agents, frameworks and tasks, what tasks wrote, and it enters them.
//
//	mesos task list
//	mesos --master=10.0.0.1:5050 task logs -f web.1
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"meseta/cmd/internal/cli"
	"meseta/cmd/internal/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd := cli.Command(process.MesosVersion+" (Meseta)", os.Getenv, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	err := cmd.ExecuteContext(ctx)
	var ended cli.ExitError
	switch {
	case err == nil:
	case errors.As(err, &ended):
		os.Exit(int(ended))
	default:
		fmt.Fprintln(os.Stderr, "mesos:", err)
		os.Exit(1)
	}
}
