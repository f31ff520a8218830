// SPDX-License-Identifier: Apache-2.0
// Status codes of OpenCL and CLBlast, told to the user by their names.
#ifndef CLEF_OCL_ERROR_H
#define CLEF_OCL_ERROR_H

#include "core/error.h"

// The name of a code of either library, such as "CL_MEM_OBJECT_ALLOCATION_FAILURE".
const char *ocl_error_name(int code);

// Records that `call` failed with `code`: "CALL: NAME (CODE), DETAIL". The detail says which
// object and which size. Returns CLEF_OUT_OF_MEMORY where the code says so, else CLEF_DEVICE.
clef_status ocl_fail(int code, const char *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Calls a function of the API that returns its code; a failure returns from the calling function.
// OCL_TRY(clFinish, (queue), "after %s", what)
#define OCL_TRY(function, arguments, ...)                          \
    do {                                                           \
        int ocl_try_code = ocl_api.function arguments;             \
        if (ocl_try_code != 0)                                     \
            return ocl_fail(ocl_try_code, #function, __VA_ARGS__); \
    } while (0)

#endif
