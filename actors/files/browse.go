package files

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/actors/account"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Browse lists the directory at a virtual path of n, ordered by name; for a file the list is empty. It fails with
// [ErrNotFound], [ErrForbidden] or an [InvalidError] if the request is at fault, and with another error if the machine
// is.
func Browse(n *runtime.Node, virtual string, who *web.Principal) runtime.Future[[]*mesospb.FileInfo] {
	f, ok := runtime.Find[*Files](n, ID)
	if !ok {
		return runtime.Failed[[]*mesospb.FileInfo](ErrNotFound)
	}
	return runtime.Flatten(runtime.Dispatch(f, func(f *Files) runtime.Future[[]*mesospb.FileInfo] {
		return f.browse(virtual, who)
	}))
}

func (f *Files) browse(virtual string, who *web.Principal) runtime.Future[[]*mesospb.FileInfo] {
	return at(f, virtual, who, func(p place) ([]*mesospb.FileInfo, error) { return p.list(clean(virtual)) })
}

// list returns the entries of the directory, with paths below virtual. Symbolic links are described as their targets;
// links that are broken or lead outside what is attached are omitted.
func (p place) list(virtual string) ([]*mesospb.FileInfo, error) {
	folder, _, err := p.open()
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if info, err := folder.Stat(); err != nil || !info.IsDir() {
		return nil, err
	}
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.attached)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	slices.Sort(names)
	owners := owners{users: map[uint32]string{}, groups: map[uint32]string{}}
	var all []*mesospb.FileInfo
	for _, name := range names {
		inside := place{p.attached, strings.TrimPrefix(p.rest+"/"+name, "/")}
		if info := inside.stat(root); info != nil {
			all = append(all, owners.describe(virtual+"/"+name, info))
		}
	}
	return all, nil
}

// stat returns the status of the file at p, opened through root, the attached directory, or nil if there is none.
func (p place) stat(root *os.Root) *syscall.Stat_t {
	_, relative, err := p.resolve()
	if err != nil {
		return nil
	}
	info, err := root.Lstat(relative)
	if err != nil {
		return nil
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	return stat
}

// owners caches the names of users and groups during one listing.
type owners struct{ users, groups map[uint32]string }

func (o *owners) describe(path string, s *syscall.Stat_t) *mesospb.FileInfo {
	return &mesospb.FileInfo{
		Path: &path, Nlink: proto.Int32(int32(s.Nlink)), Size: proto.Uint64(uint64(s.Size)),
		Mtime: &mesospb.TimeInfo{Nanoseconds: proto.Int64(s.Mtim.Sec * 1e9)}, Mode: proto.Uint32(s.Mode),
		Uid: proto.String(o.user(s.Uid)), Gid: proto.String(o.group(s.Gid)),
	}
}

// user returns the name of the user with the given ID, or the ID in decimal.
func (o *owners) user(id uint32) string {
	if o.users[id] == "" {
		o.users[id] = account.UserName(id)
	}
	return o.users[id]
}

func (o *owners) group(id uint32) string {
	if o.groups[id] == "" {
		o.groups[id] = account.GroupName(id)
	}
	return o.groups[id]
}

// appendListing appends the body of a response of /files/browse.
func appendListing(b []byte, all []*mesospb.FileInfo) []byte {
	b = append(b, '[')
	for i, info := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInfo(b, info)
	}
	return append(b, ']')
}

func appendInfo(b []byte, info *mesospb.FileInfo) []byte {
	b = mesosjson.AppendString(append(b, `{"gid":`...), info.GetGid())
	b = mesosjson.AppendString(append(b, `,"mode":`...), modeString(info.GetMode()))
	b = mesosjson.AppendFloat(append(b, `,"mtime":`...), float64(info.GetMtime().GetNanoseconds())/1e9)
	b = strconv.AppendInt(append(b, `,"nlink":`...), int64(info.GetNlink()), 10)
	b = mesosjson.AppendString(append(b, `,"path":`...), info.GetPath())
	b = strconv.AppendUint(append(b, `,"size":`...), info.GetSize(), 10)
	b = mesosjson.AppendString(append(b, `,"uid":`...), info.GetUid())
	return append(b, '}')
}

// kinds maps file types to the letters of ls -l.
var kinds = map[uint32]byte{
	syscall.S_IFREG: '-', syscall.S_IFDIR: 'd', syscall.S_IFCHR: 'c', syscall.S_IFBLK: 'b', syscall.S_IFIFO: 'p',
	syscall.S_IFLNK: 'l', syscall.S_IFSOCK: 's',
}

// modeString formats a mode as ls -l does, without the setuid, setgid and sticky bits.
func modeString(mode uint32) string {
	text := []byte("?rwxrwxrwx")
	if kind, ok := kinds[mode&syscall.S_IFMT]; ok {
		text[0] = kind
	} else {
		text[0] = '-'
	}
	for i := range 9 {
		if mode&(0o400>>i) == 0 {
			text[1+i] = '-'
		}
	}
	return string(text)
}
