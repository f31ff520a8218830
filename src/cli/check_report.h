// SPDX-License-Identifier: Apache-2.0
// What `clef check` found, as a table that grows while it runs, and as JSON.
#ifndef CLEF_CLI_CHECK_REPORT_H
#define CLEF_CLI_CHECK_REPORT_H

#include "check/check.h"
#include "check/check_training.h"

#include <jansson.h>

struct check_report {
    const struct clef_device_info *device;
    uint64_t seed;
    bool quiet; // Prints nothing on stdout.
    // By op; an op that has not run has no rows.
    struct clef_check_result ops[CLEF_CHECK_OPS];
    bool has_trained; // `training` is there.
    struct clef_check_training training;
    double seconds;
    int plans, failures; // Of all ops and the training.
    json_t *failed;      // One object each, in the order in which they came up.
    size_t printed;      // How many of these have been.
};

// Notes a failure of a row: the `failed` function of a check whose user is a report.
void check_report_failed_row(void *user, const struct clef_check_failure *failure);

// Notes that the training failed, or a comparison in it.
void check_report_failed_training(struct check_report *report, const char *message);

// Print the heading, then an op's name before it runs and its figures after it, then the training,
// what was slow, and the verdict. Failures go to stderr.
void check_report_print_heading(const struct check_report *report);
void check_report_begin_op(const struct check_report *report, int op);
void check_report_end_op(struct check_report *report, int op);
void check_report_print_training(struct check_report *report);
void check_report_print_verdict(const struct check_report *report);

// Says that a comparison of the training is beyond its tolerance.
void check_report_describe_figure(const struct clef_check_figure *figure, char *text, size_t size);

// New references; NULL without memory. The whole, a device, and the comparisons of a training.
json_t *check_report_json(const struct check_report *report);
json_t *check_report_device(const struct clef_device_info *device);
json_t *check_report_figures(const struct clef_check_training *training);

void check_report_release(struct check_report *report);

#endif
