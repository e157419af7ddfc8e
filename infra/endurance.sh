#!/usr/bin/env bash
# The long runs at their full size, on the release build: kills of the stack while it works, and at every call that it
# makes, every property with all its cases, and reports against a brute-force computation over 20,000 interactions. What comes out is written to
# infra/measurements/endurance.txt. On two cores it takes the better part of an hour; `infra/endurance.sh 7` repeats the
# kills of seed 7.
set -euo pipefail
cd "$(dirname "$0")/.."

seed=${1:-$(date -u +%Y%m%d)}
into=infra/measurements/endurance.txt
mkdir -p "$(dirname $into)"

machine() {
  local model memory
  model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)
  memory=$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)
  echo "$(nproc) cores of ${model:-an unnamed CPU}, $memory"
}

kills() {
  cargo run --quiet --release -p e2e --bin crash -- --kills 50 --seed "$seed"
}

points() {
  cargo run --quiet --release -p e2e --bin kill-points
}

# Their sizes are compiled in, so these are other binaries than those that CI runs.
properties() {
  local packages=(domain attribution store providers call-ingestor attribution-executor)
  {
    CRAE_FULL=1 cargo test --release "${packages[@]/#/--package=}"
    CRAE_FULL=1 cargo test --release --package=e2e --test it reports::
  } 2>&1 |
    grep -E '^ +(Running|Doc-tests) |^test |^error|^---- |panicked|minimal failing input'
}

cargo build --quiet --release -p crae -p e2e
# Asked before the output is emptied, which would count as a change.
commit=$(git describe --always --dirty --abbrev=12)
{
  echo "$(date -u '+%Y-%m-%d %H:%M UTC'), $commit"
  machine
  rustc --version
  echo
  kills
  echo
  points
  echo
  properties
} | tee $into
