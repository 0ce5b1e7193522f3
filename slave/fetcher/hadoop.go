package fetcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/slave/processtree"
)

// hadoop is what a Hadoop client can bring: it knows hdfs:// and whatever else it is configured for. It runs as the user.
//
// Mesos: HDFS, downloadWithHadoopClient.
type hadoop struct {
	f   *fetch
	uri string
}

// hasHadoop reports whether there is a client.
func (f *fetch) hasHadoop() bool {
	_, err := exec.LookPath(f.hadoopClient())
	return err == nil
}

// hadoopClient is the program in HadoopHome, in the HADOOP_HOME of the environment, or along the PATH.
func (f *fetch) hadoopClient() string {
	home := f.HadoopHome
	if home == "" {
		home = f.getenv("HADOOP_HOME")
	}
	if home == "" {
		return "hadoop"
	}
	return filepath.Join(home, "bin", "hadoop")
}

// getenv returns a variable of the agent's environment; the last of a name counts.
func (f *fetch) getenv(name string) (value string) {
	for _, v := range f.Environment {
		if v, ok := strings.CutPrefix(v, name+"="); ok {
			value = v
		}
	}
	return value
}

const (
	// scratch is a directory in the sandbox that the client writes to: it takes no file that is open already.
	scratch = ".hadoop"
	// scratched is what the client makes there.
	scratched = "content"
)

// open implements [source].
func (h hadoop) open() (*content, error) {
	if err := h.f.Sandbox.Mkdir(scratch, 0o700); err != nil {
		return nil, err
	}
	c, err := h.bring()
	if err != nil {
		_ = h.f.Sandbox.RemoveAll(scratch) // it goes with the sandbox
		return nil, err
	}
	return c, nil
}

func (h hadoop) bring() (*content, error) {
	dir, err := h.f.Sandbox.OpenRoot(scratch)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if _, err := h.run(dir, "-copyToLocal", h.uri, scratched); err != nil {
		return nil, fmt.Errorf("HDFS copyToLocal failed: %w", err)
	}
	file, err := dir.OpenFile(scratched, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = demandRegular(info)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &content{
		ReadCloser: &scratchFile{file, h.f.Sandbox}, file: file, mode: info.Mode().Perm(), traits: traits{size: info.Size()},
	}, nil
}

// scratchFile removes what the client made when it is closed.
type scratchFile struct {
	*os.File
	sandbox *os.Root
}

// Close implements [io.Closer].
func (s *scratchFile) Close() error { return errors.Join(s.File.Close(), s.sandbox.RemoveAll(scratch)) }

// look implements [source]. The client tells the size alone.
//
// Mesos: HDFS::du.
func (h hadoop) look() (traits, error) {
	out, err := h.run(nil, "-du", h.uri)
	if err != nil {
		return traits{}, err
	}
	for line := range strings.Lines(out) {
		// The size, with newer clients what it takes with its replicas, and the path; there may be words of warning around.
		fields := strings.Fields(line)
		if n := len(fields); (n == 2 || n == 3) && fields[n-1] == h.uri {
			if size, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				return traits{size: size}, nil
			}
		}
	}
	return traits{}, fmt.Errorf("Unexpected output format: '%s'", out)
}

// run runs the client in a directory, with the rights of the user, and returns what it says. It writes no more than there
// is room for, and ends with the fetch.
func (h hadoop) run(dir *os.Root, args ...string) (string, error) {
	cmd := exec.CommandContext(h.f.ctx, h.f.hadoopClient(), append([]string{"fs"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if h.f.Owner != nil {
		cmd.SysProcAttr.Credential = h.f.Owner.Credential()
	}
	cmd.Env = h.environment()
	cmd.Cancel = func() error {
		_, err := processtree.Signal(cmd.Process.Pid, syscall.SIGKILL)
		return err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := h.start(cmd, dir)
	if err != nil {
		return "", fmt.Errorf("Hadoop client is not available: %w", err)
	}
	err = cmd.Wait()
	if cause := context.Cause(h.f.ctx); cause != nil {
		return "", cause
	}
	if err != nil {
		return "", fmt.Errorf("Unexpected result from the subprocess: status='%s', stdout='%s', stderr='%s'", status(cmd), &out, &errs)
	}
	return out.String(), nil
}

// start starts the client where the directory is, whatever has its name, and bounds the files that it may write.
func (h hadoop) start(cmd *exec.Cmd, dir *os.Root) error {
	if dir == nil {
		cmd.Dir = "/"
		return cmd.Start()
	}
	at, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer at.Close()
	cmd.Dir = fmt.Sprintf("/proc/self/fd/%d", at.Fd())
	if err := cmd.Start(); err != nil {
		return err
	}
	if free, size, err := h.f.Room(at); err == nil {
		bound := free - min(free, reserved(size))
		_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bound, Max: bound}, nil) // it may be over
	}
	return nil
}

// environment is the agent's without what is meant for actors, as in Mesos, and with the sandbox, by which an agent finds
// what an earlier one has left running.
func (h hadoop) environment() []string {
	env := slices.DeleteFunc(slices.Clone(h.f.Environment), func(v string) bool {
		return strings.HasPrefix(v, "MESOS_") || strings.HasPrefix(v, "LIBPROCESS_")
	})
	if h.f.HadoopHome != "" {
		env = append(env, "HADOOP_HOME="+h.f.HadoopHome)
	}
	return append(env, processtree.SandboxVariable+"="+h.f.Directory)
}

func status(cmd *exec.Cmd) string {
	s := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.Signaled() {
		return "terminated with signal " + s.Signal().String()
	}
	return "exited with status " + strconv.Itoa(s.ExitStatus())
}
