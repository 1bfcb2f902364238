package world

import (
	"time"

	"golang.org/x/sys/unix"
)

// Do answers one request. A descriptor in the response is the caller's.
func (s *Server) Do(r Request) Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := s.do(r)
	if resp.FD >= 0 {
		fd, err := unix.FcntlInt(uintptr(resp.FD), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			s.close(resp.Handle)
			s.sweep()
			return Response{Errno: errnoOf(err), FD: -1, Scratch: s.scratch, Epoch: s.epoch}
		}
		resp.FD = fd
	}
	return resp
}

// do is Do under the lock; a descriptor in the response is the server's own.
func (s *Server) do(r Request) Response {
	if s.closed {
		return Response{Errno: unix.EIO, FD: -1}
	}
	s.scratchLimit = r.Scratch
	s.catchUp(time.Duration(r.Uptime))
	resp := Response{FD: -1}
	resp.Errno = s.answer(&r, &resp)
	s.sweep()
	if resp.Errno != 0 && r.Op != OpGrow {
		resp = Response{Errno: resp.Errno, FD: -1}
	}
	resp.Scratch, resp.Epoch = s.scratch, s.epoch
	return resp
}

func (s *Server) answer(r *Request, resp *Response) errno {
	switch r.Op {
	case OpOpen:
		return s.open(r, resp)
	case OpClose:
		return s.close(r.Dir)
	case OpStat, OpReadlink, OpTruncate, OpChmod, OpUtimens, OpAccess, OpStatfs:
		return s.onNode(r, resp)
	case OpList:
		return s.list(r, resp)
	case OpMkdir, OpCreate:
		return s.make(r)
	case OpUnlink:
		return s.unlink(r)
	case OpRmdir:
		return s.rmdir(r)
	case OpRename:
		return s.rename(r)
	case OpGrow, OpAllocate, OpSync, OpPath:
		return s.onHandle(r, resp)
	}
	return unix.ENOSYS
}

// handle finds an open handle.
func (s *Server) handle(h Handle) (*handle, errno) {
	if h == Root {
		return &handle{dir: s.root, kind: KindDir, mount: s.root.mount}, 0
	}
	if int64(h) >= int64(len(s.handles)) || s.handles[h] == nil {
		return nil, unix.EBADF
	}
	return s.handles[h], 0
}

// canOpen says whether one more handle is allowed, before anything is done.
func (s *Server) canOpen() errno {
	if len(s.free) == 0 && len(s.handles) > maxHandles {
		return unix.ENFILE
	}
	return 0
}

func (s *Server) newHandle(o *handle) Handle {
	if o.dir != nil {
		o.dir.refs++
	}
	if n := len(s.free); n > 0 {
		h := s.free[n-1]
		s.free = s.free[:n-1]
		s.handles[h] = o
		return h
	}
	s.handles = append(s.handles, o)
	return Handle(len(s.handles) - 1)
}

func (s *Server) close(h Handle) errno {
	if h == Root {
		return 0
	}
	o, e := s.handle(h)
	if e != 0 {
		return e
	}
	s.handles[h] = nil
	s.free = append(s.free, h)
	s.dropListing(o)
	if o.dir != nil {
		s.release(o.dir)
	} else {
		o.file.close()
	}
	return 0
}

// onHandle serves the requests that name an open handle and nothing else.
func (s *Server) onHandle(r *Request, resp *Response) (e errno) {
	o, e := s.handle(r.Dir)
	if e != 0 {
		return e
	}
	if o.dir != nil {
		switch r.Op {
		case OpPath:
			resp.Text, e = o.dir.path()
			return e
		case OpSync:
			return o.dir.sync()
		case OpGrow:
			return unix.EISDIR
		}
		if e := checkAllocate(r.Flags, r.Offset, r.Size); e != 0 {
			return e
		}
		return unix.EBADF // a folder is never open for writing
	}
	switch r.Op {
	case OpPath:
		return unix.ENOTDIR
	case OpSync:
		if o.kind != KindFile {
			return unix.EINVAL
		}
		return o.file.sync()
	case OpGrow:
		if resp.Size, e = o.file.grow(r.Offset, r.Size); e == 0 {
			resp.Room = o.file.lend(resp.Size)
		}
		return e
	}
	return o.file.allocate(r.Flags, r.Offset, r.Size)
}
