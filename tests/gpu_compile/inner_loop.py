# SPDX-License-Identifier: Apache-2.0
"""Finds the inner loop of a kernel in the assembly of any vendor."""
import dataclasses


class Code:
    """The instructions of a kernel: (opcode, labels that it may jump to), and where labels are."""

    def __init__(self):
        self.instructions = []
        self.labels = {}

    def add(self, opcode, labels=()):
        self.instructions.append((opcode, labels))

    def add_label(self, label):
        self.labels[label] = len(self.instructions)


def find_loops(code):
    """Ranges [first, last] of instructions, from the target of a jump backwards to the jump."""
    ends = {}
    for place, (_, labels) in enumerate(code.instructions):
        for first in (code.labels[label] for label in labels if label in code.labels):
            if first <= place:
                ends[first] = max(place, ends.get(first, 0))
    return sorted(ends.items())


@dataclasses.dataclass
class Loop:
    """The loop of a kernel that does its multiply-adds."""
    fma: int = 0
    operations: int = 0   # Of arithmetic and memory; those of loops inside it once.
    has_loops: bool = False

    def share(self):
        return self.fma / self.operations if self.operations else 0.0


def inner_loop(code, count):
    """The loop with the most multiply-adds outside of loops inside it, the shortest of these.
    `count` says of an opcode how many multiply-adds and how many operations it is."""
    loops = find_loops(code)
    best = Loop()
    for first, last in loops:
        inside = [(a, b) for a, b in loops if first < a and b <= last]
        counts = {i: count(code.instructions[i][0]) for i in range(first, last + 1)}
        fma = sum(counts[i][0] for i in counts if not any(a <= i <= b for a, b in inside))
        found = Loop(fma, sum(operations for _, operations in counts.values()), bool(inside))
        if (found.fma, -found.operations) > (best.fma, -best.operations):
            best = found
    return best
