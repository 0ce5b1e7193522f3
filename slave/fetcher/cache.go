package fetcher

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cache keeps what was fetched, for each user apart, in a directory of the agent: files called c<number>-<end of the URI>,
// in a directory for each user. It forgets what was not used for longest when it has no room for more. It begins empty.
// All fetches of an agent may use it at the same time.
//
// Mesos: FetcherProcess::Cache.
//
// Differs: the files are the agent's, so that no task can change them. The directory is the agent's alone: an agent that
// finds another one in it, or the directory in other hands, caches nothing.
type Cache struct {
	dir  string
	size uint64

	mu     sync.Mutex
	root   *os.Root // nil until something is cached
	lock   *os.File // keeps other agents out
	used   uint64   // bytes of files, those on their way included
	serial uint64   // of the last file
	items  map[key]*item
	order  list.List // the items, the least recently used first
}

// key names what is cached.
type key struct{ user, uri string }

// item is one file of the cache.
type item struct {
	key
	cache *Cache
	name  string // below the cache's directory
	place *list.Element

	// Set before done is closed, and not changed afterwards.
	done  chan struct{}
	err   error // why it is not there
	from  traits
	mode  os.FileMode // of copies
	stamp time.Time   // when the file was last changed

	// Guarded by the cache's mutex.
	reserved uint64
	users    int  // it is not removed before they have released it
	dropped  bool // nobody gets it any more
}

// NewCache returns a cache of that many bytes in a directory that is made when it is needed. What an earlier agent has
// cached there is removed at once. If that fails the cache is returned nevertheless, and tries again when it is needed.
func NewCache(dir string, size uint64) (*Cache, error) {
	c := &Cache{dir: dir, size: size, items: map[key]*item{}}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.open()
}

// Usage returns how many bytes the cache may hold and does; a nil one, none.
func (c *Cache) Usage() (size, used uint64) {
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size, c.used
}

// Close lets another agent use the directory. A nil cache can be closed.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil
	}
	return errors.Join(c.lock.Close(), c.root.Close()) // whoever still wants something finds it closed
}

// open takes the directory.
func (c *Cache) open() error {
	if c.root != nil {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	lock, err := own(root)
	if err == nil {
		err = wipe(root)
	}
	if err != nil {
		root.Close()
		if lock != nil {
			lock.Close()
		}
		return fmt.Errorf("fetcher cache %s: %w", c.dir, err)
	}
	c.root, c.lock = root, lock
	return nil
}

// own demands that a directory belongs to this process alone, and keeps others out until what it returns is closed.
func own(root *os.Root) (*os.File, error) {
	lock, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	info, err := lock.Stat()
	if err != nil {
		return lock, err
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != os.Geteuid() || s.Mode&0o022 != 0 {
		return lock, errors.New("it belongs to another user, or others may write to it")
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return lock, fmt.Errorf("another agent uses it: %w", err)
	}
	return lock, nil
}

// cached is what files of a cache are called.
var cached = regexp.MustCompile(`^c[0-9]+-`)

// wipe removes what an earlier agent has cached, and nothing else.
func wipe(root *os.Root) error {
	all, err := fs.ReadDir(root.FS(), ".")
	for _, d := range all {
		switch {
		case err != nil:
		case cached.MatchString(d.Name()) && d.Type().IsRegular():
			err = root.Remove(d.Name())
		case d.IsDir():
			err = wipeUser(root, d.Name())
		}
	}
	return err
}

func wipeUser(root *os.Root, user string) error {
	all, err := fs.ReadDir(root.FS(), user)
	for _, d := range all {
		if err == nil && cached.MatchString(d.Name()) && d.Type().IsRegular() {
			err = root.Remove(filepath.Join(user, d.Name()))
		}
	}
	if err == nil {
		_ = root.Remove(user) // unless there is something else
	}
	return err
}

// take returns what is cached, or on its way, under a key. If it is neither, mine is true and the caller has to bring it
// and to call finish. It is the caller's until it is released.
func (c *Cache) take(k key) (e *item, mine bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.open(); err != nil {
		return nil, false, err
	}
	if e := c.items[k]; e != nil {
		e.users++
		c.order.MoveToBack(e.place)
		return e, false, nil
	}
	if k.user != "" {
		if err := c.root.Mkdir(k.user, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, false, err
		}
	}
	c.serial++
	e = &item{key: k, cache: c, name: filepath.Join(k.user, fileName(c.serial, k.uri)), users: 1, done: make(chan struct{})}
	e.place = c.order.PushBack(e)
	c.items[k] = e
	return e, true, nil
}

// fileName keeps the end of long names, which tells what the file is.
//
// Mesos: FetcherProcess::Cache::nextFilename.
func fileName(serial uint64, uri string) string {
	base, _ := basename(uri)
	if len(base) > 20 {
		base = base[:10] + "_" + base[len(base)-10:]
	}
	return fmt.Sprintf("c%d-%s", serial, strings.ReplaceAll(base, "/", "_"))
}

// reserve makes room for an item.
//
// Mesos: FetcherProcess::Cache::reserve.
func (c *Cache) reserve(e *item, n uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var victims []*item
	free := c.size - min(c.size, c.used)
	for at := c.order.Front(); at != nil && free < n; at = at.Next() {
		if victim := at.Value.(*item); victim.users == 0 {
			victims = append(victims, victim)
			free += victim.reserved
		}
	}
	if free < n {
		return fmt.Errorf("Could not free up enough fetcher cache space: %d bytes are needed, of %d", n, c.size)
	}
	for _, victim := range victims {
		c.drop(victim)
	}
	c.used += n
	e.reserved = n
	return nil
}

// create makes the file of an item.
func (e *item) create() (*os.File, error) {
	return e.cache.root.OpenFile(e.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// open opens the file of an item that is done, if it is as it was.
func (e *item) open() (*os.File, error) {
	f, err := e.cache.root.OpenFile(e.name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || uint64(info.Size()) != e.reserved || !info.ModTime().Equal(e.stamp)) {
		err = errors.New("it was changed")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// finish tells those who wait for an item that it is there, or why it is not.
func (e *item) finish(err error) {
	c := e.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = e.settle()
	}
	if e.err = err; err != nil {
		c.drop(e)
	}
	close(e.done)
}

// settle looks how large the file has become.
//
// Mesos: FetcherProcess::Cache::adjust.
func (e *item) settle() error {
	info, err := e.cache.root.Lstat(e.name)
	if err != nil {
		return err
	}
	size := uint64(info.Size())
	if size > e.reserved {
		return fmt.Errorf("%d bytes came where %d were announced", size, e.reserved)
	}
	e.cache.used -= e.reserved - size
	e.reserved, e.stamp = size, info.ModTime()
	return nil
}

// forget makes the next who wants an item bring it anew.
func (e *item) forget() {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	e.cache.drop(e)
}

// release lets an item go that was taken.
func (e *item) release() {
	c := e.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	c.sweep(e)
}

func (c *Cache) drop(e *item) {
	if e.dropped {
		return
	}
	e.dropped = true
	delete(c.items, e.key)
	c.order.Remove(e.place)
	c.sweep(e)
}

// sweep removes the file of an item that nobody has or gets.
func (c *Cache) sweep(e *item) {
	if !e.dropped || e.users > 0 {
		return
	}
	if err := c.root.Remove(e.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // its room is lost, as in Mesos
	}
	c.used -= e.reserved
	e.reserved = 0
}
