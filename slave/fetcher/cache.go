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

// Cache keeps fetched files in a directory of the agent, separately for each user: [user/]c<number>-<name>. It starts
// empty, and evicts the least recently used files to make room for others. It is safe for concurrent use by all fetches
// of an agent.
//
// Mesos: FetcherProcess::Cache.
//
// Differs: the files belong to the agent, so that tasks cannot change them. Two agents never share a directory: nothing is
// cached while another agent uses it, or if others could write to it.
type Cache struct {
	dir  string
	size uint64 // bytes

	mu     sync.Mutex
	root   *os.Root // nil until the first file is cached
	lock   *os.File // locked against other agents
	used   uint64   // bytes reserved for files, including those being fetched
	serial uint64   // number of the latest file
	items  map[key]*item
	order  list.List // the items, the least recently used one first
}

// key identifies a cached file.
type key struct{ user, uri string }

// item is a file of the cache.
type item struct {
	key
	cache *Cache
	name  string // below the cache's directory
	place *list.Element

	// Set before done is closed, and constant afterwards.
	done  chan struct{}
	err   error // why the file was not cached
	from  traits
	mode  os.FileMode // mode of copies of the file
	stamp time.Time   // modification time of the file

	// Guarded by the cache's mutex.
	reserved uint64
	users    int  // fetches that use the file, which stays until they release it
	dropped  bool // not found by take any more
}

// NewCache returns a cache of at most size bytes in dir, which is created when the first file is cached. If dir exists,
// the files that an earlier agent cached there are removed now. If this fails, NewCache returns both the error and a
// cache, which tries again when it is used.
func NewCache(dir string, size uint64) (*Cache, error) {
	c := &Cache{dir: dir, size: size, items: map[key]*item{}}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.open()
}

// Usage returns the size of the cache and the space in use, in bytes. Both are 0 for a nil cache.
func (c *Cache) Usage() (size, used uint64) {
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size, c.used
}

// Close releases the directory for other agents. Closing a nil cache does nothing.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil
	}
	return errors.Join(c.lock.Close(), c.root.Close()) // fetches under way fail to use it
}

// open creates, locks and empties the directory unless that has been done. The caller holds the mutex.
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

// own checks that only the agent can write to the directory, and locks it until the returned file is closed.
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

// cached matches the names of cached files.
var cached = regexp.MustCompile(`^c[0-9]+-`)

// wipe removes the files that an earlier agent cached, and no others.
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
		_ = root.Remove(user) // fails if it contains other files
	}
	return err
}

// take returns the item for a key, which may still be being fetched. If there was none, mine is true, and the caller must
// fetch the file and call finish. In both cases the caller must release the item.
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

// fileName returns the name of a cached file. It contains the end of the URI, whose suffix tells archives apart.
//
// Mesos: FetcherProcess::Cache::nextFilename.
func fileName(serial uint64, uri string) string {
	base, _ := basename(uri)
	if len(base) > 20 {
		base = base[:10] + "_" + base[len(base)-10:]
	}
	return fmt.Sprintf("c%d-%s", serial, strings.ReplaceAll(base, "/", "_"))
}

// reserve reserves n bytes for an item, and evicts others if necessary.
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

// create creates the file of an item.
func (e *item) create() (*os.File, error) {
	return e.cache.root.OpenFile(e.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// open opens the file of a finished item. It fails if the file has changed since.
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

// finish completes an item, successfully or with an error, and wakes those that wait for it.
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

// settle replaces the reserved size with the actual one.
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

// forget removes an item from the cache, so that the next fetch of its URI fetches it again.
func (e *item) forget() {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	e.cache.drop(e)
}

// release ends the use of an item that take returned.
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

// sweep removes the file of a dropped item that is not in use.
func (c *Cache) sweep(e *item) {
	if !e.dropped || e.users > 0 {
		return
	}
	if err := c.root.Remove(e.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // its space stays reserved, as in Mesos
	}
	c.used -= e.reserved
	e.reserved = 0
}
