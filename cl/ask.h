// SPDX-License-Identifier: Apache-2.0
// Asking for the cache line of an element of global memory before it is needed, for processors. The
// compiler's own built-in is one instruction; `prefetch` is nothing with PoCL, and a call with
// Intel's driver, but what one that compiles for SPIR, as Oclgrind does, is sure to know.
#ifndef CLEF_ASK_H
#define CLEF_ASK_H

#define LINE 16 // Floats of a cache line.

#if !defined(__SPIR__) || defined(cl_intel_required_subgroup_size)
#define ASK_FOR(at) __builtin_prefetch((const void *)(size_t)(at))
#else
#define ASK_FOR(at) prefetch(at, 1)
#endif

#endif
