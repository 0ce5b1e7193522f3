package fetcher_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"meseta/slave/fetcher"
)

// ftpServer speaks as much of FTP as is needed to fetch.
type ftpServer struct {
	t     *testing.T
	addr  string
	files map[string]string // by path
	times map[string]string // as MDTM tells them
	end   string            // what is said after a file; empty: 226
	stall chan func()       // holds what ends the client's patience, in the middle of a file; nil: it is not needed
	size  string            // told of each file; empty: the true one
	tls   *tls.Config       // of ftps; nil: it is ftp

	mu    sync.Mutex
	said  []string // by clients
	conns []net.Conn
}

func newFTP(t *testing.T, files map[string]string) *ftpServer {
	t.Helper()
	return startFTP(t, &ftpServer{files: files})
}

// newFTPS returns a server that encrypts.
func newFTPS(t *testing.T, c tls.Certificate, files map[string]string) *ftpServer {
	t.Helper()
	return startFTP(t, &ftpServer{files: files, tls: &tls.Config{Certificates: []tls.Certificate{c}}})
}

// listen listens for the session, or for the connection of a file.
func (s *ftpServer) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil && s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	return l, err
}

func startFTP(t *testing.T, s *ftpServer) *ftpServer {
	t.Helper()
	l, err := s.listen()
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.addr, s.times = t, l.Addr().String(), map[string]string{}
	var serving sync.WaitGroup
	serving.Add(1)
	go func() {
		defer serving.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.keep(c)
			serving.Add(1)
			go func() {
				defer serving.Done()
				s.serve(c)
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		serving.Wait()
	})
	return s
}

func (s *ftpServer) keep(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
}

func (s *ftpServer) serve(c net.Conn) {
	defer c.Close()
	say := func(line string) { fmt.Fprint(c, line, "\r\n") }
	say("220 ready")
	var data net.Listener
	for lines := bufio.NewScanner(c); lines.Scan(); {
		s.mu.Lock()
		s.said = append(s.said, lines.Text())
		verb, path, _ := strings.Cut(lines.Text(), " ")
		content, ok := s.files[path]
		at := s.times[path]
		s.mu.Unlock()
		switch {
		case verb == "USER":
			say("331 password")
		case verb == "PASS" && path == "wrong":
			say("530 no")
		case verb == "PASS":
			say("230 in")
		case verb == "FEAT":
			say("211-features\r\n MDTM\r\n211 end")
		case verb == "TYPE", s.tls != nil && (verb == "PBSZ" || verb == "PROT"):
			say("200 ok")
		case verb == "EPSV":
			data, _ = s.listen()
			say(fmt.Sprintf("229 (|||%d|)", data.Addr().(*net.TCPAddr).Port))
		case verb == "SIZE" && ok && s.size != "":
			say("213 " + s.size)
		case verb == "SIZE" && ok:
			say(fmt.Sprint("213 ", len(content)))
		case verb == "MDTM" && ok && at != "":
			say("213 " + at)
		case verb == "RETR" && ok:
			say("150 it comes")
			s.send(data, content)
			if s.end == "" {
				say("226 done")
			} else {
				say(s.end)
			}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("550 no")
		}
	}
}

func (s *ftpServer) send(data net.Listener, content string) {
	defer data.Close()
	d, err := data.Accept()
	if err != nil {
		return
	}
	defer d.Close()
	s.keep(d)
	if s.stall != nil {
		for len(s.stall) > 0 {
			(<-s.stall)()
		}
		_, _ = d.Read(make([]byte, 1)) // until it is closed
		return
	}
	fmt.Fprint(d, content)
}

// asked tells whether clients said a line.
func (s *ftpServer) asked(line string) (times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, said := range s.said {
		if said == line {
			times++
		}
	}
	return times
}

// Files come from the directory that the login leads to, or from the root, with the name and password of the URI.
func TestFTP(t *testing.T) {
	t.Parallel()
	s := newFTP(t, map[string]string{"d/f": "relative", "/d/f": "absolute", "a b": "space", "x.tgz": string(gzipped(t, tarball(t, file("e/f"))))})
	k := kitchen{sandbox: t.TempDir()}
	base := "ftp://" + s.addr
	err := k.fetch(uri(base+"/d/f"), uri(base+"/%2Fd/f", named("g")), uri("ftp://me:secret@"+s.addr+"/a%20b", named("h")), uri(base+"/x.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"f": "relative", "g": "absolute", "h": "space", "e/f": "content of e/f"} {
		k.holds(t, name, want)
	}
	if s.asked("USER anonymous") != 3 || s.asked("USER me") != 1 || s.asked("PASS secret") != 1 || s.asked("TYPE I") != 4 {
		t.Errorf("the server heard %q", s.said)
	}
}

// What goes wrong is said, and the server is left.
func TestFTPFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path  string
		spoil func(*ftpServer)
		want  string
	}{
		"no such file":    {"/missing", func(*ftpServer) {}, "Error downloading resource: 550 no"},
		"no such user":    {"me:wrong@/f", func(*ftpServer) {}, "Error downloading resource: 530 no"},
		"not whole":       {"/f", func(s *ftpServer) { s.end = "451 disk on fire" }, "Error downloading resource, received FTP return code 451"},
		"smaller":         {"/f", func(s *ftpServer) { s.size = "9" }, "9 bytes were announced, 7 or more came"},
		"larger":          {"/f", func(s *ftpServer) { s.size = "3" }, "3 bytes were announced, 4 or more came"},
		"a stall":         {"/f", func(s *ftpServer) { s.stall = make(chan func(), 10) }, "stands still"},
		"another command": {"/f%0D%0ADELE%20f", func(*ftpServer) {}, "CR or LF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFTP(t, map[string]string{"f": "content"})
			c.spoil(s)
			login, path, found := strings.Cut(c.path, "@")
			if !found {
				login, path = "", c.path
			} else {
				login += "@"
			}
			k := kitchen{sandbox: t.TempDir()}
			o := fetcher.Options{Clock: stopwatch{fire: s.stall}}
			err := k.fetchWith(t.Context(), o, uri("ftp://"+login+s.addr+path, named("f")))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the fetch ended with %v, want %q", err, c.want)
			}
			if s.asked("DELE f") > 0 {
				t.Error("the URI said a command")
			}
		})
	}
}

// The cache knows files by size and time, where the server tells them.
func TestFTPThroughTheCache(t *testing.T) {
	t.Parallel()
	s, l := newFTP(t, map[string]string{"f": "one"}), newLarder(t, 100)
	s.times["f"] = "20200101000000"
	l.wants(t, "ftp://"+s.addr+"/f", "f", "one")
	l.wants(t, "ftp://"+s.addr+"/f", "f", "one")
	s.mu.Lock()
	s.times["f"], s.files["f"] = "20200101000001", "two"
	s.mu.Unlock()
	l.wants(t, "ftp://"+s.addr+"/f", "f", "two")
	if s.asked("RETR f") != 2 {
		t.Errorf("the server heard %q", s.said)
	}
}
