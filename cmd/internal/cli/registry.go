package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meseta/actors/registrar/replicatedlog"
	"meseta/cmd/internal/cli/registries"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/registrypb"
)

// sources describes where a registry can be read.
const sources = "The source is a work directory or a registry.db of a stopped master, a replicated_log directory of a stopped C++ master, " +
	"the folder consensus of one of our masters that shared its registry with others, if most of these are lost, a file with the JSON of /registrar(1)/registry, or http:// and host:port of a running master, ours or not. " +
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
		Long: "Write a registry into the work directory of a stopped master, which must have none yet. A group of masters begins with it if the work " +
			"directories of the others hold nothing.\n\n" + sources,
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
	r, err := registries.Read(ctx, source)
	return r, source, err
}

func (s *session) registryOf(ctx context.Context, c *client, master string) (*registrypb.Registry, string, error) {
	text, err := c.getFrom(ctx, master, "/registrar(1)/registry", nil, "")
	if err != nil {
		return nil, "", err
	}
	r, err := registries.Parse(text)
	return r, master, err
}

func (s *session) exportRegistry(ctx context.Context, dir string, source []string) error {
	r, from, err := s.registry(ctx, source)
	if err != nil {
		return err
	}
	if err := replicatedlog.Write(dir, r); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Wrote %s from %s to %s\n", registries.Contents(r), from, dir)
	return nil
}

func (s *session) importRegistry(ctx context.Context, workDir string, source []string) error {
	if registries.OfGroup(workDir) {
		return fmt.Errorf("%s belongs to a master of a group, which has the registry of the group; for another one, stop all masters, move the "+
			"folder %s out of the work directory of each, and registry.db too, and import into one of them", workDir, registries.GroupName)
	}
	r, from, err := s.registry(ctx, source)
	if err != nil {
		return err
	}
	if err := registries.Import(ctx, workDir, r); err != nil {
		return fmt.Errorf("import into %s: %w", workDir, err)
	}
	fmt.Fprintf(s.Out, "Imported %s from %s into %s\n", registries.Contents(r), from, workDir)
	return nil
}
