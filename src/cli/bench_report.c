// SPDX-License-Identifier: Apache-2.0
// What the reports of both subcommands have in common.
#include "cli/bench.h"
#include "cli/cli_support.h"

#include <stdio.h>
#include <stdlib.h>

int bench_fail(const struct bench_options *options, clef_status status)
{
    if (clef_last_error()[0] == '\0')
        return cli_error(options->command, EXIT_FAILURE, "%s", clef_status_meaning(status));
    return cli_library_error(options->command);
}

json_t *bench_json(const struct bench_options *options, const struct bench *bench,
                   const struct clef_device_peak *peak)
{
    const char *subcommand = options->command + sizeof "bench"; // After "bench ".
    const struct clef_resnet_config *network = clef_model_get_config(bench->model);
    return json_pack("{s:s, s:s, s:o, s:s, s:i, s:i, s:s, s:i, s:f, s:f}", "clef", clef_version(),
                     "bench", subcommand, "device", cli_json_device(bench->device), "arch",
                     network_arch_choices[options->network.arch], "batch_size", bench->batch_size,
                     "image_size", network->input_height, "head",
                     network_head_choices[network->head], "threads", options->threads,
                     "peak_gflops", 1e-9 * peak->flops_per_second, "peak_gbytes_per_second",
                     1e-9 * peak->bytes_per_second);
}

void bench_print_heading(const struct bench_options *options, const struct bench *bench,
                         const struct clef_device_peak *peak)
{
    char label[64];
    snprintf(label, sizeof label, "clef %s", clef_version());
    cli_print_device(label, bench->device);
    const struct clef_resnet_config *network = clef_model_get_config(bench->model);
    printf("%s, batch of %d images of %dx%d, head %s\n",
           network_arch_choices[options->network.arch], bench->batch_size, network->input_height,
           network->input_width, network_head_choices[network->head]);
    printf("measured peak: %.1f GFLOP/s (fused multiply-add), %.1f GB/s (memory)\n",
           1e-9 * peak->flops_per_second, 1e-9 * peak->bytes_per_second);
}
