// SPDX-License-Identifier: Apache-2.0
// The extents of a tensor in messages.
#ifndef CLEF_CORE_DIMS_TEXT_H
#define CLEF_CORE_DIMS_TEXT_H

enum { CLEF_DIMS_TEXT = 128 };

// Writes such as "[3, 3, 64, 64]", cut off if it is too long. Returns `text`.
char *clef_dims_text(int rank, const int *dims, char text[CLEF_DIMS_TEXT]);

#endif
