// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"

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
        "Lists the devices of all backends, those that cannot be used with the reason. The name in "
        "the first column is what --device takes.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static json_t *describe_json(const struct clef_device_info *info)
{
    json_t *device =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:I, s:I}", "backend", info->backend, "name",
                  info->name, "vendor", info->vendor, "driver", info->driver, "usable",
                  info->unusable[0] == '\0', "gpu", info->is_gpu, "compute_units",
                  info->compute_units, "memory_bytes", (json_int_t)info->memory_bytes,
                  "max_buffer_bytes", (json_int_t)info->max_buffer_bytes);
    if (info->unusable[0] != '\0')
        json_object_set_new(device, "reason", json_string(info->unusable));
    return device;
}

static void print_device(const struct clef_device_info *info)
{
    char memory[CLI_NUMBER_LENGTH] = "-", units[16] = "-";
    if (info->memory_bytes > 0)
        cli_bytes(info->memory_bytes, memory);
    if (info->compute_units > 0)
        snprintf(units, sizeof units, "%d", info->compute_units);
    printf("%-10s%-44s%6s%13s  %s\n", info->backend, info->name, units, memory, info->driver);
    if (info->unusable[0] != '\0')
        printf("%10scannot be used: %s\n", "", info->unusable);
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
            json_array_append_new(devices, describe_json(&infos[i]));
        code = cli_print_json(command.name, json_pack("{s:o}", "devices", devices));
    } else {
        printf("%-10s%-44s%6s%13s  %s\n", "Device", "Name", "Units", "Memory", "Driver");
        for (int i = 0; i < count; i++)
            print_device(&infos[i]);
        code = EXIT_SUCCESS;
    }
    free(infos);
    return code;
}
