package rotate

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"meseta/messages/units"
)

// Arguments returns the arguments of the program for a log in its working directory.
func Arguments(name string, max units.Bytes, options string) []string {
	args := []string{"--log_filename=" + name, fmt.Sprintf("--max_size=%dB", uint64(max))}
	if options != "" {
		args = append(args, "--logrotate_options="+options)
	}
	return args
}

// Run is the program mesos-logrotate-logger. It returns the exit status.
//
// Mesos: main of mesos-logrotate-logger.
//
// Differs: the name of the log may be relative. There is no --user, because who starts the program gives it its user, and no
// --logrotate_path.
func Run(args []string, in io.Reader, stderr io.Writer) int {
	log, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = log.Copy(in)
	}
	if err != nil {
		fmt.Fprintln(stderr, "mesos-logrotate-logger:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (*Log, error) {
	max, options := 10*units.Megabyte, Options{}
	set := flag.NewFlagSet("mesos-logrotate-logger", flag.ContinueOnError)
	set.SetOutput(stderr)
	name := set.String("log_filename", "", "the file that gets standard input")
	set.Func("max_size", "the most bytes of a file, at least 4KB (default 10MB)", func(text string) (err error) {
		if max, err = units.ParseBytes(text); err == nil && max < Smallest {
			err = fmt.Errorf("Expected --max_size of at least %d bytes", Smallest)
		}
		return err
	})
	set.Func("logrotate_options", "lines of logrotate's configuration: rotate, compress, delaycompress", func(text string) (err error) {
		options, err = ParseOptions(text)
		return err
	})
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if *name == "" || set.NArg() > 0 {
		return nil, errors.New("--log_filename is needed, and nothing but flags")
	}
	dir, err := os.OpenRoot(filepath.Dir(*name))
	if err != nil {
		return nil, err
	}
	return New(dir, filepath.Base(*name), int64(max), options), nil
}
