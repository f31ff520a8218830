// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <math.h>
#include <string.h>

enum { BAR_WIDTH = 30 };

// A terminal needs no more than ten pictures a second.
static const double redraw_seconds = 0.1;

// Clears from the cursor to the end of the line, where an earlier picture may have been longer
// (ECMA-48, "erase in line").
static const char erase_to_end[] = "\033[K";

// Writes a duration as Keras does: "9s", "1:05", "1:00:00".
static void format_duration(double seconds, char *text, size_t size)
{
    long whole = seconds > 0 ? lround(seconds) : 0;
    if (whole >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else if (whole >= 60)
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(text, size, "%lds", whole);
}

static void format_step_time(double seconds, char *text, size_t size)
{
    if (seconds >= 1)
        snprintf(text, size, "%.0fs/step", seconds);
    else if (seconds >= 1e-3)
        snprintf(text, size, "%.0fms/step", 1e3 * seconds);
    else
        snprintf(text, size, "%.0fus/step", 1e6 * seconds);
}

static void format_bar(int step, int steps, char bar[BAR_WIDTH + 1])
{
    int done = (int)((long long)BAR_WIDTH * step / steps);
    memset(bar, '=', (size_t)done);
    memset(bar + done, '.', (size_t)(BAR_WIDTH - done));
    if (done < BAR_WIDTH)
        bar[done] = '>';
    bar[BAR_WIDTH] = '\0';
}

// A step is reported once the next has been enqueued, and on a device that computes at once that
// means computed, too. So the time runs from the first report on, by when one step or two are done,
// and only the last report tells of all steps. The first alone tells nothing.
static double measure_step(struct progress *progress, const struct clef_progress *step)
{
    int taken = step->step - step->resumed_at;
    if (step->step == step->steps)
        return step->seconds / taken;
    if (taken == 1)
        progress->first_at = step->seconds;
    return taken == 1 ? 0 : (step->seconds - progress->first_at) / (taken - 1);
}

static int count_digits(int number)
{
    return snprintf(NULL, 0, "%d", number);
}

void progress_begin(struct progress *progress, FILE *stream, bool terminal)
{
    *progress = (struct progress){.stream = stream, .terminal = terminal};
}

void progress_step(struct progress *progress, const struct clef_progress *step)
{
    char bar[BAR_WIDTH + 1], eta[32] = "?", time[32] = "?";
    progress->steps = step->steps;
    progress->seconds_a_step = measure_step(progress, step);
    if (progress->stream == NULL || !progress->terminal)
        return;
    if (step->step == step->resumed_at + 1) {
        fprintf(progress->stream, "Epoch %d/%d\n", step->epoch, step->epochs);
        progress->drawn_at = -redraw_seconds;
    }
    if (step->seconds - progress->drawn_at < redraw_seconds && step->step < step->steps)
        return;
    progress->drawn_at = step->seconds;
    progress->line_open = true;
    format_bar(step->step, step->steps, bar);
    if (progress->seconds_a_step > 0) {
        format_duration(progress->seconds_a_step * (step->steps - step->step), eta, sizeof eta);
        format_step_time(progress->seconds_a_step, time, sizeof time);
    }
    fprintf(progress->stream, "\r%*d/%d [%s] - ETA: %s - %s - loss: %.4f - accuracy: %.4f%s",
            count_digits(step->steps), step->step, step->steps, bar, eta, time, step->loss,
            step->accuracy, erase_to_end);
    fflush(progress->stream);
}

void progress_epoch(struct progress *progress, int epoch, int epochs,
                    const struct clef_epoch *result)
{
    char bar[BAR_WIDTH + 1], seconds[32], time[32];
    if (progress->stream == NULL)
        return;
    format_duration(result->seconds, seconds, sizeof seconds);
    format_step_time(progress->seconds_a_step, time, sizeof time);
    // An epoch that is resumed after its last training step has shown no bar.
    if (progress->terminal && progress->steps > 0) {
        format_bar(progress->steps, progress->steps, bar);
        fprintf(progress->stream, "\r%d/%d [%s] - ", progress->steps, progress->steps, bar);
    } else {
        fprintf(progress->stream, "Epoch %d/%d - ", epoch, epochs);
    }
    fprintf(progress->stream, "%s - %s - loss: %.4f - accuracy: %.4f", seconds, time, result->loss,
            result->accuracy);
    if (!isnan(result->val_loss))
        fprintf(progress->stream, " - val_loss: %.4f - val_accuracy: %.4f", result->val_loss,
                result->val_accuracy);
    fprintf(progress->stream, "%s\n", progress->terminal ? erase_to_end : "");
    fflush(progress->stream);
    progress->line_open = false;
    progress->steps = 0;
    progress->seconds_a_step = 0;
}

void progress_end(struct progress *progress)
{
    if (progress->line_open)
        fprintf(progress->stream, "\n");
    progress->line_open = false;
}
