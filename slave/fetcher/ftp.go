package fetcher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/jlaffaye/ftp"
)

// ftpFile is a file that an FTP server has. Its path starts in the directory that the server shows after the login, as in
// curl; %2F at its beginning leads to the root.
//
// Mesos: net::download, which is curl.
type ftpFile struct {
	f   *fetch
	uri string
}

// open implements [source].
func (s ftpFile) open() (*content, error) {
	l := s.f.line()
	c, err := s.begin(l)
	if err != nil {
		err = l.cause(said(err))
		l.close()
		return nil, fmt.Errorf("Error downloading resource: %w", err)
	}
	return c, nil
}

func (s ftpFile) begin(l *line) (*content, error) {
	server, path, err := s.dial(l)
	if err != nil {
		return nil, err
	}
	found := ftpTraits(server, path)
	response, err := server.Retr(path)
	if err != nil {
		return nil, err
	}
	return &content{ReadCloser: &body{&ftpBody{Response: response, server: server}, l}, mode: 0o644, traits: found}, nil
}

// look implements [source].
func (s ftpFile) look() (traits, error) {
	l := s.f.line()
	defer l.close()
	server, path, err := s.dial(l)
	if err != nil {
		return traits{}, l.cause(err)
	}
	found := ftpTraits(server, path)
	_ = server.Quit()
	return found, nil
}

// ftpTraits asks for what servers need not know.
func ftpTraits(server *ftp.ServerConn, path string) traits {
	found := traits{size: -1}
	if size, err := server.FileSize(path); err == nil {
		found.size = size
	}
	if server.IsGetTimeSupported() {
		if at, err := server.GetTime(path); err == nil {
			found.version = at.UTC().String()
		}
	}
	return found
}

// dial logs in to the server.
func (s ftpFile) dial(l *line) (server *ftp.ServerConn, path string, err error) {
	u, err := url.Parse(s.uri)
	if err != nil {
		return nil, "", err
	}
	port, options := "21", []ftp.DialOption(nil)
	var security *tls.Config
	if u.Scheme == "ftps" {
		port, security = "990", &tls.Config{ServerName: u.Hostname(), ClientSessionCache: tls.NewLRUClientSessionCache(0)}
		options = append(options, ftp.DialWithTLS(security))
	}
	if u.Port() != "" {
		port = u.Port()
	}
	options = append(options, ftp.DialWithDialFunc(func(network, address string) (net.Conn, error) { return l.dial(network, address, security) }))
	if server, err = ftp.Dial(net.JoinHostPort(u.Hostname(), port), options...); err != nil {
		return nil, "", err
	}
	user, password := "anonymous", "ftp@example.com" // as curl does
	if u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	return server, strings.TrimPrefix(u.Path, "/"), server.Login(user, password)
}

// dial connects for as long as the line is there.
func (l *line) dial(network, address string, security *tls.Config) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(l.ctx, func() { conn.Close() })
	if security != nil {
		return tls.Client(conn, security), nil
	}
	return conn, nil
}

// ftpBody is a file that is on its way. It has come when the server says so.
type ftpBody struct {
	*ftp.Response
	server *ftp.ServerConn
	ended  error
}

// Read implements [io.Reader].
func (b *ftpBody) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	n, err := b.Response.Read(p)
	if errors.Is(err, io.EOF) {
		if failed := b.Response.Close(); failed != nil {
			err = ftpReturned(failed)
		}
	}
	b.ended = err
	return n, err
}

// Close says good-bye after a file that has come; the line ends the connections.
func (b *ftpBody) Close() error {
	if errors.Is(b.ended, io.EOF) {
		return b.server.Quit()
	}
	return nil
}

// said returns an error in the words of the server, if it is one of its answers.
func said(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%d %s", answer.Code, answer.Msg)
	}
	return err
}

// ftpReturned says it as Mesos does when the server does not end with 226.
func ftpReturned(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("Error downloading resource, received FTP return code %d", answer.Code)
	}
	return err
}
