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

// config is what the configuration file says. Plugins are Python's, and may have settings of their own in it.
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

// configPath is where the configuration file is: MESOS_CLI_CONFIG, or ~/.mesos/config.toml.
func configPath(env func(string) string) (path string, chosen bool) {
	if path := env("MESOS_CLI_CONFIG"); path != "" {
		return path, true
	}
	return filepath.Join(env("HOME"), ".mesos", "config.toml"), false
}

// readConfig reads the configuration file. One that nobody chose need not be there.
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
			return nil, fmt.Errorf("configuration %s: there is no setting %q", path, unknown)
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
		return errors.New("master has both an address and a zookeeper; one of them is right")
	case meta.IsDefined("master", "zookeeper") && len(zk.Addresses) == 0:
		return errors.New("master.zookeeper needs addresses, such as [\"127.0.0.1:2181\"]")
	case meta.IsDefined("master", "zookeeper") && (!strings.HasPrefix(zk.Path, "/") || len(zk.Path) == 1):
		return errors.New("master.zookeeper needs a path below the root, such as \"/mesos\"")
	case c.Agent.Timeout < 0:
		return errors.New("agent.timeout is a number of seconds")
	}
	return nil
}

// master is what the file says about where the master is, as --master would.
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
