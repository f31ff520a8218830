// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "io/json_build.h"

#include <stdio.h>
#include <stdlib.h>

struct settings {
    bool json;
};

static const struct option_row rows[] = {OPTION_ROW_JSON(struct settings)};

static const struct option_command command = {
    .name = "devices",
    .summary = "list the devices that can compute",
    .description =
        "Lists the devices of all backends, those that cannot be used with the reason. The first "
        "column is what --device takes: cpu with the best set of instructions of the processor, "
        "and with each that there is. Below the name stand, of an OpenCL device, the numbers of "
        "its platform and of the device in it, as in \"--device opencl:0:1\", the platform, the "
        "vendor, the version and the driver.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static json_t *place_json(const struct clef_device_info *info)
{
    if (info->platform_index < 0)
        return json_null();
    return json_pack("{s:i, s:i, s:o}", "platform", info->platform_index, "device",
                     info->platform_device, "name", cli_json_text(info->platform));
}

static json_t *describe_json(const struct clef_device_info *info)
{
    json_t *device = json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:i, s:I, s:I}", "selector",
        cli_json_text(info->selector), "backend", info->backend, "type", info->type, "name",
        cli_json_text(info->name), "vendor", cli_json_text(info->vendor), "driver",
        cli_json_text(info->driver), "version", cli_json_text(info->version), "platform",
        place_json(info), "usable", info->unusable[0] == '\0', "gpu", info->is_gpu, "fp16",
        info->has_fp16, "fp64", info->has_fp64, "compute_units", info->compute_units,
        "memory_bytes", (json_int_t)info->memory_bytes, "max_buffer_bytes",
        (json_int_t)info->max_buffer_bytes);
    if (info->unusable[0] != '\0')
        clef_json_set(&device, "reason", cli_json_text(info->unusable));
    return device;
}

static const char *bytes_or_dash(uint64_t bytes, char text[CLI_NUMBER_LENGTH])
{
    return bytes > 0 ? cli_bytes(bytes, text) : "-";
}

// Two lines: what one chooses by, then where it comes from.
static void print_device(const struct clef_device_info *info)
{
    char memory[CLI_NUMBER_LENGTH], largest[CLI_NUMBER_LENGTH], units[16] = "-", place[32] = "";
    if (info->compute_units > 0)
        snprintf(units, sizeof units, "%d", info->compute_units);
    if (info->platform_index >= 0 && info->platform_device >= 0)
        snprintf(place, sizeof place, "%d:%d ", info->platform_index, info->platform_device);
    printf("%-13s %-12s%-40s%6s%12s%15s  %s%s%s\n", info->selector, *info->type ? info->type : "-",
           *info->name ? info->name : "-", units, bytes_or_dash(info->memory_bytes, memory),
           bytes_or_dash(info->max_buffer_bytes, largest), info->has_fp16 ? "fp16 " : "",
           info->has_fp64 ? "fp64" : "", info->has_fp16 || info->has_fp64 ? "" : "-");
    if (*info->vendor || *info->platform)
        printf("%14s%s%s%s%s%s%s%s%s\n", "", place, info->platform, *info->platform ? "; " : "",
               info->vendor, *info->version ? "; " : "", info->version,
               *info->driver ? "; driver " : "", info->driver);
    if (info->unusable[0] != '\0')
        printf("%14scannot be used: %s\n", "", info->unusable);
}

int cmd_devices(int argc, char **argv)
{
    struct settings settings = {0};
    struct clef_device_info *infos;
    int count;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    if (clef_device_list(&infos, &count) != CLEF_OK)
        return cli_library_error(command.name);
    if (settings.json) {
        json_t *devices = json_array();
        for (int i = 0; i < count; i++)
            clef_json_append(&devices, describe_json(&infos[i]));
        code = cli_print_json(command.name, json_pack("{s:o}", "devices", devices));
    } else {
        printf("%-13s %-12s%-40s%6s%12s%15s  %s\n", "Device", "Type", "Name", "Units", "Memory",
               "Largest buffer", "Besides fp32");
        for (int i = 0; i < count; i++)
            print_device(&infos[i]);
        code = EXIT_SUCCESS;
    }
    free(infos);
    return code;
}
