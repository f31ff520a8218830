// SPDX-License-Identifier: Apache-2.0
// Softmax and cross-entropy: one launch for the rows, one for the means over them.
//
// Nothing here needs double precision. The loss of a sure network and 1 - p of its label are taken
// from what the other classes have, not from a difference of almost equal numbers.

// Work-items of a group, a power of two. A processor has 1: an item is a group.
#ifndef LANES
#define LANES 32
#endif
#define INLINE __attribute__((always_inline))
#define GROUP __attribute__((reqd_work_group_size(LANES, 1, 1)))

// A logit and its class. The first of several largest wins; a NaN never does.
struct largest {
    float value;
    int index;
};

INLINE struct largest larger(struct largest a, struct largest b)
{
    const bool second = b.value > a.value || (b.value == a.value && b.index < a.index);
    a.value = second ? b.value : a.value;
    a.index = second ? b.index : a.index;
    return a;
}

// Two sums, each with what rounding has taken from it.
struct sums {
    float first, second, first_rest, second_rest;
};

// Knuth's two-sum.
INLINE float sum_and_rest(float a, float b, float *rest)
{
    const float sum = a + b;
    const float taken = sum - a;
    *rest += (a - (sum - taken)) + (b - taken);
    return sum;
}

INLINE struct sums add_sums(struct sums a, struct sums b)
{
    a.first_rest += b.first_rest;
    a.second_rest += b.second_rest;
    a.first = sum_and_rest(a.first, b.first, &a.first_rest);
    a.second = sum_and_rest(a.second, b.second, &a.second_rest);
    return a;
}

// What all items of a group have, at each of them.
#if LANES > 1
#define LARGEST_SPACE local struct largest largest_space[LANES]
#define SUMS_SPACE local struct sums sums_space[LANES]
#define GROUP_LARGEST(mine) group_largest(largest_space, mine)
#define GROUP_SUMS(mine) group_sums(sums_space, mine)

struct largest group_largest(local struct largest *space, struct largest mine)
{
    const int lane = (int)get_local_id(0);
    for (int reach = LANES / 2; reach > 0; reach /= 2) {
        space[lane] = mine;
        barrier(CLK_LOCAL_MEM_FENCE);
        mine = larger(mine, space[lane ^ reach]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return mine;
}

struct sums group_sums(local struct sums *space, struct sums mine)
{
    const int lane = (int)get_local_id(0);
    for (int reach = LANES / 2; reach > 0; reach /= 2) {
        space[lane] = mine;
        barrier(CLK_LOCAL_MEM_FENCE);
        mine = add_sums(mine, space[lane ^ reach]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return mine;
}
#else
#define LARGEST_SPACE
#define SUMS_SPACE
#define GROUP_LARGEST(mine) (mine)
#define GROUP_SUMS(mine) (mine)
#endif

// A group takes `group_rows` rows, one after the other. parts[2 * row] is a row's loss and
// parts[2 * row + 1] whether its largest logit is at the label. `diff_logits` may be absent.
GROUP kernel void softmax_rows(global const float *logits, ulong logits_at,
                               global const int *labels, ulong labels_at, global float *diff_logits,
                               ulong diff_logits_at, global float *parts, ulong parts_at, int rows,
                               int classes, int group_rows, int has_diff)
{
    LARGEST_SPACE;
    SUMS_SPACE;
    const int lane = (int)get_local_id(0), first = (int)get_group_id(0) * group_rows;
    labels += labels_at;
    parts += parts_at;
    for (int row = first; row < min(first + group_rows, rows); row++) {
        global const float *x = logits + logits_at + (ulong)row * classes;
        global float *diff = diff_logits + diff_logits_at + (ulong)row * classes;
        const int label = labels[row];

        struct largest largest = {-INFINITY, INT_MAX};
        for (int i = lane; i < classes; i += LANES) {
            const struct largest other = {x[i], i};
            largest = larger(largest, other);
        }
        largest = GROUP_LARGEST(largest);

        // Of exp(x - largest): over all classes but that of the largest, and all but the label.
        struct sums sums = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int i = lane; i < classes; i += LANES) {
            const float e = exp(x[i] - largest.value);
            if (has_diff)
                diff[i] = e;
            sums.first = i == largest.index ? sums.first : sums.first + e;
            sums.second = i == label ? sums.second : sums.second + e;
        }
        sums = GROUP_SUMS(sums);
        const float others = sums.first + sums.first_rest;

        // The first term is 1, or NaN where the largest is infinite.
        const float sum = exp(largest.value - largest.value) + others;
        if (has_diff) {
            const float scale = 1.0f / (sum * (float)rows);
            for (int i = lane; i < classes; i += LANES)
                diff[i] = scale * (i == label ? -(sums.second + sums.second_rest) : diff[i]);
        }
        if (lane == 0) {
            const bool known = label >= 0 && label < classes;
            parts[2 * row] = known ? log1p(others) + (largest.value - x[label]) : NAN;
            parts[2 * row + 1] = largest.index == label ? 1.0f : 0.0f;
        }
    }
}

// One group. `fault` may be absent.
GROUP kernel void softmax_metrics(global const float *parts, ulong parts_at, global float *metrics,
                                  ulong metrics_at, global int *fault, ulong fault_at, int rows,
                                  int has_fault)
{
    SUMS_SPACE;
    const int lane = (int)get_local_id(0);
    parts += parts_at;
    struct sums sums = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int row = lane; row < rows; row += LANES) {
        const struct sums part = {parts[2 * row], parts[2 * row + 1], 0.0f, 0.0f};
        sums = add_sums(sums, part);
    }
    sums = GROUP_SUMS(sums);
    if (lane == 0) {
        const float loss = (sums.first + sums.first_rest) / (float)rows;
        metrics[metrics_at] = loss;
        metrics[metrics_at + 1] = sums.second + sums.second_rest;
        if (has_fault && !isfinite(loss))
            fault[fault_at] = 1;
    }
}
