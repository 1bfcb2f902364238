package libos

import (
	"bytes"
	"encoding/binary"
	"syscall"
)

// span gives the next piece of guest memory from addr on: as many bytes of
// length as lie together in one region that permits access, backed as far as
// one fault goes. It is nil where the guest itself would fault, and for length
// 0. It is valid until the next change of the address space.
func (p *Process) span(addr, length uint64, access Prot) []byte {
	if length == 0 || addr >= regionsEnd {
		return nil
	}
	if p.touch(addr, access, length) != touchOK {
		return nil
	}
	r := p.mem.regions.at(addr)
	return p.cfg.Memory.View(addr, min(length, r.end-addr))
}

// copyIn copies guest memory from addr to dst and returns how many bytes: fewer
// than len(dst) where the guest could not read on.
func (p *Process) copyIn(dst []byte, addr uint64) int {
	done := 0
	for done < len(dst) {
		from := p.span(addr+uint64(done), uint64(len(dst)-done), ProtRead)
		if from == nil {
			break
		}
		done += copy(dst[done:], from)
	}
	return done
}

// copyOut copies src to guest memory at addr and returns how many bytes: fewer
// than len(src) where the guest could not write on.
func (p *Process) copyOut(addr uint64, src []byte) int {
	done := 0
	for done < len(src) {
		to := p.span(addr+uint64(done), uint64(len(src)-done), ProtWrite)
		if to == nil {
			break
		}
		done += copy(to, src[done:])
	}
	return done
}

// copyString gives the string at addr, without its NUL, which must be among
// the first max bytes: EFAULT, ENAMETOOLONG.
func (p *Process) copyString(addr uint64, max int) (string, errno) {
	var s []byte
	for len(s) < max {
		from := p.span(addr+uint64(len(s)), uint64(max-len(s)), ProtRead)
		if from == nil {
			return "", syscall.EFAULT
		}
		if n := bytes.IndexByte(from, 0); n >= 0 {
			return string(append(s, from[:n]...)), 0
		}
		s = append(s, from...)
	}
	return "", syscall.ENAMETOOLONG
}

// readStruct copies a structure in, whole or not at all.
func (p *Process) readStruct(addr uint64, dst []byte) errno {
	if p.copyIn(dst, addr) < len(dst) {
		return syscall.EFAULT
	}
	return 0
}

// writeStruct copies a structure out; EFAULT if not all of it could be.
func (p *Process) writeStruct(addr uint64, src []byte) errno {
	if p.copyOut(addr, src) < len(src) {
		return syscall.EFAULT
	}
	return 0
}

// readWords copies n 64-bit words in.
func (p *Process) readWords(addr uint64, n int) ([]uint64, errno) {
	raw := make([]byte, 8*n)
	if e := p.readStruct(addr, raw); e != 0 {
		return nil, e
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return words, 0
}

// writeWords copies 64-bit words out.
func (p *Process) writeWords(addr uint64, words ...uint64) errno {
	raw := make([]byte, 0, 8*len(words))
	for _, w := range words {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	return p.writeStruct(addr, raw)
}

// write32 copies 32-bit words out.
func (p *Process) write32(addr uint64, words ...uint32) errno {
	raw := make([]byte, 0, 4*len(words))
	for _, w := range words {
		raw = binary.LittleEndian.AppendUint32(raw, w)
	}
	return p.writeStruct(addr, raw)
}
