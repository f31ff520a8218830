// SPDX-License-Identifier: Apache-2.0
// Disks of a limited size, or that cannot be written: each a tmpfs in a mount namespace of the test
// program's own, so that nothing is left of it however the program ends.
#ifndef CLEF_TESTS_SMALL_DISK_H
#define CLEF_TESTS_SMALL_DISK_H

// Enters the namespace; call it at the beginning of main.
void small_disk_begin(void);

// Skips the test, with the reason, if this system lets nobody mount here.
void small_disk_skip_if_refused(void);

// Mounts an empty disk at an existing directory; fails the test if that is not possible. The
// options are those of mount(8), such as "nr_inodes=1".
void small_disk_mount(const char *path, const char *options);

// The same, with room for so many pages.
void small_disk_mount_pages(const char *path, int pages);

// Gives a mounted disk room for so many pages.
void small_disk_resize_pages(const char *path, int pages);

// Makes a mounted disk read-only, whatever is open on it for reading.
void small_disk_make_read_only(const char *path);

// Removes it; fails the test if it is in use.
void small_disk_unmount(const char *path);

// Removes it if it is there: for a tear-down.
void small_disk_abandon(const char *path);

#endif
