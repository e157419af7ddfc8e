#!/usr/bin/env bash
# How quick CRAE is on this machine, on the release build; a few minutes on two cores, which should do nothing else.
# What comes out is written to infra/measurements/speed.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/machine.sh

into=infra/measurements/speed.txt
cargo build --quiet --release -p crae
# Asked before the output is emptied, which would count as a change.
about=$(about_this_run)
{
  echo "$about"
  cargo bench --quiet -p crae --bench speed
  cargo bench --quiet -p e2e --bench agents_report
  cargo bench --quiet -p e2e --bench ledger
  cargo bench --quiet -p attribution
  cargo bench --quiet -p attribution-files
} | tee $into
