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

// ftpFile is the [source] of ftp and ftps URIs. Paths are relative to the directory after login, as in curl; a leading
// %2F makes them absolute.
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

// ftpTraits asks for size and time, which servers need not support.
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

// dial connects and logs in to the server.
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

// dial connects to an address. The connection is closed with the line.
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

// ftpBody is a file being downloaded. It ends successfully only if the server confirms the transfer.
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

// Close ends the session after a complete download. Otherwise the line closes the connections.
func (b *ftpBody) Close() error {
	if errors.Is(b.ended, io.EOF) {
		return b.server.Quit()
	}
	return nil
}

// said formats replies of the server as code and text, and returns other errors unchanged.
func said(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("%d %s", answer.Code, answer.Msg)
	}
	return err
}

// ftpReturned formats a reply other than 226 at the end of a transfer as Mesos does.
func ftpReturned(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("Error downloading resource, received FTP return code %d", answer.Code)
	}
	return err
}
