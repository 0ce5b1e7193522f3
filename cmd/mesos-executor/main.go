// Command mesos-executor runs the command of a task without an executor of its own. Agents start it.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

func main() {
	set := flags.New("mesos-executor", "run the command of one task; started by agents")
	options, common := bind(set), program.Bind(set)
	rooted := bindRooted(set)
	set.ParseOrExit(program.Version("mesos-executor"), driver.ExecutorVariables(os.Environ()))
	err := driver.RunExecutor(common, func(node *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		options.Inherited = os.Environ() // without the token, which is the executor's own
		if rooted.Rootfs != "" {
			options.Launcher, options.Sandbox = rooted, rooted.Sandbox
		}
		var line executor.Options
		if os.Getenv("MESOS_HTTP_COMMAND_EXECUTOR") == "1" {
			line.HTTP = executor.NewHTTP(env, common.TLS.Transport())
		}
		return command.Start(node, command.New(*options), env, line)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesos-executor:", err)
		os.Exit(1)
	}
}

// bind binds the flags that agents give to the options.
func bind(set *flags.Set) *command.Options {
	o := &command.Options{}
	var launcherDir string // the directory of Mesos's other programs, which this one does not need
	set.Bind("launcher_dir", &launcherDir)
	set.Bind("user", &o.User)
	set.Bind("working_directory", &o.WorkingDirectory)
	set.Bind("task_command", flags.Func(func(text string) error {
		o.Command = &mesospb.CommandInfo{}
		return mesosjson.Unmarshal([]byte(text), o.Command)
	}))
	set.Bind("task_environment", flags.Func(func(text string) error {
		o.Environment = &mesospb.Environment{}
		return mesosjson.Unmarshal([]byte(text), o.Environment)
	}))
	set.Bind("task_supplementary_groups", flags.Func(func(text string) error {
		for id := range strings.SplitSeq(text, ",") {
			gid, err := strconv.ParseUint(id, 10, 32)
			if err != nil {
				return err
			}
			o.Groups = append(o.Groups, uint32(gid))
		}
		return nil
	}))
	return o
}

// bindRooted binds the flags that agents give for tasks with images.
func bindRooted(set *flags.Set) *command.Rooted {
	r := &command.Rooted{}
	set.Bind("rootfs", &r.Rootfs)
	set.Bind("sandbox_directory", &r.Sandbox)
	set.Bind("effective_capabilities", flags.Message(&r.Effective))
	set.Bind("bounding_capabilities", flags.Message(&r.Bounding))
	set.Bind("task_seccomp_filter", flags.Func(func(text string) (err error) {
		r.Filter, err = base64.StdEncoding.DecodeString(text)
		return err
	}))
	return r
}
