# SPDX-License-Identifier: Apache-2.0
"""Prints the comparison of compare.sh from its measurements, one JSON object a line."""
import json
import os
import platform
import statistics
import sys


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def read(path):
    """The measurements by contender, in the order of their first turn, and those of Clef's ops."""
    turns, ops = {}, []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            turn = json.loads(line)
            if turn.get("bench") == "ops":
                ops.append(turn)
                continue
            if turn.get("bench") == "train":  # Clef's own line has the keys of `clef bench train`.
                turn["contender"] = "clef"
                turn["version"] = f"clef {turn['clef']} on {turn['device']['name']}"
            turns.setdefault(turn["contender"], []).append(turn)
    return turns, ops


PASSES = ("conv2d_forward", "conv2d_backward_data", "conv2d_backward_weights")


def print_convolutions(rounds, peak):
    """The share of the peak that the convolutions of the stages reach, all rounds together."""
    rows = {}  # (shape, GFLOP) -> pass -> measurements
    for turn in rounds:
        for op in turn["ops"]:
            if op["op"] in PASSES and op["layer"].startswith("stage"):
                key = (op["shape"], round(op["gflop"], 6))
                rows.setdefault(key, {}).setdefault(op["op"], []).append(op)
    print("convolutions of the stages, % of the FMA peak of executed operations: right after itself"
          " (best, median), and in a step (median)")
    print(f"{'output':<10} {'MFLOP':>7}" + "".join(f"  {name[7:]:>20}" for name in PASSES))
    for (shape, gflop), passes in rows.items():
        line = f"{shape:<10} {1e3 * gflop:>7.1f}"
        for name in PASSES:
            ops = passes.get(name)
            if not ops:
                line += f"  {'-':>20}"
                continue
            best = 100 * gflop / (1e-3 * min(op["min_ms"] for op in ops)) / peak
            warm = 100 * gflop / (1e-3 * statistics.median(op["median_ms"] for op in ops)) / peak
            step = 100 * gflop / (1e-3 * statistics.median(op["step_median_ms"] for op in ops))
            line += f"  {best:>6.1f} {warm:>6.1f} {step / peak:>6.1f}"
        print(line)


def main(path):
    turns, ops = read(path)
    if not turns:
        sys.exit("summarise.py: no contender was measured")
    median = {name: statistics.median(ms for turn in of for ms in turn["step_ms"])
              for name, of in turns.items()}
    clef = median.get("clef")
    batch_size = next(iter(turns.values()))[0]["batch_size"]
    print(f"machine: {processor()}, {len(os.sched_getaffinity(0))} logical processors,"
          f" {platform.system()} {platform.release()}")
    print(f"a training step of {batch_size} images; ratio: the contender's median by Clef's")
    print(f"{'contender':<20} {'median ms':>10} {'min ms':>9} {'turns (medians)':>24}"
          f" {'first ms':>10} {'RSS MiB':>8} {'ratio':>6}  version")
    for name, of in turns.items():
        each = " ".join(f"{statistics.median(turn['step_ms']):.1f}" for turn in of)
        least = min(ms for turn in of for ms in turn["step_ms"])
        first = statistics.median(turn["first_step_ms"] for turn in of)
        memory = max(turn["peak_rss_bytes"] for turn in of) / 2**20
        ratio = f"{median[name] / clef:.2f}" if clef else "-"
        print(f"{name:<20} {median[name]:>10.2f} {least:>9.2f} {each:>24} {first:>10.1f}"
              f" {memory:>8.0f} {ratio:>6}  {of[0]['version']}")
    if clef is None:
        return
    # What else runs on the machine can only lower a peak.
    peak = max(turn["peak_gflops"] for turn in turns["clef"] + ops)
    executed = statistics.median(turn["gflops"] for turn in turns["clef"])
    print(f"measured FMA peak {peak:.0f} GFLOP/s; Clef executes {executed:.0f} GFLOP/s,"
          f" {100 * executed / peak:.0f} % of it")
    print_convolutions(ops, peak)
    peers = {name: value for name, value in median.items() if name != "clef"}
    if peers:
        fastest = min(peers, key=peers.get)
        print(f"the fastest peer is {fastest}: Clef is {peers[fastest] / clef:.2f} times as fast")


if __name__ == "__main__":
    main(sys.argv[1])
