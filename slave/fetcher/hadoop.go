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

// hadoop is the [source] of hdfs URIs and of all other schemes: it runs the Hadoop client as the user, which supports
// whatever it is configured for.
//
// Mesos: HDFS, downloadWithHadoopClient.
type hadoop struct {
	f   *fetch
	uri string
}

// hasHadoop reports whether a Hadoop client is installed.
func (f *fetch) hasHadoop() bool {
	_, err := exec.LookPath(f.hadoopClient())
	return err == nil
}

// hadoopClient returns the client below HadoopHome, or else below HADOOP_HOME, or else the one in PATH.
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

// getenv returns a variable of the agent's environment. If it is set several times, the last value counts.
func (f *fetch) getenv(name string) (value string) {
	for _, v := range f.Environment {
		if v, ok := strings.CutPrefix(v, name+"="); ok {
			value = v
		}
	}
	return value
}

const (
	// scratch is a directory in the sandbox that the client writes to, because it insists on creating the file.
	scratch = ".hadoop"
	// scratched is the name of the file in scratch.
	scratched = "content"
)

// open implements [source].
func (h hadoop) open() (*content, error) {
	if err := h.f.Sandbox.Mkdir(scratch, 0o700); err != nil {
		return nil, err
	}
	c, err := h.bring()
	if err != nil {
		_ = h.f.Sandbox.RemoveAll(scratch) // it is removed with the sandbox
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

// scratchFile removes the scratch directory when it is closed.
type scratchFile struct {
	*os.File
	sandbox *os.Root
}

// Close implements [io.Closer].
func (s *scratchFile) Close() error { return errors.Join(s.File.Close(), s.sandbox.RemoveAll(scratch)) }

// look implements [source]. It only determines the size.
//
// Mesos: HDFS::du.
func (h hadoop) look() (traits, error) {
	out, err := h.run(nil, "-du", h.uri)
	if err != nil {
		return traits{}, err
	}
	for line := range strings.Lines(out) {
		// Size, size of all replicas (newer clients), path. Warnings may come before and after.
		fields := strings.Fields(line)
		if n := len(fields); (n == 2 || n == 3) && fields[n-1] == h.uri {
			if size, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				return traits{size: size}, nil
			}
		}
	}
	return traits{}, fmt.Errorf("Unexpected output format: '%s'", out)
}

// run runs the client as the user in dir, and returns its standard output. The client and its descendants are killed when
// the fetch is canceled.
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

// start starts the client with the open directory dir as its working directory, and limits the size of files that it can
// write to the room on the disk. If dir is nil, it starts in /.
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
		_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bound, Max: bound}, nil) // fails if the client has ended
	}
	return nil
}

// environment returns the agent's environment without the variables of Mesos and libprocess, as in Mesos. MESOS_SANDBOX is
// added so that a restarted agent finds clients that an earlier one has left running.
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
