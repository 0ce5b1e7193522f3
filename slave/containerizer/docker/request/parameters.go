package request

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"meseta/slave/containerizer/docker/engine"
)

// setter applies the value of an option of docker run.
type setter func(r *engine.Create, value string) error

// parameters has the long options of docker run, without those that are about the command itself (attach, cidfile, detach,
// detach-keys, env-file, label-file, name, pull, sig-proxy), and those that this agent does not have (annotation,
// disable-content-trust, gpus, platform).
var parameters = union(ofProcess, ofNetwork, ofLimits, ofFiles, ofEngine)

func union(parts ...map[string]setter) map[string]setter {
	all := map[string]setter{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

// Parameters returns the names of all options that are supported, in order.
func Parameters() []string { return slices.Sorted(maps.Keys(parameters)) }

var ofProcess = map[string]setter{
	"cap-add":      list(func(r *engine.Create) *[]string { return &r.HostConfig.CapAdd }),
	"cap-drop":     list(func(r *engine.Create) *[]string { return &r.HostConfig.CapDrop }),
	"cgroupns":     text(func(r *engine.Create) *string { return &r.HostConfig.CgroupnsMode }),
	"entrypoint":   func(r *engine.Create, v string) error { r.Entrypoint = []string{v}; return nil },
	"env":          list(func(r *engine.Create) *[]string { return &r.Env }),
	"group-add":    list(func(r *engine.Create) *[]string { return &r.HostConfig.GroupAdd }),
	"init":         truth(func(r *engine.Create, b bool) { r.HostConfig.Init = &b }),
	"interactive":  truth(func(r *engine.Create, b bool) { r.OpenStdin = b }),
	"ipc":          text(func(r *engine.Create) *string { return &r.HostConfig.IpcMode }),
	"isolation":    text(func(r *engine.Create) *string { return &r.HostConfig.Isolation }),
	"pid":          text(func(r *engine.Create) *string { return &r.HostConfig.PidMode }),
	"privileged":   truth(func(r *engine.Create, b bool) { r.HostConfig.Privileged = b }),
	"runtime":      text(func(r *engine.Create) *string { return &r.HostConfig.Runtime }),
	"security-opt": securityOption,
	"stop-signal":  text(func(r *engine.Create) *string { return &r.StopSignal }),
	"stop-timeout": func(r *engine.Create, v string) error {
		n, err := strconv.Atoi(v)
		r.StopTimeout = &n
		return plain(err)
	},
	"sysctl":  pairs(func(r *engine.Create) *map[string]string { return &r.HostConfig.Sysctls }),
	"tty":     truth(func(r *engine.Create, b bool) { r.Tty = b }),
	"ulimit":  ulimit,
	"user":    text(func(r *engine.Create) *string { return &r.User }),
	"userns":  text(func(r *engine.Create) *string { return &r.HostConfig.UsernsMode }),
	"uts":     text(func(r *engine.Create) *string { return &r.HostConfig.UTSMode }),
	"workdir": text(func(r *engine.Create) *string { return &r.WorkingDir }),
}

var ofLimits = map[string]setter{
	"blkio-weight":       number(func(r *engine.Create, n int64) { r.HostConfig.BlkioWeight = uint16(n) }),
	"cgroup-parent":      text(func(r *engine.Create) *string { return &r.HostConfig.CgroupParent }),
	"cpu-period":         number(func(r *engine.Create, n int64) { r.HostConfig.CPUPeriod = n }),
	"cpu-quota":          number(func(r *engine.Create, n int64) { r.HostConfig.CPUQuota = n }),
	"cpu-rt-period":      number(func(r *engine.Create, n int64) { r.HostConfig.CPURealtimePeriod = n }),
	"cpu-rt-runtime":     number(func(r *engine.Create, n int64) { r.HostConfig.CPURealtime = n }),
	"cpu-shares":         number(func(r *engine.Create, n int64) { r.HostConfig.CPUShares = n }),
	"cpus":               cpus,
	"cpuset-cpus":        text(func(r *engine.Create) *string { return &r.HostConfig.CpusetCpus }),
	"cpuset-mems":        text(func(r *engine.Create) *string { return &r.HostConfig.CpusetMems }),
	"device":             device,
	"device-cgroup-rule": list(func(r *engine.Create) *[]string { return &r.HostConfig.DeviceCgroupRules }),
	"kernel-memory":      size(func(r *engine.Create, n int64) { r.HostConfig.KernelMemory = n }),
	"memory":             size(func(r *engine.Create, n int64) { r.HostConfig.Memory = n }),
	"memory-reservation": size(func(r *engine.Create, n int64) { r.HostConfig.MemoryReservation = n }),
	"memory-swap": func(r *engine.Create, v string) (err error) {
		if r.HostConfig.MemorySwap = -1; v != "-1" {
			r.HostConfig.MemorySwap, err = bytes(v)
		}
		return err
	},
	"memory-swappiness": number(func(r *engine.Create, n int64) { r.HostConfig.MemorySwappiness = &n }),
	"oom-kill-disable":  truth(func(r *engine.Create, b bool) { r.HostConfig.OomKillDisable = &b }),
	"oom-score-adj":     number(func(r *engine.Create, n int64) { r.HostConfig.OomScoreAdj = int(n) }),
	"pids-limit":        number(func(r *engine.Create, n int64) { r.HostConfig.PidsLimit = &n }),
	"shm-size":          size(func(r *engine.Create, n int64) { r.HostConfig.ShmSize = n }),
}

var ofEngine = map[string]setter{
	"health-cmd": health(func(h *engine.Healthcheck, v string) error {
		h.Test = []string{"CMD-SHELL", v}
		return nil
	}),
	"health-interval":     health(func(h *engine.Healthcheck, v string) error { return duration(&h.Interval, v) }),
	"health-start-period": health(func(h *engine.Healthcheck, v string) error { return duration(&h.StartPeriod, v) }),
	"health-timeout":      health(func(h *engine.Healthcheck, v string) error { return duration(&h.Timeout, v) }),
	"health-retries": health(func(h *engine.Healthcheck, v string) (err error) {
		h.Retries, err = strconv.Atoi(v)
		return plain(err)
	}),
	"no-healthcheck": truth(func(r *engine.Create, b bool) {
		if b {
			r.Healthcheck = &engine.Healthcheck{Test: []string{"NONE"}}
		}
	}),
	"label": func(r *engine.Create, v string) error {
		name, value, _ := strings.Cut(v, "=")
		put(&r.Labels, name, value)
		return nil
	},
	"log-driver": func(r *engine.Create, v string) error { logging(r).Type = v; return nil },
	"log-opt": func(r *engine.Create, v string) error {
		return pair(&logging(r).Config, v)
	},
	"restart": restart,
	"rm":      truth(func(r *engine.Create, b bool) { r.HostConfig.AutoRemove = b }),
}

func restart(r *engine.Create, v string) error {
	name, count, counted := strings.Cut(v, ":")
	p := &engine.RestartPolicy{Name: name}
	r.HostConfig.RestartPolicy = p
	if !counted {
		return nil
	}
	var err error
	p.MaximumRetryCount, err = strconv.Atoi(count)
	return plain(err)
}

func logging(r *engine.Create) *engine.LogConfig {
	if r.HostConfig.LogConfig == nil {
		r.HostConfig.LogConfig = &engine.LogConfig{}
	}
	return r.HostConfig.LogConfig
}

// securityOption sets a security option. Profiles for seccomp are files of the agent, whose content the engine gets.
func securityOption(r *engine.Create, v string) error {
	name, value, found := strings.Cut(v, "=")
	if !found {
		name, value, found = strings.Cut(v, ":")
	}
	if found && name == "seccomp" && value != "unconfined" && value != "builtin" {
		profile, err := os.ReadFile(value)
		if err != nil {
			return fmt.Errorf("opening seccomp profile (%s) failed: %w", value, err)
		}
		v = "seccomp=" + string(profile)
	}
	r.HostConfig.SecurityOpt = append(r.HostConfig.SecurityOpt, v)
	return nil
}

func health(set func(*engine.Healthcheck, string) error) setter {
	return func(r *engine.Create, v string) error {
		if r.Healthcheck == nil {
			r.Healthcheck = &engine.Healthcheck{}
		}
		return set(r.Healthcheck, v)
	}
}

func duration(to *int64, v string) error {
	d, err := time.ParseDuration(v)
	*to = int64(d)
	return plain(err)
}

// ulimit sets a limit such as nofile=1024:2048.
func ulimit(r *engine.Create, v string) error {
	name, value, found := strings.Cut(v, "=")
	soft, hard, two := strings.Cut(value, ":")
	if !two {
		hard = soft
	}
	s, err := strconv.ParseInt(soft, 10, 64)
	h, err2 := strconv.ParseInt(hard, 10, 64)
	if !found || err != nil || err2 != nil {
		return errors.New("it should be like nofile=1024:2048")
	}
	r.HostConfig.Ulimits = append(r.HostConfig.Ulimits, engine.Ulimit{Name: name, Soft: s, Hard: h})
	return nil
}

func cpus(r *engine.Create, v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || n < 0 || n > 1e6 {
		return errors.New("it is not a number of processors")
	}
	r.HostConfig.NanoCPUs = int64(n * 1e9)
	return nil
}
