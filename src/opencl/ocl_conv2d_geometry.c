// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_geometry.h"

#include <limits.h>
#include <stdlib.h>

// The taps that one line (or column) of the target sees: `count` taps, `step` from each other.
struct line {
    int first, count;
    int origin; // The line of the source where the window begins.
};

// A dimension of the image: lines that see the same taps are in one class.
struct axis {
    enum ocl_conv2d_pass pass;
    int target, source, kernel, stride, pad;
    int step;     // From a line's tap to its next.
    int classes;  // Number of classes.
    int *members; // A line of each class.
    int *class;   // Of each line.
};

// The source line that a tap meets, counted from the line's origin.
static int tap_distance(const struct axis *axis, int tap)
{
    return axis->pass == OCL_CONV2D_FORWARD ? tap : -(tap / axis->stride);
}

static struct line line_of(const struct axis *axis, int target)
{
    struct line line = {0, 0, 0};
    int first = 0; // That could be seen if the image had no end.
    if (axis->pass == OCL_CONV2D_FORWARD) {
        line.origin = target * axis->stride - axis->pad;
    } else {
        line.origin = (target + axis->pad) / axis->stride;
        first = (target + axis->pad) % axis->stride;
    }
    for (int tap = first; tap < axis->kernel; tap += axis->step) {
        int source = line.origin + tap_distance(axis, tap);
        if (source < 0 || source >= axis->source)
            continue;
        if (line.count == 0)
            line.first = tap;
        line.count++;
    }
    return line;
}

static bool axis_classify(struct axis *axis)
{
    axis->step = axis->pass == OCL_CONV2D_FORWARD ? 1 : axis->stride;
    axis->members = malloc(2 * (size_t)axis->target * sizeof *axis->members);
    if (!axis->members)
        return false;
    axis->class = axis->members + axis->target;
    for (int i = 0; i < axis->target; i++) {
        struct line line = line_of(axis, i);
        int class = 0;
        for (; class < axis->classes; class ++) {
            struct line member = line_of(axis, axis->members[class]);
            if (member.first == line.first && member.count == line.count)
                break;
        }
        if (class == axis->classes)
            axis->members[axis->classes++] = i;
        axis->class[i] = class;
    }
    return true;
}

static void add_kind(struct ocl_conv2d_geometry *g, const struct axis *y, int y_class,
                     const struct axis *x, int x_class, const struct clef_tensor *target,
                     const struct clef_tensor *source)
{
    struct ocl_conv2d_kind *kind = &g->kinds[g->kind_count++];
    *kind =
        (struct ocl_conv2d_kind){.first_position = g->position_count, .first_tap = g->tap_count};
    for (int i = 0; i < y->target; i++) {
        if (y->class[i] != y_class)
            continue;
        int source_y = line_of(y, i).origin * (int)source->stride_h;
        int target_y = i * (int)target->stride_h;
        for (int j = 0; j < x->target; j++)
            if (x->class[j] == x_class)
                g->positions[g->position_count++] =
                    (cl_int2){{source_y + line_of(x, j).origin * (int)source->stride_w,
                               target_y + j * (int)target->stride_w}};
    }
    kind->positions = g->position_count - kind->first_position;
    struct line ys = line_of(y, y->members[y_class]), xs = line_of(x, x->members[x_class]);
    for (int i = 0; i < ys.count; i++)
        for (int j = 0; j < xs.count; j++)
            g->taps[g->tap_count++] = (ys.first + i * y->step) * x->kernel + xs.first + j * x->step;
    kind->taps = g->tap_count - kind->first_tap;
    g->pairs += (double)kind->positions * kind->taps * g->images;
}

static void list_reached(struct ocl_conv2d_geometry *g)
{
    for (int i = 0; i < g->tap_count; i++)
        g->reached[g->taps[i]] = 1;
    for (int tap = 0; tap < g->kernel_taps; tap++)
        if (g->reached[tap])
            g->reached[g->reached_count++] = tap;
}

// The kernels count elements in int.
static clef_status require_extent(const char *name, const struct clef_tensor *t)
{
    size_t last = (size_t)(t->n - 1) * t->stride_n + (size_t)(t->h - 1) * t->stride_h +
                  (size_t)(t->w - 1) * t->stride_w + (size_t)t->c;
    if (last <= INT_MAX / 2)
        return CLEF_OK;
    return clef_fail(CLEF_UNSUPPORTED,
                     "conv2d: the %s of %d images of %dx%dx%d spans %zu elements; OpenCL kernels "
                     "take at most %d: use a smaller batch",
                     name, t->n, t->h, t->w, t->c, last, INT_MAX / 2);
}

// Room for all lists, the number of kinds being known.
static bool allocate(struct ocl_conv2d_geometry *g, const struct axis *y, const struct axis *x)
{
    size_t kinds = (size_t)y->classes * (size_t)x->classes;
    size_t positions = (size_t)y->target * (size_t)x->target;
    size_t taps_y = 0, taps_x = 0; // Over all classes.
    for (int i = 0; i < y->classes; i++)
        taps_y += (size_t)line_of(y, y->members[i]).count;
    for (int i = 0; i < x->classes; i++)
        taps_x += (size_t)line_of(x, x->members[i]).count;
    g->kinds = malloc(kinds * sizeof *g->kinds);
    g->positions = malloc(positions * sizeof *g->positions);
    g->taps = calloc(taps_y * taps_x + 1, sizeof *g->taps);
    g->kernel_taps = y->kernel * x->kernel;
    g->tap_offsets = malloc((size_t)g->kernel_taps * sizeof *g->tap_offsets);
    g->reached = calloc((size_t)g->kernel_taps, sizeof *g->reached);
    return g->kinds && g->positions && g->taps && g->tap_offsets && g->reached;
}

clef_status ocl_conv2d_geometry_create(enum ocl_conv2d_pass pass, const struct clef_tensor *target,
                                       const struct clef_tensor *source,
                                       const struct clef_window *window,
                                       struct ocl_conv2d_geometry *geometry)
{
    CLEF_TRY(require_extent("result", target));
    CLEF_TRY(require_extent("input", source));
    struct ocl_conv2d_geometry *g = geometry;
    bool images_inside = target->stride_n < target->stride_w;
    *g = (struct ocl_conv2d_geometry){
        .images = target->n,
        .rows = {{target->n, !images_inside, (cl_int)source->stride_n, (cl_int)target->stride_n}},
        .channels = source->c,
        .tap_rows = source->c,
        .channel_step = source->c == 1 ? (int)source->stride_w : 1,
    };
    struct axis y = {
        pass, target->h, source->h, window->kernel_h, window->stride_h, window->pad_top, 0,
        0,    NULL,      NULL};
    struct axis x = {
        pass, target->w, source->w, window->kernel_w, window->stride_w, window->pad_left, 0,
        0,    NULL,      NULL};
    bool done = axis_classify(&y) && axis_classify(&x) && allocate(g, &y, &x);
    if (done) {
        for (int tap = 0; tap < g->kernel_taps; tap++)
            g->tap_offsets[tap] = tap_distance(&y, tap / x.kernel) * (int)source->stride_h +
                                  tap_distance(&x, tap % x.kernel) * (int)source->stride_w;
        for (int i = 0; i < y.classes; i++)
            for (int j = 0; j < x.classes; j++)
                add_kind(g, &y, i, &x, j, target, source);
        list_reached(g);
    } else {
        ocl_conv2d_geometry_free(g);
    }
    free(y.members);
    free(x.members);
    return done ? CLEF_OK
                : clef_fail(CLEF_OUT_OF_MEMORY,
                            "conv2d: no host memory for the geometry of %dx%d positions", target->h,
                            target->w);
}

clef_status ocl_conv2d_geometry_create_diagonal(const struct clef_tensor *target,
                                                const struct clef_tensor *source, int tap_rows,
                                                struct ocl_conv2d_geometry *geometry)
{
    CLEF_TRY(require_extent("result", target));
    CLEF_TRY(require_extent("input", source));
    struct ocl_conv2d_geometry *g = geometry;
    size_t count = (size_t)target->h;
    *g = (struct ocl_conv2d_geometry){
        .kinds = malloc(count * sizeof *g->kinds),
        .positions = malloc(count * sizeof *g->positions),
        .taps = malloc(count * sizeof *g->taps),
        .tap_offsets = calloc(count, sizeof *g->tap_offsets),
        .reached = malloc(count * sizeof *g->reached),
        .images = target->n,
        .rows = {{target->n, 0, (cl_int)source->stride_n, (cl_int)target->stride_n}},
        .channels = source->c,
        .tap_rows = tap_rows,
        .channel_step = 1,
        .pairs = (double)count * target->n,
    };
    g->kind_count = g->position_count = g->tap_count = g->kernel_taps = g->reached_count =
        target->h;
    if (!g->kinds || !g->positions || !g->taps || !g->tap_offsets || !g->reached) {
        ocl_conv2d_geometry_free(g);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for the geometry of %zu taps",
                         count);
    }
    for (int i = 0; i < target->h; i++) {
        g->kinds[i] = (struct ocl_conv2d_kind){i, 1, i, 1};
        g->positions[i] = (cl_int2){{i * (int)source->stride_h, i * (int)target->stride_h}};
        g->taps[i] = g->reached[i] = i;
    }
    return CLEF_OK;
}

void ocl_conv2d_geometry_free(struct ocl_conv2d_geometry *geometry)
{
    free(geometry->kinds);
    free(geometry->positions);
    free(geometry->taps);
    free(geometry->tap_offsets);
    free(geometry->reached);
    *geometry = (struct ocl_conv2d_geometry){0};
}
