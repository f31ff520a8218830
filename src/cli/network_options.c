// SPDX-License-Identifier: Apache-2.0
#include "cli/network_options.h"

#include "cli/cli_support.h"
#include "cli/commands.h"

#include <stdlib.h>

const char *const network_arch_choices[] = {"resnet18", "resnet18-imagenet", NULL};
const char *const network_head_choices[] = {"flatten-dense", "avgpool", NULL};

// Gives the network as many stages as the lists are long.
static int set_stages(const char *command, const struct network_options *options,
                      struct clef_resnet_config *config)
{
    _Static_assert((int)OPTION_LIST_LENGTH == CLEF_MAX_STAGES, "a list must hold every stage");
    const struct option_int_list *blocks = &options->blocks, *filters = &options->filters;
    int block_count = blocks->count > 0 ? blocks->count : config->stages;
    int filter_count = filters->count > 0 ? filters->count : config->stages;
    if (block_count != filter_count)
        return cli_error(command, EXIT_USAGE,
                         "--blocks and --filters must be of the same length, not %d and %d",
                         block_count, filter_count);
    config->stages = block_count;
    for (int i = 0; i < blocks->count; i++)
        config->blocks[i] = blocks->values[i];
    for (int i = 0; i < filters->count; i++)
        config->filters[i] = filters->values[i];
    return EXIT_SUCCESS;
}

int network_configure(const char *command, const struct network_options *options,
                      struct clef_resnet_config *config)
{
    *config = options->arch == 0 ? clef_resnet_default() : clef_resnet_imagenet();
    if (options->head > 0)
        config->head = (enum clef_head)(options->head - 1);
    if (options->classes > 0)
        config->classes = options->classes;
    if (options->image_size > 0)
        config->input_height = config->input_width = options->image_size;
    if (options->input_shape.count > 0) {
        config->input_height = options->input_shape.values[0];
        config->input_width = options->input_shape.values[1];
        config->input_channels = options->input_shape.values[2];
    }
    return set_stages(command, options, config);
}
