// SPDX-License-Identifier: Apache-2.0
// Weights between the panels of a device and the orders of files.
#include "clef/ops.h"

static size_t panel_count(const struct clef_weights_layout *layout)
{
    return ((size_t)layout->out + (size_t)layout->panel - 1) / (size_t)layout->panel;
}

static size_t tap_count(const struct clef_weights_layout *layout)
{
    return (size_t)layout->kernel_h * (size_t)layout->kernel_w;
}

size_t clef_weights_count(const struct clef_weights_layout *layout)
{
    return panel_count(layout) * tap_count(layout) * (size_t)layout->in * (size_t)layout->panel;
}

// Where element (tap, i, o) stands outside of a device.
static size_t outer_index(const struct clef_weights_layout *layout, enum clef_weights_order order,
                          size_t tap, size_t i, size_t o)
{
    size_t in = (size_t)layout->in, out = (size_t)layout->out;
    if (order == CLEF_HWIO)
        return (tap * in + i) * out + o;
    return (o * in + i) * tap_count(layout) + tap;
}

void clef_weights_pack(const struct clef_weights_layout *layout, enum clef_weights_order order,
                       const float *src, float *panels)
{
    size_t width = (size_t)layout->panel;
    for (size_t panel = 0; panel < panel_count(layout); panel++)
        for (size_t tap = 0; tap < tap_count(layout); tap++)
            for (size_t i = 0; i < (size_t)layout->in; i++)
                for (size_t lane = 0; lane < width; lane++) {
                    size_t o = panel * width + lane;
                    *panels++ =
                        o < (size_t)layout->out ? src[outer_index(layout, order, tap, i, o)] : 0.0f;
                }
}

void clef_weights_unpack(const struct clef_weights_layout *layout, enum clef_weights_order order,
                         const float *panels, float *dst)
{
    size_t width = (size_t)layout->panel;
    for (size_t panel = 0; panel < panel_count(layout); panel++)
        for (size_t tap = 0; tap < tap_count(layout); tap++)
            for (size_t i = 0; i < (size_t)layout->in; i++)
                for (size_t lane = 0; lane < width; lane++) {
                    size_t o = panel * width + lane;
                    float value = *panels++;
                    if (o < (size_t)layout->out)
                        dst[outer_index(layout, order, tap, i, o)] = value;
                }
}

// Whether position `k` of the kernel lies inside the image for at least one output.
static bool is_reached(int k, int stride, int pad, int in, int out)
{
    for (int o = 0; o < out; o++) {
        long long position = (long long)o * stride - pad + k;
        if (position >= 0 && position < in)
            return true;
    }
    return false;
}

size_t clef_weights_reached(const struct clef_weights_layout *layout,
                            const struct clef_window *window, const int src[2], const int dst[2],
                            struct clef_extent *extents)
{
    size_t block = (size_t)layout->in * (size_t)layout->panel; // One tap of one panel.
    size_t offset = 0, count = 0, end = 0;
    for (size_t panel = 0; panel < panel_count(layout); panel++)
        for (int ky = 0; ky < layout->kernel_h; ky++)
            for (int kx = 0; kx < layout->kernel_w; kx++, offset += block) {
                if (!is_reached(ky, window->stride_h, window->pad_top, src[0], dst[0]) ||
                    !is_reached(kx, window->stride_w, window->pad_left, src[1], dst[1]))
                    continue;
                bool continues = count > 0 && end == offset;
                if (!continues && extents)
                    extents[count] = (struct clef_extent){.offset = offset, .count = 0};
                count += !continues;
                if (extents)
                    extents[count - 1].count += block;
                end = offset + block;
            }
    return count;
}
