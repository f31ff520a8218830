// SPDX-License-Identifier: Apache-2.0
#include "cli/bench.h"
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ROW_QUICK                                                                            \
    {                                                                                        \
        "--quick", NULL, NULL,                                                               \
            "One step of warm-up and 2 repetitions, whatever the other options say: to see " \
            "that everything runs.",                                                         \
            OPTION_FLAG, .offset = offsetof(struct bench_options, quick)                     \
    }
#define ROW_REPETITIONS                                                                    \
    {                                                                                      \
        "--repetitions", "N", "20", "Timed runs of each op.", OPTION_INT,                  \
            .offset = offsetof(struct bench_options, repetitions), .min = 1, .max = 100000 \
    }
#define ROW_WARM_UP                                                                    \
    {                                                                                  \
        "--warm-up", "N", "5", "Untimed steps after the first one.", OPTION_INT,       \
            .offset = offsetof(struct bench_options, warm_up), .min = 1, .max = 100000 \
    }

static const struct option_row train_rows[] = {
    OPTION_ROW_BATCH_SIZE(struct bench_options),
    {"--steps", "N", "30", "Timed steps.", OPTION_INT,
     .offset = offsetof(struct bench_options, steps), .min = 1, .max = 1000000},
    ROW_WARM_UP,
    ROW_REPETITIONS,
    OPTION_ROW_DEVICE(struct bench_options),
    OPTION_ROW_THREADS(struct bench_options),
    NETWORK_ROW_ARCH(struct bench_options),
    NETWORK_ROW_HEAD(struct bench_options),
    NETWORK_ROW_IMAGE_SIZE(struct bench_options),
    OPTION_ROW_KERNEL_CACHE(struct bench_options),
    OPTION_ROW_SYNC(struct bench_options),
    OPTION_ROW_PROFILE(struct bench_options),
    ROW_QUICK,
    OPTION_ROW_JSON(struct bench_options),
};

static const struct option_row ops_rows[] = {
    OPTION_ROW_BATCH_SIZE(struct bench_options),
    ROW_WARM_UP,
    ROW_REPETITIONS,
    OPTION_ROW_DEVICE(struct bench_options),
    OPTION_ROW_THREADS(struct bench_options),
    NETWORK_ROW_ARCH(struct bench_options),
    NETWORK_ROW_HEAD(struct bench_options),
    NETWORK_ROW_IMAGE_SIZE(struct bench_options),
    OPTION_ROW_KERNEL_CACHE(struct bench_options),
    ROW_QUICK,
    OPTION_ROW_JSON(struct bench_options),
};

static const struct option_command train_command = {
    .name = "bench train",
    .summary = "measure the speed of training steps",
    .description =
        "Times training steps of ResNet-18 on synthetic images and prints the median and minimum, "
        "the images a second, the executed GFLOP/s beside the measured peak of the machine, the "
        "peak memory, and the share of a step by op.\n\n"
        "Steps are pipelined as in training, each enqueued before the one before it is waited for, "
        "and a driver may tell of two ends at once: the time of a step is half of that from the "
        "metrics of the step before to those of the step after. The time between ops is what the "
        "median step takes beyond the sum of its ops; when run one by one, ops also wait for each "
        "other, so that it may be negative.",
    .rows = train_rows,
    .row_count = OPTION_COUNT(train_rows),
};

static const struct option_command ops_command = {
    .name = "bench ops",
    .summary = "measure the speed of single operations",
    .description =
        "Times each op at each shape that a training step of ResNet-18 has, with the tensors of "
        "the "
        "step, and each other op at a shape of its own: once right after itself, so that what it "
        "reads may be in the caches, and once in the order of the step. GFLOP/s count the "
        "operations that are executed, GB/s each tensor once.\n\n"
        "Both are given as percentages of the measured peak of the machine; the larger of the two "
        "says what bounds the op.",
    .rows = ops_rows,
    .row_count = OPTION_COUNT(ops_rows),
};

// For the help alone: what each subcommand takes is in its own table.
static const struct option_command bench_command = {
    .name = "bench",
    .summary = "measure the speed of training steps and of single operations",
    .description = "Measures the speed of training on a device, with synthetic data.\n\n"
                   "\"clef bench train --help\" and \"clef bench ops --help\" list the options.",
    .operand = "train|ops",
    .operand_help = "Whole training steps, or single operations.",
};

static int run(const struct option_command *command, int argc, char **argv,
               int (*measure)(const struct bench_options *options, struct bench *bench))
{
    struct bench_options options = {.command = command->name};
    int code = options_parse(command, argc, argv, &options);
    if (code != OPTIONS_GO)
        return code;
    if (options.quick) {
        options.warm_up = 1;
        options.repetitions = 2;
    }
    struct clef_resnet_config config;
    code = network_configure(command->name, &options.network, &config);
    if (code != EXIT_SUCCESS)
        return code;
    struct clef_device *device = NULL;
    const struct clef_device_options device_options = {.threads = options.threads,
                                                       .sync = options.sync,
                                                       .profile = options.profile,
                                                       .no_kernel_cache = !options.kernel_cache};
    code = cli_open_device(command->name, options.device, &device_options, &device);
    if (code != EXIT_SUCCESS)
        return code;
    struct bench bench;
    clef_status status = bench_open(&options, &config, device, &bench);
    code = status == CLEF_OK ? measure(&options, &bench) : bench_fail(&options, status);
    bench_close(&bench);
    clef_device_close(device);
    return code;
}

int cmd_bench(int argc, char **argv)
{
    if (argc < 2)
        return cli_error("bench", EXIT_USAGE, "say what to measure: train or ops");
    if (strcmp(argv[1], "train") == 0)
        return run(&train_command, argc - 1, argv + 1, bench_train);
    if (strcmp(argv[1], "ops") == 0)
        return run(&ops_command, argc - 1, argv + 1, bench_ops);
    if (argv[1][0] != '-' || argv[1][1] == '\0')
        return cli_error("bench", EXIT_USAGE, "cannot measure \"%s\"; there are train and ops",
                         argv[1]);
    // An option ends here: in the help, or in the message about an unknown one.
    struct bench_options unused = {0};
    return options_parse(&bench_command, argc, argv, &unused);
}
