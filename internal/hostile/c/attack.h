// attack.h: what the hostile guests share. A program lists its attacks when it
// has no argument, and tries those that its arguments name: it prints the
// name, and "alive" if it survives. With "--catch" first a handler prints the
// signal, and the next attack follows in the same process.
#ifndef ATTACK_H
#define ATTACK_H

#include "facts.h"
#include <setjmp.h>
#include <signal.h>

// What an attack leaves for people to see.
unsigned long seen;

// list prints the names of all attacks; attack tries one and says 0 if there
// is none of that name.
static void list(void);
static int attack(const char *name);

// guarded calls a function that may spoil every register but RSP, and one that
// does spoil it may jump to came_back.
void came_back(void);
void guarded(void (*run)(unsigned long), unsigned long argument);
__asm__(".local stack_pointer; .comm stack_pointer, 8, 8\n"
	"guarded: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rax\n"
	"mov %rdi, %rax; mov %rsi, %rdi; mov %rsp, stack_pointer; call *%rax\n"
	"came_back: cld; mov stack_pointer, %rsp\n"
	"pop %rax; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");

static sigjmp_buf back;

static void caught(int sig)
{
	// Linux leaves the alignment check as it was.
	__asm__ volatile("pushf; andl $0xfffbffff, (%%rsp); popf" ::: "cc", "memory");
	switch (sig) {
#define S(name) case name: say(#name); break;
	S(SIGSEGV) S(SIGBUS) S(SIGILL) S(SIGFPE) S(SIGTRAP)
#undef S
	default: say("signal %d", sig);
	}
	siglongjmp(back, 1);
}

static void catch_all(void)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	must(sigaltstack(&alternate, 0) == 0);
	struct sigaction action = {.sa_handler = caught, .sa_flags = SA_ONSTACK};
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			must(sigaction(sig, &action, 0) == 0);
}

// try tries one attack that has been found.
static void try(const char *name, void (*run)(unsigned long), unsigned long argument)
{
	say("%s", name);
	seen = 0;
	if (sigsetjmp(back, 1) == 0) {
		guarded(run, argument);
		say("alive, %lu", seen);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		list();
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--catch") == 0)
			catch_all();
		else if (!attack(argv[i]))
			return 2;
	return 0;
}

// An entry of a table of attacks without an argument, and what list and attack
// do with such a table.
struct entry {
	const char *name;
	void (*run)(void);
};
static void list_table(const struct entry *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		say("%s", table[i].name);
}
static int attack_table(const struct entry *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, table[i].name) == 0) {
			try(name, (void (*)(unsigned long))table[i].run, 0);
			return 1;
		}
	return 0;
}
#define TABLE(...)                                                             \
	static const struct entry table[] = {__VA_ARGS__};                     \
	static void list(void) { list_table(table, LEN(table)); }              \
	static int attack(const char *name) { return attack_table(table, LEN(table), name); }

#endif
