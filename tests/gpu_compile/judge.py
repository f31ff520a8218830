# SPDX-License-Identifier: Apache-2.0
"""Compiles what a plan builds and says whether it is good enough."""
import dataclasses
import math
import re
import tempfile

from compilers import CompileError, Kernel, TARGETS
from plans import FOREIGN

# Sources whose kernels are products of matrices in some form: their inner loops are shown.
PRODUCTS = ("conv2d", "dense", FOREIGN)


def is_product(source):
    return source.startswith(PRODUCTS)


@dataclasses.dataclass
class Verdict:
    """A kernel of a build on one target."""
    source: str
    label: str               # The options of the build.
    name: str
    group: tuple
    kernel: Kernel = None
    local_bytes: int = 0     # Of a group, parameters included.
    occupancy: float = 0.0
    limit: str = ""          # What keeps the occupancy from being larger.
    faults: list = dataclasses.field(default_factory=list)

    def key(self):
        return self.source, self.name, self.label

    def is_ours(self):
        return self.source != FOREIGN


# The least part of the operations of an inner loop that are multiply-adds, in percent, where a
# graphics processor has registers for eight rows of an item; and for which shapes of groups and
# vectors. The others have fewer products between two copies: they are for tensors of which no four
# elements can be copied at a time, in problems too small to fill a device, and for few filters.
LEAST_SHARE = 85
BOUNDED = ("PANELS=4 GROUP=256 SHARES=1 VECTOR=4", "PANELS=4 GROUP=256 SHARES=1 VECTOR=1",
           "PANELS=2 GROUP=64 SHARES=1 VECTOR=4", "PANELS=2 GROUP=64 SHARES=2 VECTOR=4")
HAS_REGISTERS = ("sm_", "gfx")


def share_fault(loop):
    if loop.has_loops:
        return "the inner loop has loops inside"
    if not loop.share() >= LEAST_SHARE / 100:
        return f"{loop.share():.1%} of the inner loop are multiply-adds, not {LEAST_SHARE}%"
    return None


def has_bound(target, source, label):
    """Whether the inner loop of a build is bounded: that of its kernel of the same name."""
    return source in ("conv2d", "conv2d_weights") and target.startswith(HAS_REGISTERS) and \
        "LOCAL=1 TILE=8 " in label and any(words in label for words in BOUNDED)


def find_faults(target, compiler, kernel, verdict):
    bounded = verdict.name == verdict.source and has_bound(target, verdict.source, verdict.label)
    if bounded and (fault := share_fault(kernel.loop)):
        yield fault
    if kernel.spilled_bytes:
        yield f"spills {kernel.spilled_bytes} bytes"
    if kernel.scratch_bytes:
        yield f"needs {kernel.scratch_bytes} bytes of scratch memory"
    if verdict.local_bytes > compiler.local_bytes:
        yield f"needs {verdict.local_bytes} bytes of local memory"
    if not verdict.occupancy:
        yield f"cannot run in groups of {math.prod(verdict.group)}"


def write_launched(path, groups, copy):
    """Writes a source in which kernels that `groups` does not name are functions that nobody calls:
    a compiler reads them, but makes no code of them. It is the half of the time for sources of many
    small kernels, of which a build launches one. Those with attributes, which a function may not
    have, stay as they are."""
    def declare(found):
        return found[0] if found[1] in groups else f"static void {found[1]}("
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(copy, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^kernel void (\w+)\(", declare, text, flags=re.MULTILINE))


def judge(target, source, label, path, options, groups, local, with_loops=True):
    """The verdicts on the kernels that `groups` names, or on all if it is None. Without the inner
    loops of products, which are only shown, some compilers take half of the time."""
    compiler = TARGETS[target][1]
    try:
        with tempfile.TemporaryDirectory() as folder:
            if groups is not None:
                write_launched(path, groups, f"{folder}/launched.cl")
                path = f"{folder}/launched.cl"
            kernels = compiler.compile(path, options, folder,
                                       with_loops and (groups is None or is_product(source)))
    except CompileError as error:
        return [Verdict(source, label, name, group, faults=[f"does not compile: {error}"])
                for name, group in (groups or {"-": (1, 1, 1)}).items()]
    verdicts = []
    for name in sorted(groups if groups is not None else kernels):
        kernel = kernels.get(name)
        group = groups[name] if groups else (min(64, kernel.max_group or 64), 1, 1)
        verdict = Verdict(source, label, name, group, kernel)
        verdicts.append(verdict)
        if not kernel:
            verdict.faults = ["is launched but not in the source"]
            continue
        verdict.local_bytes = kernel.local_bytes + (local or {}).get(name, 0)
        verdict.occupancy, verdict.limit = compiler.occupancy(kernel, math.prod(verdict.group),
                                                              verdict.local_bytes)
        verdict.faults = list(find_faults(target, compiler, kernel, verdict))
    return verdicts
