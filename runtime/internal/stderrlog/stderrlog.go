// Package stderrlog has the log of nodes that were given none.
package stderrlog

import (
	"os"
	"reflect"

	"github.com/rs/zerolog"
)

// Default returns log, unless it is the zero Logger: then it returns one that writes warnings and errors to standard
// error, as the nil ErrorLog of package net/http does. zerolog.Nop() is not zero, and stays silent.
func Default(log zerolog.Logger) zerolog.Logger {
	if !reflect.ValueOf(log).IsZero() {
		return log
	}
	return zerolog.New(os.Stderr).Level(zerolog.WarnLevel).With().Timestamp().Logger()
}
