// SPDX-License-Identifier: Apache-2.0
// Shows how training goes: on a terminal a bar that is redrawn in place, as Keras draws it,
// otherwise one line an epoch.
#ifndef CLEF_CLI_PROGRESS_H
#define CLEF_CLI_PROGRESS_H

#include "clef/trainer.h"

#include <stdbool.h>
#include <stdio.h>

struct progress {
    FILE *stream; // NULL shows nothing.
    bool terminal;
    int steps;             // Of the epoch under way.
    double drawn_at;       // Seconds of the epoch when the bar was last drawn.
    double first_at;       // Seconds of the epoch when its first step was reported.
    double seconds_a_step; // Of the epoch's training, validation left out; 0 while it is not known.
    bool line_open;        // Whether the cursor stands on a line with a bar.
};

// `stream` may be NULL; `terminal` says whether it is one.
void progress_begin(struct progress *progress, FILE *stream, bool terminal);
void progress_step(struct progress *progress, const struct clef_progress *step);
void progress_epoch(struct progress *progress, int epoch, int epochs,
                    const struct clef_epoch *result);

// Ends a bar's line, so that other output begins on its own.
void progress_end(struct progress *progress);

#endif
