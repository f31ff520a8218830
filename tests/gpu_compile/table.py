# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/gpu.md: one a vendor, with a row a kernel and a column a target; and that of the
estimates."""
import os
import re

from compilers import ROOT, VENDORS
from judge import is_product

PAGE = os.path.join(ROOT, "docs", "gpu.md")
MARK = "<!-- Written by tests/gpu_compile/run --update: {} -->"
END = "<!-- end -->"
ABSENT = "–"
FAULT = "**"


def cell(verdict, vendor):
    if verdict is None:
        return ABSENT
    if verdict.faults:
        return f"{FAULT}{'; '.join(fault.splitlines()[0] for fault in verdict.faults)}{FAULT}"
    kernel = verdict.kernel
    first = f"SIMD{kernel.simd}" if vendor == "Intel" else str(kernel.registers)
    text = f"{first} / {verdict.occupancy:.0%}"
    if verdict.occupancy < 1:
        text += f" {verdict.limit[0].upper()}"
    if is_product(verdict.source) and kernel.loop.fma >= 8:
        text += f" / {'≤ ' if kernel.loop.has_loops else ''}{kernel.loop.share():.0%}"
    return text


def common(values):
    """The values as a text, once if they agree."""
    texts = list(dict.fromkeys(map(str, values)))
    return texts[0] if len(texts) == 1 else " or ".join(texts)


def vendor_rows(vendor, verdicts):
    """`verdicts`: a dictionary of target to its verdicts."""
    targets = list(VENDORS[vendor][1])
    # Of several programs with the same key, such as CLBlast's, a bad one is shown.
    found = {target: {verdict.key(): verdict for verdict in
                      sorted(verdicts.get(target, []), key=lambda verdict: bool(verdict.faults))}
             for target in targets}
    yield f"| kernel | options | group | local | {' | '.join(targets)} |"
    yield "|---" * (4 + len(targets)) + "|"
    for key in sorted({key for target in targets for key in found[target]}):
        row = [found[target].get(key) for target in targets]
        some = [verdict for verdict in row if verdict]
        group = common("×".join(str(n) for n in verdict.group if n > 1) or "1" for verdict in some)
        local = common(verdict.local_bytes for verdict in some)
        cells = [cell(verdict, vendor) for verdict in row]
        yield (f"| {key[0]}: {key[1]} | {key[2] or 'none'} | {group} | {local} | "
               f"{' | '.join(cells)} |")


def section(verdicts):
    lines = []
    for vendor in VENDORS:
        lines += [f"### {vendor}", "", *vendor_rows(vendor, verdicts), ""]
    return "\n".join(lines)


def read_section(name):
    """The page before, in, and after one of the parts that are written here."""
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    begin = text.index(MARK.format(name)) + len(MARK.format(name))
    end = text.index(END, begin)
    return text[:begin], text[begin:end].strip("\n"), text[end:]


def write_section(name, text):
    before, _, after = read_section(name)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(f"{before}\n\n{text}\n{after}")


def facts(text):
    """What of a section must not be out of date: which kernels there are, in which configurations,
    and whether they are good on each target. Figures may change with a compiler."""
    rows = set()
    for line in text.splitlines():
        cells = [part.strip() for part in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 5 or set(cells[0]) <= {"-"}:
            continue
        states = ["fault" if FAULT in part else "absent" if part == ABSENT else "good"
                  for part in cells[4:]]
        rows.add(" | ".join([*cells[:2], *(states if cells[0] != "kernel" else cells[4:])]))
    return rows


def differences(verdicts, estimates):
    """Lines that say where the page differs from the facts."""
    committed, now = facts(read_section("kernels")[1]), facts(section(verdicts))
    # The compilers have no part in the estimates.
    committed |= set(read_section("estimates")[1].splitlines())
    now |= set(estimates)
    return [f"- {row}" for row in sorted(committed - now)] + \
           [f"+ {row}" for row in sorted(now - committed)]
