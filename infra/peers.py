#!/usr/bin/env python3
"""Compares `crae attribute` with two peers, on the same files: how long each takes, and how far each is off.

    infra/peers.py [--python PYTHON] [--paths N] [--mam-paths N] [--runs N] [--engine]

PYTHON is one that has the peers, of which nothing is installed here; a peer that it cannot import is left out:

    python3 -m venv .venv
    .venv/bin/pip install ChannelAttribution==2.2.5 matplotlib marketing-attribution-models==2.1.1

Each run is a process of its own that reads a file of made-up paths and attributes it with one model; the seconds are the
median's. How far the results are off is told of the 10,000 journeys whose exact results are fixtures, the worst of the runs.
`--engine` also runs the engine's own benchmark, to compare without files. What comes out is written to
infra/measurements/peers.txt if both peers were there. Takes a few minutes, in which the machine should do nothing else.
"""

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FIXTURES = ROOT / "shared" / "attribution" / "tests" / "fixtures"
INTO = ROOT / "infra" / "measurements" / "peers.txt"

# The paths that the generator begins with are the fixtures' journeys.
FIXTURE_PATHS = 10_000
EXPECTED = {
    "MARKOV:1": "expected_markov1.csv",
    "MARKOV:2": "expected_markov2.csv",
    "SHAPLEY": "expected_shapley_simplified.csv",
}
MODELS = {"ChannelAttribution": ["MARKOV:1", "MARKOV:2"], "marketing-attribution-models": ["MARKOV:1", "SHAPLEY"]}


def channel_attribution(model, file):
    """With its defaults, except that it is quiet and tells removal effects."""
    import ChannelAttribution
    import pandas

    data = pandas.read_csv(file)
    begun = time.perf_counter()
    found = ChannelAttribution.markov_model(
        data, "path", "conversions", var_value="value", var_null="nulls", order=int(model[-1]),
        out_more=True, sep=">", verbose=False, flg_pro=False,
    )  # fmt: skip
    took = time.perf_counter() - begun
    totals, effects = found["result"], found["removal_effects"]
    by_channel = lambda table, column: dict(zip(table["channel_name"], map(float, table[column])))
    return took, {
        "conversions": by_channel(totals, "total_conversions"),
        "value": by_channel(totals, "total_conversion_value"),
        "removal_effect_conversion": by_channel(effects, "removal_effects_conversion"),
        "removal_effect_value": by_channel(effects, "removal_effects_conversion_value"),
    }


def marketing_attribution_models(model, file):
    """With its defaults. It knows no removal effects of value, and its MARKOV shares out by journey: no totals of that."""
    import mam
    import polars

    data = polars.read_csv(file)
    # A line for those that converted and one for those that did not, which is how it takes paths.
    kinds = [("conversions", True), ("nulls", False)]
    rows = [
        data.filter(polars.col(count) > 0).select("path", polars.col(count).alias("occurrences"), converted=converted)
        for count, converted in kinds
    ]
    data = polars.concat(rows)
    begun = time.perf_counter()
    given = mam.MAM(data, "grouped_journey", "path", "converted", occurrences_colname="occurrences")
    found = given.run_markov() if model == "MARKOV:1" else given.run_shapley()
    took = time.perf_counter() - begun
    if model == "MARKOV:1":
        effects = found.metadata["removal_effect"]["removal_effect"]
        return took, {"removal_effect_conversion": {name: float(effect) for name, effect in effects.items()}}
    table = found.to_polars()
    return took, {"conversions": dict(zip(table["channels"].to_list(), table["attribution"].to_list()))}


PEERS = {"ChannelAttribution": channel_attribution, "marketing-attribution-models": marketing_attribution_models}
MODULES = {"ChannelAttribution": "ChannelAttribution", "marketing-attribution-models": "mam"}


def version(python, peer):
    """Which version there is, and otherwise why it cannot be imported."""
    code = f"import {MODULES[peer]}, importlib.metadata as m; print(m.version('{peer}'))"
    tried = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if tried.returncode == 0:
        return tried.stdout.split()[-1], None
    return None, (tried.stderr.strip().splitlines() or ["no reason given"])[-1]


def timed(command):
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.perf_counter() - begun
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
    return took


def run_peer(python, peer, model, file, folder):
    """Seconds of the process, seconds of the peer's call in it, results."""
    out = Path(folder) / "peer.json"
    took = timed([python, __file__, "--as-peer", peer, model, str(file), str(out)])
    call, results = json.loads(out.read_text())
    return took, call, results


def run_crae(model, file, folder):
    out = Path(folder) / "crae"
    took = timed([TARGET / "release" / "crae", "attribute", "--paths", file, "--out", out, "--model", model])
    with open(out / "channels.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = ["conversions", "value", "removal_effect_conversion", "removal_effect_value"]
    return took, None, {name: {row["channel"]: float(row[name]) for row in rows if row[name]} for name in names}


def expected(model):
    with open(FIXTURES / EXPECTED[model], newline="") as lines:
        rows = list(csv.DictReader(lines))
    # The fixtures call the totals by two names.
    named = {"total_conversions": "conversions", "total_value": "value"}
    columns = [column for column in rows[0] if column != "channel"]
    return {named.get(column, column): {row["channel"]: float(row[column]) for row in rows} for column in columns}


def off(results, exact):
    """The largest errors: of removal effects as they are, of a channel's totals as a share of what is expected."""
    worst = {}
    for name, found in results.items():
        if not found:
            continue
        if found.keys() != exact[name].keys():
            raise RuntimeError(f"{name}: other channels than expected")
        kind = "effects" if name.startswith("removal") else "totals"
        scale = (lambda value: 1) if kind == "effects" else abs
        error = max(abs(found[channel] - value) / scale(value) for channel, value in exact[name].items())
        worst[kind] = max(worst.get(kind, 0), error)
    return worst


def engine():
    """What the engine's benchmark tells: touches per second of counting, and seconds of solving, by model."""
    command = ["cargo", "bench", "--quiet", "-p", "attribution", "--bench", "engine"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    counting = {name: float(speed) * 1e6 for name, speed in re.findall(r"^(\S+) counting +median +(\d+) M", text, re.M)}
    solving = {name: float(ms) / 1e3 for name, ms in re.findall(r"^solving (\S+) of 15 channels +median +([\d.]+)", text, re.M)}
    return counting, solving


def compare(options, folder, say):
    """Whether both peers were there."""
    versions = {peer: version(options.python, peer) for peer in PEERS}
    sizes = {"ChannelAttribution": options.paths, "marketing-attribution-models": options.mam_paths or options.paths}
    files = {}
    for size in {FIXTURE_PATHS, *sizes.values()}:
        files[size] = Path(folder) / f"{size}.csv"
        generator = ["cargo", "run", "--quiet", "--release", "-p", "attribution-files", "--example", "paths", "--"]
        subprocess.run([*generator, str(size), files[size]], check=True, cwd=ROOT)
    counting, solving = engine() if options.engine else ({}, {})

    for peer, (found, why) in versions.items():
        say(f"{peer} {found}" if found else f"{peer}: cannot be imported, left out ({why})")
    say("")
    say("seconds, median of runs: each a fresh process, from the file; `call` is the peer's function alone, file already read")
    say(f"{'':<40}{'paths':>9}{'peer':>9}{'crae':>9}{'ratio':>8}{'call':>9}{'engine':>10}{'ratio':>8}")
    errors = []
    for peer, models in MODELS.items():
        for model in models if versions[peer][0] else []:
            name = f"{peer} {model}"
            size = sizes[peer]
            try:
                exact = expected(model)
                results = [run_peer(options.python, peer, model, files[FIXTURE_PATHS], folder)[2] for _ in range(options.runs)]
                errors.append((name, [off(result, exact) for result in results]))
                # One after the other, so that what else the machine does slows both.
                runs = [
                    (run_peer(options.python, peer, model, files[size], folder), run_crae(model, files[size], folder))
                    for _ in range(options.runs)
                ]
            except RuntimeError as error:
                say(f"{name:<40}fails: {error}")
                continue
            peers, call, ours = (statistics.median(times) for times in zip(*((p[0], p[1], c[0]) for p, c in runs)))
            memory = f"{'-':>10}{'-':>8}"
            if model in counting:
                touches = files[size].read_text().count(" > ") + size
                alone = touches / counting[model] + solving.get(model, 0)
                memory = f"{alone:>10.5f}{call / alone:>7.0f}x"
            say(f"{name:<40}{size:>9}{peers:>9.3f}{ours:>9.3f}{peers / ours:>7.0f}x{call:>9.3f}{memory}")
    if options.engine:
        say("engine: its benchmark's counting of as many touches, and solving; of channels as numbers, where `call` has text")
    else:
        say("in memory: not compared, since `crae attribute` tells no times of its own (--engine takes the benchmark's)")

    say("")
    say(f"largest error on the {FIXTURE_PATHS} journeys of the fixtures, worst of runs: of a removal effect, of a channel's total")
    for model in EXPECTED:
        errors.append((f"crae {model}", [off(run_crae(model, files[FIXTURE_PATHS], folder)[2], expected(model))]))
    for name, found in errors:
        effects, totals = (max((error[kind] for error in found if kind in error), default=None) for kind in ("effects", "totals"))
        effects = "-" if effects is None else f"{effects:.1e}"
        totals = "-" if totals is None else f"{totals * 100:.2g} %"
        say(f"{name:<40}{effects:>9}{totals:>12}")
    say("marketing-attribution-models: SHAPLEY is of another definition there (rates of exact sets, four channels at most),")
    say("so that its distance is no error of computing; MARKOV has effects on conversions only, and totals shared by journey")
    return all(found for found, _ in versions.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--paths", type=int, default=100_000)
    parser.add_argument("--mam-paths", type=int, help="fewer for marketing-attribution-models, which takes much memory")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--engine", action="store_true", help="compare with the engine's own benchmark, too")
    parser.add_argument("--as-peer", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        peer, model, file, out = options.as_peer
        Path(out).write_text(json.dumps(PEERS[peer](model, file)))
        return
    about = subprocess.run(["bash", "-c", ". infra/machine.sh; about_this_run"], check=True, capture_output=True, text=True, cwd=ROOT)
    subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "crae"], check=True, cwd=ROOT)
    lines = []

    def say(line):
        lines.append(line)
        print(line, flush=True)

    say(about.stdout.rstrip())
    with tempfile.TemporaryDirectory() as folder:
        if compare(options, folder, say):
            INTO.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
