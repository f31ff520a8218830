// SPDX-License-Identifier: Apache-2.0
// Asking for a cache line before it is needed, for processors. Of `prefetch` PoCL makes nothing.
#ifndef CLEF_ASK_H
#define CLEF_ASK_H

#define LINE 16 // Floats of a cache line.
#define ASK_FOR(at) __builtin_prefetch((const void *)(size_t)(at))

#endif
