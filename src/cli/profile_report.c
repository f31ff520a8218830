// SPDX-License-Identifier: Apache-2.0
#include "cli/profile_report.h"

#include "io/json_build.h"

#include <string.h>

// The sum of all rows of an op, or of all rows for NULL.
static struct clef_profile_row sum_rows(const struct clef_profile_row *rows, int count,
                                        const char *op)
{
    struct clef_profile_row sum = {.op = op ? op : "all"};
    for (int i = 0; i < count; i++) {
        if (op && strcmp(rows[i].op, op) != 0)
            continue;
        sum.runs += rows[i].runs;
        sum.seconds += rows[i].seconds;
        sum.flops += rows[i].flops;
        sum.bytes += rows[i].bytes;
    }
    return sum;
}

static bool is_first_of_its_op(const struct clef_profile_row *rows, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(rows[i].op, rows[index].op) == 0)
            return false;
    return true;
}

static void print_figures(FILE *stream, const struct clef_profile_row *row, double all_seconds)
{
    double seconds = row->seconds > 0 ? row->seconds : 1e-9; // What the clock cannot tell apart.
    fprintf(stream, "%8llu %10.3f %6.1f %9.1f %8.1f", (unsigned long long)row->runs,
            1e3 * row->seconds / (double)row->runs,
            all_seconds > 0 ? 100 * row->seconds / all_seconds : 0, 1e-9 * row->flops / seconds,
            1e-9 * row->bytes / seconds);
}

void profile_print(FILE *stream, const struct clef_device *device)
{
    const struct clef_profile_row *rows;
    int count;
    clef_device_get_profile(device, &rows, &count);
    if (count == 0)
        return;
    struct clef_profile_row all = sum_rows(rows, count, NULL);
    fprintf(stream, "\nProfile by op: %.3f s\n", all.seconds);
    fprintf(stream, "  %-24s %8s %10s %6s %9s %8s\n", "op", "runs", "ms a run", "%", "GFLOP/s",
            "GB/s");
    for (int i = 0; i < count; i++) {
        if (!is_first_of_its_op(rows, i))
            continue;
        struct clef_profile_row op = sum_rows(rows, count, rows[i].op);
        fprintf(stream, "  %-24s ", op.op);
        print_figures(stream, &op, all.seconds);
        fputc('\n', stream);
    }
    fprintf(stream, "\nProfile by layer, in the order of the first run\n");
    fprintf(stream, "  %-28s %-24s %8s %10s %6s %9s %8s  %s\n", "layer", "op", "runs", "ms a run",
            "%", "GFLOP/s", "GB/s", "algorithm");
    for (int i = 0; i < count; i++) {
        fprintf(stream, "  %-28s %-24s ", rows[i].layer, rows[i].op);
        print_figures(stream, &rows[i], all.seconds);
        fprintf(stream, "  %s\n", rows[i].algorithm);
    }
}

json_t *profile_json(const struct clef_device *device)
{
    const struct clef_profile_row *rows;
    int count;
    clef_device_get_profile(device, &rows, &count);
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        clef_json_append(&array,
                         json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:f}", "layer", rows[i].layer,
                                   "op", rows[i].op, "algorithm", rows[i].algorithm, "runs",
                                   (json_int_t)rows[i].runs, "seconds", rows[i].seconds, "flops",
                                   rows[i].flops, "bytes", rows[i].bytes));
    return array;
}
