// SPDX-License-Identifier: Apache-2.0
#include "cli/saved_model.h"

#include "cli/cli_support.h"

#include <stdlib.h>

int saved_model_open(const char *command, const char *file, const char *selector,
                     const struct clef_device_options *options, struct saved_model *saved)
{
    int code = cli_open_device(command, selector, options, &saved->device);
    if (code != EXIT_SUCCESS)
        return code;
    if (clef_model_load(saved->device, file, &saved->model, &saved->batch_size) != CLEF_OK) {
        code = cli_library_error(command);
        clef_device_close(saved->device);
    }
    return code;
}

void saved_model_close(struct saved_model *saved)
{
    clef_model_destroy(saved->model);
    clef_device_close(saved->device);
}

clef_status saved_model_load_images(const struct saved_model *saved, const char *data,
                                    enum clef_split split, struct clef_dataset **images)
{
    const struct clef_resnet_config *network = clef_model_get_config(saved->model);
    return clef_dataset_load(data, split, network->input_height, network->input_width,
                             network->classes, false, images);
}
