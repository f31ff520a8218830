// SPDX-License-Identifier: Apache-2.0
#include "check/check_session_internal.h"

#include "core/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void session_forget_bits(struct session *s)
{
    for (int i = 0; i < SESSION_TENSORS; i++) {
        free(s->recorded[i]);
        s->recorded[i] = NULL;
    }
}

void session_fail(struct session *s, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const struct clef_check_failure failure = {
        .op = s->check_case->op,
        .row = s->row,
        .shape = s->description,
        .algorithm = s->info.algorithm ? s->info.algorithm : "none yet",
        .message = message,
        .threads = s->threads,
    };
    if (s->options->failed)
        s->options->failed(s->options->user, &failure);
    longjmp(s->failed, 1);
}

void session_forget_expected(struct session *s)
{
    for (int i = 0; i < SESSION_EXPECTED; i++) {
        free(s->expected[i]);
        s->expected[i] = NULL;
    }
}

bool session_expected(struct session *s, size_t count, double **expected)
{
    if (s->expected_count == SESSION_EXPECTED)
        session_fail(s, "more than %d results of the oracle", SESSION_EXPECTED);
    double **kept = &s->expected[s->expected_count++];
    bool is_new = *kept == NULL;
    if (is_new)
        *kept = calloc(count ? count : 1, sizeof **kept);
    if (!*kept)
        session_fail(s, "out of memory");
    *expected = *kept;
    return is_new;
}

int session_row(const struct session *s)
{
    return s->row;
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
    return !strstr(s->info.algorithm, "winograd") && !strstr(s->info.algorithm, "toeplitz");
}

int session_filter_panel(const struct session *s)
{
    return clef_device_get_info(s->device)->filter_panel;
}

// ---------------------------------------------------------------- running a plan

// Asks for the facts alone, which must work before any memory exists.
static void ask_info(struct session *s, check_plan_function plan, const void *args)
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
static void make_plan(struct session *s, check_plan_function plan, const void *args)
{
    bool own_scratch = s->info.scratch_floats == 0 || s->own_scratch;
    struct check_tensor *scratch =
        own_scratch ? NULL : session_output_vector(s, "scratch", s->info.scratch_floats);
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
        struct check_tensor *t = &s->tensors[i];
        size_t bytes = t->total * t->element_bytes;
        if (clef_buffer_upload(t->buffer, 0, t->before, bytes, NULL) != CLEF_OK)
            session_fail(s, "upload: %s", clef_last_error());
    }
    if (clef_plan_run(s->plan, values) != CLEF_OK)
        session_fail(s, "run: %s", clef_last_error());
    for (int i = 0; i < s->tensor_count; i++) {
        struct check_tensor *t = &s->tensors[i];
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
        struct check_tensor *t = &s->tensors[i];
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

// Adds a name to a list; false if it was there. What does not fit in the list is always new.
static bool note(char list[][CLEF_CHECK_ALGORITHM_LENGTH], int *count, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0)
            return false;
    if (*count < CLEF_CHECK_ALGORITHMS)
        snprintf(list[(*count)++], CLEF_CHECK_ALGORITHM_LENGTH, "%s", name);
    return true;
}

bool session_run(struct session *s, check_plan_function plan, const void *args,
                 const struct clef_run_values *values)
{
    if (s->has_run)
        session_fail(s, "a session runs one op");
    s->has_run = true;
    ask_info(s, plan, args);
    if (s->verify && !note(s->algorithms, &s->algorithm_count, s->info.algorithm)) {
        s->repeats = true;
        return false;
    }
    double work = s->info.flops + s->info.bytes, most = s->options->brief;
    if (most > 0 && work > most) {
        s->too_large = true;
        return false;
    }
    note(s->result->algorithms, &s->result->algorithm_count, s->info.algorithm);
    double began = clef_seconds();
    make_plan(s, plan, args);
    run_once(s, values);
    record_or_compare(s,
                      s->threads ? "the first run of another number of threads" : "another plan");
    if (most == 0) {
        run_once(s, values);
        record_or_compare(s, "the second run");
    }
    clef_plan_destroy(s->plan);
    s->plan = NULL;
    s->result->device_seconds += clef_seconds() - began;
    return s->verify;
}

void session_record(struct session *s, double error, double tolerance)
{
    struct clef_check_result *result = s->result;
    if (tolerance > 0 &&
        (result->tolerance == 0 || error * result->tolerance > result->worst_error * tolerance)) {
        result->worst_error = error;
        result->tolerance = tolerance;
    }
}

bool session_run_row(struct session *s)
{
    s->has_run = s->repeats = s->too_large = false;
    s->expected_count = 0;
    s->info = (struct clef_plan_info){0};
    if (setjmp(s->failed) != 0) {
        session_release(s);
        return false;
    }
    s->check_case->run(s, s->row_data);
    if (!s->has_run)
        session_fail(s, "the row ran nothing");
    session_release(s);
    return true;
}
