// SPDX-License-Identifier: Apache-2.0
// What a replay compared: one row for each quantity.
#ifndef CLEF_CLI_REPLAY_REPORT_H
#define CLEF_CLI_REPLAY_REPORT_H

#include "clef/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct replay_row {
    char name[96];
    double reference, measured;
    double relative; // The error relative to the reference; NaN where the reference is zero.
    double error;    // What is judged: the relative one, or the distance itself.
    double allowed;  // NaN: the row informs and decides nothing.
};

struct replay_report {
    struct replay_row *rows;
    int count, capacity;
};

// Appends a row whose relative error is judged.
clef_status replay_report_add(struct replay_report *report, double reference, double measured,
                              double error, double allowed, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

// Appends a row whose distance from the reference is judged. The relative error is shown with it.
clef_status replay_report_add_distance(struct replay_report *report, double reference,
                                       double measured, double allowed, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

// Appends a row of a quantity that is zero but for rounding: its size is judged, and there is no
// relative error.
clef_status replay_report_add_zero(struct replay_report *report, double reference, double measured,
                                   double allowed, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void replay_report_release(struct replay_report *report);

// Whether every row that decides keeps its limit; an error that is NaN does not.
bool replay_report_passes(const struct replay_report *report);

// The row that is nearest to its limit or farthest beyond it; NULL if none decides.
const struct replay_row *replay_report_worst(const struct replay_report *report);

void replay_report_print(FILE *stream, const struct replay_report *report);
json_t *replay_report_json(const struct replay_report *report);

#endif
