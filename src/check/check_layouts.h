// SPDX-License-Identifier: Apache-2.0
// Short names for the tables of rows.
#ifndef CLEF_CHECK_CHECK_LAYOUTS_H
#define CLEF_CHECK_CHECK_LAYOUTS_H

#include "check/check_session.h"
#include "check/oracle.h"

enum {
    NHWC = LAYOUT_NHWC,
    HWNC = LAYOUT_HWNC,
    NHWC_GAPS = LAYOUT_NHWC_GAPS,
    HWNC_GAPS = LAYOUT_HWNC_GAPS,
    SAME = ORACLE_SAME,
    VALID = ORACLE_VALID,
    SYMMETRIC = ORACLE_SYMMETRIC,
};

static inline struct clef_window check_window(const struct oracle_window *w)
{
    return (struct clef_window){.kernel_h = w->kernel_h,
                                .kernel_w = w->kernel_w,
                                .stride_h = w->stride_h,
                                .stride_w = w->stride_w,
                                .pad_top = w->pad_top,
                                .pad_left = w->pad_left};
}

// The order of a tensor's rows. Where there is one image or one position, both are the same.
static inline int layout_of(const struct clef_tensor *t)
{
    return t->stride_w == (size_t)t->c ? NHWC : HWNC;
}

// Whether an output is written over an input.
static inline bool is_same_place(const struct clef_tensor *a, const struct clef_tensor *b)
{
    return a->buffer == b->buffer && a->offset == b->offset;
}

// Finds the padding that makes this window of these images; false if none does.
bool find_padding(const struct clef_window *window, const struct clef_tensor *src,
                  const struct clef_tensor *dst, int *padding);

#endif
