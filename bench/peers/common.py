# SPDX-License-Identifier: Apache-2.0
"""What the peers share: their options, the synthetic data, the timing and the line they print."""
import argparse
import json
import os
import resource
import time

CLASSES = 10
HELD_BATCHES = 8  # Distinct batches that the steps take in turn.
SEED_IMAGE = (32, 32, 1)
IMAGENET_IMAGE = (224, 224, 3)
IMAGENET_CLASSES = 1000


def seconds_since_start():
    """Of this process, Python's own start and the imports included."""
    with open("/proc/self/stat", encoding="utf-8") as stat, \
            open("/proc/uptime", encoding="utf-8") as uptime:
        ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
        return float(uptime.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def parse_options(description, modes):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30, help="timed steps")
    parser.add_argument("--warm-up", type=int, default=5, help="untimed steps after the first")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", choices=modes, default=modes[0])
    options = parser.parse_args()
    if min(options.batch_size, options.steps, options.threads) < 1 or options.warm_up < 0:
        parser.error("batch size, steps and threads must be at least 1")
    return options


def synthetic_data(batch_size, image=SEED_IMAGE, classes=CLASSES):
    """Images [HELD_BATCHES, batch, *image] in 0..1 and labels; the same in every run."""
    import numpy as np

    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (HELD_BATCHES, batch_size, *image), dtype=np.uint8)
    labels = random.integers(0, classes, (HELD_BATCHES, batch_size))
    return pixels.astype(np.float32) / 255, labels


def measure(peer, version, options, step):
    """Times `step(batch number)`, which must return only when the step's loss is known."""

    def timed(index):
        began = time.perf_counter()
        loss = float(step(index % HELD_BATCHES))
        elapsed = time.perf_counter() - began
        if loss != loss:
            raise SystemExit(f"{peer}: the loss of step {index} is NaN")
        return 1e3 * elapsed

    first = timed(0)
    start = seconds_since_start()
    for index in range(1, options.warm_up + 1):
        timed(index)
    times = [timed(options.warm_up + 1 + index) for index in range(options.steps)]
    print(json.dumps({
        "contender": peer,
        "version": version,
        "batch_size": options.batch_size,
        "threads": options.threads,
        "first_step_ms": first,
        "start_seconds": start,
        "step_ms": times,
        "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }))
