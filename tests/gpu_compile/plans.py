# SPDX-License-Identifier: Apache-2.0
"""Asks Clef what its plans build and launch on a device, by running it on the recording library."""
import dataclasses
import glob
import math
import os
import re
import subprocess

from compilers import ROOT

# The name of programs that are not ours. Of their kernels only products of matrices are of interest.
FOREIGN = "CLBlast"
FOREIGN_KERNELS = "Xgemm"

# Files of cl/ that are for processors alone.
OF_PROCESSORS = ("winograd_block", "winograd_outer", "winograd_panel")

# What is recorded: commands of Clef, with the exit code that belongs to each. `check` takes every op
# over many shapes, those of the network included, with each algorithm that the device could choose,
# and then trains; on a device that computes nothing it must fail.
RUNS = ((("check",), 1), (("bench", "ops", "--quick"), 0))


@dataclasses.dataclass
class Build:
    """A program: a source, the options of its build, and the kernels that are launched from it."""
    source: str              # NAME of cl/NAME.cl, or FOREIGN.
    path: str                # The text that the driver gets.
    options: tuple
    groups: dict = dataclasses.field(default_factory=dict)  # Kernel: the largest group, (x, y, z).
    local: dict = dataclasses.field(default_factory=dict)   # Kernel: bytes of local parameters.

    def add_launch(self, kernel, group, local):
        self.groups[kernel] = max(self.groups.get(kernel, group), group, key=math.prod)
        self.local[kernel] = max(self.local.get(kernel, 0), local)

    def label(self):
        """The options by which builds of one source differ."""
        words = [word for word in self.options if word.startswith("-D") and word != "-D"]
        return " ".join(word.removeprefix("-D") for word in words)


def source_files():
    return sorted(glob.glob(os.path.join(ROOT, "cl", "*.cl")))


def embedded_text(path):
    """The text of a source as cmake/embed_cl.cmake puts it into the library."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    while include := re.search(r'#include "([a-z0-9_]+\.h)"\n', text):
        with open(os.path.join(ROOT, "cl", include[1]), encoding="utf-8") as file:
            text = text.replace(include[0], file.read())
    return text


def split_options(text):
    """The options as words, `-D NAME` as one."""
    return tuple(re.sub(r"-D\s+", "-D", text).split())


def record(clef, library, target, folder):
    """Runs Clef on the device; returns what it built, and the messages of runs that failed."""
    failures = []
    for number, (words, code) in enumerate(RUNS):
        own = os.path.join(folder, str(number))
        os.makedirs(own)
        command = [clef, *words, "--device", f"opencl:{target}"]
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            check=False, env=dict(os.environ, CLEF_OPENCL_LIBRARY=library, CLEF_RECORD=own,
                                  CLEF_KERNEL_CACHE="off", XDG_CACHE_HOME=own))
        if done.returncode != code:
            failures.append(f"{' '.join(command)}: exit code {done.returncode}, not {code}: "
                            f"{done.stderr.strip()}")
    return read_records(folder), failures


def read_records(folder):
    names = {embedded_text(path): os.path.basename(path)[:-3] for path in source_files()}
    builds = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "record"))):
        programs = {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                kind, program, *rest = line.rstrip("\n").split("\t")
                if kind == "build":
                    source, options = os.path.join(os.path.dirname(path), f"{rest[0]}.cl"), rest[1]
                    with open(source, encoding="utf-8") as file:
                        name = names.get(file.read(), FOREIGN)
                    key = (name, rest[0], split_options(options))
                    programs[program] = builds.setdefault(key, Build(name, source, key[2]))
                else:
                    name, *numbers = rest
                    x, y, z, local = map(int, numbers)
                    build = programs[program]
                    if build.source != FOREIGN or name.startswith(FOREIGN_KERNELS):
                        build.add_launch(name, (x, y, z), local)
    return [build for build in builds.values() if build.groups]
