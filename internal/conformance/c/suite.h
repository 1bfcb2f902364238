// suite.h: stands in for the config.h that a configure script makes, for test
// programs of others (suites.go).
#ifndef SUITE_H
#define SUITE_H
#define _GNU_SOURCE 1
#include <stdbool.h>
#include <unistd.h>

#define MALLOC_0_IS_NONNULL 1
#define GNULIB_TEST_CHDIR 1
#define HAVE_ISNANF_IN_LIBC 1
#define HAVE_ISNAND_IN_LIBC 1
#define HAVE_ISNANL_IN_LIBC 1
#define O_BINARY 0
#define O_TEXT 0
#define _GL_UNUSED __attribute__((unused))
#define _GL_ATTRIBUTE_UNUSED __attribute__((unused))
#define _GL_ATTRIBUTE_MAYBE_UNUSED __attribute__((unused))
#define _GL_ATTRIBUTE_PACKED __attribute__((packed))
#define _GL_ATTRIBUTE_CONST
#define _GL_ATTRIBUTE_PURE
#define _GL_ATTRIBUTE_FORMAT(x)
#define _GL_ATTRIBUTE_NODISCARD
#define _GL_ATTRIBUTE_DEPRECATED
#define _GL_ATTRIBUTE_NONNULL(x)
#define _GL_ATTRIBUTE_MALLOC
#define _GL_ATTRIBUTE_DEALLOC(a, b)
#define _GL_ATTRIBUTE_DEALLOC_FREE
#define _GL_ATTRIBUTE_RETURNS_NONNULL
#define _GL_ATTRIBUTE_ALLOC_SIZE(x)
#define _GL_ATTRIBUTE_COLD
#define _GL_ATTRIBUTE_FALLTHROUGH
#define _GL_ATTRIBUTE_NOTHROW
#define _GL_ATTRIBUTE_ALWAYS_INLINE
#define _GL_ARG_NONNULL(x)
#define _GL_INLINE static inline
#define _GL_EXTERN_INLINE static inline
#define _GL_INLINE_HEADER_BEGIN
#define _GL_INLINE_HEADER_END

// A test writes where it is started.
static void __attribute__((constructor)) suite_starts_in_tmp(void)
{
	if (chdir("/tmp") < 0)
		_exit(97);
}
#endif
