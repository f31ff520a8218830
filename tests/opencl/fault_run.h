// SPDX-License-Identifier: Apache-2.0
// A short training in which calls of OpenCL fail one after another, see failing_loader.h.
#ifndef CLEF_TESTS_FAULT_RUN_H
#define CLEF_TESTS_FAULT_RUN_H

#include "clef/clef.h"
#include "failing_loader.h"

#include <stdbool.h>

// A function to fail. `function` is NULL at the end of a list.
struct fault {
    const char *function;
    cl_int code;
    // There is another way to go on, which must then give the same result.
    bool may_recover;
    // Of the calls that fail, where there are a great many alike, see call_stride.
    int stride;
};

// Fit for the setup and teardown of a group of cmocka's tests.
int fault_group_setup(void **state);
int fault_group_teardown(void **state);

// Fit for the setup of a test: forgets what the environment says about how OpenCL is used.
int fault_setup(void **state);

// The counters of the library.
struct failing_loader *fault_loader(void);

// Fails the test, and says which, if there are objects of OpenCL.
void check_no_objects(const char *when);

// For each function of a list: has its first call fail, then its second, and so on until a run
// needs fewer calls. A run is two training steps, an evaluation, and a saved file. Each must end
// with an error that names the call and the code, and leave neither a file nor an object.
void check_faults(void **state, const struct clef_device_options *options,
                  const struct fault *faults);

#endif
