// SPDX-License-Identifier: Apache-2.0
#include "cli/train_settings.h"

#include <float.h>
#include <limits.h>

#define SETTING(member) .offset = offsetof(struct train_settings, member)

static const struct option_row rows[] = {
    OPTION_ROW_DATA(struct train_settings),
    {"--out", "DIR", NULL,
     "Directory for model.safetensors, history.csv, summary.json and checkpoints; it is created. "
     "Default: runs/DATE-TIME.",
     OPTION_TEXT, SETTING(out)},
    {"--resume", "DIR", NULL,
     "Go on with the run that left checkpoints in DIR, where it was, to the same bits as if it had "
     "not been stopped. Other options are taken from it: --data, --device, --threads, "
     "--checkpoint-every, --update-bn and more --epochs may be given anew, and those that do not "
     "change results.",
     OPTION_TEXT, SETTING(resume)},
    {"--checkpoint-every", "N", NULL,
     "Make a checkpoint after every N steps, too. Default: at the end of each epoch alone.",
     OPTION_INT, SETTING(checkpoint_every), .min = 1, .max = INT_MAX, .kept = OPTION_KEPT},
    OPTION_ROW_DEVICE(struct train_settings),
    OPTION_ROW_THREADS(struct train_settings),
    {"--epochs", "N", "5", "Passes over the training images.", OPTION_INT, SETTING(epochs),
     .min = 1, .max = 1000000, .kept = OPTION_KEPT},
    OPTION_ROW_BATCH_SIZE(struct train_settings),
    {"--learning-rate", "RATE", "1e-3", "Learning rate of Adam.", OPTION_DOUBLE,
     SETTING(learning_rate), .min = 0, .max = FLT_MAX, .open_min = true, .kept = OPTION_FIXED},
    {"--validation-split", "PART", "0.2",
     "Part of the training images, taken from their end, that is kept for validation; 0 validates "
     "nothing.",
     OPTION_DOUBLE, SETTING(validation_split), .min = 0, .max = 1, .open_max = true,
     .kept = OPTION_FIXED},
    {"--seed", "N", "0", "Seed of the first weights and of the order of the images.", OPTION_UINT64,
     SETTING(seed), .kept = OPTION_FIXED},
    {"--shuffle", NULL, "yes", "Take the images in a new order in each epoch.", OPTION_SWITCH,
     SETTING(shuffle), .kept = OPTION_FIXED},
    {"--update-bn", "N", "0",
     "Before the test, take the moving statistics of batch norms anew from N batches, with the "
     "weights as they are then: those of training are a mean over steps with other weights. 0 "
     "keeps them, as Keras does. The test figures are given before and after.",
     OPTION_INT, SETTING(update_bn), .min = 0, .max = INT_MAX, .kept = OPTION_KEPT},
    {"--limit", "N", NULL,
     "Use only the first N training images, those kept for validation included. The test set is "
     "used whole. Default: all.",
     OPTION_INT, SETTING(limit), .min = 1, .max = INT_MAX, .kept = OPTION_FIXED},
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
     OPTION_TEXT, SETTING(init), .kept = OPTION_FIXED},
    {"--freeze", "LAYERS", NULL,
     "Leave layers as they are, such as stem,stage1: names of layers as \"clef info\" lists them, "
     "or "
     "what they begin with up to a dot. Batch norms among them use and keep their moving "
     "statistics; all layers before one must be frozen too. Default: none.",
     OPTION_TEXT, SETTING(freeze), .kept = OPTION_FIXED},
    OPTION_ROW_KERNEL_CACHE(struct train_settings),
    OPTION_ROW_SYNC(struct train_settings),
    OPTION_ROW_PROFILE(struct train_settings),
    {"--quiet", NULL, NULL, "Print the test figures and nothing else.", OPTION_FLAG,
     SETTING(quiet)},
    {"--verbose", NULL, NULL, "Print the plan of the memory before training.", OPTION_FLAG,
     SETTING(verbose)},
};

_Static_assert(OPTION_COUNT(rows) <= TRAIN_OPTIONS, "each row can be told as given");

const struct option_command train_command = {
    .name = "train",
    .summary = "train a residual network on a data set of images",
    .description =
        "Trains a residual network, by default ResNet-18 on MNIST, with Adam; measures it on the "
        "validation images after each epoch and on the test set at the end; and saves the model, "
        "the history and a summary.\n\n"
        "Ctrl-C, SIGTERM or SIGHUP ends training, validation or test after the running step, "
        "saves, and exits with 130, 143 or 129. A second one of the same ends the program at once "
        "and saves nothing.\n\n"
        "A checkpoint is made at the end of each epoch, when such a signal ends training, and as "
        "often as --checkpoint-every says. DIR/checkpoints keeps the last two, and "
        "best.safetensors, the one after the epoch with the lowest val_loss. After whatever end, "
        "--resume DIR goes on.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};
