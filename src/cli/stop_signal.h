// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, termination and the end of the terminal as a request that the running command meets when
// it can.
#ifndef CLEF_CLI_STOP_SIGNAL_H
#define CLEF_CLI_STOP_SIGNAL_H

// Notes which signals are ignored: nohup ignores SIGHUP, and a shell SIGINT for what runs in the
// background. To be called before a driver is loaded, since some set handlers of their own.
void stop_signal_begin(void);

// From now on the first SIGINT, SIGTERM and SIGHUP only record that they came; a second of the same
// ends the program at once. A reader of the output that goes away is an error of the write, no end.
void stop_signal_catch(void);

// From now on all of them are ignored: for files that must change together, and then the end.
void stop_signal_ignore(void);

// The number of the signal that came first, 0 if none has.
int stop_signal_received(void);

#endif
