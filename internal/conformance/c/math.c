// math: results bit by bit, rounding, exceptions, x87 and vector units, and
// that their state is the program's own across system calls.
#include "facts.h"
#include <complex.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <sched.h>
#include <xmmintrin.h>

static uint64_t bits(double x)
{
	uint64_t b;
	memcpy(&b, &x, 8);
	return b;
}

typedef double one(double);
typedef double two(double, double);
typedef float onef(float);
#define F(f) {#f, f}

static void test_functions(void)
{
	static const struct { const char *name; one *f; } ones[] = {
		F(sin), F(cos), F(tan), F(asin), F(acos), F(atan), F(sinh), F(cosh), F(tanh), F(asinh), F(acosh), F(atanh),
		F(exp), F(exp2), F(expm1), F(log), F(log2), F(log10), F(log1p), F(sqrt), F(cbrt), F(floor), F(ceil),
		F(round), F(trunc), F(rint), F(nearbyint), F(erf), F(erfc), F(lgamma), F(tgamma), F(fabs), F(logb), F(j0),
	};
	static const struct { const char *name; two *f; } twos[] = {
		F(pow), F(atan2), F(fmod), F(hypot), F(remainder), F(fdim), F(nextafter), F(copysign), F(fmax), F(fmin),
	};
	static const struct { const char *name; onef *f; } floats[] = {
		F(sinf), F(cosf), F(tanf), F(expf), F(logf), F(exp2f), F(log2f), F(sqrtf), F(tanhf), F(floorf),
	};
	static const double special[] = {0.0, -0.0, 0.5, 1, -1, 1e-310, 1e300, -1e300, 3.14159, 1e22, INFINITY, -INFINITY};
	for (size_t i = 0; i < LEN(ones); i++) {
		uint64_t h = 0;
		for (double x = -50; x < 50; x += 0.00731)
			h = h * 31 + bits(ones[i].f(x) + 0.0) % 0xfff8000000000000;
		for (size_t k = 0; k < LEN(special); k++) {
			double y = ones[i].f(special[k]);
			h = h * 31 + (isnan(y) ? 1 : bits(y));
		}
		say("%s %016lx", ones[i].name, (unsigned long)h);
	}
	for (size_t i = 0; i < LEN(twos); i++) {
		uint64_t h = 0;
		for (double x = -20; x < 20; x += 0.317)
			for (double y = -5; y < 5; y += 0.173) {
				double z = twos[i].f(x, y);
				h = h * 31 + (isnan(z) ? 1 : bits(z));
			}
		say("%s %016lx", twos[i].name, (unsigned long)h);
	}
	for (size_t i = 0; i < LEN(floats); i++) {
		uint64_t h = 0;
		for (float x = -30; x < 30; x += 0.0173f) {
			float y = floats[i].f(x);
			h = h * 31 + (isnan(y) ? 1 : bits(y));
		}
		say("%s %016lx", floats[i].name, (unsigned long)h);
	}
	double a = 0.1, b = 10, c = -1;
	say("fma %016lx", (unsigned long)bits(fma(a, b, c)));
	double complex z = csqrt(-2 + 3 * I) * cexp(1 + I);
	say("complex %016lx %016lx", (unsigned long)bits(creal(z)), (unsigned long)bits(cimag(z)));
	long double l = sqrtl(2.0L) * expl(1.0L) + sinl(0.5L);
	unsigned char bytes[16] = {0};
	memcpy(bytes, &l, 10);
	say("long double %016lx", (unsigned long)sum(bytes, 10));
}

static void test_environment(void)
{
	say("# rounding, exceptions");
	static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
	volatile double one_ = 1, three = 3, zero = 0, big = DBL_MAX;
	volatile long double lone = 1, lthree = 3;
	for (size_t i = 0; i < LEN(modes); i++) {
		TRY(fesetround(modes[i]));
		sched_yield(); // a system call in between
		IS(fegetround() == modes[i]);
		say("%016lx %.25Lg %ld %.0f", (unsigned long)bits(one_ / three), lone / lthree, lrint(2.5), rint(-1.5));
	}
	fesetround(FE_TONEAREST);
	feclearexcept(FE_ALL_EXCEPT);
	volatile double r = one_ / zero;
	IS(fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
	r = zero / zero;
	sched_yield();
	IS(fetestexcept(FE_INVALID) && fetestexcept(FE_DIVBYZERO));
	r = big * big;
	IS(fetestexcept(FE_OVERFLOW) && fetestexcept(FE_INEXACT));
	volatile double least = DBL_MIN;
	r = least * least;
	IS(fetestexcept(FE_UNDERFLOW));
	(void)r;
	feclearexcept(FE_ALL_EXCEPT);
	IS(fetestexcept(FE_ALL_EXCEPT) == 0);
	_mm_setcsr(_mm_getcsr() | 0x8040); // flush to zero, denormals are zero
	sched_yield();
	volatile double small = 1e-310;
	say("%g", small * one_);
	_mm_setcsr(0x1f80);
	say("%g", small * one_);
}

static void test_registers(void)
{
	say("# state across system calls");
	unsigned long in[16], out[16];
	for (int i = 0; i < 16; i++)
		in[i] = 0x1111111111111111UL * i + 5;
	long result = SYS_sched_yield;
	__asm__ volatile(
		"movdqu (%1), %%xmm0; movdqu 16(%1), %%xmm1; movdqu 32(%1), %%xmm7; movdqu 48(%1), %%xmm8;"
		"movdqu 64(%1), %%xmm15; syscall;"
		"movdqu %%xmm0, (%2); movdqu %%xmm1, 16(%2); movdqu %%xmm7, 32(%2); movdqu %%xmm8, 48(%2);"
		"movdqu %%xmm15, 64(%2)"
		: "+a"(result)
		: "r"(in), "r"(out)
		: "rcx", "r11", "memory", "xmm0", "xmm1", "xmm7", "xmm8", "xmm15");
	IS(memcmp(in, out, 80) == 0);
	unsigned long b, d, r8, r9, r10, r12, r15, di, si, flags;
	__asm__ volatile(
		"mov $1, %%rbx; mov $2, %%rdx; mov $3, %%rdi; mov $4, %%rsi; mov $5, %%r8; mov $6, %%r9;"
		"mov $7, %%r10; mov $8, %%r12; mov $9, %%r15; mov $24, %%eax; std; stc; syscall; pushf; pop %%rax; cld;"
		"mov %%rax, %5; mov %%rdx, %1; mov %%rdi, %2; mov %%rsi, %3; mov %%r8, %4"
		: "=&b"(b), "=m"(d), "=m"(di), "=m"(si), "=m"(r8), "=m"(flags)
		:
		: "rax", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "r12", "r15", "memory", "cc");
	say("%lu %lu %lu %lu %lu DF %lx CF %lx", b, d, di, si, r8, flags & 0x400, flags & 1);
	__asm__ volatile("mov $6, %%r9; mov $7, %%r10; mov $8, %%r12; mov $9, %%r15; mov $24, %%eax; syscall;"
			 "mov %%r9, %0; mov %%r10, %1; mov %%r12, %2; mov %%r15, %3"
			 : "=m"(r9), "=m"(r10), "=m"(r12), "=m"(r15)
			 :
			 : "rax", "rcx", "r9", "r10", "r11", "r12", "r15", "memory");
	say("%lu %lu %lu %lu", r9, r10, r12, r15);
	long double keep;
	long nr = SYS_sched_yield;
	__asm__ volatile("fldpi; syscall; fstpt %0" : "=m"(keep), "+a"(nr)::"rcx", "r11", "memory");
	say("%.20Lg", keep);
	// RCX and R11 hold the return address and the flags.
	unsigned long rcx, r11, here;
	__asm__ volatile("mov $24, %%eax; lea 1f(%%rip), %%rbx; syscall; 1: mov %%rcx, %0; mov %%r11, %1; mov %%rbx, %2"
			 : "=m"(rcx), "=m"(r11), "=m"(here)::"rax", "rbx", "rcx", "r11", "memory");
	IS(rcx == here);
	IS((r11 & 0x200) != 0);
	// The red zone below the stack pointer is the program's.
	unsigned long red;
	__asm__ volatile("movq $0x77, -64(%%rsp); mov $24, %%eax; syscall; mov -64(%%rsp), %0" : "=r"(red)::"rax", "rcx", "r11", "memory");
	say("red zone %lx", red);
}

int main(void)
{
	test_functions();
	test_environment();
	test_registers();
	return 0;
}
