// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/train_run.h"
#include "core/error.h"

#include <math.h>
#include <stdlib.h>

static clef_status load(struct train_run *run)
{
    const struct train_settings *settings = &run->settings;
    const struct clef_resnet_config *network = &run->network;
    CLEF_TRY(clef_dataset_load(settings->data, CLEF_SPLIT_TRAIN, network->input_height,
                               network->input_width, network->classes, true, &run->all));
    CLEF_TRY(clef_dataset_load(settings->data, CLEF_SPLIT_TEST, network->input_height,
                               network->input_width, network->classes, false, &run->test));
    int count = clef_dataset_get_shape(run->all).count;
    if (settings->limit > 0 && settings->limit < count)
        count = settings->limit;
    int training = (int)floor(count * (1 - settings->validation_split));
    run->result.training_images = training;
    run->result.validation_images = count - training;
    run->result.test_images = clef_dataset_get_shape(run->test).count;
    clef_status status = CLEF_OK;
    if (training > 0)
        status = clef_dataset_slice(run->all, 0, training, &run->training);
    if (status == CLEF_OK && count > training)
        status = clef_dataset_slice(run->all, training, count - training, &run->validation);
    return status;
}

int train_load_data(struct train_run *run)
{
    if (load(run) != CLEF_OK)
        return cli_library_error(train_command.name);
    if (run->training == NULL)
        return cli_error(train_command.name, EXIT_FAILURE,
                         "no images are left to train on: use a larger --limit or a smaller "
                         "--validation-split");
    return EXIT_SUCCESS;
}
