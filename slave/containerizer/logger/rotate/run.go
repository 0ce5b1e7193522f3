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

// Run is the program mesos-logrotate-logger, of which version is what --version prints, to out. It returns the exit status.
//
// Mesos: main of mesos-logrotate-logger.
//
// Differs: the name of the log may be relative. There is no --user, because who starts the program gives it its user, and no
// --logrotate_path.
func Run(args []string, version string, in io.Reader, out, stderr io.Writer) int {
	log, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errVersion):
		_, err = fmt.Fprintln(out, version)
	case err == nil:
		err = log.Copy(in)
	}
	if err != nil {
		fmt.Fprintln(stderr, "mesos-logrotate-logger:", err)
		return 1
	}
	return 0
}

var errVersion = errors.New("the version is wanted")

func parse(args []string, stderr io.Writer) (*Log, error) {
	max, options := 10*units.Megabyte, Options{}
	set := flag.NewFlagSet("mesos-logrotate-logger", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintln(stderr, "Usage: mesos-logrotate-logger --log_filename=FILE [options] <INPUT")
		set.PrintDefaults()
	}
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
	version := set.Bool("version", false, "print the version")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if *version {
		return nil, errVersion
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
