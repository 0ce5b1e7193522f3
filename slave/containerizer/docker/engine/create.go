package engine

// Create describes a container to create. The fields have the names of the engine's API.
type Create struct {
	Hostname     string              `json:",omitempty"`
	Domainname   string              `json:",omitempty"`
	User         string              `json:",omitempty"`
	AttachStdout bool                `json:",omitempty"`
	AttachStderr bool                `json:",omitempty"`
	OpenStdin    bool                `json:",omitempty"`
	Tty          bool                `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	Healthcheck  *Healthcheck        `json:",omitempty"`
	Image        string
	Volumes      map[string]struct{} `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	MacAddress   string              `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
	StopTimeout  *int                `json:",omitempty"`

	HostConfig       HostConfig
	NetworkingConfig *NetworkingConfig `json:",omitempty"`
}

// Healthcheck is a health check that the engine performs. Durations are in nanoseconds.
type Healthcheck struct {
	Test                           []string `json:",omitempty"`
	Interval, Timeout, StartPeriod int64    `json:",omitempty"`
	Retries                        int      `json:",omitempty"`
}

// Limits is what a container may use. Zero means no limit.
type Limits struct {
	CPUShares         int64    `json:"CpuShares,omitempty"`
	Memory            int64    `json:",omitempty"` // bytes
	MemoryReservation int64    `json:",omitempty"` // bytes
	MemorySwap        int64    `json:",omitempty"` // bytes, with those of Memory; -1 means no limit
	MemorySwappiness  *int64   `json:",omitempty"`
	KernelMemory      int64    `json:",omitempty"`
	NanoCPUs          int64    `json:"NanoCpus,omitempty"`
	CPUPeriod         int64    `json:"CpuPeriod,omitempty"` // microseconds
	CPUQuota          int64    `json:"CpuQuota,omitempty"`  // microseconds
	CPURealtimePeriod int64    `json:"CpuRealtimePeriod,omitempty"`
	CPURealtime       int64    `json:"CpuRealtimeRuntime,omitempty"`
	CpusetCpus        string   `json:",omitempty"`
	CpusetMems        string   `json:",omitempty"`
	BlkioWeight       uint16   `json:",omitempty"`
	PidsLimit         *int64   `json:",omitempty"`
	OomKillDisable    *bool    `json:",omitempty"`
	Devices           []Device `json:",omitempty"`
	DeviceCgroupRules []string `json:",omitempty"`
	CgroupParent      string   `json:",omitempty"`
	Ulimits           []Ulimit `json:",omitempty"`
}

// Device is a device of the host in a container.
type Device struct{ PathOnHost, PathInContainer, CgroupPermissions string }

// Ulimit is a limit of the processes of a container.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// Mount is a volume of a container.
type Mount struct {
	Type, Source, Target string
	ReadOnly             bool `json:",omitempty"`
}

// Binding is a port of the host.
type Binding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// HostConfig is how a container is tied to its host.
type HostConfig struct {
	Limits
	Binds           []string             `json:",omitempty"` // source:target[:options]
	Mounts          []Mount              `json:",omitempty"`
	VolumeDriver    string               `json:",omitempty"`
	VolumesFrom     []string             `json:",omitempty"`
	NetworkMode     string               `json:",omitempty"`
	PortBindings    map[string][]Binding `json:",omitempty"`
	PublishAllPorts bool                 `json:",omitempty"`
	RestartPolicy   *RestartPolicy       `json:",omitempty"`
	AutoRemove      bool                 `json:",omitempty"`
	CapAdd          []string             `json:",omitempty"`
	CapDrop         []string             `json:",omitempty"`
	CgroupnsMode    string               `json:",omitempty"`
	DNS             []string             `json:"Dns,omitempty"`
	DNSOptions      []string             `json:"DnsOptions,omitempty"`
	DNSSearch       []string             `json:"DnsSearch,omitempty"`
	ExtraHosts      []string             `json:",omitempty"`
	GroupAdd        []string             `json:",omitempty"`
	IpcMode         string               `json:",omitempty"`
	Links           []string             `json:",omitempty"`
	OomScoreAdj     int                  `json:",omitempty"`
	PidMode         string               `json:",omitempty"`
	Privileged      bool                 `json:",omitempty"`
	ReadonlyRootfs  bool                 `json:",omitempty"`
	SecurityOpt     []string             `json:",omitempty"`
	StorageOpt      map[string]string    `json:",omitempty"`
	Tmpfs           map[string]string    `json:",omitempty"`
	UTSMode         string               `json:",omitempty"`
	UsernsMode      string               `json:",omitempty"`
	ShmSize         int64                `json:",omitempty"` // bytes
	Sysctls         map[string]string    `json:",omitempty"`
	Runtime         string               `json:",omitempty"`
	Isolation       string               `json:",omitempty"`
	Init            *bool                `json:",omitempty"`
	LogConfig       *LogConfig           `json:",omitempty"`
}

// RestartPolicy is when the engine starts a container again.
type RestartPolicy struct {
	Name              string
	MaximumRetryCount int `json:",omitempty"`
}

// LogConfig is where the engine keeps the output of a container.
type LogConfig struct {
	Type   string            `json:",omitempty"`
	Config map[string]string `json:",omitempty"`
}

// NetworkingConfig is how a container is tied to its network.
type NetworkingConfig struct {
	EndpointsConfig map[string]*Endpoint // by the names of networks
}

// Endpoint is the end of a network in a container.
type Endpoint struct {
	IPAMConfig *IPAMConfig `json:",omitempty"`
	Links      []string    `json:",omitempty"`
	Aliases    []string    `json:",omitempty"`
}

// IPAMConfig holds fixed addresses of a container.
type IPAMConfig struct {
	IPv4Address  string   `json:",omitempty"`
	IPv6Address  string   `json:",omitempty"`
	LinkLocalIPs []string `json:",omitempty"`
}
