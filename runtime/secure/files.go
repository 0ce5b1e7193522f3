package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lookAgain is how long a transport relies on its files not having changed.
const lookAgain = time.Second

// material is what is in the files.
type material struct {
	cert  *tls.Certificate
	roots *x509.CertPool // nil means those of the system
}

// files keeps what is in the files of a transport.
type files struct {
	options *Options

	mu     sync.Mutex
	last   *material
	looked time.Time
	stamps map[string]stamp
}

// stamp tells whether a file has changed.
type stamp struct {
	size int64
	time time.Time
}

// get returns what is in the files, and reads them again if they have changed. If that fails, the earlier content is used
// as long as there is one: a certificate and its key are rarely replaced at the same moment.
func (f *files) get() (*material, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.options.Now()
	if f.last != nil && now.Sub(f.looked) < lookAgain {
		return f.last, nil
	}
	f.looked = now
	stamps := f.look()
	if f.last != nil && same(stamps, f.stamps) {
		return f.last, nil
	}
	m, err := f.read()
	switch {
	case err == nil && f.last != nil:
		f.options.Log.Info().Str("cert", f.options.Cert).Msg("certificates have changed and are used from now on")
	case err != nil && f.last != nil:
		f.options.Log.Error().Err(err).Msg("certificates have changed and cannot be used; the earlier ones remain in use")
		return f.last, nil
	case err != nil:
		return nil, err
	}
	f.last, f.stamps = m, stamps
	return m, nil
}

func same(x, y map[string]stamp) bool {
	if len(x) != len(y) {
		return false
	}
	for name, s := range x {
		if other, ok := y[name]; !ok || other.size != s.size || !other.time.Equal(s.time) {
			return false
		}
	}
	return true
}

// look returns the stamps of all files.
func (f *files) look() map[string]stamp {
	o, stamps := f.options, map[string]stamp{}
	for _, name := range append(listed(o.CADir), o.Cert, o.Key, o.CAFile) {
		if info, err := os.Stat(name); err == nil {
			stamps[name] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

// listed returns the files in a directory; none if dir is empty.
func listed(dir string) []string {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

func (f *files) read() (*material, error) {
	o := f.options
	cert, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("Could not load cert file '%s' and key file '%s': %w", o.Cert, o.Key, err)
	}
	m := &material{cert: &cert}
	if !o.VerifyServers || o.CAFile == "" && o.CADir == "" {
		return m, nil
	}
	if m.roots, err = authorities(o.CAFile, o.CADir); err != nil {
		return nil, fmt.Errorf("Could not load CA file and/or directory: %w", err)
	}
	return m, nil
}

// authorities reads the certificates in a file, and in the files of a directory, in which others are ignored.
//
// Differs: OpenSSL reads only those files of a directory that c_rehash has named.
func authorities(file, dir string) (*x509.CertPool, error) {
	pool, some := x509.NewCertPool(), false
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate", file)
		}
		some = true
	}
	for _, name := range listed(dir) {
		if text, err := os.ReadFile(name); err == nil && pool.AppendCertsFromPEM(text) {
			some = true
		}
	}
	if !some {
		return nil, errors.New(dir + " has no file with a certificate")
	}
	return pool, nil
}
