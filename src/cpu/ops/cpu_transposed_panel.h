// SPDX-License-Identifier: Apache-2.0
// A panel of transposed weights: rows of filters, lanes of channels, as backward_data multiplies
// with. A thread transposes what its task needs, when it needs it, into a panel of its own that
// stays in the second-level cache.
#ifndef CLEF_CPU_TRANSPOSED_PANEL_H
#define CLEF_CPU_TRANSPOSED_PANEL_H

#include "cpu/ops/cpu_isa.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_transpose.h"

#include <string.h>

struct cpu_transposed_panel {
    const float *weights; // In panels of filters.
    struct clef_weights_layout layout;
    int index;   // Of the panel of channels.
    float *rows; // taps x filters x CPU_PANEL
    bool *ready; // taps x panels of filters
};

static inline int cpu_filter_panels(const struct clef_weights_layout *layout)
{
    return (layout->out + CPU_PANEL - 1) / CPU_PANEL;
}

static inline size_t cpu_transposed_row_count(const struct clef_weights_layout *layout)
{
    return (size_t)layout->kernel_h * (size_t)layout->kernel_w * (size_t)layout->out;
}

static inline size_t cpu_transposed_square_count(const struct clef_weights_layout *layout)
{
    return (size_t)layout->kernel_h * (size_t)layout->kernel_w * (size_t)cpu_filter_panels(layout);
}

static inline void cpu_transposed_panel_reset(struct cpu_transposed_panel *panel, int index)
{
    panel->index = index;
    memset(panel->ready, 0, cpu_transposed_square_count(&panel->layout) * sizeof *panel->ready);
}

// The CPU_PANEL x CPU_PANEL weights of one tap that join a panel of channels with a panel of
// filters.
static inline const float *cpu_weights_square(const float *weights,
                                              const struct clef_weights_layout *l,
                                              int channel_panel, int tap, int filter_panel)
{
    size_t taps = (size_t)l->kernel_h * (size_t)l->kernel_w,
           channel = (size_t)channel_panel * CPU_PANEL;
    return weights +
           (((size_t)filter_panel * taps + (size_t)tap) * (size_t)l->in + channel) * CPU_PANEL;
}

// Transposes a square: writes a row of CPU_PANEL lanes for each filter that exists.
static inline void cpu_transpose_weights(const float *weights, const struct clef_weights_layout *l,
                                         int channel_panel, int tap, int filter_panel, float *dst)
{
    int first = filter_panel * CPU_PANEL, channel = channel_panel * CPU_PANEL;
    const float *src = cpu_weights_square(weights, l, channel_panel, tap, filter_panel);
    int filters = l->out - first < CPU_PANEL ? l->out - first : CPU_PANEL;
    int channels = l->in - channel < CPU_PANEL ? l->in - channel : CPU_PANEL;
    if (filters == CPU_PANEL && channels == CPU_PANEL) {
        for (int o = 0; o < CPU_PANEL; o += CPU_LANES)
            for (int i = 0; i < CPU_PANEL; i += CPU_LANES)
                cpu_transpose(src + i * CPU_PANEL + o, dst + o * CPU_PANEL + i);
    } else {
        for (int o = 0; o < filters; o++)
            for (int i = 0; i < CPU_PANEL; i++)
                dst[o * CPU_PANEL + i] = i < channels ? src[i * CPU_PANEL + o] : 0;
    }
}

// Those of one panel of channels lie so far apart that the processor does not foresee the next one.
static inline void cpu_ask_for_square(const float *weights, const struct clef_weights_layout *l,
                                      int channel_panel, int tap, int filter_panel)
{
    const float *square = cpu_weights_square(weights, l, channel_panel, tap, filter_panel);
    for (int i = 0; i < CPU_PANEL * CPU_PANEL; i += CPU_LINE_FLOATS)
        __builtin_prefetch(square + i);
}

// The next chain's squares arrive while this one is computed.
static inline void ask_a_chain_ahead(const struct cpu_transposed_panel *panel, int tap,
                                     int filter_panel)
{
    int panels = cpu_filter_panels(&panel->layout);
    int next = tap * panels + filter_panel + CPU_CHAIN_LENGTH / CPU_PANEL;
    if (next < panel->layout.kernel_h * panel->layout.kernel_w * panels)
        cpu_ask_for_square(panel->weights, &panel->layout, panel->index, next / panels,
                           next % panels);
}

// Makes sure that `count` rows of one tap are there.
static inline void cpu_transposed_panel_need(struct cpu_transposed_panel *panel, int row, int count)
{
    int tap = row / panel->layout.out, filter = row % panel->layout.out;
    for (int p = filter / CPU_PANEL; p <= (filter + count - 1) / CPU_PANEL; p++) {
        bool *ready = &panel->ready[tap * cpu_filter_panels(&panel->layout) + p];
        size_t at = (size_t)tap * (size_t)panel->layout.out + (size_t)(p * CPU_PANEL);
        if (!*ready) {
            ask_a_chain_ahead(panel, tap, p);
            cpu_transpose_weights(panel->weights, &panel->layout, panel->index, tap, p,
                                  panel->rows + at * CPU_PANEL);
        }
        *ready = true;
    }
}

#endif
