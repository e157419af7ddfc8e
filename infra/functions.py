#!/usr/bin/env python3
"""Builds every function as it is deployed, and measures its zip and its start. Needs pip, and some twenty minutes.

The zip is of the build for Lambda's arm64 processors. The start is that of the same build for this machine's processor:
from the process's beginning until it asks Lambda's runtime API for its first event, the median of several; beside it the
memory that it holds by then. What comes out is written to infra/measurements/functions.txt; a zip or a start that is
larger than it may be ends with a failure.
"""

import os
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "cargo-lambda"
# Of its own, since `target/lambda` is where cargo-lambda puts what is deployed.
NATIVE = ROOT / "target" / "native"
INTO = ROOT / "infra" / "measurements" / "functions.txt"

MOST_ZIPPED = 4_000_000
MOST_START_MS = 25
STARTS = 21

# What the functions ask for; nothing of it is reached before the first event.
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "measured",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "TABLE_NAME": "crae",
    "ARCHIVE_BUCKET": "crae",
    "DELIVERIES_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/deliveries",
    "RUNS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/runs",
    "ROLLUPS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/rollups",
    "INDEX_LAG_SECONDS": "5",
    "ROLLUP_DELAY_SECONDS": "60",
    "TENANT_RATE": "2000",
    "TENANT_BURST": "4000",
}


def build(functions):
    """For arm64 into target/lambda, and for this machine into its own folder."""
    if not (TOOLS / "bin" / "cargo-lambda").exists():
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--target", str(TOOLS), "cargo-lambda==1.9.*", "ziglang"]
        subprocess.run(pip, check=True)
    path = os.pathsep.join([str(TOOLS / "bin"), str(TOOLS / "ziglang"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    subprocess.run(["rustup", "target", "add", "aarch64-unknown-linux-gnu"], check=True, capture_output=True)
    packages = [argument for function in functions for argument in ("-p", function)]
    subprocess.run(["cargo", "lambda", "build", "--profile", "lambda", "--arm64", *packages], check=True, env=environment, cwd=ROOT)
    subprocess.run(["cargo", "build", "--profile", "lambda", "--target-dir", NATIVE, *packages], check=True, cwd=ROOT)


def zipped(function):
    archive = ROOT / "target" / "lambda" / function / "bootstrap.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as into:
        into.write(archive.with_name("bootstrap"), "bootstrap")
    size = archive.stat().st_size
    archive.unlink()
    return size


class RuntimeApi(ThreadingHTTPServer):
    """Lambda's runtime API, as far as it takes to see that somebody asks for an event."""

    def __init__(self):
        self.asked = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.set()
        time.sleep(60)

    def log_message(self, *arguments):
        pass


def start(function):
    """How many milliseconds a start takes, and how many megabytes are held by then."""
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {**ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}"}
    begun = time.perf_counter()
    process = subprocess.Popen([NATIVE / "lambda" / function], env=environment, stdout=subprocess.DEVNULL)
    if not api.asked.wait(10):
        sys.exit(f"{function} does not ask for an event")
    took = (time.perf_counter() - begun) * 1_000
    status = Path(f"/proc/{process.pid}/status").read_text()
    held = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1_000
    process.kill()
    process.wait()
    api.shutdown()
    return took, held


def main():
    functions = sys.argv[1:] or sorted(path.name for path in (ROOT / "functions").iterdir())
    build(functions)
    about = subprocess.run(["bash", "-c", ". infra/machine.sh; about_this_run"], check=True, capture_output=True, text=True, cwd=ROOT)
    lines = [about.stdout, f"{'function':<24}{'zip':>9}{'start':>10}{'memory':>10}"]
    failed = []
    for function in functions:
        size = zipped(function)
        starts = [start(function) for _ in range(STARTS)]
        took, held = (statistics.median(values) for values in zip(*starts))
        lines.append(f"{function:<24}{size / 1e6:>6.2f} MB{took:>7.1f} ms{held:>7.1f} MB")
        if size > MOST_ZIPPED or took > MOST_START_MS:
            failed.append(function)
    text = "\n".join(lines) + "\n"
    INTO.write_text(text)
    print(text, end="")
    if failed:
        sys.exit(f"larger than they may be: {', '.join(failed)}")


if __name__ == "__main__":
    main()
