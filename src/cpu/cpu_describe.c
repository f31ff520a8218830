// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_describe.h"
#include "cpu/cpu_isa_select.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

int cpu_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    // A machine with more processors than cpu_set_t has bits.
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

// Copies the value of the first line "KEY : VALUE" of /proc/cpuinfo; false if there is none.
static bool read_cpuinfo(const char *key, char *value, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return false;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        size_t length = strlen(key);
        if (strncmp(line, key, length) != 0 || !strchr("\t :", line[length]))
            continue;
        const char *colon = strchr(line, ':');
        if (!colon)
            continue;
        const char *text = colon + 1 + strspn(colon + 1, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(text, "\n"), text);
        found = value[0] != '\0';
    }
    fclose(file);
    return found;
}

static void describe_name(struct clef_device_info *info)
{
    if (read_cpuinfo("model name", info->name, sizeof info->name))
        return;
    struct utsname system;
    snprintf(info->name, sizeof info->name, "%s processor",
             uname(&system) == 0 ? system.machine : "unknown");
}

static void describe_vendor(struct clef_device_info *info)
{
    char id[64];
    if (!read_cpuinfo("vendor_id", id, sizeof id))
        snprintf(info->vendor, sizeof info->vendor, "unknown");
    else if (strcmp(id, "AuthenticAMD") == 0)
        snprintf(info->vendor, sizeof info->vendor, "AMD");
    else if (strcmp(id, "GenuineIntel") == 0)
        snprintf(info->vendor, sizeof info->vendor, "Intel");
    else
        snprintf(info->vendor, sizeof info->vendor, "%s", id);
}

void cpu_describe(int index, struct clef_device_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->backend, sizeof info->backend, "cpu");
    snprintf(info->type, sizeof info->type, "cpu");
    cpu_isa_device_name(index, info->selector, sizeof info->selector);
    info->is_variant = index > 0; // All processors together are the one device.
    info->platform_index = info->platform_device = -1;
    info->shares_host_memory = info->has_threads = info->has_fp64 = true;
    describe_name(info);
    describe_vendor(info);
    info->compute_units = cpu_processor_count();
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        info->memory_bytes = (uint64_t)pages * (uint64_t)page;
    struct cpu_isa_choice isa;
    if (cpu_isa_select(index, &isa) == CLEF_OK) {
        snprintf(info->driver, sizeof info->driver, "plain C, %s", isa.name);
        info->filter_panel = isa.table->filter_panel;
    } else {
        snprintf(info->driver, sizeof info->driver, "plain C");
        snprintf(info->unusable, sizeof info->unusable, "%s", clef_last_error());
    }
}
