# SPDX-License-Identifier: Apache-2.0
"""Measures Clef on each of its processors' backends and each peer, scenario by scenario and in turns,
all in one run; report.py makes docs/performance.md and its chart of the measurements."""
import argparse
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


class Scenario(typing.NamedTuple):
    name: str
    batch_size: int
    steps: int
    network: str = "seed"  # The prefix of the peers' scripts.
    clef: tuple = ()       # Options of `clef bench train` alone,
    options: tuple = ()    # and of the peers' scripts as well.
    threads: int = 0       # 0: all.
    torch_refuses: str = ""


SCENARIOS = [
    Scenario("batch 64", 64, 20),
    Scenario("224x224x3, batch 16", 16, 4, "imagenet", ("--arch", "resnet18-imagenet")),
    Scenario("batch 1", 1, 60, torch_refuses="to normalise the single value of a channel that the "
             "last stage has of one image"),
    Scenario("64x64, batch 1", 1, 60, options=("--image-size", "64")),
    Scenario("batch 16", 16, 30),
    Scenario("batch 256", 256, 6),
    Scenario("batch 64, one thread", 64, 10, threads=1),
]
# A measured peak below this part of the highest one says that something else ran beside it.
DISTURBED, MOST_TRIES = 0.8, 3
TORCH_MODES = ("eager", "channels_last", "compile")
CLEF_DEVICES = (
    # Name, device, the driver's .icd file or folder, and its variable for the number of threads.
    ("clef cpu", "cpu", None, None),
    ("clef opencl, PoCL", "opencl", pathlib.Path("/etc/OpenCL/vendors/pocl.icd"),
     "POCL_MAX_PTHREAD_COUNT"),
    ("clef opencl, Intel", "opencl", ROOT / "build/intel-opencl/alone",
     "CL_CONFIG_CPU_TBB_NUM_WORKERS"),
)


def environment(driver, **more):
    result = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **more)
    if driver:
        result["OCL_ICD_VENDORS"] = str(driver)
    return result


def clef_devices():
    for name, device, driver, thread_variable in CLEF_DEVICES:
        if not driver or driver.exists():
            yield name, device, driver, thread_variable


def contenders(options, scenario):
    """Name, command and environment of all that take part in a scenario."""
    common = ["--batch-size", str(scenario.batch_size), "--steps", str(scenario.steps),
              *scenario.options]
    threads = ["--threads", str(scenario.threads)] if scenario.threads else []

    def peer(framework):
        return [sys.executable, str(HERE / "peers" / f"{scenario.network}_{framework}.py"),
                "--warm-up", "2"] + common + threads

    if not scenario.torch_refuses:
        for mode in TORCH_MODES:
            yield f"torch {mode}", peer("torch") + ["--mode", mode], environment(None)
    for name, device, driver, thread_variable in clef_devices():
        command = [options.clef, "bench", "train", "--device", device, "--json", "--warm-up", "3",
                   "--repetitions", "3"] + common + list(scenario.clef)
        if scenario.threads and driver:
            yield name, command, environment(driver, **{thread_variable: str(scenario.threads)})
        else:
            yield name, command + threads, environment(driver)
    yield "keras", peer("keras"), environment(None)


def run(name, command, env):
    """The one JSON object that a contender prints, or None, with its message passed on."""
    print(f"  {name}", file=sys.stderr, flush=True)
    result = subprocess.run(command, capture_output=True, text=True, env=env)
    try:
        if result.returncode == 0:
            return json.loads(result.stdout)
    except json.JSONDecodeError:
        pass
    last = (result.stderr.strip() or "no message").splitlines()[-1]
    print(f"performance.py: {name} failed: {last}", file=sys.stderr)
    return None


def run_undisturbed(name, command, env, threads, peaks):
    """As run(); what ran while the peak of Clef's own measurement was low is measured again. `peaks`
    has the highest one of each number of threads."""
    for _ in range(MOST_TRIES):
        result = run(name, command, env)
        if result is None or "peak_gflops" not in result:
            return result
        peaks[threads] = max(result["peak_gflops"], peaks.get(threads, 0))
        if result["peak_gflops"] >= DISTURBED * peaks[threads]:
            return result
        print(f"performance.py: {name}: a peak of {result['peak_gflops']:.0f} GFLOP/s after "
              f"{peaks[threads]:.0f}: something else is running", file=sys.stderr)
    return None


def measure_steps(options, failures):
    peaks = {}
    for scenario in SCENARIOS:
        for turn in range(options.rounds):
            print(f"{scenario.name}, round {turn + 1} of {options.rounds}", file=sys.stderr)
            entries = list(contenders(options, scenario))
            for name, command, env in entries if turn % 2 == 0 else reversed(entries):
                result = run_undisturbed(name, command, env, scenario.threads, peaks)
                if result is None:
                    failures.append(f"{scenario.name}: {name}")
                else:
                    yield {"kind": "steps", "scenario": scenario.name, "contender": name,
                           "torch_refuses": scenario.torch_refuses, "result": result}


# ---------------------------------------------------------------- start


def drop_page_cache():
    """Whether files have to be read from the disk again."""
    try:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")
        return True
    except OSError:
        return False


def seconds_to_first_step(command, env):
    """From a program's start to the progress bar of its first step."""
    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, env)
    seen, seconds = b"", None
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        if seconds is None and re.search(rb"[ \r\n]1/\d+ ", seen):
            seconds = time.monotonic() - began
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return seconds if status == 0 else None


def measure_starts(options, failures):
    for name, device, driver, _ in clef_devices():
        with tempfile.TemporaryDirectory() as work:
            env = environment(driver, XDG_CACHE_HOME=f"{work}/cache",
                              POCL_CACHE_DIR=f"{work}/pocl", TERM="xterm")
            command = [options.clef, "train", "--device", device, "--epochs", "1", "--limit",
                       "128", "--validation-split", "0", "--out", f"{work}/run"]
            for state in ("cold", "warm", "warm", "warm"):
                print(f"start, {state}: {name}", file=sys.stderr)
                dropped = state == "cold" and drop_page_cache()
                seconds = seconds_to_first_step(command, env)
                subprocess.run(["rm", "-rf", f"{work}/run"], check=True)
                if seconds is None:
                    failures.append(f"start, {state}: {name}")
                else:
                    yield {"kind": "start", "state": state, "contender": name,
                           "seconds": seconds, "page_cache_dropped": dropped}
    peers = [(f"torch {mode}", "seed_torch.py", mode) for mode in TORCH_MODES]
    for name, script, mode in peers + [("keras", "seed_keras.py", "keras")]:
        for state in ("cold", "warm"):
            dropped = state == "cold" and drop_page_cache()
            with tempfile.TemporaryDirectory() as work:
                empty = {"TORCHINDUCTOR_CACHE_DIR": work} if state == "cold" else {}
                result = run(f"start, {state}: {name}",
                             [sys.executable, str(HERE / "peers" / script), "--mode", mode,
                              "--steps", "1", "--warm-up", "0"], environment(None, **empty))
            if result is None:
                failures.append(f"start, {state}: {name}")
            else:
                yield {"kind": "start", "state": state, "contender": name,
                       "seconds": result["start_seconds"], "page_cache_dropped": dropped}


# ---------------------------------------------------------------- the rest


def measure_ops(options, failures):
    for name, device, driver, _ in clef_devices():
        # As a step computes, and with the direct algorithm alone.
        for suffix, more in ("", {}), (", direct", {"CLEF_CONV": "direct"}):
            result = run(f"ops: {name}{suffix}", [options.clef, "bench", "ops", "--device", device,
                                                  "--repetitions", "10", "--json"],
                         environment(driver, **more))
            if result is None:
                failures.append(f"ops: {name}{suffix}")
            else:
                yield {"kind": "ops", "contender": name + suffix, "result": result}


def measure_job(options, failures):
    with tempfile.TemporaryDirectory() as work:
        print("the whole job on the CPU", file=sys.stderr)
        code = subprocess.run([options.clef, "train", "--device", "cpu", "--quiet", "--update-bn",
                               "200", "--out", f"{work}/run"], stdout=subprocess.DEVNULL).returncode
        if code:
            failures.append("the whole job")
            return
        summary = json.loads(pathlib.Path(f"{work}/run/summary.json").read_text(encoding="utf-8"))
        yield {"kind": "job", "contender": "clef cpu", "result": summary}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clef", required=True)
    parser.add_argument("--out", required=True, help="the measurements, one JSON object a line")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--job", action="store_true", help="also the whole job of five epochs")
    options = parser.parse_args()
    failures = []
    with open(options.out, "w", encoding="utf-8") as out:
        # What else the machine does comes and goes: ops are short, so they are measured three times.
        parts = ([measure_ops, measure_starts, measure_ops, measure_steps] +
                 [measure_job] * options.job + [measure_ops])
        for part in parts:
            for line in part(options, failures):
                print(json.dumps(line), file=out, flush=True)
    for failure in failures:
        print(f"performance.py: not measured: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
