# SPDX-License-Identifier: Apache-2.0
#
# make run    everything needed, then the demo: an agent and three containers, live
# make test   everything needed, then every check and test
# The rest are pieces of these two.

SHELL := /bin/bash
.DEFAULT_GOAL := help

RELEASE := swift build -c release --static-swift-stdlib

.PHONY: help run test deps build bench bench-series format lint clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run:
	@scripts/install-deps.sh run
	@scripts/progress.sh "Building ullage (release; the first time takes 5 to 10 minutes)" $(MAKE) -s build
	@scripts/demo.sh "$$($(RELEASE) --show-bin-path)"

test:
	@scripts/install-deps.sh test
	@scripts/test.sh

deps:
	@scripts/install-deps.sh run

# The shim has no Swift runtime, so it is built apart from what links that statically.
build:
	@swift build -c release --scratch-path .build/shim --product ullage-shim
	@$(RELEASE) --product ullage
	@cp -f .build/shim/release/ullage-shim "$$($(RELEASE) --show-bin-path)/"

bench: deps build
	@scripts/install-deps.sh bench
	@Benchmarks/idle.sh "$$($(RELEASE) --show-bin-path)"

bench-series: deps build
	@scripts/install-deps.sh bench
	@$(RELEASE) --product series-bench
	@Benchmarks/series.sh "$$($(RELEASE) --show-bin-path)"

format:
	@swift format format --in-place --parallel --recursive Package.swift Sources Tests

lint:
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests

clean:
	@rm -rf .build
