#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every check and test, cheapest first. Stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS

# A wrong import (a target that was not declared as a dependency) must not compile.
build=(swift build --build-tests --explicit-target-dependency-import-check error)

scripts/progress.sh "Checking the format" \
    swift format lint --strict --parallel --recursive Package.swift Sources Tests
scripts/progress.sh "Building everything (debug; the first time takes 3 to 6 minutes)" "${build[@]}"
# What hangs fails, instead of holding everything up.
export STEP_LIMIT=900
# By themselves: they wait on tasks, for which tests that block leave few threads.
scripts/progress.sh "Running the tests of notifications" \
    swift test --skip-build --parallel --filter NotifyTests
scripts/progress.sh "Running the other tests" \
    swift test --skip-build --parallel --skip NotifyTests
scripts/progress.sh "Comparing 3000 random queries with Prometheus" \
    Tests/Differential/differential.py --program "$(swift build --show-bin-path)/ullage" \
    --queries 3000 --seed 1
scripts/progress.sh "Comparing rules, templates and unit tests with promtool" \
    Tests/RulesOracle/oracle.py --program "$(swift build --show-bin-path)/ullage" --seed 1
scripts/progress.sh "Letting Prometheus scrape each format" \
    Tests/Scrapes/prometheus.py --program "$(swift build --show-bin-path)/ullage"
scripts/progress.sh "Killing the agent 12 times under a writer of logs" \
    Tests/KillLoop/run.sh "$(swift build --show-bin-path)" 12
scripts/progress.sh "Showing what containers write on a real terminal" \
    Tests/Terminal/run.sh "$(swift build --show-bin-path)"
scripts/progress.sh "Logging to a real journald and reading it back over 5 kills of the agent" \
    Tests/Journal/run.sh "$(swift build --show-bin-path)" 5
scripts/progress.sh "Killing an agent that ships 10 times" \
    Tests/Shipping/kills.py --program "$(swift build --show-bin-path)/ullage" --kills 10 --seed 1 --concurrency 3
scripts/progress.sh "Running the kernel lane (a guest with full cgroup v2)" \
    Tests/KernelLane/run.sh "$(swift build --show-bin-path)"

printf '\nEverything passed in %d min %02d s.\n' \
    $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
