// SPDX-License-Identifier: Apache-2.0
/// @file status.h
/// Status codes and the text of the last error.
///
/// Every function that can fail returns a `clef_status`. Zero is success; any other value leaves a
/// one-line explanation (what, where, what to do) in `clef_last_error()` of the calling thread. The
/// library never prints, exits or aborts.
#ifndef CLEF_STATUS_H
#define CLEF_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/// The one list of status codes: X(NAME, "meaning").
#define CLEF_STATUS_LIST(X)                                            \
    X(OK, "success")                                                   \
    X(INVALID_ARGUMENT, "an argument is outside its documented range") \
    X(OUT_OF_MEMORY, "the host or the device has too little memory")   \
    X(NOT_FOUND, "a file, device or name does not exist")              \
    X(IO, "reading or writing a file failed")                          \
    X(FORMAT, "a file is damaged or not of the expected format")       \
    X(UNSUPPORTED, "the request is valid but not available here")      \
    X(DEVICE, "the device or its driver reported an error")            \
    X(NOT_FINITE, "a computation produced NaN or infinity")            \
    X(INTERRUPTED, "the caller asked to stop")

typedef enum clef_status {
#define CLEF_STATUS_ENUM(name, meaning) CLEF_##name,
    CLEF_STATUS_LIST(CLEF_STATUS_ENUM)
#undef CLEF_STATUS_ENUM
} clef_status;

/// @return the name of a status without its prefix, such as "OUT_OF_MEMORY"; "UNKNOWN" for a value
/// outside the list.
const char *clef_status_name(clef_status status);

/// @return the meaning of a status in a few words; never NULL.
const char *clef_status_meaning(clef_status status);

/// @return the explanation of the last failure on this thread, one line without a final newline; ""
/// before any failure. The text stays valid until the next failure on this thread.
const char *clef_last_error(void);

/// @return the library's version, "MAJOR.MINOR.PATCH".
const char *clef_version(void);

#ifdef __cplusplus
}
#endif
#endif
