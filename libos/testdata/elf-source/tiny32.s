.globl _start
_start: mov $1,%eax
 int $0x80
