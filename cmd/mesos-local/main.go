// Command mesos-local runs a cluster on this machine: a master and some agents, each as a process. A command after --
// runs against the cluster; when it ends, mesos-local stops the cluster and exits with the command's status.
//
//	mesos-local --num-agents=3
//	mesos-local -- mesos-execute --master={master} --name=hello --command='echo hello'
//
// Master and agents take their flags from the environment, as in Mesos:
//
//	MESOS_CREDENTIALS=/etc/credentials MESOS_AUTHENTICATE_FRAMEWORKS=true mesos-local
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"syscall"

	"meseta/cmd/internal/cluster"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/runtime/disk"
)

// options holds the values of mesos-local's flags.
type options struct {
	cluster cluster.Options
	level   program.Level // the log level of master and agents
	tls     bool          // they speak TLS
}

// encryption is the variable that turns TLS on, which mesos-local has to know, too.
const encryption = "LIBPROCESS_SSL_ENABLED"

func main() {
	set := flags.New("mesos-local", "run a master and some agents on this machine, and the command after -- against them. Variables MESOS_… of the environment are flags of master and agents, too")
	o := bind(set)
	ours, theirs := divide(os.Environ())
	o.cluster.Env = theirs
	command := set.ParseCommandOrExit(program.Version("mesos-local"), ours)
	status, err := o.run(command)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesos-local:", err)
	}
	os.Exit(status)
}

func bind(set *flags.Set) *options {
	o := &options{}
	set.Bind("num_agents", &o.cluster.Agents)
	set.Bind("work_dir", &o.cluster.Dir)
	set.Bind("port", &o.cluster.Port)
	set.Bind(encryption, &o.tls)
	o.level.Bind(set)
	set.Define(flags.Flag{Group: "General", Name: "resources", Type: "string", Help: "Resources of each agent, such as cpus:2;mem:1024; by default a share of this machine"}, &o.cluster.Resources)
	set.Check(func() error {
		if o.cluster.Agents < 1 {
			return errors.New("num_agents: a cluster needs at least 1 agent")
		}
		return nil
	})
	return o
}

// run returns the exit status: that of the command, or 0 when a signal stopped a cluster without a command.
func (o *options) run(command []string) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	logging := "--logging_level=" + o.level.String()
	o.cluster.MasterArgs, o.cluster.AgentArgs = []string{logging}, []string{logging}
	cleanUp, err := o.folders()
	if err != nil {
		return 1, err
	}
	c, err := cluster.Start(ctx, o.cluster)
	if err != nil {
		return 1, fmt.Errorf("%w\nthe logs are in %s", err, o.cluster.Dir)
	}
	defer func() {
		if stopping := c.Stop(); err == nil {
			err = stopping
		}
		if err == nil {
			cleanUp()
		} else if status == 0 {
			status = 1
		}
	}()
	o.describe(c, len(command) == 0)
	if len(command) > 0 {
		return execute(ctx, c, command)
	}
	select {
	case <-ctx.Done():
		return 0, nil
	case err := <-c.Failed():
		return 1, err
	}
}

// own are the variables that are not for master and agents: mesos-local takes them, or decides itself where its daemons are, and
// which master leads.
var own = []string{
	"MESOS_NUM_AGENTS", "MESOS_NUM_SLAVES", "MESOS_WORK_DIR", "MESOS_RESOURCES", "MESOS_LOGGING_LEVEL", "MESOS_MASTER", "MESOS_MASTERS", "MESOS_ZK",
	"MESOS_IP", "MESOS_PORT", "MESOS_IP_DISCOVERY_COMMAND", "MESOS_HOSTNAME", "MESOS_ADVERTISE_IP", "MESOS_ADVERTISE_PORT",
	"LIBPROCESS_IP", "LIBPROCESS_PORT", "LIBPROCESS_ADVERTISE_IP", "LIBPROCESS_ADVERTISE_PORT",
}

// divide returns the variables of mesos-local, and those from which master and agents take flags.
//
// Mesos: local::launch.
func divide(environment []string) (ours, theirs []string) {
	for _, v := range environment {
		name, _, _ := strings.Cut(v, "=")
		handedOn := (strings.HasPrefix(name, "MESOS_") || strings.HasPrefix(name, "LIBPROCESS_")) && !slices.Contains(own, strings.ToUpper(name))
		if handedOn {
			theirs = append(theirs, v)
		}
		if !handedOn || name == encryption {
			ours = append(ours, v)
		}
	}
	return ours, theirs
}

// folders finds the other programs, and creates a temporary directory if no directory was given. cleanUp removes it.
func (o *options) folders() (cleanUp func(), err error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return nil, err
	}
	o.cluster.Bin = filepath.Dir(self)
	if o.cluster.Dir != "" {
		o.cluster.Dir, err = filepath.Abs(o.cluster.Dir)
		return func() {}, errors.Join(err, os.MkdirAll(o.cluster.Dir, 0o755))
	}
	o.cluster.Dir, err = os.MkdirTemp("", "mesos-local-")
	return func() { disk.Local{}.RemoveAll(o.cluster.Dir) }, err
}

func (o *options) describe(c *cluster.Cluster, waiting bool) {
	scheme := "http"
	if o.tls {
		scheme = "https"
	}
	fmt.Fprintf(os.Stderr, "master   %s  %s://%[1]s/state\n", c.Master, scheme)
	for _, a := range c.Agents {
		fmt.Fprintf(os.Stderr, "agent    %s\n", a)
	}
	fmt.Fprintf(os.Stderr, "logs     %s\n", o.cluster.Dir)
	if waiting {
		fmt.Fprintln(os.Stderr, "Ctrl-C stops all of it.")
	}
}

// execute runs command in the foreground of the terminal. It replaces {master} by the master's address, which is also
// in MESOS_MASTER. It passes signals to stop on to the command, unless the terminal has sent them to both.
func execute(ctx context.Context, c *cluster.Cluster, command []string) (status int, err error) {
	for i, arg := range command {
		command[i] = strings.ReplaceAll(arg, "{master}", c.Master)
	}
	program := exec.CommandContext(ctx, command[0], command[1:]...)
	// If mesos-local is killed, the kernel ends the command, too. It watches the thread that started the command, so this
	// goroutine keeps its thread.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	program.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.Stdin, program.Stdout, program.Stderr = os.Stdin, os.Stdout, os.Stderr
	program.Env = append(os.Environ(), "MESOS_MASTER="+c.Master)
	err = program.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
		return ended.ExitCode(), nil
	}
	if err != nil {
		return 127, fmt.Errorf("run %s: %w", command[0], err)
	}
	return 0, nil
}
