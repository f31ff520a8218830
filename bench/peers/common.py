# SPDX-License-Identifier: Apache-2.0
"""What the peers share: their options, the synthetic data, the timing and the line they print."""
import argparse
import json
import os
import resource
import time

CLASSES = 10
HELD_BATCHES = 8  # Distinct batches that the steps take in turn.
SEED_SIZE, SEED_CHANNELS, SEED_HIDDEN = 32, 1, 1000
IMAGENET_IMAGE = (224, 224, 3)
IMAGENET_CLASSES = 1000


def seed_image(size):
    return (size, size, SEED_CHANNELS)


def seed_parameters(size, parameters):
    """Of a network that has `parameters` for images of SEED_SIZE, where one position is left: each
    further one adds its channels to the first dense layer."""
    positions = (size // SEED_SIZE) ** 2
    return parameters + (positions - 1) * 512 * SEED_HIDDEN


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
    parser.add_argument("--image-size", type=int, default=SEED_SIZE,
                        help="height and width of the images of Clef's default network; a multiple "
                        f"of {SEED_SIZE}")
    parser.add_argument("--mode", choices=modes, default=modes[0])
    options = parser.parse_args()
    if min(options.batch_size, options.steps, options.threads) < 1 or options.warm_up < 0:
        parser.error("batch size, steps and threads must be at least 1")
    if options.image_size < 1 or options.image_size % SEED_SIZE:
        parser.error(f"the image size must be a multiple of {SEED_SIZE}")
    return options


def synthetic_data(batch_size, image, classes):
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
