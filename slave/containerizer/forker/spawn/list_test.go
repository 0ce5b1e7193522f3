package spawn

import (
	"syscall"
	"testing"
)

// Whatever numbers the files of a process have in its parent, none takes the place of another before that has its own.
func TestArrange(t *testing.T) {
	t.Parallel()
	for _, most := range []int{3, 4, 9} {
		files := make([]int, 4)
		for n := range most * most * most * most {
			for i := range files {
				files[i], n = n%most, n/most
			}
			arranged(t, files)
		}
	}
}

// arranged carries out what arrange lists on a table of files, each of which is what it was before.
func arranged(t *testing.T, files []int) {
	t.Helper()
	var l list
	l.arrange(files)
	table, inherited := map[uintptr]int{}, map[uintptr]bool{}
	for _, fd := range files {
		table[uintptr(fd)] = fd
	}
	for _, s := range l.steps {
		from, to := s.args[0], s.args[1]
		switch s.number {
		case syscall.SYS_DUP3:
			table[to], inherited[to] = table[from], s.args[2] == 0
		case syscall.SYS_FCNTL:
			inherited[from] = true
		}
	}
	for i, want := range files {
		if got := table[uintptr(i)]; got != want || !inherited[uintptr(i)] {
			t.Errorf("of %v, file %d is %d and inherited: %t", files, i, got, inherited[uintptr(i)])
		}
		delete(inherited, uintptr(i))
	}
	for fd, is := range inherited {
		if is {
			t.Errorf("of %v, %d is inherited, too", files, fd)
		}
	}
}
