// SPDX-License-Identifier: Apache-2.0
#include "cli/train_settings.h"

#include <float.h>
#include <limits.h>

#define SETTING(member) .offset = offsetof(struct train_settings, member)

static const struct option_row rows[] = {
    OPTION_ROW_DATA(struct train_settings),
    {"--out", "DIR", NULL,
     "Directory for model.safetensors, history.csv and summary.json; it is created. Default: "
     "runs/DATE-TIME.",
     OPTION_TEXT, SETTING(out)},
    OPTION_ROW_DEVICE(struct train_settings),
    OPTION_ROW_THREADS(struct train_settings),
    {"--epochs", "N", "5", "Passes over the training images.", OPTION_INT, SETTING(epochs),
     .min = 1, .max = 1000000},
    OPTION_ROW_BATCH_SIZE(struct train_settings),
    {"--learning-rate", "RATE", "1e-3", "Learning rate of Adam.", OPTION_DOUBLE,
     SETTING(learning_rate), .min = 0, .max = FLT_MAX, .open_min = true},
    {"--validation-split", "PART", "0.2",
     "Part of the training images, taken from their end, that is kept for validation; 0 validates "
     "nothing.",
     OPTION_DOUBLE, SETTING(validation_split), .min = 0, .max = 1, .open_max = true},
    {"--seed", "N", "0", "Seed of the first weights and of the order of the images.", OPTION_UINT64,
     SETTING(seed)},
    {"--shuffle", NULL, "yes", "Take the images in a new order in each epoch.", OPTION_SWITCH,
     SETTING(shuffle)},
    {"--limit", "N", NULL,
     "Use only the first N training images, those kept for validation included. The test set is "
     "used whole. Default: all.",
     OPTION_INT, SETTING(limit), .min = 1, .max = INT_MAX},
    NETWORK_ROW_ARCH(struct train_settings),
    NETWORK_ROW_IMAGE_SIZE(struct train_settings),
    NETWORK_ROW_CLASSES(struct train_settings),
    NETWORK_ROW_BLOCKS(struct train_settings),
    NETWORK_ROW_FILTERS(struct train_settings),
    NETWORK_ROW_HEAD(struct train_settings),
    {"--init", "FILE", NULL,
     "Start from the weights of a safetensors file in the layout of Clef, PyTorch (torchvision's "
     "names) or Keras, which is known by its names, or of a .weights.h5 of Keras. The classifier "
     "starts anew if the file's is for another number of classes. Default: random weights.",
     OPTION_TEXT, SETTING(init)},
    {"--freeze", "LAYERS", NULL,
     "Leave layers as they are, such as stem,stage1: names of layers as \"clef info\" lists them, "
     "or "
     "what they begin with up to a dot. Batch norms among them use and keep their moving "
     "statistics; all layers before one must be frozen too. Default: none.",
     OPTION_TEXT, SETTING(freeze)},
    OPTION_ROW_KERNEL_CACHE(struct train_settings),
    OPTION_ROW_SYNC(struct train_settings),
    OPTION_ROW_PROFILE(struct train_settings),
    {"--quiet", NULL, NULL, "Print the test figures and nothing else.", OPTION_FLAG,
     SETTING(quiet)},
    {"--verbose", NULL, NULL, "Print the plan of the memory before training.", OPTION_FLAG,
     SETTING(verbose)},
};

const struct option_command train_command = {
    .name = "train",
    .summary = "train a residual network on a data set of images",
    .description =
        "Trains a residual network, by default ResNet-18 on MNIST, with Adam; measures it on the "
        "validation images after each epoch and on the test set at the end; and saves the model, "
        "the history and a summary.\n\n"
        "Ctrl-C, SIGTERM or SIGHUP ends training, validation or test after the running step, "
        "saves, "
        "and exits with 130, 143 or 129. A second one of the same ends the program at once and "
        "saves nothing.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};
