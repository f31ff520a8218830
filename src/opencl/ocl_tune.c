// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_tune.h"
#include "core/clock.h"
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_plan.h"
#include "opencl/ocl_winograd.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Another choice must save at least this share of the time, also when it and the default are
// measured again in turns, lest noise decides.
#define MIN_GAIN 0.03
#define TURNS 3

// What our own kernels may take of the time.
#define OWN_SHARE 0.4

#define OWN_CHOICE "default"

struct tuning {
    struct ocl_context *ocl;
    struct ocl_tune_case *cases;
    struct ocl_tune_clblast_times *clblast;
    const char **choices; // Of each case; NULL for the default.
    double *before, *after;
    const char **direct; // The choices among our own kernels, and their times.
    double *direct_after;
    int count;
    const struct ocl_tuned *earlier; // What is there from other runs; NULL for nothing.
    struct clef_tune_report *report;
};

// ---------------------------------------------------------------- cases

static void free_cases(struct tuning *t)
{
    for (int i = 0; i < t->count; i++)
        ocl_tune_case_free(&t->cases[i]);
    free(t->cases);
    free(t->clblast);
    free(t->choices);
    free(t->before);
    free(t->after);
    free(t->direct);
    free(t->direct_after);
}

static struct ocl_tune_case *find_case(struct tuning *t, const struct ocl_conv2d_problem *problem)
{
    char key[OCL_CONV2D_KEY_SIZE];
    ocl_conv2d_problem_key(problem, key);
    for (int i = 0; i < t->count; i++)
        if (strcmp(t->cases[i].key, key) == 0)
            return &t->cases[i];
    return NULL;
}

// A case for each different problem among the plans.
static clef_status collect_cases(struct tuning *t, struct clef_plan *const *plans, int plan_count)
{
    size_t room = (size_t)plan_count + 1;
    t->cases = calloc(room, sizeof *t->cases);
    t->clblast = calloc(room, sizeof *t->clblast);
    t->choices = calloc(room, sizeof *t->choices);
    t->before = calloc(room, sizeof *t->before);
    t->after = calloc(room, sizeof *t->after);
    t->direct = calloc(room, sizeof *t->direct);
    t->direct_after = calloc(room, sizeof *t->direct_after);
    if (!t->cases || !t->clblast || !t->choices || !t->before || !t->after || !t->direct ||
        !t->direct_after)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to tune %d plans", plan_count);
    for (int i = 0; i < plan_count; i++) {
        const struct ocl_conv2d_problem *problem = ocl_plan_get_problem(plans[i]);
        struct ocl_tune_case *known = problem ? find_case(t, problem) : NULL;
        if (known)
            known->count++;
        else if (problem) {
            CLEF_TRY(ocl_tune_case_create(t->ocl, problem, &t->cases[t->count]));
            t->count++;
        }
    }
    return CLEF_OK;
}

// The costly cases first, so that a bad candidate is dropped early.
static int by_cost(const void *a, const void *b)
{
    const struct ocl_tune_case *x = a, *y = b;
    double cost_x = x->count * x->work, cost_y = y->count * y->work;
    return (cost_x < cost_y) - (cost_x > cost_y);
}

// ---------------------------------------------------------------- choices

static void take(struct tuning *t, int i, const char *choice, double seconds)
{
    if (seconds < t->after[i] && seconds < (1 - MIN_GAIN) * t->before[i]) {
        t->after[i] = seconds;
        t->choices[i] = choice;
    }
}

static clef_status measure_again(struct tuning *t, int i, const char *choice, double *least)
{
    struct ocl_tune_time time;
    CLEF_TRY(ocl_tune_case_measure(&t->cases[i], choice, INFINITY, &time));
    *least = time.seconds < *least ? time.seconds : *least;
    return CLEF_OK;
}

static clef_status confirm(struct tuning *t, int i)
{
    for (int turn = 0; turn < TURNS && t->choices[i]; turn++) {
        CLEF_TRY(measure_again(t, i, NULL, &t->before[i]));
        CLEF_TRY(measure_again(t, i, t->choices[i], &t->after[i]));
    }
    if (t->choices[i] && t->after[i] < (1 - MIN_GAIN) * t->before[i])
        return CLEF_OK;
    t->choices[i] = NULL;
    t->after[i] = t->before[i];
    return CLEF_OK;
}

// Measures the default and then each configuration of our own kernels.
static clef_status tune_case(struct tuning *t, int i, double deadline)
{
    struct ocl_tune_case *c = &t->cases[i];
    struct ocl_tune_time time;
    ocl_notice(t->ocl, CLEF_NOTICE_PROGRESS, "tuning %d of %d: %s", i + 1, t->count, c->key);
    CLEF_TRY(ocl_tune_case_measure(c, NULL, INFINITY, &time));
    if (time.wrong)
        return clef_fail(CLEF_DEVICE,
                         "%s: the default computes wrong results on this device; see "
                         "\"clef check\"",
                         c->key);
    t->before[i] = t->after[i] = time.seconds;
    for (const char *const *choice = ocl_conv2d_alternatives(t->ocl);
         *choice && clef_seconds() < deadline; choice++) {
        if (strcmp(*choice, OCL_CONV2D_CLBLAST) == 0 ||
            !ocl_conv2d_serves(t->ocl, *choice, &c->problem))
            continue;
        t->report->tried++;
        if (ocl_tune_case_measure(c, *choice, t->after[i], &time) != CLEF_OK)
            t->report->refused++;
        else if (time.wrong)
            t->report->wrong++;
        else
            take(t, i, *choice, time.seconds);
    }
    return confirm(t, i);
}

static clef_status tune_cases(struct tuning *t, double deadline)
{
    for (int i = 0; i < t->count; i++)
        CLEF_TRY(tune_case(t, i, deadline));
    return CLEF_OK;
}

// ---------------------------------------------------------------- CLBlast

// Sets CLBlast against our own best choice: measured in turns with the default, as any choice.
static clef_status take_clblast(struct tuning *t, int i, double seconds)
{
    t->choices[i] = t->direct[i];
    t->after[i] = t->direct[i] ? t->direct_after[i] : t->before[i];
    take(t, i, OCL_CONV2D_CLBLAST, seconds);
    if (t->choices[i] == t->direct[i])
        return CLEF_OK;
    CLEF_TRY(confirm(t, i));
    if (t->choices[i] && !(t->direct[i] && t->direct_after[i] <= t->after[i]))
        return CLEF_OK;
    t->choices[i] = t->direct[i];
    t->after[i] = t->direct[i] ? t->direct_after[i] : t->before[i];
    return CLEF_OK;
}

// First with CLBlast's own parameters, since these do not come back, then with what was found.
static clef_status tune_clblast(struct tuning *t, double deadline,
                                struct ocl_clblast_params *params)
{
    CLEF_TRY(ocl_library_open_clblast());
    for (int i = 0; i < t->count; i++) {
        struct ocl_tune_time time;
        t->direct[i] = t->choices[i];
        t->direct_after[i] = t->after[i];
        CLEF_TRY(ocl_tune_case_measure(&t->cases[i], OCL_CONV2D_CLBLAST, INFINITY, &time));
        if (time.wrong)
            return clef_fail(CLEF_DEVICE, "%s: its product is wrong on this device",
                             t->cases[i].key);
        t->clblast[i].before = t->clblast[i].after = time.seconds;
        CLEF_TRY(take_clblast(t, i, time.seconds));
    }
    CLEF_TRY(ocl_tune_clblast(t->ocl, t->cases, t->count, deadline, params, t->clblast, t->report));
    for (int i = 0; i < t->count && params->has[OCL_GEMM_ROUTINE]; i++)
        CLEF_TRY(take_clblast(t, i, t->clblast[i].after));
    return CLEF_OK;
}

// Our own choices do not depend on it.
static void go_on_without_clblast(struct tuning *t, struct ocl_clblast_params *params)
{
    ocl_notice(t->ocl, CLEF_NOTICE_WARNING, "CLBlast is not tuned: %s", clef_last_error());
    *params = t->earlier ? t->earlier->clblast : (struct ocl_clblast_params){.has = {false}};
    for (int i = 0; i < t->count; i++)
        if (t->choices[i] && strcmp(t->choices[i], OCL_CONV2D_CLBLAST) == 0) {
            t->choices[i] = t->direct[i];
            t->after[i] = t->direct[i] ? t->direct_after[i] : t->before[i];
        }
}

// ---------------------------------------------------------------- report

static void add_row(struct clef_tune_report *report, const char *group,
                    const struct ocl_tune_case *c, const char *choice, double before, double after)
{
    struct clef_tune_row *row = &report->rows[report->row_count++];
    *row = (struct clef_tune_row){
        .count = c->count, .flops = c->flops, .before_seconds = before, .after_seconds = after};
    snprintf(row->group, sizeof row->group, "%s", group);
    snprintf(row->problem, sizeof row->problem, "%s", c->key);
    snprintf(row->choice, sizeof row->choice, "%s", choice);
}

static clef_status make_report(struct tuning *t, bool has_clblast, bool is_clblast_tuned)
{
    struct clef_tune_report *report = t->report;
    report->rows = calloc(2 * (size_t)t->count, sizeof *report->rows);
    if (!report->rows)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a report of %d rows", 2 * t->count);
    for (int i = 0; i < t->count; i++)
        add_row(report, "choice", &t->cases[i], t->choices[i] ? t->choices[i] : OWN_CHOICE,
                t->before[i], t->after[i]);
    for (int i = 0; i < t->count && has_clblast; i++)
        add_row(report, "CLBlast", &t->cases[i], is_clblast_tuned ? "tuned" : OWN_CHOICE,
                t->clblast[i].before, t->clblast[i].after);
    return CLEF_OK;
}

static bool is_of_this_run(const struct tuning *t, const char *key)
{
    for (int i = 0; i < t->count; i++)
        if (strcmp(t->cases[i].key, key) == 0)
            return true;
    return false;
}

// What was found for other batches and networks stays.
static clef_status save(struct tuning *t, const struct ocl_clblast_params *params)
{
    struct ocl_tuned tuned = {.clblast = *params};
    int earlier = t->earlier ? t->earlier->choice_count : 0;
    tuned.choices = calloc((size_t)(t->count + earlier) + 1, sizeof *tuned.choices);
    if (!tuned.choices)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %d choices", t->count + earlier);
    for (int i = 0; i < earlier; i++)
        if (!is_of_this_run(t, t->earlier->choices[i].key))
            tuned.choices[tuned.choice_count++] = t->earlier->choices[i];
    for (int i = 0; i < t->count; i++)
        if (t->choices[i]) {
            struct ocl_tuned_choice *choice = &tuned.choices[tuned.choice_count++];
            choice->choice = t->choices[i];
            memcpy(choice->key, t->cases[i].key, sizeof choice->key);
        }
    clef_status status = ocl_tuned_save(t->ocl, &tuned, t->report->file, sizeof t->report->file);
    free(tuned.choices);
    return status;
}

// ---------------------------------------------------------------- tuning

static clef_status run(struct tuning *t, double seconds)
{
    double began = clef_seconds(), deadline = began + seconds;
    struct ocl_clblast_params params = {.has = {false}};
    qsort(t->cases, (size_t)t->count, sizeof *t->cases, by_cost);
    CLEF_TRY(tune_cases(t, began + OWN_SHARE * seconds));
    bool has_clblast = tune_clblast(t, deadline, &params) == CLEF_OK;
    if (!has_clblast)
        go_on_without_clblast(t, &params);
    CLEF_TRY(make_report(t, has_clblast, params.has[OCL_GEMM_ROUTINE]));
    return save(t, &params);
}

// Tuning compares what these would fix.
static clef_status check_environment(void)
{
    static const char *const variables[] = {"CLEF_CONV", "CLEF_CONV_CONFIG"};
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "%s=%s fixes what tuning has to choose: remove it", variables[i],
                             value);
    }
    return CLEF_OK;
}

// What other runs have found for this device. A file that does not fit it is about to be replaced,
// so that its warning would say nothing.
static struct ocl_tuned *load_earlier(struct ocl_context *ocl)
{
    struct clef_device_options options = ocl->options;
    struct ocl_tuned *in_use = ocl->tuned;
    ocl->options.notice = NULL;
    ocl->tuned = NULL;
    ocl_tuned_load(ocl);
    struct ocl_tuned *earlier = ocl->tuned;
    ocl->options = options;
    ocl->tuned = in_use;
    return earlier;
}

clef_status ocl_tune(void *context, struct clef_plan *const *plans, int plan_count,
                     const struct clef_tune_options *options, struct clef_tune_report *report)
{
    struct ocl_context *ocl = context;
    struct tuning tuning = {.ocl = ocl, .report = report};
    struct ocl_tuned *tuned = ocl->tuned;
    double began = clef_seconds();
    CLEF_TRY(check_environment());
    struct ocl_tuned *earlier = load_earlier(ocl);
    tuning.earlier = earlier;
    // The default is what the device would do untuned.
    ocl->tuned = NULL;
    clef_status status = collect_cases(&tuning, plans, plan_count);
    if (status == CLEF_OK && tuning.count > 0)
        status = run(&tuning, options->seconds);
    ocl_notice(ocl, CLEF_NOTICE_PROGRESS, "%s", "");
    ocl->tuned = tuned;
    ocl_tuned_free(earlier);
    free_cases(&tuning);
    report->seconds = clef_seconds() - began;
    return status;
}
