package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/actors/registrar/replicatedlog"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/registrypb"
)

// sources describes where a registry can be read.
const sources = "The source is a work directory or a registry.db of a stopped master, a replicated_log directory of a stopped C++ master, " +
	"a file with the JSON of /registrar(1)/registry, or http:// and host:port of a running master, ours or not. " +
	"Without a source it is the leading master. Reading never changes a directory of a C++ master."

func registryCommand(s *session) *cobra.Command {
	show := &cobra.Command{
		Use: "show [source]", Short: "Print a registry", Args: upTo(0, "source"),
		Long:    "Print a registry as JSON, with the fields of Mesos's /registrar(1)/registry.\n\n" + sources,
		Example: "  mesos registry show\n  mesos registry show /var/lib/mesos/replicated_log | jq .weights",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, _, err := s.registry(cmd.Context(), args)
			if err != nil {
				return err
			}
			return writeJSON(s.Out, mesosjson.Sorted(mesosjson.Marshal(r)))
		},
	}
	export := &cobra.Command{
		Use: "export <directory> [source]", Short: "Write a registry for C++ masters", Args: upTo(1, "directory", "source"),
		Long: "Write a registry as a replicated log, from which a C++ master starts.\n\n" +
			"The directory must be empty or not exist. It belongs into the work directory of the C++ master, as replicated_log; if there are several " +
			"masters, each gets a copy.\n\n" + sources,
		Example: "  mesos registry export /var/lib/mesos-cpp/replicated_log /var/lib/mesos",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.exportRegistry(cmd.Context(), args[0], args[1:])
		},
	}
	load := &cobra.Command{
		Use: "import <work-dir> [source]", Short: "Give a registry to a master that has none", Args: upTo(1, "work-dir", "source"),
		Long:    "Write a registry into the work directory of a stopped master, which must have none yet.\n\n" + sources,
		Example: "  mesos registry import /var/lib/meseta /var/lib/mesos/replicated_log\n  mesos registry import /var/lib/meseta http://10.0.0.1:5050",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.importRegistry(cmd.Context(), args[0], args[1:])
		},
	}
	return group("registry", "Show, export and import what masters remember", "  mesos registry show", show, export, load)
}

// upTo requires the first names and allows the others.
func upTo(required int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return takes(false, names[:min(len(names), max(required, len(args)))]...)(cmd, args)
	}
}

// registry reads the registry that args name, and returns where it was read.
func (s *session) registry(ctx context.Context, args []string) (*registrypb.Registry, string, error) {
	if len(args) == 0 {
		c, err := s.connect(ctx)
		if err != nil {
			return nil, "", err
		}
		return s.registryOf(ctx, c, c.leader)
	}
	source := args[0]
	if strings.Contains(source, "://") {
		url := parseMaster(source, s.scheme())
		if url == "" {
			return nil, "", fmt.Errorf("source %q is not http://host:port", source)
		}
		config, err := readConfig(s.env)
		if err != nil {
			return nil, "", err
		}
		c, err := s.newClient(config)
		if err != nil {
			return nil, "", err
		}
		return s.registryOf(ctx, c, url)
	}
	r, err := readRegistry(ctx, source)
	return r, source, err
}

func (s *session) registryOf(ctx context.Context, c *client, master string) (*registrypb.Registry, string, error) {
	text, err := c.getFrom(ctx, master, "/registrar(1)/registry", nil, "")
	if err != nil {
		return nil, "", err
	}
	r, err := parseRegistry(text)
	return r, master, err
}

func parseRegistry(text []byte) (*registrypb.Registry, error) {
	r := &registrypb.Registry{}
	if err := mesosjson.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the JSON of a registry: %w", err)
	}
	if r.Master == nil { // the first that a leader writes, and all that an answer of another master lacks
		return nil, errors.New("this registry names no master, so it is none that a leading master has written")
	}
	return r, nil
}

// The names of registries in work directories: databaseName in one of ours, logName in that of a C++ master.
const (
	databaseName = "registry.db"
	logName      = "replicated_log"
	groupName    = "consensus" // of a master that shares its registry with others
)

// readRegistry reads the registry in a file or directory.
func readRegistry(ctx context.Context, path string) (*registrypb.Registry, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return readFile(ctx, path)
	}
	if is, err := replicatedlog.Exists(path); is || err != nil {
		return readLog(path, err)
	}
	if ofGroup(path) { // the others are older than that
		return nil, fmt.Errorf("%s belongs to a master of a group, whose registry the leading master shows: give http:// and its host:port", path)
	}
	database, log := filepath.Join(path, databaseName), filepath.Join(path, logName)
	if _, err := os.Stat(database); err == nil {
		return readDatabase(ctx, database)
	}
	if is, err := replicatedlog.Exists(log); is || err != nil {
		return readLog(log, err)
	}
	return nil, fmt.Errorf("%s holds neither %s, of a master of ours, nor %s, of a C++ master", path, databaseName, logName)
}

// ofGroup reports whether a work directory is that of a master of a group.
func ofGroup(workDir string) bool {
	_, err := os.Stat(filepath.Join(workDir, groupName))
	return err == nil
}

func readLog(dir string, err error) (*registrypb.Registry, error) {
	if err != nil {
		return nil, err
	}
	log, err := replicatedlog.Read(dir)
	if err == nil && log.Registry == nil {
		err = fmt.Errorf("replicated log in %s: no registry was ever written to it", dir)
	}
	return log.Registry, err
}

func readFile(ctx context.Context, path string) (*registrypb.Registry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	begin := make([]byte, 1)
	if _, err := io.ReadFull(f, begin); err != nil {
		return nil, fmt.Errorf("%s: it is empty", path)
	}
	if begin[0] != '{' {
		return readDatabase(ctx, path)
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	r, err := parseRegistry(bytes.Join([][]byte{begin, rest}, nil))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func readDatabase(ctx context.Context, path string) (*registrypb.Registry, error) {
	storage, err := localfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer storage.Close()
	_, records, err := storage.Lead(ctx)
	if err != nil {
		return nil, err
	}
	return registrar.Decode(records)
}

func (s *session) exportRegistry(ctx context.Context, dir string, source []string) error {
	r, from, err := s.registry(ctx, source)
	if err != nil {
		return err
	}
	if err := replicatedlog.Write(dir, r); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Wrote %s from %s to %s\n", contentsOf(r), from, dir)
	return nil
}

func (s *session) importRegistry(ctx context.Context, workDir string, source []string) error {
	if ofGroup(workDir) {
		return fmt.Errorf("%s belongs to a master of a group, which has the registry of the group", workDir)
	}
	r, from, err := s.registry(ctx, source)
	if err != nil {
		return err
	}
	storage, err := localfile.Open(filepath.Join(workDir, databaseName))
	if err != nil {
		return err
	}
	if err := errors.Join(registrar.Fill(ctx, storage, r), storage.Close()); err != nil {
		return fmt.Errorf("import into %s: %w", workDir, err)
	}
	fmt.Fprintf(s.Out, "Imported %s from %s into %s\n", contentsOf(r), from, workDir)
	return nil
}

// contentsOf counts what is in a registry.
func contentsOf(r *registrypb.Registry) string {
	return fmt.Sprintf("%d agents, %d unreachable and %d gone ones, %d weights, %d quotas",
		len(r.GetSlaves().GetSlaves()), len(r.GetUnreachable().GetSlaves()), len(r.GetGone().GetSlaves()),
		len(r.GetWeights()), len(r.GetQuotaConfigs())+len(r.GetQuotas()))
}
