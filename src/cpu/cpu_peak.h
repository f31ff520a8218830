// SPDX-License-Identifier: Apache-2.0
#ifndef CLEF_CPU_PEAK_H
#define CLEF_CPU_PEAK_H

#include "cpu/cpu.h"

// Bytes read and written per second by a[i] = b[i] + s * c[i] on all threads.
clef_status cpu_measure_bandwidth(struct cpu_context *context, double *bytes_per_second);

#endif
