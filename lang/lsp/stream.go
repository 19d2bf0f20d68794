package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

const (
	maxHeader  = 64 << 10 // bytes in a line of a message's header
	maxMessage = 1 << 30  // bytes in a message
)

// stream carries the protocol's messages. Unlike the library's codec it takes
// a message that is no JSON, or a header that is none, for one bad message:
// it tells the client and reads on.
type stream struct {
	io.Closer
	r *bufio.Reader

	mu sync.Mutex
	w  io.Writer
}

func newStream(rw io.ReadWriteCloser) *stream {
	return &stream{Closer: rw, r: bufio.NewReaderSize(rw, maxHeader), w: rw}
}

// WriteObject sends a message.
func (s *stream) WriteObject(obj interface{}) error {
	data, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(data))
	b.Write(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.w.Write(b.Bytes())
	return err
}

// ReadObject receives the next message that is one.
func (s *stream) ReadObject(v interface{}) error {
	for {
		body, err := s.next()
		if err != nil {
			return err
		}
		if err = json.Unmarshal(body, v); err == nil {
			return nil
		}
		code := jsonrpc2.CodeInvalidRequest
		if !json.Valid(body) {
			code = jsonrpc2.CodeParseError
		}
		if err := s.WriteObject(map[string]interface{}{"jsonrpc": "2.0", "id": nil, "error": &jsonrpc2.Error{Code: int64(code), Message: err.Error()}}); err != nil {
			return err
		}
	}
}

// next is the body of the next message. Lines that are no header are skipped.
func (s *stream) next() ([]byte, error) {
	length := -1
	for {
		line, err := s.r.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = errors.New("a header line is too long")
			}
			return nil, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			if length >= 0 {
				break
			}
			continue
		}
		name, value, _ := strings.Cut(text, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "content-length") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < 0 || n > maxMessage {
			return nil, fmt.Errorf("bad header '%s'", text)
		}
		length = n
	}
	// The buffer grows with what comes, not with what was announced.
	var b bytes.Buffer
	if _, err := io.CopyN(&b, s.r, int64(length)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
