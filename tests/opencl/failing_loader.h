// SPDX-License-Identifier: Apache-2.0
// A library that stands before the OpenCL loader, by CLEF_OPENCL_LIBRARY. It forwards every call to
// the real one but the one that is to fail, and counts the objects that were made and not released.
//
// A test in the same process finds the variable below by its name, with dlsym. For another process
// CLEF_FAIL=FUNCTION:NUMBER:CODE sets the first three members. CLBlast, which is opened after it,
// finds its functions too, so that its calls fail and its objects count like ours.
#ifndef CLEF_TESTS_FAILING_LOADER_H
#define CLEF_TESTS_FAILING_LOADER_H

#include <CL/cl.h>

// What clGetProgramBuildInfo tells of a program that was not built: as long as a log may be that is
// to reach the user whole.
#define FAILING_TEN(text) text text text text text text text text text text
#define FAILING_BUILD_LOG \
    "line 1: " FAILING_TEN(FAILING_TEN("refused, ")) "\nline 2: as the test wants it\n"

enum failing_kind {
    FAILING_CONTEXT,
    FAILING_QUEUE,
    FAILING_MEMORY,
    FAILING_PROGRAM,
    FAILING_KERNEL,
    FAILING_EVENT,
    FAILING_KINDS
};

struct failing_loader {
    char function[64];       // Of which a call fails; "" for none.
    int number;              // Which of its calls: 1 is the next.
    cl_int code;             // What it returns.
    int calls;               // Of that function, so far.
    int live[FAILING_KINDS]; // References made and not released.
    int made[FAILING_KINDS]; // References made.
};

#endif
