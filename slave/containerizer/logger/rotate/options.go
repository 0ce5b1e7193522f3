package rotate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options say what becomes of a file that is full. The zero Options delete it.
type Options struct {
	Keep     int  // the number of full files that are kept
	Compress bool // they are compressed
	Delay    bool // the latest one is not
}

// maxKeep bounds the files of a log, each of which is renamed whenever one is full.
const maxKeep = 1000

// effectless are options of logrotate that ask for what is done anyway.
var effectless = []string{"missingok", "nomissingok", "ifempty", "notifempty", "nocopytruncate", "nocopy", "nodateext", "nomail"}

// ParseOptions reads options in the language of logrotate, one a line.
//
// Differs: Mesos passes any text to logrotate, which runs with the rights of the container's user, but outside of the
// container. It may have scripts and name other files. What is not known here is an error.
func ParseOptions(text string) (Options, error) {
	var o Options
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.Replace(line, "=", " ", 1))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := o.set(words[0], words[1:]); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}

func (o *Options) set(name string, values []string) error {
	switch {
	case name == "rotate" && len(values) == 1:
		keep, err := strconv.Atoi(values[0])
		if err != nil || keep < 0 || keep > maxKeep {
			return fmt.Errorf("rotate %s: it has to be a number of files from 0 to %d", values[0], maxKeep)
		}
		o.Keep = keep
	case name == "size" && len(values) == 1: // it is given otherwise
	case slices.Contains(effectless, name) && len(values) == 0:
	case len(values) > 0:
		return fmt.Errorf("the option '%s %s' of logrotate is not supported; rotate, compress and delaycompress are", name, strings.Join(values, " "))
	case name == "compress" || name == "nocompress":
		o.Compress = name == "compress"
	case name == "delaycompress" || name == "nodelaycompress":
		o.Delay = name == "delaycompress"
	default:
		return fmt.Errorf("the option '%s' of logrotate is not supported; rotate, compress and delaycompress are", name)
	}
	return nil
}
