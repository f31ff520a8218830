// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_report.h"

#include "cli/cli_support.h"
#include "core/error.h"
#include "io/json_build.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

static clef_status add(struct replay_report *report, const struct replay_row *figures,
                       const char *format, va_list arguments)
{
    if (report->count == report->capacity) {
        int capacity = report->capacity * 2 + 64;
        struct replay_row *rows = realloc(report->rows, (size_t)capacity * sizeof *rows);
        if (rows == NULL)
            return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the comparison's %d rows",
                             capacity);
        report->rows = rows;
        report->capacity = capacity;
    }
    struct replay_row *row = &report->rows[report->count++];
    *row = *figures;
    vsnprintf(row->name, sizeof row->name, format, arguments);
    return CLEF_OK;
}

clef_status replay_report_add(struct replay_report *report, double reference, double measured,
                              double error, double allowed, const char *format, ...)
{
    const struct replay_row row = {.reference = reference,
                                   .measured = measured,
                                   .relative = error,
                                   .error = error,
                                   .allowed = allowed};
    va_list arguments;
    va_start(arguments, format);
    clef_status status = add(report, &row, format, arguments);
    va_end(arguments);
    return status;
}

clef_status replay_report_add_distance(struct replay_report *report, double reference,
                                       double measured, double allowed, const char *format, ...)
{
    double distance = fabs(measured - reference);
    const struct replay_row row = {.reference = reference,
                                   .measured = measured,
                                   .relative =
                                       reference == 0 ? (double)NAN : distance / fabs(reference),
                                   .error = distance,
                                   .allowed = allowed};
    va_list arguments;
    va_start(arguments, format);
    clef_status status = add(report, &row, format, arguments);
    va_end(arguments);
    return status;
}

clef_status replay_report_add_zero(struct replay_report *report, double reference, double measured,
                                   double allowed, const char *format, ...)
{
    const struct replay_row row = {.reference = reference,
                                   .measured = measured,
                                   .relative = (double)NAN,
                                   .error = fabs(measured),
                                   .allowed = allowed};
    va_list arguments;
    va_start(arguments, format);
    clef_status status = add(report, &row, format, arguments);
    va_end(arguments);
    return status;
}

void replay_report_release(struct replay_report *report)
{
    free(report->rows);
    *report = (struct replay_report){0};
}

static bool decides(const struct replay_row *row)
{
    return !isnan(row->allowed);
}

static bool holds(const struct replay_row *row)
{
    return !decides(row) || row->error <= row->allowed;
}

bool replay_report_passes(const struct replay_report *report)
{
    bool decided = false;
    for (int i = 0; i < report->count; i++) {
        if (!holds(&report->rows[i]))
            return false;
        decided = decided || decides(&report->rows[i]);
    }
    return decided;
}

// A NaN is worse than any number.
static double badness(const struct replay_row *row)
{
    double ratio = row->error / row->allowed;
    return isnan(ratio) ? INFINITY : ratio;
}

const struct replay_row *replay_report_worst(const struct replay_report *report)
{
    const struct replay_row *worst = NULL;
    for (int i = 0; i < report->count; i++) {
        const struct replay_row *row = &report->rows[i];
        if (decides(row) && (worst == NULL || badness(row) > badness(worst)))
            worst = row;
    }
    return worst;
}

void replay_report_print(FILE *stream, const struct replay_report *report)
{
    fprintf(
        stream,
        "Rel.error is relative to the reference. What is held against Allowed is Judged: the "
        "same,\n"
        "but for losses their distance from the reference, and for gradients that are zero their "
        "size.\n\n%-52s%14s%14s%11s%11s%11s\n",
        "Quantity", "Reference", "Clef", "Rel.error", "Judged", "Allowed");
    for (int i = 0; i < report->count; i++) {
        const struct replay_row *row = &report->rows[i];
        char relative[16] = "-";
        if (!isnan(row->relative) || isnan(row->error))
            snprintf(relative, sizeof relative, "%.2e", row->relative);
        fprintf(stream, "%-52s%14.7g%14.7g%11s%11.2e", row->name, row->reference, row->measured,
                relative, row->error);
        if (decides(row))
            fprintf(stream, "%11.2e  %s\n", row->allowed, holds(row) ? "ok" : "TOO FAR");
        else
            fprintf(stream, "%11s\n", "-");
    }
    const struct replay_row *worst = replay_report_worst(report);
    if (worst != NULL)
        fprintf(stream, "Worst: %s, %.2e of %.2e allowed\n", worst->name, worst->error,
                worst->allowed);
}

static json_t *describe_row(const struct replay_row *row)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "name", row->name, "reference",
                     cli_json_real(row->reference), "clef", cli_json_real(row->measured),
                     "relative_error", cli_json_real(row->relative), "error",
                     cli_json_real(row->error), "allowed", cli_json_real(row->allowed), "ok",
                     (int)holds(row));
}

json_t *replay_report_json(const struct replay_report *report)
{
    json_t *rows = json_array();
    for (int i = 0; i < report->count; i++)
        clef_json_append(&rows, describe_row(&report->rows[i]));
    const struct replay_row *worst = replay_report_worst(report);
    return json_pack("{s:b, s:o, s:o}", "passes", (int)replay_report_passes(report), "worst",
                     worst != NULL ? describe_row(worst) : json_null(), "rows", rows);
}
