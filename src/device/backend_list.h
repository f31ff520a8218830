// SPDX-License-Identifier: Apache-2.0
// The one list of backends: X(name) for a backend `const struct clef_backend clef_backend_NAME`.
// A new backend is a folder in src, a row here, and an option in CMakeLists.txt.
#ifdef CLEF_HAS_OPENCL
#define CLEF_BACKEND_LIST(X) X(cpu) X(opencl)
#else
#define CLEF_BACKEND_LIST(X) X(cpu)
#endif
