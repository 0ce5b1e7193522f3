package flags

import (
	"embed"
	"encoding/csv"
	"fmt"
	"strings"
)

// Flag describes a flag, supported or not.
type Flag struct {
	Group    string // its heading in the help
	Name     string // with underscores; in upper case, the full name of an environment variable without a flag
	Alias    string // an older name, or empty
	Type     string // bool, int, uint, port, number, duration, size, string, list, ip, json, path or secret
	Default  string // in command-line syntax; empty means no default, '' the empty string
	Required bool
	Help     string
}

// IsNumeric reports whether the flag's values are numbers, with or without a unit.
func (f Flag) IsNumeric() bool {
	switch f.Type {
	case "int", "uint", "port", "number", "duration", "size":
		return true
	}
	return false
}

//go:embed known
var known embed.FS

// table returns the flags that Mesos has for a program, in the order of its help.
func table(name string) []Flag {
	file, err := known.Open("known/" + name + ".tsv")
	if err != nil {
		panic(fmt.Sprintf("no table of flags for %s: %v", name, err))
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = '\t', true, 7
	rows, err := reader.ReadAll()
	if err != nil {
		panic(fmt.Sprintf("table of flags for %s: %v", name, err))
	}
	flags := make([]Flag, 0, len(rows))
	for _, row := range rows[1:] {
		flags = append(flags, Flag{
			Group: row[0], Name: row[1], Alias: row[2], Type: row[3], Default: row[4],
			Required: row[5] == "required", Help: row[6],
		})
	}
	return flags
}

// elsewhere returns the variables that look like those of flags, but are set by an agent for its executors.
func elsewhere() map[string]bool {
	text, err := known.ReadFile("known/environment.txt")
	if err != nil {
		panic(err)
	}
	names := map[string]bool{}
	for name := range strings.FieldsSeq(string(text)) {
		names[name] = true
	}
	return names
}
