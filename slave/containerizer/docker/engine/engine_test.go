package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/enginetest"
)

func connect(t *testing.T) (context.Context, *engine.Client) {
	t.Helper()
	c := engine.Dial(enginetest.Start(t))
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, c
}

// run runs a container to its end, as docker run does.
func run(t *testing.T, ctx context.Context, c *engine.Client, name string, r *engine.Create) (status int, stdout, stderr string) {
	t.Helper()
	id, err := c.Create(ctx, name, r)
	if err != nil {
		t.Fatal(err)
	}
	output, err := c.Attach(ctx, id, r.Tty)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if err := c.Start(ctx, id); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if err := output.Copy(&out, &errs); err != nil {
		t.Fatal(err)
	}
	status, err = c.Exit(ctx, id, engine.NotRunning, nil)
	if err != nil {
		t.Fatal(err)
	}
	return status, out.String(), errs.String()
}

// One engine for the whole life of containers: it takes a second or two to start.
func TestContainers(t *testing.T) {
	t.Parallel()
	ctx, c := connect(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, context.Context, *engine.Client)
	}{
		{"output and exit status", testRun}, {"stop, list, exec, update, use and remove", testLong}, {"images", testImages}, {"bad requests", testBad},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, ctx, c) })
	}
}

func testRun(t *testing.T, ctx context.Context, c *engine.Client) {
	r := &engine.Create{Image: enginetest.Image, Cmd: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}}
	status, out, errs := run(t, ctx, c, "mesos-run", r)
	if status != 3 || out != "out\n" || errs != "err\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	one, err := c.Inspect(ctx, "mesos-run")
	if err != nil || one.Name != "/mesos-run" || one.State.Running || !one.Started() || !bytes.Contains(one.Raw, []byte(`"ExitCode":3`)) {
		t.Errorf("%+v, %v", one, err)
	}
}

func testLong(t *testing.T, ctx context.Context, c *engine.Client) {
	const long = `trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done`
	id, err := c.Create(ctx, "mesos-long", &engine.Create{Image: enginetest.Image, Cmd: []string{"sh", "-c", long}})
	if err != nil {
		t.Fatal(err)
	}
	output, err := c.Attach(ctx, id, false)
	if err == nil {
		err = c.Start(ctx, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if all, err := c.List(ctx, "mesos-"); err != nil || len(all) != 2 || all[0] != (engine.Named{ID: id, Name: "mesos-long"}) {
		t.Errorf("%v, %v", all, err)
	}
	if status, err := c.Exec(ctx, id, []string{"sh", "-c", "echo noise; test $A = 1; exit 4"}, []string{"A=1"}); err != nil || status != 4 {
		t.Errorf("%d, %v", status, err)
	}
	if err := c.Update(ctx, id, engine.Limits{CPUShares: 64, Memory: 64 << 20, MemorySwap: 128 << 20}); err != nil {
		t.Error(err)
	}
	if u, err := c.Usage(ctx, id); err != nil || u.RSS() == 0 || u.CPU.Usage.User+u.CPU.Usage.System == 0 {
		t.Errorf("%+v, %v", u, err)
	}
	one, err := c.Inspect(ctx, id)
	if err != nil || !one.State.Running || one.State.Pid == 0 || !strings.Contains(string(one.Raw), `"CpuShares":64`) {
		t.Errorf("%+v, %v", one, err)
	}
	if ip, _ := one.Addresses(); ip != "" && !strings.HasPrefix(ip, "172.") {
		t.Errorf("address %q", ip)
	}
	if err := c.Stop(ctx, "mesos-long", time.Minute); err != nil {
		t.Error(err)
	}
	if status, err := c.Exit(ctx, id, engine.NotRunning, nil); status != 7 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	for range 2 { // what is gone already is no error
		if err := errors.Join(c.Kill(ctx, "mesos-run"), c.Stop(ctx, "mesos-run", 0), c.Remove(ctx, id)); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Inspect(ctx, id); !engine.Missing(err) || err.Error() != "Error response from daemon: No such container: "+id {
		t.Errorf("%v", err)
	}
}

func testImages(t *testing.T, ctx context.Context, c *engine.Client) {
	for image, want := range map[string]bool{enginetest.Image: true, "box:latest": true, "box:other": false, "some/where/else": false} {
		if has, err := c.HasImage(ctx, image); has != want || err != nil {
			t.Errorf("%s: %t, %v", image, has, err)
		}
	}
	_, err := c.Create(ctx, "mesos-none", &engine.Create{Image: "none"})
	if !engine.Missing(err) || err.Error() != "Error response from daemon: No such image: none:latest" {
		t.Error(err)
	}
	if err := c.Pull(ctx, "127.0.0.1:9/nobody/listens", nil); err == nil || !strings.HasPrefix(err.Error(), "Error response from daemon: ") {
		t.Error(err)
	}
}

func testBad(t *testing.T, ctx context.Context, c *engine.Client) {
	_, err := c.Create(ctx, "mesos-run", &engine.Create{Image: enginetest.Image})
	if err == nil || !strings.Contains(err.Error(), "is already in use") {
		t.Error(err)
	}
	none, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Inspect(none, "mesos-run"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
