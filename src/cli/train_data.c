// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/train_run.h"

#include <math.h>
#include <stdlib.h>

static clef_status load(struct train_run *run)
{
    const struct train_settings *settings = &run->settings;
    clef_status status =
        clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TRAIN, run->network.classes, &run->all);
    if (status == CLEF_OK)
        status = clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TEST, run->network.classes,
                                         &run->test);
    if (status != CLEF_OK)
        return status;
    int count = clef_dataset_get_shape(run->all).count;
    if (settings->limit > 0 && settings->limit < count)
        count = settings->limit;
    int training = (int)floor(count * (1 - settings->validation_split));
    run->result.training_images = training;
    run->result.validation_images = count - training;
    run->result.test_images = clef_dataset_get_shape(run->test).count;
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
