# SPDX-License-Identifier: Apache-2.0
"""What a step can take at best on each recorded device: the roofline of its ops, and its launches."""
import dataclasses
import json
import os
import subprocess

from compilers import ROOT, VENDORS

LAUNCH_SECONDS = 4e-6  # From the end of one kernel to the begin of the next that waits for it.
BATCHES = (64, 256)


@dataclasses.dataclass
class Device:
    """Of the makers' data sheets, with boost clocks; float32 without matrix units."""
    name: str
    tflops: float
    gbytes: float  # A second, of the device's memory.


DEVICES = {
    "sm_75": Device("T4", 8.1, 320),
    "sm_80": Device("A100 40 GB", 19.5, 1555),
    "sm_90": Device("H100 SXM", 66.9, 3350),
    "gfx900": Device("Radeon RX Vega 64", 12.7, 484),
    "gfx90a": Device("Instinct MI210", 22.6, 1638),
    "gfx1030": Device("Radeon RX 6900 XT", 23.0, 512),
    "gfx1100": Device("Radeon RX 7900 XTX", 61.4, 960),
    "skl": Device("HD Graphics 530", 0.44, 34),
    "tgllp": Device("Iris Xe, 96 units", 2.07, 68),
    "dg2": Device("Arc A770", 19.7, 560),
    "pvc": Device("Data Center GPU Max 1100", 22.2, 1229),
}


@dataclasses.dataclass
class Estimate:
    """Seconds of one step."""
    gflop: float
    gbyte: float
    launches: int
    arithmetic: float  # Sum over the ops that arithmetic bounds.
    memory: float      # Sum over those that memory bounds.

    def waiting(self):
        return self.launches * LAUNCH_SECONDS

    def total(self):
        return self.arithmetic + self.memory + self.waiting()


def run(clef, library, target, folder, words):
    os.makedirs(folder, exist_ok=True)
    return subprocess.run(
        [clef, "bench", *words, "--device", f"opencl:{target}", "--json"], cwd=ROOT, check=True,
        capture_output=True, text=True,
        env=dict(os.environ, CLEF_OPENCL_LIBRARY=library, CLEF_RECORD=folder,
                 CLEF_KERNEL_CACHE="off", XDG_CACHE_HOME=folder)).stdout


def count_launches(clef, library, target, folder, batch):
    """Of one step: the difference of two runs, whatever else a run launches."""
    counts = []
    for steps in (2, 12):
        own = os.path.join(folder, f"steps-{batch}-{steps}")
        run(clef, library, target, own, ["train", "--batch-size", str(batch), "--steps", str(steps),
                                         "--warm-up", "1", "--repetitions", "1"])
        with open(os.path.join(own, "launches"), encoding="utf-8") as file:
            counts.append(int(file.read()))
    return (counts[1] - counts[0]) // 10


def estimate(clef, library, target, folder, batch):
    device = DEVICES[target]
    ops = json.loads(run(clef, library, target, os.path.join(folder, f"ops-{batch}"),
                         ["ops", "--quick", "--batch-size", str(batch)]))["ops"]
    result = Estimate(0, 0, count_launches(clef, library, target, folder, batch), 0, 0)
    for op in ops:
        if not op["in_network"]:
            continue
        gflop, gbyte = op["plans"] * op["gflop"], op["plans"] * op["mbytes"] / 1e3
        arithmetic, memory = gflop / (1e3 * device.tflops), gbyte / device.gbytes
        result.gflop += gflop
        result.gbyte += gbyte
        if arithmetic > memory:
            result.arithmetic += arithmetic
        else:
            result.memory += memory
    return result


def estimate_all(clef, library, targets, folder, pool):
    tasks = [(target, batch) for target in targets for batch in BATCHES]
    results = pool.map(lambda task: estimate(clef, library, task[0],
                                             os.path.join(folder, "roofline-" + task[0]), task[1]),
                       tasks)
    return dict(zip(tasks, results))


def rows(estimates):
    """The lines of the table."""
    yield ("| target | device | TFLOP/s | GB/s | batch | GFLOP | GB | launches | arithmetic, ms "
           "| memory, ms | launches, ms | step, ms | images/s |")
    yield "|---" * 13 + "|"
    for vendor in VENDORS:
        for target in VENDORS[vendor][1]:
            for batch in BATCHES:
                e, device = estimates[target, batch], DEVICES[target]
                yield (f"| {target} | {device.name} | {device.tflops} | {device.gbytes} | {batch} "
                       f"| {e.gflop:.2f} | {e.gbyte:.2f} | {e.launches} "
                       f"| {1e3 * e.arithmetic:.2f} | {1e3 * e.memory:.2f} "
                       f"| {1e3 * e.waiting():.2f} | {1e3 * e.total():.2f} "
                       f"| {batch / e.total():,.0f} |")
