# SPDX-License-Identifier: Apache-2.0
"""Makes docs/performance.md and its chart of the measurements of performance.py."""
import datetime
import json
import os
import pathlib
import platform
import statistics
import sys

from summarise import PASSES, processor

COLOURS = {"clef": "#1b6ca8", "peer": "#b0b0b0"}


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def is_clef(name):
    return name.startswith("clef")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def join_rounds(lines):
    """Scenario -> contender -> figures of all its rounds, the fastest first."""
    scenarios = {}
    for line in lines:
        if line["kind"] == "steps":
            scenarios.setdefault(line["scenario"], {}).setdefault(line["contender"], []).append(
                line["result"])
    for contenders in scenarios.values():
        for name, results in contenders.items():
            steps = [ms for result in results for ms in result["step_ms"]]
            contenders[name] = {
                "median": statistics.median(steps),
                "least": min(steps),
                "batch": results[0]["batch_size"],
                "memory": max(result["peak_rss_bytes"] for result in results),
                "version": results[0].get("version") or "clef " + results[0]["clef"] + ", " +
                           results[0]["device"]["name"] + " (" + results[0]["device"]["driver"] +
                           ")",
                "results": results,
            }
    return {name: dict(sorted(of.items(), key=lambda item: item[1]["median"]))
            for name, of in scenarios.items()}


def fastest_peer(contenders):
    return min((figures["median"] for name, figures in contenders.items() if not is_clef(name)),
               default=None)


def step_table(contenders):
    peer = fastest_peer(contenders)
    rows = []
    for name, figures in contenders.items():
        rows.append([name, f"{figures['median']:.1f}", f"{figures['least']:.1f}",
                     f"{1e3 * figures['batch'] / figures['median']:.0f}",
                     f"{peer / figures['median']:.2f}" if peer else "-",
                     f"{figures['memory'] / 2**20:.0f}"])
    return table(["contender", "median ms", "least ms", "images/s", "times the fastest peer's speed",
                  "peak memory, MiB"], rows)


# ---------------------------------------------------------------- chart


def chart(scenarios):
    """Bars of each scenario: the speed beside that of the fastest peer."""
    width, label, bar, top = 860, 190, 16, 40
    body, y = [], top
    scale = max(fastest_peer(of) / min(f["median"] for f in of.values())
                for of in scenarios.values() if fastest_peer(of))
    for scenario, contenders in scenarios.items():
        peer = fastest_peer(contenders)
        if peer is None:
            continue
        y += 22
        body.append(f'<text x="8" y="{y}" font-weight="bold">{scenario}</text>')
        for name, figures in contenders.items():
            speed = peer / figures["median"]
            length = max(1, round(speed / scale * (width - label - 70)))
            colour = COLOURS["clef" if is_clef(name) else "peer"]
            y += bar + 4
            body.append(f'<text x="{label - 8}" y="{y}" text-anchor="end">{name}</text>'
                        f'<rect x="{label}" y="{y - bar + 4}" width="{length}" height="{bar}" '
                        f'fill="{colour}"/>'
                        f'<text x="{label + length + 6}" y="{y}">{speed:.2f}</text>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 20}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{y + 20}" fill="white"/>',
        '<text x="8" y="24" font-size="16">Speed of a training step; the fastest peer is 1</text>',
        *body, "</svg>", ""])


# ---------------------------------------------------------------- sections


def start_section(lines):
    starts = {}
    for line in lines:
        if line["kind"] == "start":
            starts.setdefault(line["contender"], {}).setdefault(line["state"], []).append(
                line["seconds"])
    if not starts:
        return ""
    rows = [[name] + [f"{statistics.median(of[state]):.2f}" if state in of else "-"
                      for state in ("cold", "warm")] for name, of in starts.items()]
    dropped = all(line["page_cache_dropped"] for line in lines
                  if line["kind"] == "start" and line["state"] == "cold")
    cold = "with empty caches of compiled kernels"
    if dropped:
        cold += " and every file to be read from the disk"
    return f"""## From the start to the end of the first step

Seconds from the start of the process, batch 64. Cold is the first start, {cold}; warm is the median
of those after it. Clef reads all of MNIST in this time, a peer makes its images.

{table(["contender", "cold, s", "warm, s"], rows)}
"""


def thread_section(scenarios):
    one, two = scenarios.get("batch 64, one thread", {}), scenarios.get("batch 64", {})
    rows = [[name, f"{one[name]['median']:.1f}", f"{two[name]['median']:.1f}",
             f"{one[name]['median'] / two[name]['median']:.2f}"] for name in one if name in two]
    threads = len(os.sched_getaffinity(0))
    return f"""## Threads

{table(["contender", "1 thread, ms", f"{threads} threads, ms", "ratio"], rows)}
"""


def op_section(scenarios, lines):
    clef = scenarios.get("batch 64", {}).get("clef cpu")
    if not clef:
        return ""
    ops, parts = {}, len(clef["results"])
    for result in clef["results"]:
        for op in result["ops"]:
            ms, percent = ops.get(op["op"], (0, 0))
            ops[op["op"]] = (ms + op["ms"] / parts, percent + op["percent"] / parts)
    rows = [[name, f"{ms:.2f}", f"{percent:.1f}"] for name, (ms, percent) in
            sorted(ops.items(), key=lambda item: -item[1][0])]
    text = f"""## Where a step goes

A step of 64 on the plain C backend, each op in the order of a step.

{table(["op", "ms", "% of the step"], rows)}
"""
    results = {}
    for line in lines:
        if line["kind"] == "ops":
            results.setdefault(line["contender"], []).append(line["result"])
    return text + "".join("\n" + convolution_table(name, of) for name, of in results.items())


def shares_of_peak(seconds_at_peak, times):
    """In percent, of the least and of the median of some times in ms."""
    least, median = min(best for best, _ in times), statistics.median(step for _, step in times)
    return f"{1e5 * seconds_at_peak / least:.0f} / {1e5 * seconds_at_peak / median:.0f}"


def convolution_table(name, results):
    peak, rows = max(result["peak_gflops"] for result in results), {}
    for op in (op for result in results for op in result["ops"]):
        if op["op"] in PASSES and op["layer"].startswith("stage"):
            key = (op["shape"], op["gflop"], op["algorithm"])
            rows.setdefault(key, {}).setdefault(op["op"], []).append(
                (op["min_ms"], op["step_median_ms"]))
    body = [[shape, f"{1e3 * gflop:.1f}", algorithm] +
            [shares_of_peak(gflop / peak, cells[p]) if p in cells else "-" for p in PASSES]
            for (shape, gflop, algorithm), cells in rows.items()]
    return f"""### Convolutions of {name}

Executed operations as a share of the measured FMA peak, {peak:.0f} GFLOP/s, in percent: the best of
{len(results)} times {results[0]["repetitions"]} runs, each right after itself / the median in the order of a step. An
algorithm of Winograd's executes fewer operations, so that its share is lower and its time is less
all the same. backward_weights takes Adam's step on its weights as well, and its time is both.

{table(["output", "MFLOP", "algorithm"] + [p[7:] for p in PASSES], body)}
"""


def job_section(lines, peak):
    for line in lines:
        if line["kind"] == "job":
            job = line["result"]
            return f"""## The whole job

`clef train` on the plain C backend, 5 epochs: {job["fit_seconds"]:.0f} s of training and validation,
times the peak {job["fit_seconds"] * peak:,.0f} GFLOP; {job["images_per_second"]:.0f} images/s; peak
memory {job["peak_rss_bytes"] / 2**20:.0f} MiB. Test accuracy {job["test_before_update_bn"]["accuracy"]:.4f}
with the moving statistics of training, {job["test"]["accuracy"]:.4f} with those that `--update-bn 200`
takes.
"""
    return ""


def main(measurements, page, picture):
    lines = read(measurements)
    scenarios = join_rounds(lines)
    clef = [figures for of in scenarios.values() for name, figures in of.items()
            if name == "clef cpu"]
    # What else runs on the machine can only lower a peak.
    peak = max(result["peak_gflops"] for figures in clef for result in figures["results"])
    bandwidth = max(result["peak_gbytes_per_second"] for figures in clef
                    for result in figures["results"])
    turns = max(len(figures["results"]) for figures in clef)
    rounds = "one round" if turns == 1 else f"{turns} rounds"
    versions = sorted({figures["version"] for of in scenarios.values() for figures in of.values()})
    parts = [f"""# Performance

Made by `bench/report.py` of one run of `bench/performance.py`, both of which `bench/compare.sh
--report` calls, with {rounds}; not edited by hand.

Machine: {processor()}, {len(os.sched_getaffinity(0))} logical processors, {platform.system()}
{platform.release()}; measured peaks {peak:.0f} GFLOP/s (fused multiply-add) and {bandwidth:.0f} GB/s
(memory). {datetime.date.today().isoformat()}.

Contenders: {"; ".join(versions)}. All in float32 on all processors, in turns, each in a process of its
own on synthetic images. Ratios are of medians; other load on the machine makes a median larger and
leaves the least time nearly as it is.

![Speed of a training step]({pathlib.Path(picture).name})
"""]
    refusals = {line["scenario"]: line["torch_refuses"] for line in lines if line["kind"] == "steps"}
    for name, contenders in scenarios.items():
        parts.append(f"## A training step, {name}\n\n{step_table(contenders)}\n" +
                     (f"\nPyTorch refuses {refusals[name]}.\n" if refusals[name] else ""))
    parts += [thread_section(scenarios), start_section(lines), op_section(scenarios, lines),
              job_section(lines, peak)]
    pathlib.Path(picture).write_text(chart(scenarios), encoding="utf-8")
    pathlib.Path(page).write_text("\n".join(part for part in parts if part), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
