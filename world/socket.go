package world

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Pair makes the two ends of a connection for Serve and NewClient, both closed
// on exec.
func Pair() (server, client int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("the world's socket cannot be made (%w): close what holds descriptors and try again", err)
	}
	return ends[0], ends[1], nil
}

// Serve answers the requests that come over a blocking socket (an end of Pair) until
// the other end closes it: nil. A message that is not a request ends it with
// ErrMessage. It does not close fd, but shuts it down, so that the client sees
// the end; shutting it down from another goroutine ends Serve.
func (s *Server) Serve(fd int) error {
	defer unix.Shutdown(fd, unix.SHUT_RDWR)
	in := make([]byte, requestMax+1) // a longer message shows by its length
	var out []byte
	for {
		n, err := receive(fd, in)
		if n == 0 || err != nil {
			return hangup(err)
		}
		r, err := decodeRequest(in[:n])
		if err != nil {
			return err
		}
		resp := s.Do(r)
		if r.Op == OpClose {
			continue
		}
		out = appendResponse(out[:0], &resp)
		err = send(fd, out, resp.FD)
		if resp.FD >= 0 {
			unix.Close(resp.FD)
		}
		if err != nil {
			return hangup(err)
		}
	}
}

// hangup makes no error of a client that has gone: it may die at any time.
func hangup(err error) error {
	if err == nil || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return fmt.Errorf("the world's socket failed (%w): the run cannot go on", err)
}

// receive takes one message; descriptors that come with it are dropped by the
// kernel, since there is no room for them (unix(7)).
func receive(fd int, buf []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// send sends one message, with a descriptor if there is one.
func send(fd int, msg []byte, with int) error {
	var rights []byte
	if with >= 0 {
		rights = unix.UnixRights(with)
	}
	for {
		_, err := unix.SendmsgN(fd, msg, rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// Client is a Service whose world is at the other end of a socket. It may be
// used by several goroutines at once; requests go one after the other. When
// the connection is lost, every request gets EIO.
type Client struct {
	mu     sync.Mutex
	fd     int
	buf    []byte
	rights []byte
	broken bool
}

// NewClient uses the blocking socket fd, which stays the caller's to close.
func NewClient(fd int) *Client {
	return &Client{fd: fd, buf: make([]byte, 0, responseMax+1), rights: make([]byte, unix.CmsgSpace(4))}
}

// Do implements Service. An OpClose is sent and not waited for.
func (c *Client) Do(r Request) Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(r.Path) >= PathMax || len(r.Path2) >= PathMax {
		return Response{Errno: unix.ENAMETOOLONG, FD: -1}
	}
	if c.broken {
		return Response{Errno: unix.EIO, FD: -1}
	}
	c.buf = appendRequest(c.buf[:0], &r)
	if err := send(c.fd, c.buf, -1); err != nil {
		c.broken = true
		return Response{Errno: unix.EIO, FD: -1}
	}
	if r.Op == OpClose {
		return Response{FD: -1}
	}
	resp, err := c.receive()
	if err != nil {
		c.broken = true
		return Response{Errno: unix.EIO, FD: -1}
	}
	return resp
}

// receive takes one response with its descriptor.
func (c *Client) receive() (Response, error) {
	var n, oobn, flags int
	var err error
	for {
		n, oobn, flags, _, err = unix.Recvmsg(c.fd, c.buf[:cap(c.buf)], c.rights, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return Response{}, err
	}
	fd, err := oneDescriptor(c.rights[:oobn])
	if err != nil {
		return Response{}, err
	}
	resp, err := decodeResponse(c.buf[:max(n, 0)])
	wanted := err == nil && resp.FD >= 0
	if fd >= 0 && !wanted {
		unix.Close(fd)
	}
	switch {
	case err != nil:
		return Response{}, err
	case wanted && fd < 0 && flags&unix.MSG_CTRUNC != 0: // no descriptor free in this process
		drop := appendRequest(nil, &Request{Op: OpClose, Dir: resp.Handle})
		return Response{Errno: unix.EMFILE, FD: -1, Scratch: resp.Scratch, Epoch: resp.Epoch}, send(c.fd, drop, -1)
	case wanted && fd < 0:
		return Response{}, ErrMessage
	case wanted:
		resp.FD = fd
	}
	return resp, nil
}

// oneDescriptor takes the descriptor out of a control message, -1 for none.
// The buffer has room for one, so no more can have come.
func oneDescriptor(oob []byte) (int, error) {
	if len(oob) == 0 {
		return -1, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1, err
	}
	return fds[0], nil
}
