package daemon

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// lastWords is how long a daemon that is told to quit may take to write its file.
const lastWords = 5 * time.Second

// leaveTrace has SIGQUIT, by which operators end a daemon that does not answer any more, leave behind what the node remembers,
// before the program prints what its goroutines do and exits with 2, as it does without. A second SIGQUIT, and SIGABRT, end it at once.
// testament writes the file and says where. Nothing is left behind any more once stop was called.
func leaveTrace(testament func() string) (stop func()) {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, told := <-quit; !told {
			return
		}
		signal.Reset(syscall.SIGQUIT)
		ctx, over := context.WithTimeout(context.Background(), lastWords) // the disk may hang, or nobody reads standard error
		waiting.Go(func() {
			defer over()
			if where := testament(); where != "" {
				fmt.Fprintln(os.Stderr, where)
			}
		})
		<-ctx.Done()
		syscall.Kill(os.Getpid(), syscall.SIGQUIT) //nolint:errcheck // a process may signal itself
	})
	return func() {
		signal.Stop(quit)
		close(quit)
		waiting.Wait()
	}
}
