package flagstest

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
)

// security matches the names of flags that say who may do what, and how that is proved.
var security = regexp.MustCompile(`auth|acl|credential|secret|firewall|domain_socket|root_submissions|switch_user|rate_limits|capabilities|seccomp|agent_features`)

// CheckSecurity demands that each flag about security that Mesos has for a program is supported, or else is in refused, with the
// reason, and is refused by its name. The test is skipped where there are no tables of Mesos's flags.
func CheckSecurity(t *testing.T, program, table string, bind func(*flags.Set), refused map[string]string) {
	t.Helper()
	known := securityFlags(t, table)
	set := flags.New(program, "")
	bind(set)
	supported := map[string]bool{}
	for _, f := range set.Supported() {
		supported[f.Name] = true
	}
	for _, name := range known {
		if reason := refused[name]; supported[name] == (reason != "") {
			t.Errorf("--%s is supported: %v, and the reason not to be: %q", name, supported[name], reason)
		}
	}
	for name := range refused {
		set := flags.New(program, "")
		bind(set)
		if _, err := set.Parse([]string{"--" + name + "=x"}, nil); err == nil || !strings.Contains(err.Error(), "--"+name+" ") {
			t.Errorf("--%s: %v", name, err)
		}
	}
}

// securityFlags returns the names of Mesos's flags about security, of which there are some in every program.
func securityFlags(t *testing.T, table string) (names []string) {
	t.Helper()
	shared := os.Getenv("MESETA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	file, err := os.Open(filepath.Join(shared, "reference", table))
	if err != nil {
		t.Skip("the tables are not here: ", err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = '\t', true, -1
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if security.MatchString(row[0]) {
			names = append(names, row[0])
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %v were found", names)
	}
	return names
}
