package plugin

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"

	"meseta/messages/pb/pluginpb"
)

// Serve answers the requests that come in, one after the other, until there are no more.
func Serve(in io.Reader, out io.Writer, answer func(*pluginpb.Request) (*pluginpb.Response, error)) error {
	read := bufio.NewReader(in)
	for {
		r := &pluginpb.Request{}
		err := protodelim.UnmarshalOptions{MaxSize: most}.UnmarshalFrom(read, r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		response, err := answer(r)
		if err != nil {
			response = &pluginpb.Response{Error: err.Error()}
		}
		if _, err := protodelim.MarshalTo(out, response); err != nil {
			return fmt.Errorf("answer a request: %w", err)
		}
	}
}
