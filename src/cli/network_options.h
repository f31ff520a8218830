// SPDX-License-Identifier: Apache-2.0
// The options that describe a network, and the network that they describe. Of these a command has
// the rows that it lists; what was not given is the architecture's own.
#ifndef CLEF_CLI_NETWORK_OPTIONS_H
#define CLEF_CLI_NETWORK_OPTIONS_H

#include "cli/options.h"

// 0 and empty lists stand for what was not given.
struct network_options {
    int arch; // Index into network_arch_choices.
    int head; // 1 + enum clef_head.
    int classes, image_size;
    struct option_int_list input_shape, blocks, filters;
};

// Sets `config` to what was asked for. Returns EXIT_SUCCESS, or EXIT_USAGE after a message if
// --blocks and --filters are not of the same length.
int network_configure(const char *command, const struct network_options *options,
                      struct clef_resnet_config *config);

// Rows for settings that have these options as `struct network_options network`.
#define NETWORK_MEMBER(type, member) .offset = offsetof(type, network.member)

#define NETWORK_ROW_ARCH(type)                                                                   \
    {                                                                                            \
        "--arch", "NAME", "resnet18",                                                            \
            "The network: resnet18, for images of 32x32, with Keras's conventions; or "          \
            "resnet18-imagenet, torchvision's for colour images of 224x224, with batch norm in " \
            "the stem, no biases of convolutions, symmetric padding and 1000 classes. Other "    \
            "options change what they name of it.",                                              \
            OPTION_CHOICE, NETWORK_MEMBER(type, arch), .choices = network_arch_choices,          \
                                                       .kept = OPTION_FIXED                      \
    }
#define NETWORK_ROW_HEAD(type)                                                                    \
    {                                                                                             \
        "--head", "HEAD", NULL,                                                                   \
            "What follows the last block: flatten-dense (flatten, a dense layer of 1000, a "      \
            "dense layer of the classes) or avgpool (global average, a dense layer of the "       \
            "classes). Default: flatten-dense of resnet18, avgpool of resnet18-imagenet.",        \
            OPTION_CHOICE, NETWORK_MEMBER(type, head), .min = 1, .choices = network_head_choices, \
                                                       .kept = OPTION_FIXED                       \
    }
#define NETWORK_ROW_IMAGE_SIZE(type)                                                             \
    {                                                                                            \
        "--image-size", "N", NULL,                                                               \
            "Height and width of the network's input; smaller images are padded centrally with " \
            "zeros. Default: 32 of resnet18, 224 of resnet18-imagenet.",                         \
            OPTION_INT, NETWORK_MEMBER(type, image_size), .min = 1, .max = 4096,                 \
                                                          .kept = OPTION_FIXED                   \
    }
#define NETWORK_ROW_INPUT_SHAPE(type)                                                              \
    {                                                                                              \
        "--input-shape", "H,W,C", NULL,                                                            \
            "Height, width and channels of the input. Default: 32,32,1 of resnet18, 224,224,3 of " \
            "resnet18-imagenet.",                                                                  \
            OPTION_INT_LIST, NETWORK_MEMBER(type, input_shape),                                    \
            .min = 1, .max = 1 << 16, .list_length = 3, .kept = OPTION_FIXED                       \
    }
#define NETWORK_ROW_CLASSES(type)                                                                 \
    {                                                                                             \
        "--classes", "N", NULL,                                                                   \
            "Number of classes. Default: 10 of resnet18, 1000 of resnet18-imagenet.", OPTION_INT, \
            NETWORK_MEMBER(type, classes), .min = 2, .max = 1 << 20, .kept = OPTION_FIXED         \
    }
#define NETWORK_ROW_BLOCKS(type)                                                       \
    {                                                                                  \
        "--blocks", "N,...", NULL, "Residual blocks of each stage. Default: 2,2,2,2.", \
            OPTION_INT_LIST, NETWORK_MEMBER(type, blocks), .min = 1, .max = 1000,      \
                                                           .kept = OPTION_FIXED        \
    }
#define NETWORK_ROW_FILTERS(type)                                                          \
    {                                                                                      \
        "--filters", "N,...", NULL,                                                        \
            "Channels of each stage; the first convolution has those of the first stage. " \
            "Default: 64,128,256,512.",                                                    \
            OPTION_INT_LIST, NETWORK_MEMBER(type, filters), .min = 1, .max = 1 << 16,      \
                                                            .kept = OPTION_FIXED           \
    }

// "resnet18" and "resnet18-imagenet".
extern const char *const network_arch_choices[];

// "flatten-dense" and "avgpool", in the order of enum clef_head.
extern const char *const network_head_choices[];

#endif
