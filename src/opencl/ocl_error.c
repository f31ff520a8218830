// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_error.h"

#include <clblast_c.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

// Codes that the headers of OpenCL 1.2 do not have: of later versions, of the loader (from the
// extension cl_khr_icd), and the one by which NVIDIA's driver tells that a kernel has left a
// buffer.
#define OTHER_CODES(X)                         \
    X(-69, "CL_INVALID_PIPE_SIZE")             \
    X(-70, "CL_INVALID_DEVICE_QUEUE")          \
    X(-71, "CL_INVALID_SPEC_ID")               \
    X(-72, "CL_MAX_SIZE_RESTRICTION_EXCEEDED") \
    X(-1001, "CL_PLATFORM_NOT_FOUND_KHR")      \
    X(-9999, "NVIDIA_ILLEGAL_BUFFER_READ_OR_WRITE")

#define OPENCL_CODES(X)                             \
    X(CL_SUCCESS)                                   \
    X(CL_DEVICE_NOT_FOUND)                          \
    X(CL_DEVICE_NOT_AVAILABLE)                      \
    X(CL_COMPILER_NOT_AVAILABLE)                    \
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE)             \
    X(CL_OUT_OF_RESOURCES)                          \
    X(CL_OUT_OF_HOST_MEMORY)                        \
    X(CL_PROFILING_INFO_NOT_AVAILABLE)              \
    X(CL_MEM_COPY_OVERLAP)                          \
    X(CL_IMAGE_FORMAT_MISMATCH)                     \
    X(CL_IMAGE_FORMAT_NOT_SUPPORTED)                \
    X(CL_BUILD_PROGRAM_FAILURE)                     \
    X(CL_MAP_FAILURE)                               \
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET)              \
    X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) \
    X(CL_COMPILE_PROGRAM_FAILURE)                   \
    X(CL_LINKER_NOT_AVAILABLE)                      \
    X(CL_LINK_PROGRAM_FAILURE)                      \
    X(CL_DEVICE_PARTITION_FAILED)                   \
    X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE)             \
    X(CL_INVALID_VALUE)                             \
    X(CL_INVALID_DEVICE_TYPE)                       \
    X(CL_INVALID_PLATFORM)                          \
    X(CL_INVALID_DEVICE)                            \
    X(CL_INVALID_CONTEXT)                           \
    X(CL_INVALID_QUEUE_PROPERTIES)                  \
    X(CL_INVALID_COMMAND_QUEUE)                     \
    X(CL_INVALID_HOST_PTR)                          \
    X(CL_INVALID_MEM_OBJECT)                        \
    X(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR)           \
    X(CL_INVALID_IMAGE_SIZE)                        \
    X(CL_INVALID_SAMPLER)                           \
    X(CL_INVALID_BINARY)                            \
    X(CL_INVALID_BUILD_OPTIONS)                     \
    X(CL_INVALID_PROGRAM)                           \
    X(CL_INVALID_PROGRAM_EXECUTABLE)                \
    X(CL_INVALID_KERNEL_NAME)                       \
    X(CL_INVALID_KERNEL_DEFINITION)                 \
    X(CL_INVALID_KERNEL)                            \
    X(CL_INVALID_ARG_INDEX)                         \
    X(CL_INVALID_ARG_VALUE)                         \
    X(CL_INVALID_ARG_SIZE)                          \
    X(CL_INVALID_KERNEL_ARGS)                       \
    X(CL_INVALID_WORK_DIMENSION)                    \
    X(CL_INVALID_WORK_GROUP_SIZE)                   \
    X(CL_INVALID_WORK_ITEM_SIZE)                    \
    X(CL_INVALID_GLOBAL_OFFSET)                     \
    X(CL_INVALID_EVENT_WAIT_LIST)                   \
    X(CL_INVALID_EVENT)                             \
    X(CL_INVALID_OPERATION)                         \
    X(CL_INVALID_GL_OBJECT)                         \
    X(CL_INVALID_BUFFER_SIZE)                       \
    X(CL_INVALID_MIP_LEVEL)                         \
    X(CL_INVALID_IMAGE_DESCRIPTOR)                  \
    X(CL_INVALID_GLOBAL_WORK_SIZE)                  \
    X(CL_INVALID_PROPERTY)                          \
    X(CL_INVALID_COMPILER_OPTIONS)                  \
    X(CL_INVALID_LINKER_OPTIONS)                    \
    X(CL_INVALID_DEVICE_PARTITION_COUNT)

// Those that CLBlast adds to OpenCL's.
#define CLBLAST_CODES(X)               \
    X(CLBlastNotImplemented)           \
    X(CLBlastInvalidMatrixA)           \
    X(CLBlastInvalidMatrixB)           \
    X(CLBlastInvalidMatrixC)           \
    X(CLBlastInvalidVectorX)           \
    X(CLBlastInvalidVectorY)           \
    X(CLBlastInvalidDimension)         \
    X(CLBlastInvalidLeadDimA)          \
    X(CLBlastInvalidLeadDimB)          \
    X(CLBlastInvalidLeadDimC)          \
    X(CLBlastInvalidIncrementX)        \
    X(CLBlastInvalidIncrementY)        \
    X(CLBlastInsufficientMemoryA)      \
    X(CLBlastInsufficientMemoryB)      \
    X(CLBlastInsufficientMemoryC)      \
    X(CLBlastInsufficientMemoryX)      \
    X(CLBlastInsufficientMemoryY)      \
    X(CLBlastInsufficientMemoryTemp)   \
    X(CLBlastInvalidBatchCount)        \
    X(CLBlastInvalidOverrideKernel)    \
    X(CLBlastMissingOverrideParameter) \
    X(CLBlastInvalidLocalMemUsage)     \
    X(CLBlastNoHalfPrecision)          \
    X(CLBlastNoDoublePrecision)        \
    X(CLBlastInvalidVectorScalar)      \
    X(CLBlastInsufficientMemoryScalar) \
    X(CLBlastDatabaseError)            \
    X(CLBlastUnknownError)             \
    X(CLBlastUnexpectedError)

const char *ocl_error_name(int code)
{
    switch (code) {
#define CODE_NAME(name) \
    case name:          \
        return #name;
        OPENCL_CODES(CODE_NAME)
        CLBLAST_CODES(CODE_NAME)
#undef CODE_NAME
#define OTHER_NAME(code, name) \
    case code:                 \
        return name;
        OTHER_CODES(OTHER_NAME)
#undef OTHER_NAME
    default:
        return "a code that neither OpenCL nor CLBlast defines";
    }
}

static bool is_lack_of_memory(int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
           code == CL_OUT_OF_HOST_MEMORY;
}

clef_status ocl_fail(int code, const char *call, const char *format, ...)
{
    char detail[2048]; // A compiler's log is part of it.
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return clef_fail(is_lack_of_memory(code) ? CLEF_OUT_OF_MEMORY : CLEF_DEVICE, "%s: %s (%d), %s",
                     call, ocl_error_name(code), code, detail);
}
