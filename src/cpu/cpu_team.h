// SPDX-License-Identifier: Apache-2.0
// The threads that share a device's loops.
//
// A loop is open while there are tasks left. Workers join an open loop; the caller takes tasks as
// well, closes the loop when none is left, and waits only for the workers that joined: a worker
// that the system does not run, because another program has its processor, delays nobody.
#ifndef CLEF_CPU_TEAM_H
#define CLEF_CPU_TEAM_H

#include "clef/status.h"

struct cpu_team;

// Calls body(argument, task, thread); `thread` is 0 for the caller and 1 .. threads-1 for workers.
typedef void (*cpu_task)(void *argument, int task, int thread);

// Creates a team of `threads` threads, the caller being one. Release with cpu_team_destroy.
clef_status cpu_team_create(int threads, struct cpu_team **team);
void cpu_team_destroy(struct cpu_team *team);

// Runs tasks 0 .. tasks-1 in any order, and returns when all are done. One caller at a time.
void cpu_team_run(struct cpu_team *team, int tasks, cpu_task body, void *argument);

#endif
