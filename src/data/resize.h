// SPDX-License-Identifier: Apache-2.0
// Pictures of any size as images of one size.
#ifndef CLEF_DATA_RESIZE_H
#define CLEF_DATA_RESIZE_H

#include "io/picture.h"

// Scales a picture so that it just covers height x width, in its own proportions, and takes the
// middle: [height][width][3]. Each pixel is the mean of those below it, weighted by a triangle as
// wide as two of the new pixels (two of the old ones if it is enlarged), which is what Pillow
// calls bilinear. Computed with integers: the same bytes on each machine.
// @return CLEF_OUT_OF_MEMORY
clef_status clef_resize(const struct clef_picture *picture, int height, int width, uint8_t *dst);

#endif
