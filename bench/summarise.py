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
    """The measurements by contender, in the order of their first turn."""
    turns = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            turn = json.loads(line)
            if turn.get("bench") == "train":  # Clef's own line has the keys of `clef bench train`.
                turn["contender"] = "clef"
                turn["version"] = f"clef {turn['clef']} on {turn['device']['name']}"
            turns.setdefault(turn["contender"], []).append(turn)
    return turns


def main(path):
    turns = read(path)
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
    peak = statistics.median(turn["peak_gflops"] for turn in turns["clef"])
    executed = statistics.median(turn["gflops"] for turn in turns["clef"])
    print(f"measured FMA peak {peak:.0f} GFLOP/s; Clef executes {executed:.0f} GFLOP/s,"
          f" {100 * executed / peak:.0f} % of it")
    peers = {name: value for name, value in median.items() if name != "clef"}
    if peers:
        fastest = min(peers, key=peers.get)
        print(f"the fastest peer is {fastest}: Clef is {peers[fastest] / clef:.2f} times as fast")


if __name__ == "__main__":
    main(sys.argv[1])
