// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and termination as a request that the running command meets when it can.
#ifndef CLEF_CLI_STOP_SIGNAL_H
#define CLEF_CLI_STOP_SIGNAL_H

// From now on the first SIGINT and the first SIGTERM only record that they came; a second of either
// ends the program at once.
void stop_signal_catch(void);

// The number of the signal that came first, 0 if none has.
int stop_signal_received(void);

#endif
