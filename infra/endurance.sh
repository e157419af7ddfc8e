#!/usr/bin/env bash
# The long checks at their full size, on the release build. On two cores they take about an hour. What comes out is
# written to infra/measurements/endurance.txt; `infra/endurance.sh 7` repeats the kills of seed 7.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/machine.sh

seed=${1:-$(date -u +%Y%m%d)}
into=infra/measurements/endurance.txt
mkdir -p "$(dirname $into)"

# What fails keeps nothing else from being tried.
failed=0
step() {
  local heading=$1 begun=$SECONDS outcome=passed
  shift
  printf '\n== %s\n' "$heading"
  "$@" || { outcome=FAILED failed=1; }
  printf '%s, %d s\n' $outcome $((SECONDS - begun))
}

outcomes() {
  grep -E '^ +(Running|Doc-tests) |^test [^ ]+ \.\.\. |^error|^---- |panicked|minimal failing input'
}

# Sizes are compiled in, so these are other binaries than those that CI runs.
properties() {
  local packages=(domain attribution store providers call-ingestor attribution-executor)
  CRAE_FULL=1 cargo test --release --no-fail-fast "${packages[@]/#/--package=}" 2>&1 | outcomes
}

end_to_end() {
  CRAE_FULL=1 cargo test --release --package=e2e --test it "$1" 2>&1 | outcomes
}

contract() {
  CRAE_FULL=1 .ci/contract | sed "s#$PWD/##" | grep -vE '^[[:space:]]*$|^=+$'
}

# Asked before the output is emptied, which would count as a change.
about=$(about_this_run)
{
  echo "$about"
  step 'Build' cargo build --quiet --release -p crae -p e2e
  step "Agents' report over 12,000 interactions" cargo bench --quiet -p e2e --bench agents_report
  step 'Reports against brute force: 20,000 interactions, 4,000 conversions' end_to_end reports::
  step 'Contract' contract
  step 'Kills at every call' cargo run --quiet --release -p e2e --bin kill-points
  step 'Kills while it works' cargo run --quiet --release -p e2e --bin crash -- --kills 50 --seed "$seed"
  step 'Accounting for 100,000 deliveries under faults' end_to_end accounting::
  step 'Properties' properties
  exit $failed
} | tee $into
