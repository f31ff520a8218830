// SPDX-License-Identifier: Apache-2.0
// The commands of the program `clef`: one function each, in cmd_NAME.c. argv[0] is the command's
// own name; the return value is the program's exit code.
#ifndef CLEF_CLI_COMMANDS_H
#define CLEF_CLI_COMMANDS_H

// The one list of commands: X(name, "what it does").
#define CLI_COMMAND_LIST(X)                                                  \
    X(train, "train a residual network on a data set of images")             \
    X(eval, "measure a saved model on the test set")                         \
    X(predict, "write what a saved model says of each image")                \
    X(export, "write a saved model for other programs")                      \
    X(import, "make a model of the weights of another framework")            \
    X(devices, "list the devices that can compute")                          \
    X(check, "check a device and its driver")                                \
    X(tune, "find the fastest kernels for a device")                         \
    X(info, "show a network's layers, parameters and memory")                \
    X(bench, "measure the speed of training steps and of single operations") \
    X(replay, "compare a training trajectory with one recorded by another framework")

#define CLI_DECLARE_COMMAND(name, summary) int cmd_##name(int argc, char **argv);
CLI_COMMAND_LIST(CLI_DECLARE_COMMAND)
#undef CLI_DECLARE_COMMAND

// Exit codes besides EXIT_SUCCESS and EXIT_FAILURE.
enum {
    EXIT_USAGE = 2,         // The command line asks for something that does not exist.
    EXIT_SIGNAL_BASE = 128, // Plus the number of the signal that ended the command.
};

#endif
