// Command mesos is the command line of a Mesos cluster. It lists agents, frameworks and tasks, shows the output of
// tasks, and runs commands in their containers.
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
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"meseta/cmd/internal/cli"
	"meseta/cmd/internal/program"
)

func main() {
	interrupted, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	ctx, stop := signal.NotifyContext(interrupted, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { signal.Reset(syscall.SIGINT, syscall.SIGTERM) }) // a second signal ends the program at once
	cmd := cli.Command(program.MesosVersion+" (Meseta)", os.Getenv, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "mesos-"); ok {
		cmd.SetArgs(append([]string{name}, os.Args[1:]...)) // the program was called by a link such as mesos-resolve
	} else if len(os.Args) > 1 {
		runExternal(cmd, os.Args[1:])
	}
	err := cmd.ExecuteContext(ctx)
	var ended cli.ExitError
	switch {
	case err == nil:
	case errors.As(err, &ended):
		os.Exit(int(ended))
	case interrupted.Err() != nil:
		os.Exit(128 + int(syscall.SIGINT))
	case ctx.Err() != nil:
		os.Exit(128 + int(syscall.SIGTERM))
	default:
		fmt.Fprintln(os.Stderr, "mesos:", err)
		os.Exit(1)
	}
}

// runExternal runs the program mesos-NAME in place of this one if "mesos NAME" means that program.
func runExternal(cmd *cobra.Command, args []string) {
	self, err := os.Executable()
	if err != nil {
		return // then only the own commands exist
	}
	if program := cli.External(cmd, self, args[0], os.Getenv); program != "" {
		err := syscall.Exec(program, append([]string{program}, args[1:]...), os.Environ())
		fmt.Fprintf(os.Stderr, "mesos: run %s: %v\n", program, err)
		os.Exit(1)
	}
}
