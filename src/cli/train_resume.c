// SPDX-License-Identifier: Apache-2.0
// Going on with a run that was stopped.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/option_record.h"
#include "cli/train_run.h"
#include "core/error.h"
#include "io/json_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void report_damaged(void)
{
    cli_warning(train_command.name, "%s; trying the checkpoint before", clef_last_error());
}

// Whether the run has trained, tested and saved all that is asked for.
static clef_status is_finished(const struct train_run *run, bool *finished)
{
    int done = run->resumed->state.epoch - 1;
    *finished = false;
    if (done != run->settings.epochs)
        return CLEF_OK;
    return run_directory_is_finished(run->settings.resume, done, finished);
}

static int take_options(struct train_run *run, const bool *given)
{
    const char *notes = run->resumed->notes;
    errno = 0;
    run->record = notes != NULL ? clef_json_parse(notes, strlen(notes), NULL) : NULL;
    if (run->record == NULL && errno == ENOMEM)
        return cli_error(train_command.name, EXIT_FAILURE,
                         "no memory for the options of the run that is resumed");
    int code = option_record_apply(&train_command, given, json_object_get(run->record, "options"),
                                   &run->settings);
    if (code != EXIT_SUCCESS)
        return code;
    int epochs = run->resumed->config.epochs;
    if (run->settings.epochs < epochs)
        return cli_error(train_command.name, EXIT_USAGE,
                         "--epochs %d is less than the run that is resumed has, %d: it may only be "
                         "raised",
                         run->settings.epochs, epochs);
    return EXIT_SUCCESS;
}

int train_find_checkpoint(struct train_run *run, const bool *given)
{
    struct train_settings *settings = &run->settings;
    if (settings->out != NULL)
        return cli_error(train_command.name, EXIT_USAGE,
                         "--out cannot be given with --resume, which goes on in its own directory");
    if (checkpoint_directory_resume(&run->checkpoints, settings->resume, report_damaged,
                                    run->resumed_path, &run->resumed) != CLEF_OK)
        return cli_library_error(train_command.name);
    int code = take_options(run, given);
    if (code != EXIT_SUCCESS)
        return code;
    settings->out = settings->resume;
    bool finished;
    if (run_directory_clean(settings->resume) != CLEF_OK || is_finished(run, &finished) != CLEF_OK)
        return cli_library_error(train_command.name);
    if (!finished)
        return OPTIONS_GO;
    printf("The run in %s has finished, with %d epochs; a larger --epochs goes on\n",
           settings->resume, settings->epochs);
    return EXIT_SUCCESS;
}

clef_status train_restore(struct train_run *run)
{
    const struct clef_checkpoint *resumed = run->resumed;
    CLEF_TRY(clef_checkpoint_check_data(resumed, run->training, run->validation));
    CLEF_TRY(clef_checkpoint_restore(run->resumed_path, run->device, &run->model));
    CLEF_TRY(clef_model_freeze(run->model, run->settings.freeze));
    memcpy(run->result.epochs, resumed->epochs,
           (size_t)(resumed->state.epoch - 1) * sizeof *run->result.epochs);
    run->result.resumed_at = (int64_t)resumed->step;
    return CLEF_OK;
}

void train_print_resumed(const struct train_run *run)
{
    const struct clef_train_state *state = &run->resumed->state;
    const json_t *device = json_object_get(run->record, "device");
    json_t *here = cli_json_device(run->device);
    if (state->step > 0)
        printf("Resumed: after step %d of epoch %d, from %s\n", state->step, state->epoch,
               run->resumed_path);
    else
        printf("Resumed: after epoch %d, from %s\n", state->epoch - 1, run->resumed_path);
    if (!json_equal(device, here))
        printf("  It was made on another device, %s (%s), whose last bits may differ.\n",
               json_string_value(json_object_get(device, "name")),
               json_string_value(json_object_get(device, "driver")));
    json_decref(here);
}
