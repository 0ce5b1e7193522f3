package logger_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/modules"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/slave/containerizer/logger"
)

// create makes a logger with parameters, each a name and a value.
func create(t *testing.T, name string, parameters ...string) (logger.ContainerLogger, error) {
	t.Helper()
	c, set := &modules.Catalogue{}, &modules.Set{}
	logger.AddModules(c)
	m := &modulepb.Modules_Library_Module{Name: &name}
	for i := 0; i < len(parameters); i += 2 {
		m.Parameters = append(m.Parameters, &mesospb.Parameter{Key: &parameters[i], Value: &parameters[i+1]})
	}
	err := set.Load(c, &modulepb.Modules{Libraries: []*modulepb.Modules_Library{{
		File: proto.String("liblogrotate_container_logger.so"), Modules: []*modulepb.Modules_Library_Module{m},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return modules.Create[logger.ContainerLogger](set, name)
}

// environment has variables, each a name and a value.
func environment(all ...string) *mesospb.Environment {
	e := &mesospb.Environment{}
	for i := 0; i < len(all); i += 2 {
		e.Variables = append(e.Variables, &mesospb.Environment_Variable{Name: &all[i], Value: &all[i+1]})
	}
	return e
}

// Parameters hold for all containers, and variables of a container for that.
func TestSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mesos-logrotate-logger"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := create(t, logger.LogrotateName, "max_stdout_size", "5MB", "logrotate_stdout_options", "rotate 9", "launcher_dir", dir,
		"environment_variable_prefix", "LOG_", "logrotate_path", "/usr/sbin/logrotate", "libprocess_num_worker_threads", "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		environment *mesospb.Environment
		out, err    []string
	}{
		{nil, []string{"--log_filename=stdout", "--max_size=5242880B", "--logrotate_options=rotate 9"}, []string{"--log_filename=stderr", "--max_size=10485760B"}},
		{
			environment("LOG_MAX_STDERR_SIZE", "4KB", "LOG_LOGROTATE_STDOUT_OPTIONS", "compress", "CONTAINER_LOGGER_X", "y"),
			[]string{"--log_filename=stdout", "--max_size=5242880B", "--logrotate_options=compress"}, []string{"--log_filename=stderr", "--max_size=4096B"},
		},
	} {
		got, err := l.Programs("elsewhere", row.environment)
		if err != nil || len(got) != 2 || !slices.Equal(got[0].Args, row.out) || !slices.Equal(got[1].Args, row.err) {
			t.Errorf("%v: %q, %v", row.environment, got, err)
		} else if got[0].Path != filepath.Join(dir, "mesos-logrotate-logger") {
			t.Errorf("the program is %s", got[0].Path)
		}
	}
}

// Parameters that make no sense are refused at the start of the agent.
func TestParametersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]string{
		{"max_stdout_size", "4095B", "Expected --max_stdout_size and --max_stderr_size of at least 4096 bytes"},
		{"max_stderr_size", "much", `size "much" does not begin with a whole number`},
		{"logrotate_stderr_options", "shred", "the option 'shred' of logrotate is not supported; rotate, compress and delaycompress are"},
		{"launcher_dir", "/nowhere", "Cannot find: /nowhere/mesos-logrotate-logger"},
		{"libprocess_num_worker_threads", "0", `Expected --libprocess_num_worker_threads of at least 1, not "0"`},
		{"environment_variable_prefix", "", "every variable of a task would be a setting"},
		{"max_size", "4KB", "Failed to load unknown flag 'max_size'"},
	} {
		_, err := create(t, logger.LogrotateName, row[0], row[1])
		if want := `module "` + logger.LogrotateName + `": parameter ` + row[0] + ": " + row[2]; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", row[0], err, want)
		}
	}
}

// A variable that makes no sense fails the launch.
func TestVariablesThatAreRefused(t *testing.T) {
	t.Parallel()
	l, err := create(t, logger.LogrotateName)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][3]string{
		{"CONTAINER_LOGGER_MAX_STDOUT_SIZE", "1KB", "Expected --max_stdout_size and --max_stderr_size of at least 4096 bytes"},
		{"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "postrotate", "the option 'postrotate' of logrotate is not supported; rotate, compress and delaycompress are"},
		{"CONTAINER_LOGGER_LAUNCHER_DIR", "/tmp", "Failed to load unknown flag 'launcher_dir'"},
	} {
		_, err := l.Programs("", environment(row[0], row[1]))
		if want := row[0] + ": " + row[2]; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", row[0], err, want)
		}
	}
	if err := l.Check("/nowhere"); err == nil || err.Error() != "Cannot find: /nowhere/mesos-logrotate-logger" {
		t.Errorf("%v", err)
	}
}

// By default, containers write files themselves.
func TestSandboxNeedsNoProgram(t *testing.T) {
	t.Parallel()
	l, err := create(t, logger.SandboxName)
	if err != nil {
		t.Fatal(err)
	}
	if programs, err := l.Programs("/nowhere", environment("CONTAINER_LOGGER_X", "y")); len(programs) > 0 || err != nil || l.Check("/nowhere") != nil {
		t.Errorf("%v, %v", programs, err)
	}
}
