// SPDX-License-Identifier: Apache-2.0
#include "support/harness_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEFAULT_SEED 20240229

// The first one's results are compared with the oracle, those of the others with the first one's.
static const int thread_counts[] = {2, 1, 5};

static struct clef_device *devices[ARRAY_LENGTH(thread_counts)];
static uint64_t seed;
static int rows_run;

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

bool harness_open(bool *skip)
{
    const char *selector = environment("CLEF_TEST_DEVICE", "cpu");
    const char *seed_text = environment("CLEF_TEST_SEED", "");
    seed = *seed_text ? strtoull(seed_text, NULL, 0) : DEFAULT_SEED;
    *skip = false;
    for (int i = 0; i < ARRAY_LENGTH(thread_counts); i++) {
        struct clef_device_options options = {.threads = thread_counts[i]};
        clef_status status = clef_device_open(selector, &options, &devices[i]);
        if (status != CLEF_OK) {
            *skip = (status == CLEF_NOT_FOUND && getenv("CLEF_TEST_DEVICE")) ||
                    (status == CLEF_UNSUPPORTED && getenv("CLEF_CPU"));
            print_error("%s: device %s: %s\n", *skip ? "SKIP" : "error", selector,
                        clef_last_error());
            return false;
        }
    }
    const struct clef_device_info *info = clef_device_get_info(devices[0]);
    print_message("device %s: %s, %s; seed %llu\n", selector, info->name, info->driver,
                  (unsigned long long)seed);
    return true;
}

void harness_close(void)
{
    for (int i = 0; i < ARRAY_LENGTH(thread_counts); i++) {
        clef_device_close(devices[i]);
        devices[i] = NULL;
    }
}

int harness_rows_run(void)
{
    return rows_run;
}

// ---------------------------------------------------------------- one session

// Releases all but the recorded results.
static void session_release(struct session *s)
{
    clef_plan_destroy(s->plan);
    s->plan = NULL;
    for (int i = 0; i < s->tensor_count; i++)
        clef_buffer_destroy(s->tensors[i].buffer);
    s->tensor_count = 0;
    for (int i = 0; i < s->block_count; i++)
        free(s->blocks[i]);
    s->block_count = 0;
}

static void forget_recorded(struct session *s)
{
    for (int i = 0; i < SESSION_TENSORS; i++) {
        free(s->recorded[i]);
        s->recorded[i] = NULL;
    }
}

void session_fail(struct session *s, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s row %d (%s), %d threads, algorithm %s:\n    %s\n", s->op, s->row,
                s->description, s->threads, s->info.algorithm ? s->info.algorithm : "none yet",
                text);
    const char *cpu = environment("CLEF_CPU", "");
    print_error("  repeat: CLEF_TEST_SEED=%llu CLEF_TEST_CASE=%s#%d CLEF_TEST_DEVICE=%s %s%s%s"
                "test_ops %s\n",
                (unsigned long long)s->seed, s->op, s->row, environment("CLEF_TEST_DEVICE", "cpu"),
                *cpu ? "CLEF_CPU=" : "", cpu, *cpu ? " " : "", s->op);
    session_release(s);
    forget_recorded(s);
    fail();
    abort(); // Not reached: fail() leaves the test by longjmp.
}

void session_describe(struct session *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->description, sizeof s->description, format, arguments);
    va_end(arguments);
}

void *session_memory(struct session *s, size_t bytes)
{
    if (s->block_count == SESSION_BLOCKS)
        session_fail(s, "more than %d blocks of memory", SESSION_BLOCKS);
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory)
        session_fail(s, "out of memory");
    s->blocks[s->block_count++] = memory;
    return memory;
}

double *session_doubles(struct session *s, size_t count)
{
    return session_memory(s, count * sizeof(double));
}

const struct clef_plan_info *session_info(const struct session *s)
{
    return &s->info;
}

bool session_algorithm_is_direct(const struct session *s)
{
    return !strstr(s->info.algorithm, "winograd");
}

int session_filter_panel(const struct session *s)
{
    return clef_device_get_info(s->device)->filter_panel;
}

// ---------------------------------------------------------------- running a plan

// Asks for the facts alone, which must work before any memory exists.
static void ask_info(struct session *s, test_plan_function plan, const void *args)
{
    for (int i = 0; i < s->tensor_count; i++)
        s->tensors[i].view.buffer = NULL;
    clef_status status = plan(s->device, args, NULL, &s->info, NULL);
    for (int i = 0; i < s->tensor_count; i++)
        s->tensors[i].view.buffer = s->tensors[i].buffer;
    if (status != CLEF_OK)
        session_fail(s, "info: %s", clef_last_error());
    if (!s->info.algorithm || !*s->info.algorithm || !(s->info.bytes > 0) || !(s->info.flops >= 0))
        session_fail(s, "info is incomplete: %g bytes, %g flops", s->info.bytes, s->info.flops);
}

// The plan gets scratch from the caller, with guards and full of NaN, or allocates its own.
static void make_plan(struct session *s, test_plan_function plan, const void *args)
{
    ask_info(s, plan, args);
    bool own_scratch = s->info.scratch_floats == 0 || s->threads == 5;
    struct test_tensor *scratch =
        own_scratch ? NULL : test_output_vector(s, "scratch", s->info.scratch_floats);
    struct clef_plan_info info = {0};
    if (plan(s->device, args, scratch ? &scratch->view : NULL, &info, &s->plan) != CLEF_OK)
        session_fail(s, "plan: %s", clef_last_error());
    if (info.scratch_floats != s->info.scratch_floats || info.flops != s->info.flops ||
        info.bytes != s->info.bytes || strcmp(info.algorithm, s->info.algorithm) != 0)
        session_fail(s, "the plan's info differs from what was told before memory existed");
    if (scratch)
        scratch->name = NULL; // Its contents are free; only its guards are looked at.
}

static void run_once(struct session *s, const struct clef_run_values *values)
{
    for (int i = 0; i < s->tensor_count; i++) {
        struct test_tensor *t = &s->tensors[i];
        size_t bytes = t->total * t->element_bytes;
        if (clef_buffer_upload(t->buffer, 0, t->before, bytes, NULL) != CLEF_OK)
            session_fail(s, "upload: %s", clef_last_error());
    }
    if (clef_plan_run(s->plan, values) != CLEF_OK)
        session_fail(s, "run: %s", clef_last_error());
    for (int i = 0; i < s->tensor_count; i++) {
        struct test_tensor *t = &s->tensors[i];
        size_t bytes = t->total * t->element_bytes;
        if (clef_buffer_download(t->buffer, 0, t->after, bytes, NULL) != CLEF_OK)
            session_fail(s, "download: %s", clef_last_error());
        check_guards(s, t);
    }
}

// Keeps the results the first time, and demands the same bits from then on.
static void record_or_compare(struct session *s, const char *what)
{
    for (int i = 0; i < s->tensor_count; i++) {
        struct test_tensor *t = &s->tensors[i];
        if (!t->name)
            continue;
        size_t bytes = t->total * t->element_bytes;
        if (!s->recorded[i]) {
            s->recorded[i] = malloc(bytes);
            if (!s->recorded[i])
                session_fail(s, "out of memory");
            memcpy(s->recorded[i], t->after, bytes);
        } else if (memcmp(s->recorded[i], t->after, bytes) != 0) {
            session_fail(s, "%s does not have the same bits in %s", t->name, what);
        }
    }
}

bool session_run(struct session *s, test_plan_function plan, const void *args,
                 const struct clef_run_values *values)
{
    if (s->has_run)
        session_fail(s, "a session runs one op");
    s->has_run = true;
    make_plan(s, plan, args);
    run_once(s, values);
    record_or_compare(s, "the first run of another number of threads");
    run_once(s, values);
    record_or_compare(s, "the second run");
    clef_plan_destroy(s->plan);
    s->plan = NULL;
    return s->verify;
}

// Whether CLEF_TEST_CASE, if set, names this row.
static bool is_selected(const char *op, int row)
{
    const char *wanted = environment("CLEF_TEST_CASE", "");
    char name[64];
    snprintf(name, sizeof name, "%s#%d", op, row);
    return !*wanted || strcmp(wanted, name) == 0;
}

void run_rows(const char *op, int count, void (*run_row)(struct session *s, int index))
{
    for (int row = 0; row < count; row++) {
        if (!is_selected(op, row))
            continue;
        struct session s = {.op = op, .row = row, .seed = seed};
        for (int i = 0; i < ARRAY_LENGTH(thread_counts); i++) {
            s.threads = thread_counts[i];
            s.device = devices[i];
            s.verify = i == 0;
            s.has_run = false;
            run_row(&s, row);
            if (!s.has_run)
                session_fail(&s, "the row ran nothing");
            session_release(&s);
        }
        forget_recorded(&s);
        rows_run++;
    }
}
