// SPDX-License-Identifier: Apache-2.0
// The search for CLBlast's parameters. First the kernel for large products is tried alone, for
// products of all sizes, then the one for small products, then the size that divides them is taken
// from the times of both. Each candidate is compiled, must compute what the first measurement of a
// case computed, and is dropped as soon as it falls behind.
#include "core/clock.h"
#include "opencl/ocl_clblast.h"
#include "opencl/ocl_tune.h"
#include "opencl/ocl_tune_candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A candidate is dropped when its time, over the cases so far, is this much more than the best.
#define HOPELESS 1.3

// What remains for the kernel of small products.
#define DIRECT_SHARE 0.25

// The search looks at the costliest cases, which have this share of all multiply-adds.
#define LOOKED_AT 0.9

struct search {
    struct ocl_context *ocl;
    struct ocl_tune_case *cases;
    int count; // The costliest come first.
    int used;  // That the search looks at.
    struct clef_tune_report *report;
    double *times[OCL_GEMM_ROUTINE]; // Of each case, with the best of a kernel.
    double *trial;
    double longest; // That a candidate took, all in all.
};

static double total(const struct search *s, int count, const double *times)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += s->cases[i].count * times[i];
    return sum;
}

// The sum over cases of the better of both kernels.
static double total_of_both(const struct search *s, const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < s->used; i++)
        sum += s->cases[i].count * (a[i] < b[i] ? a[i] : b[i]);
    return sum;
}

// Measures the first `count` cases. *complete becomes false if the parameters were dropped: they
// are slower than `best` (NULL for none), compute something else, or do not compile or run at all.
static clef_status try_params(struct search *s, const struct ocl_clblast_params *params, int count,
                              const double *best, double *times, bool *complete)
{
    double sum = 0, best_sum = 0;
    s->report->tried++;
    *complete = false;
    if (ocl_clblast_rebuild(s->ocl, params) != CLEF_OK) {
        s->report->refused++;
        return CLEF_OK;
    }
    for (int i = 0; i < count; i++) {
        struct ocl_tune_time time;
        double limit = best ? best[i] : INFINITY;
        // What a device does not take, it says when the kernel is enqueued.
        if (ocl_tune_case_measure(&s->cases[i], OCL_CONV2D_CLBLAST, limit, &time) != CLEF_OK) {
            s->report->refused++;
            OCL_TRY(clFinish, (s->ocl->queue), "after parameters that cannot run");
            return CLEF_OK;
        }
        if (time.wrong) {
            s->report->wrong++;
            return CLEF_OK;
        }
        times[i] = time.seconds;
        sum += s->cases[i].count * time.seconds;
        best_sum += s->cases[i].count * (best ? best[i] : time.seconds);
        if (sum > HOPELESS * best_sum)
            return CLEF_OK;
    }
    *complete = true;
    return CLEF_OK;
}

static void show_progress(const struct search *s, enum ocl_clblast_kernel kernel, int number,
                          double best)
{
    double flops = 0;
    for (int i = 0; i < s->used; i++)
        flops += s->cases[i].count * s->cases[i].flops;
    ocl_notice(s->ocl, CLEF_NOTICE_PROGRESS, "tuning %s of CLBlast, candidate %d, %.0f GFLOP/s",
               ocl_clblast_kernel_name(kernel), number + 1, 1e-9 * flops / best);
}

// Parameters that compile and run anywhere, for a kernel that is not in use: there is no way back
// to CLBlast's own, and the last that was tried may be one that does not compile.
static void fill_in(struct ocl_clblast_params *params, enum ocl_clblast_kernel kernel)
{
    static const size_t safe[OCL_GEMM_ROUTINE][OCL_CLBLAST_MAX_PARAMS] = {
        {0, 1, 16, 2, 4, 4, 16, 4, 4, 16, 0, 0, 0, 0, 1, 1},
        {2, 4, 4, 4, 4, 1, 1, 1, 1, 8},
    };
    if (params->has[kernel])
        return;
    memcpy(params->values[kernel], safe[kernel], sizeof safe[kernel]);
    params->has[kernel] = true;
}

// Tries one kernel for all products. `other` are times that a case need not better, or NULL.
static clef_status tune_kernel(struct search *s, enum ocl_clblast_kernel kernel,
                               const double *other, double deadline,
                               struct ocl_clblast_params *params)
{
    struct ocl_clblast_params trial = {.has[OCL_GEMM_ROUTINE] = true};
    trial.values[OCL_GEMM_ROUTINE][0] = kernel == OCL_XGEMM ? OCL_ALWAYS_XGEMM : OCL_ALWAYS_DIRECT;
    double *times = s->times[kernel];
    bool complete;
    if (kernel == OCL_XGEMM_DIRECT) {
        memcpy(trial.values[OCL_XGEMM], params->values[OCL_XGEMM], sizeof trial.values[OCL_XGEMM]);
        trial.has[OCL_XGEMM] = params->has[OCL_XGEMM];
        fill_in(&trial, OCL_XGEMM);
    }
    // CLBlast's own parameters compete first, while they are still in force.
    CLEF_TRY(try_params(s, &trial, s->used, NULL, times, &complete));
    for (int i = 0; i < s->used && !complete; i++)
        times[i] = INFINITY;
    trial.has[kernel] = true;
    for (int number = 0; clef_seconds() + s->longest < deadline &&
                         ocl_tune_candidate(&s->ocl->caps, kernel, number, trial.values[kernel]);
         number++) {
        double began = clef_seconds();
        double best = other ? total_of_both(s, times, other) : total(s, s->used, times);
        show_progress(s, kernel, number, best);
        CLEF_TRY(
            try_params(s, &trial, s->used, isfinite(best) ? times : NULL, s->trial, &complete));
        double seconds = clef_seconds() - began;
        s->longest = seconds > s->longest ? seconds : s->longest;
        if (!complete ||
            (other ? total_of_both(s, s->trial, other) : total(s, s->used, s->trial)) >= best)
            continue;
        memcpy(times, s->trial, (size_t)s->used * sizeof *times);
        memcpy(params->values[kernel], trial.values[kernel], sizeof params->values[kernel]);
        params->has[kernel] = true;
    }
    return CLEF_OK;
}

// The size with the least total time, smaller products taking the direct kernel; 0 if no kernel has
// found parameters. A kernel that has not has no part in it: its own parameters cannot be brought
// back to measure the two together.
static size_t best_size(const struct search *s, const struct ocl_clblast_params *params)
{
    size_t best = 0;
    double least = INFINITY;
    bool has_xgemm = params->has[OCL_XGEMM], has_direct = params->has[OCL_XGEMM_DIRECT];
    for (int k = -1; k <= s->used; k++) {
        size_t size = k < 0         ? OCL_ALWAYS_XGEMM
                      : k < s->used ? (size_t)cbrt(s->cases[k].product) + 1
                                    : OCL_ALWAYS_DIRECT;
        double cube = (double)size * (double)size * (double)size, sum = 0;
        bool allowed = (has_xgemm || k == s->used) && (has_direct || k < 0);
        for (int i = 0; i < s->used && allowed; i++)
            sum += s->cases[i].count *
                   s->times[s->cases[i].product < cube ? OCL_XGEMM_DIRECT : OCL_XGEMM][i];
        if (allowed && sum < least) {
            least = sum;
            best = size;
        }
    }
    return best;
}

// Measures all cases with what was found; *better tells whether they then take less than `before`.
static clef_status confirm(struct search *s, const struct ocl_clblast_params *params, double before,
                           bool *better)
{
    struct ocl_clblast_params all = *params;
    fill_in(&all, OCL_XGEMM);
    fill_in(&all, OCL_XGEMM_DIRECT);
    CLEF_TRY(try_params(s, &all, s->count, NULL, s->trial, better));
    *better = *better && total(s, s->count, s->trial) < before;
    return CLEF_OK;
}

static clef_status run_search(struct search *s, double deadline, struct ocl_clblast_params *params,
                              struct ocl_tune_clblast_times *times)
{
    bool better = false;
    double began = clef_seconds();
    for (int i = 0; i < s->count; i++)
        s->trial[i] = times[i].before;
    double before = total(s, s->count, s->trial);
    double xgemm_deadline = deadline - DIRECT_SHARE * (deadline - began);
    CLEF_TRY(tune_kernel(s, OCL_XGEMM, NULL, xgemm_deadline, params));
    CLEF_TRY(tune_kernel(s, OCL_XGEMM_DIRECT, s->times[OCL_XGEMM], deadline, params));
    size_t size = best_size(s, params);
    params->values[OCL_GEMM_ROUTINE][0] = size;
    params->has[OCL_GEMM_ROUTINE] = size > 0;
    if (size > 0)
        CLEF_TRY(confirm(s, params, before, &better));
    if (!better)
        *params = (struct ocl_clblast_params){.has = {false}};
    for (int i = 0; i < s->count && better; i++)
        times[i].after = s->trial[i];
    return CLEF_OK;
}

// How many of the costliest cases have their share of all multiply-adds.
static int count_used(const struct ocl_tune_case *cases, int count)
{
    double all = 0, sum = 0;
    int used = 0;
    for (int i = 0; i < count; i++)
        all += cases[i].count * cases[i].work;
    while (used < count && sum < LOOKED_AT * all) {
        sum += cases[used].count * cases[used].work;
        used++;
    }
    return used;
}

clef_status ocl_tune_clblast(struct ocl_context *ocl, struct ocl_tune_case *cases, int count,
                             double deadline, struct ocl_clblast_params *params,
                             struct ocl_tune_clblast_times *times, struct clef_tune_report *report)
{
    struct search search = {.ocl = ocl,
                            .cases = cases,
                            .count = count,
                            .used = count_used(cases, count),
                            .report = report};
    double *memory = calloc(3 * (size_t)count, sizeof *memory);
    if (!memory)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the times of %d cases", count);
    search.times[OCL_XGEMM] = memory;
    search.times[OCL_XGEMM_DIRECT] = memory + count;
    search.trial = memory + 2 * (size_t)count;
    *params = (struct ocl_clblast_params){.has = {false}};
    clef_status status = run_search(&search, deadline, params, times);
    free(memory);
    return status;
}
