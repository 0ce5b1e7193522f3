// Package flags implements Mesos's command lines for the programs below cmd.
//
// The tables in known/ have a row for every flag of Mesos: its name, older name, type, default and help text. A
// program calls [Set.Bind] for each flag it supports, with a target for the value. Other flags are refused with an
// error that names them. [Set.Define] adds flags that Mesos does not have.
//
//	set := flags.New("mesos-agent", "run tasks on this machine")
//	set.Bind("master", &config.Master)
//	set.Bind("gc_delay", &config.GCDelay)
//	args, err := set.Parse(os.Args[1:], os.Environ())
//
// The rules are Mesos's:
//
//   - Flags are written --name=value, and --name or --no-name if they are boolean. Names are case-insensitive and may be
//     written with - or _.
//   - MESOS_NAME in the environment sets a flag that is not on the command line. Variables for unknown flags are ignored
//     with a warning, since other programs use the same prefix.
//   - A value file:///a/path stands for the content of that file, unless the flag is itself a path.
//   - A flag that is given twice is refused. An old name works, with a warning.
//   - Durations are written 10secs, 1.5mins, 2weeks; sizes 512MB, 5GB.
//
// Tokens are parsed by github.com/spf13/pflag, which also accepts --name value. The package only writes to the bound
// targets, and reads the files that values refer to.
package flags
