// SPDX-License-Identifier: Apache-2.0
// The program `clef`: finds the command and runs it.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stop_signal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define COMMAND_ROW(name, summary) {#name, summary, cmd_##name},
    CLI_COMMAND_LIST(COMMAND_ROW)
#undef COMMAND_ROW
};

static const char description[] =
    "Clef trains neural networks in plain C. \"clef train\" trains a ResNet-18 on MNIST.";

static void print_help(void)
{
    printf("Usage: clef COMMAND [OPTION]...\n\n");
    options_print_filled(stdout, description, 0, 0);
    printf("\nCommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("\n\"clef COMMAND --help\" describes a command; \"clef --version\" prints the version.\n"
           "Exit codes: 0 success, 1 failure, 2 wrong usage.\n");
}

static void print_man(void)
{
    printf(".TH \"clef\" 1 \"\" \"clef %s\" \"Clef manual\"\n.SH NAME\n"
           "clef \\- train neural networks in plain C\n.SH SYNOPSIS\n"
           ".B clef\n.I COMMAND\n.RI [ OPTION ]...\n.SH DESCRIPTION\n",
           clef_version());
    options_print_roff(stdout, description);
    printf("\n.SH COMMANDS\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        printf(".TP\n.BR clef\\-%s (1)\n", commands[i].name);
        options_print_roff(stdout, commands[i].summary);
        printf("\n");
    }
    printf(
        ".SH ENVIRONMENT\n.TP\n.B CLEF_DEVICE\nThe device where \\-\\-device is not given.\n"
        ".TP\n.B CLEF_CPU\nThe instruction set of the device cpu: baseline, avx2 or avx512; "
        "\\-\\-device cpu:avx2 names one itself.\n"
        ".TP\n.B CLEF_OPENCL_LIBRARY\nThe OpenCL loader, in place of libOpenCL.so.1.\n"
        ".TP\n.B CLEF_OPENCL_TIMEOUT\nSeconds after which an OpenCL driver that does not list "
        "its devices is left out; 30 if it is not set.\n"
        ".TP\n.B CLEF_KERNEL_CACHE\nIf it is off, compiled kernels are neither kept nor used.\n"
        ".TP\n.B CLEF_VERBOSE\nIf it is set, details of the device's work go to standard error: "
        "how many OpenCL programs were compiled, and how many came from the cache.\n"
        ".SH \"EXIT STATUS\"\n0 for success, 1 for a failure, 2 for wrong usage. A "
        "training that a signal has stopped: 130 after an interrupt from the keyboard, 143 after "
        "SIGTERM, 129 after SIGHUP.\n");
}

// What was printed is only known to have arrived once the buffer is empty: a full disk behind a
// redirected output is a failure too.
static int finish(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_SUCCESS)
        return cli_error("", EXIT_FAILURE, "cannot write to the standard output");
    return code;
}

// Where a standard stream is closed, the first file that is opened would take its place, and what
// is printed would go into it.
static void occupy_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0)
            (void)open("/dev/null", O_RDONLY); // Printing fails, as it should.
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    stop_signal_begin();
    // Exceeding a limit on file sizes then is an error of the write, like a full disk.
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2)
        return cli_error("", EXIT_USAGE, "a command is missing; \"clef --help\" lists them");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        return finish(EXIT_SUCCESS);
    }
    if (strcmp(name, "--help=man") == 0) {
        print_man();
        return finish(EXIT_SUCCESS);
    }
    if (strcmp(name, "--version") == 0) {
        printf("clef %s\n", clef_version());
        return finish(EXIT_SUCCESS);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    }
    return cli_error("", EXIT_USAGE, "unknown %s \"%s\"; \"clef --help\" lists the commands",
                     name[0] == '-' ? "option" : "command", name);
}
