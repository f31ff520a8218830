// SPDX-License-Identifier: Apache-2.0
// Lets libFuzzer see what code a child process reached: it looks at this process alone.
#ifndef CLEF_TESTS_FUZZ_CHILD_H
#define CLEF_TESTS_FUZZ_CHILD_H

// Called once, before the first child. A child then tells what it reached when it calls _exit.
void fuzz_watch_children(void);

#endif
