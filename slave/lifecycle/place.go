package lifecycle

import (
	"context"
	"net/netip"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// An executor's driver itself says where it is, so whoever reaches the agent can speak for an executor that has just been
// started. It must at least be somebody on this machine, unless the executor can be elsewhere.

// near reports whether the driver of an executor is where the agent knows it can be, without asking anybody: at an address of the
// agent, or where the executor was told to be.
func (s *Executors) near(e *book.Executor, driver runtime.PID) bool {
	at := addressOf(driver)
	if !at.IsValid() {
		return false
	}
	if at == addressOf(s.Self()) || at.IsLoopback() {
		return true
	}
	for _, name := range []string{"LIBPROCESS_IP", "LIBPROCESS_ADVERTISE_IP"} {
		told := s.prepare.Environment[name]
		for _, v := range e.Info.GetCommand().GetEnvironment().GetVariables() {
			if v.GetName() == name {
				told = v.GetValue()
			}
		}
		if parse(told) == at {
			return true
		}
	}
	return s.inDocker(e)
}

// inDocker reports whether the executor itself is in a container of Docker's, of whose addresses the agent does not know.
func (s *Executors) inDocker(e *book.Executor) bool {
	c := e.Info.GetContainer()
	if c == nil {
		c = s.prepare.DefaultContainer
	}
	return !e.Command && c != nil && c.GetType() == mesospb.ContainerInfo_DOCKER
}

// there returns whether a driver is at an address of this machine or of what is bridged on it, or of the container of its executor.
func (s *Executors) there(e *book.Executor, driver runtime.PID) runtime.Future[bool] {
	at, container := addressOf(driver), e.Container
	own := runtime.Go(s, func(context.Context) ([]netip.Prefix, error) { return s.networks() })
	return runtime.Flatten(runtime.Then(own, func(all []netip.Prefix) (runtime.Future[bool], error) {
		if slices.ContainsFunc(all, func(n netip.Prefix) bool { return n.Contains(at) }) {
			return runtime.Ready(true), nil
		}
		return runtime.Then(s.containers.Status(container), func(c *mesospb.ContainerStatus) (bool, error) { return has(c, at), nil }), nil
	}))
}

// has reports whether a container has an address.
func has(c *mesospb.ContainerStatus, at netip.Addr) bool {
	for _, network := range c.GetNetworkInfos() {
		for _, a := range network.GetIpAddresses() {
			if at.IsValid() && parse(a.GetIpAddress()) == at {
				return true
			}
		}
	}
	return false
}

// addressOf returns the IP address of an actor, which is not valid if it has none.
func addressOf(p runtime.PID) netip.Addr {
	at, _ := netip.ParseAddrPort(p.Addr)
	return at.Addr().Unmap()
}

// parse returns an IP address, which is not valid if the text is none.
func parse(text string) netip.Addr {
	at, _ := netip.ParseAddr(text)
	return at.Unmap()
}
