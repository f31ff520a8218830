// SPDX-License-Identifier: Apache-2.0
// Panels of filters become panels of channels, for backward_data: row (tap, o) of panel p of the
// result has the weights of channels 16 * p .. 16 * p + 15.
#define PANEL 16

// One item for each row of the result.
kernel void transpose_rows(global const float *restrict weights, ulong weights_at,
                           global float *restrict transposed, ulong transposed_at,
                           global const int *restrict taps, int kernel_taps, int in, int out)
{
    const int o = (int)get_global_id(0), tap = taps[get_global_id(1)];
    const int panel = (int)get_global_id(2), filter_panel = o / PANEL;
    if (o >= out)
        return;
    const int first = panel * PANEL;
    weights += weights_at + ((ulong)(filter_panel * kernel_taps + tap) * in + first) * PANEL + o -
               filter_panel * PANEL;
    transposed += transposed_at + ((ulong)(panel * kernel_taps + tap) * out + o) * PANEL;
    for (int i = 0; i < PANEL; i++)
        transposed[i] = first + i < in ? weights[i * PANEL] : 0;
}

// Pairs of rows, then pairs of these, are interleaved within each half of a vector of 8, and then
// halves are joined: the three steps of a transposition.
#define PAIRS(a, b, low, high)                                                   \
    const float8 low = (float8)(a.s0, b.s0, a.s1, b.s1, a.s4, b.s4, a.s5, b.s5), \
                 high = (float8)(a.s2, b.s2, a.s3, b.s3, a.s6, b.s6, a.s7, b.s7)
#define QUADS(a, b, low, high)                                                   \
    const float8 low = (float8)(a.s0, a.s1, b.s0, b.s1, a.s4, a.s5, b.s4, b.s5), \
                 high = (float8)(a.s2, a.s3, b.s2, b.s3, a.s6, a.s7, b.s6, b.s7)
#define LOW_HALVES(a, b) (float8)(a.s0, a.s1, a.s2, a.s3, b.s0, b.s1, b.s2, b.s3)
#define HIGH_HALVES(a, b) (float8)(a.s4, a.s5, a.s6, a.s7, b.s4, b.s5, b.s6, b.s7)

// to(i, j) = from(j, i) for 8 x 8 numbers in rows of 16.
void transpose_8x8(const float *from, float *to)
{
    const float8 r0 = vload8(0, from), r1 = vload8(2, from), r2 = vload8(4, from),
                 r3 = vload8(6, from), r4 = vload8(8, from), r5 = vload8(10, from),
                 r6 = vload8(12, from), r7 = vload8(14, from);
    PAIRS(r0, r1, p0, p1);
    PAIRS(r2, r3, p2, p3);
    PAIRS(r4, r5, p4, p5);
    PAIRS(r6, r7, p6, p7);
    QUADS(p0, p2, q0, q1);
    QUADS(p1, p3, q2, q3);
    QUADS(p4, p6, q4, q5);
    QUADS(p5, p7, q6, q7);
    vstore8(LOW_HALVES(q0, q4), 0, to);
    vstore8(LOW_HALVES(q1, q5), 2, to);
    vstore8(LOW_HALVES(q2, q6), 4, to);
    vstore8(LOW_HALVES(q3, q7), 6, to);
    vstore8(HIGH_HALVES(q0, q4), 8, to);
    vstore8(HIGH_HALVES(q1, q5), 10, to);
    vstore8(HIGH_HALVES(q2, q6), 12, to);
    vstore8(HIGH_HALVES(q3, q7), 14, to);
}

// The same for processors: one item, which is a group, for each panel and listed tap.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
transpose_squares(global const float *restrict weights, ulong weights_at,
                  global float *restrict transposed, ulong transposed_at,
                  global const int *restrict taps, int kernel_taps, int in, int out)
{
    const int tap = taps[get_global_id(0)], panel = (int)get_global_id(1), first = panel * PANEL;
    weights += weights_at + ((ulong)tap * in + first) * PANEL;
    transposed += transposed_at + (ulong)(panel * kernel_taps + tap) * out * PANEL;
    float rows[PANEL * PANEL], columns[PANEL * PANEL];
    for (int o = 0; o < out; o += PANEL) {
        for (int i = 0; i < PANEL; i++)
            vstore16(first + i < in ? vload16(i, weights) : (float16)0, i, rows);
        for (int i = 0; i < PANEL; i += 8)
            for (int j = 0; j < PANEL; j += 8)
                transpose_8x8(rows + j * PANEL + i, columns + i * PANEL + j);
        for (int i = 0; i < min(PANEL, out - o); i++)
            vstore16(vload16(i, columns), o + i, transposed);
        weights += (size_t)kernel_taps * in * PANEL;
    }
}
