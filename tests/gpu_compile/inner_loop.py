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
    instructions: int = 0   # All of them; those of loops inside it once.
    has_loops: bool = False

    def share(self):
        return self.fma / self.instructions if self.instructions else 0.0


def inner_loop(code, is_fma):
    """The loop with the most multiply-adds outside of loops inside it, the shortest of these."""
    loops = find_loops(code)
    best = Loop()
    for first, last in loops:
        inside = [(a, b) for a, b in loops if first < a and b <= last]
        fma = sum(is_fma(code.instructions[i][0]) for i in range(first, last + 1)
                  if not any(a <= i <= b for a, b in inside))
        found = Loop(fma, last - first + 1, bool(inside))
        if (found.fma, -found.instructions) > (best.fma, -best.instructions):
            best = found
    return best
