package blackbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// encryption returns the variables of a node that encrypts everything, with a certificate for this machine of an authority
// that is made for the test, and requires the same of others.
func encryption(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	made := func(name string, template, above *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.Subject = pkix.Name{CommonName: name}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		template.BasicConstraintsValid = true
		if signer == nil {
			above, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, above, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + "-key.pem": {Type: "EC PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	ca, caKey := made("authority", &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	made("node", &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, caKey)
	return map[string]string{
		"LIBPROCESS_SSL_ENABLED": "1", "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT": "1", "LIBPROCESS_SSL_VERIFY_IPADD": "1",
		"LIBPROCESS_SSL_CERT_FILE": filepath.Join(dir, "node.pem"), "LIBPROCESS_SSL_KEY_FILE": filepath.Join(dir, "node-key.pem"),
		"LIBPROCESS_SSL_CA_FILE": filepath.Join(dir, "authority.pem"), "LIBPROCESS_SSL_ENABLE_TLS_V1_3": "1",
		"LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH": "1",
	}
}

// With everything on, as SECURITY.md recommends it, tasks of both kinds of executors run, and operators see them; nobody else
// is let in. No secret is in a log, in the state, in the list of processes, or in the environment of a task.
func TestEverythingIsOn(t *testing.T) {
	t.Parallel()
	variables := encryption(t)
	var env []string
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	forExecutors, err := json.Marshal(variables)
	if err != nil {
		t.Fatal(err)
	}
	const secret, key = "a-secret-that-nobody-sees", "a-key-that-nobody-sees-either"
	one := `{"principal": "ann", "secret": "` + secret + `"}`
	all, credential := write(t, "all", `{"credentials": [`+one+`]}`), write(t, "one", one)
	guarded := []string{
		"--authenticate_http_readonly", "--authenticate_http_readwrite",
		`--acls={"permissive": false, "register_agents": [{"principals": {"values": ["ann"]}, "agents": {"type": "ANY"}}],
			"register_frameworks": [{"principals": {"values": ["ann"]}, "roles": {"type": "ANY"}}],
			"run_tasks": [{"principals": {"values": ["ann"]}, "users": {"type": "ANY"}}],
			"view_roles": [{"principals": {"values": ["ann"]}, "roles": {"type": "ANY"}}],
			"view_tasks": [{"principals": {"values": ["ann"]}, "users": {"type": "ANY"}}],
			"view_executors": [{"principals": {"values": ["ann"]}, "users": {"type": "ANY"}}],
			"view_frameworks": [{"principals": {"values": ["ann"]}, "users": {"type": "ANY"}}]}`,
	}
	master := startDaemonWith(t, env, "mesos-master", append(guarded, "--ip=127.0.0.1", "--port=0", "--hostname=localhost", "--registry=in_memory",
		"--credentials="+all, "--authenticate_agents", "--authenticate_frameworks", "--authenticate_http_frameworks", "--http_framework_authenticators=basic")...)
	work := t.TempDir()
	agent := startDaemonWith(t, env, "mesos-agent", append(guarded, "--ip=127.0.0.1", "--port=0", "--hostname=localhost", "--work_dir="+work,
		"--runtime_dir="+t.TempDir(), "--launcher_dir="+bin, "--master="+master.address, "--resources=cpus:4;mem:1024;disk:1000",
		"--registration_backoff_factor=10ms", "--credential="+credential, "--http_credentials="+all,
		"--jwt_secret_key="+write(t, "key", key), "--authenticate_http_executors", "--executor_environment_variables="+string(forExecutors))...)
	agent.awaits("registered")

	group := `{"tasks": [{"name": "g", "task_id": {"value": "g"}, "agent_id": {"value": ""}, "resources": [
		{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}],
		"command": {"value": "env"}}]}`
	for _, kind := range [][]string{{"--name=c", "--command=env"}, {"--task_group=" + group}} {
		status, out := does(t, env, "mesos-execute", append(kind, "--master="+master.address, "--credential="+credential)...)
		if status != 0 || !strings.Contains(out, "TASK_FINISHED") {
			t.Errorf("%s: %d %s", kind, status, out)
		}
	}
	if status, out := does(t, env, "mesos-execute", "--master="+master.address, "--name=x", "--command=true"); status == 0 {
		t.Errorf("without a credential: %s", out)
	}
	status, state := does(t, append(env, "MESOS_CREDENTIAL="+credential), "mesos", "--master="+master.address, "state")
	if status != 0 || !strings.Contains(state, "1") {
		t.Errorf("mesos state: %d %s", status, state)
	}
	if status, out := does(t, env, "mesos", "--master="+master.address, "state"); status == 0 || !strings.Contains(out, "401") {
		t.Errorf("mesos state without a credential: %d %s", status, out)
	}
	if answer, err := http.Get("http://" + master.address + "/state"); err == nil {
		t.Errorf("without encryption: %s", answer.Status)
	}

	hidden := []string{secret, key}
	if found := whoShows(t, hidden, work, master.out.String()+agent.out.String()+state, master, agent); len(found) > 0 {
		t.Errorf("secrets are in %q", found)
	}
	outputs, err := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors/*/runs/latest/stdout"))
	if err != nil || len(outputs) == 0 {
		t.Error(outputs, err)
	}
	for _, path := range outputs {
		if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "AUTHENTICATION_TOKEN") {
			t.Errorf("%s: %v %s", path, err, text)
		}
	}
}

// whoShows lists where one of some texts is: in what was said, in a file below a folder, or in the arguments and variables of
// daemons.
func whoShows(t *testing.T, hidden []string, folder, said string, daemons ...*process) (found []string) {
	t.Helper()
	look := func(what string, text []byte) {
		if slices.ContainsFunc(hidden, func(h string) bool { return strings.Contains(string(text), h) }) {
			found = append(found, what)
		}
	}
	look("what was printed", []byte(said))
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		look(path, text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, p := range daemons {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file))
			if err != nil {
				t.Error(err)
			}
			look(p.name+" "+file, text)
		}
	}
	return found
}
