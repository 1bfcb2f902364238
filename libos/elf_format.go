package libos

import "fmt"

// What stands in ELF files (System V ABI, chapters 4 and 5; names as in
// Linux's include/uapi/linux/elf.h). Package debug/elf has the same and more,
// and brings decompressors and debug formats with it that every start of a
// cell would pay for.
const (
	elfMagic = "\x7fELF"

	elfClass32, elfClass64   = 1, 2 // e_ident[4]
	elfLittle, elfBig        = 1, 2 // e_ident[5]
	elfRel, elfExec, elfDyn  = 1, 2, 3
	elfX86, elfX86_64        = 3, 62
	elfLoad, elfInterp       = 1, 3
	elfPhdr                  = 6
	elfExecutes, elfWritable = 1, 2
	elfReadable              = 4
)

// elfMachine is e_machine: what the program is for.
type elfMachine uint16

// String names the machines that a program is likely to be for by mistake.
func (m elfMachine) String() string {
	switch m {
	case 8:
		return "EM_MIPS"
	case 20:
		return "EM_PPC"
	case 21:
		return "EM_PPC64"
	case 22:
		return "EM_S390"
	case 40:
		return "EM_ARM"
	case elfX86_64:
		return "EM_X86_64"
	case 183:
		return "EM_AARCH64"
	case 243:
		return "EM_RISCV"
	case 258:
		return "EM_LOONGARCH"
	}
	return fmt.Sprintf("ELF machine %d", uint16(m))
}
