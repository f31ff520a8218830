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

#endif
