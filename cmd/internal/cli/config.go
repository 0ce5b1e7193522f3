package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

const (
	defaultMaster  = "127.0.0.1:" + defaultPort
	defaultPort    = "5050"
	defaultTimeout = 5 * time.Second
)

// config is the content of the configuration file. Plugins are written in Python, and may have settings of their own
// in it.
type config struct {
	Master struct {
		Address   string
		ZooKeeper struct {
			Addresses []string
			Path      string
		}
		Principal, Secret string
	}
	Agent struct {
		SSL               bool
		SSLVerify         bool `toml:"ssl_verify"`
		Timeout           int  // seconds
		Principal, Secret string
	}
	Plugins []string
}

// configPath returns the path of the configuration file, MESOS_CLI_CONFIG or ~/.mesos/config.toml, and whether the
// user chose it.
func configPath(env func(string) string) (path string, chosen bool) {
	if path := env("MESOS_CLI_CONFIG"); path != "" {
		return path, true
	}
	return filepath.Join(env("HOME"), ".mesos", "config.toml"), false
}

// readConfig reads the configuration file. The default file may be missing.
func readConfig(env func(string) string) (*config, error) {
	path, chosen := configPath(env)
	c := &config{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !chosen {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	meta, err := toml.Decode(string(text), c)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	for _, unknown := range meta.Undecoded() {
		if meta.IsDefined(unknown[0]) && (unknown[0] == "master" || unknown[0] == "agent") {
			return nil, fmt.Errorf("configuration %s: unknown setting %q", path, unknown)
		}
	}
	if err := c.validate(meta); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

func (c *config) validate(meta toml.MetaData) error {
	zk := c.Master.ZooKeeper
	switch {
	case meta.IsDefined("master", "address") && meta.IsDefined("master", "zookeeper"):
		return errors.New("master has both an address and a zookeeper; set only one of them")
	case meta.IsDefined("master", "zookeeper") && len(zk.Addresses) == 0:
		return errors.New("master.zookeeper needs addresses, such as [\"127.0.0.1:2181\"]")
	case meta.IsDefined("master", "zookeeper") && (!strings.HasPrefix(zk.Path, "/") || len(zk.Path) == 1):
		return errors.New("master.zookeeper needs a path below the root, such as \"/mesos\"")
	case c.Agent.Timeout < 0:
		return errors.New("agent.timeout is negative; it must be a number of seconds")
	}
	return nil
}

// master returns the location of the master according to the file, in the form of --master.
func (c *config) master() string {
	if zk := c.Master.ZooKeeper; len(zk.Addresses) > 0 {
		return "zk://" + strings.Join(zk.Addresses, ",") + zk.Path
	}
	return c.Master.Address
}

func (c *config) timeout() time.Duration {
	if c.Agent.Timeout > 0 {
		return time.Duration(c.Agent.Timeout) * time.Second
	}
	return defaultTimeout
}
