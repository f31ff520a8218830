// SPDX-License-Identifier: Apache-2.0
#include "support/small_disk.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

// Why this system lets nobody mount here; "" if it does.
static char refused[256];

static bool write_line(const char *path, const char *format, unsigned number)
{
    FILE *stream = fopen(path, "w");
    if (stream == NULL)
        return false;
    bool written = fprintf(stream, format, number) > 0;
    return fclose(stream) == 0 && written;
}

// Who is not root may have one in a user namespace, where he is.
static bool enter_namespace(void)
{
    unsigned user = geteuid(), group = getegid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    if (user != 0 && (!write_line("/proc/self/setgroups", "deny", 0) ||
                      !write_line("/proc/self/uid_map", "0 %u 1", user) ||
                      !write_line("/proc/self/gid_map", "0 %u 1", group)))
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

void small_disk_begin(void)
{
    if (!enter_namespace())
        snprintf(refused, sizeof refused, "this system lets us mount no disk of a limited size: %s",
                 strerror(errno));
}

void small_disk_skip_if_refused(void)
{
    if (refused[0] == '\0')
        return;
    print_message("SKIP: %s\n", refused);
    skip();
}

void small_disk_mount(const char *path, const char *options)
{
    if (mount("clef-test", path, "tmpfs", 0, options) != 0)
        fail_msg("cannot mount a tmpfs with %s: %s", options, strerror(errno));
}

// The option of mount(8), in memory that the next call reuses.
static const char *size_option(int pages)
{
    static char option[64];
    snprintf(option, sizeof option, "size=%ld", pages * sysconf(_SC_PAGESIZE));
    return option;
}

void small_disk_mount_pages(const char *path, int pages)
{
    small_disk_mount(path, size_option(pages));
}

void small_disk_resize_pages(const char *path, int pages)
{
    const char *option = size_option(pages);
    if (mount(NULL, path, NULL, MS_REMOUNT, option) != 0)
        fail_msg("cannot give %s another %s: %s", path, option, strerror(errno));
}

void small_disk_make_read_only(const char *path)
{
    // As long as a file is being written there, that is refused.
    const struct timespec pause = {.tv_nsec = 100000};
    int attempts = 100000;
    while (mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        if (errno == EBUSY && --attempts > 0) {
            nanosleep(&pause, NULL);
            continue;
        }
        fail_msg("cannot make %s read-only: %s", path, strerror(errno));
    }
}

void small_disk_unmount(const char *path)
{
    assert_int_equal(0, umount(path));
}

void small_disk_abandon(const char *path)
{
    umount2(path, MNT_DETACH);
}
