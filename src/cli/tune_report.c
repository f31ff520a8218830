// SPDX-License-Identifier: Apache-2.0
#include "cli/tune_report.h"
#include "cli/cli_support.h"
#include "io/json_build.h"

#include <stdio.h>
#include <string.h>

// Sums over the rows of a group.
struct totals {
    double flops, before, after;
};

static double rate(double flops, double seconds)
{
    return seconds > 0 ? 1e-9 * flops / seconds : 0;
}

// Prints the rows from `first` on that are of its group; returns the row after them.
static int print_group(const struct clef_tune_report *report, int first)
{
    const char *group = report->rows[first].group;
    struct totals t = {0};
    int i = first;
    printf("\n%s:\n%9s%9s  %-12s%5s  %s\n", group, "GFLOP/s", "tuned", "choice", "runs", "problem");
    for (; i < report->row_count && strcmp(report->rows[i].group, group) == 0; i++) {
        const struct clef_tune_row *row = &report->rows[i];
        printf("%9.1f%9.1f  %-12s%5d  %s\n", rate(row->flops, row->before_seconds),
               rate(row->flops, row->after_seconds), row->choice, row->count, row->problem);
        t.flops += row->count * row->flops;
        t.before += row->count * row->before_seconds;
        t.after += row->count * row->after_seconds;
    }
    printf("%9.1f%9.1f  a step: %.1f ms, tuned %.1f ms, %.2f times as fast\n",
           rate(t.flops, t.before), rate(t.flops, t.after), 1e3 * t.before, 1e3 * t.after,
           t.before / t.after);
    return i;
}

void tune_report_print(const struct clef_tune_report *report)
{
    if (report->row_count == 0) {
        printf("There is nothing to tune on this device.\n");
        return;
    }
    for (int i = 0; i < report->row_count;)
        i = print_group(report, i);
    printf("\n%d candidates in %.0f s; %d did not compile or run, %d computed wrong results.\n"
           "Saved in %s\n",
           report->tried, report->seconds, report->refused, report->wrong, report->file);
}

json_t *tune_report_json(const struct clef_device *device, const struct clef_tune_report *report)
{
    json_t *rows = json_array();
    for (int i = 0; i < report->row_count; i++) {
        const struct clef_tune_row *row = &report->rows[i];
        clef_json_append(&rows,
                         json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "group", row->group,
                                   "problem", row->problem, "choice", row->choice, "count",
                                   row->count, "flops", cli_json_real(row->flops), "before_seconds",
                                   cli_json_real(row->before_seconds), "after_seconds",
                                   cli_json_real(row->after_seconds)));
    }
    return json_pack("{s:o, s:o, s:i, s:i, s:i, s:o, s:o}", "device", cli_json_device(device),
                     "rows", rows, "tried", report->tried, "refused", report->refused, "wrong",
                     report->wrong, "seconds", cli_json_real(report->seconds), "file",
                     cli_json_text(report->row_count > 0 ? report->file : NULL));
}
