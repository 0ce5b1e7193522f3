// Package flags gives the programs below cmd Mesos's command lines.
//
// What Mesos knows about a flag (its name, its older name, type, default and a sentence of help) is a row of one of the
// tables in known/. A program says with [Set.Bind] which of them it supports and where their values go; the others are
// refused by name. Flags only we have are added with [Set.Define].
//
//	set := flags.New("mesos-agent", "run tasks on this machine")
//	set.Bind("master", &config.Master)
//	set.Bind("gc_delay", &config.GCDelay)
//	args, err := set.Parse(os.Args[1:], os.Environ())
//
// The rules are Mesos's:
//
//   - --name=value, --name and --no-name for what is true or false. Names may be written with - or _, in any case.
//   - MESOS_NAME in the environment gives what the command line does not. Names that no flag has are ignored with a
//     warning: other programs have variables that begin alike.
//   - A value file:///a/path is what that file holds, unless the flag is itself a path.
//   - A flag given twice is refused; an old name works, with a warning.
//   - Durations are written 10secs, 1.5mins, 2weeks; sizes 512MB, 5GB.
//
// Tokens are taken apart by github.com/spf13/pflag, which also allows --name value. The package starts nothing and
// changes nothing but its targets; it reads files named by values.
package flags
