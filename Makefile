# SPDX-License-Identifier: Apache-2.0
# The short names. CMake does the work; CMakePresets.json has the debug, sanitizer and fuzz builds.
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: build test demo bench bench-peers fuzz install clean dependencies

build: dependencies
	@cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DCMAKE_MESSAGE_LOG_LEVEL=WARNING $(if $(wildcard $(BUILD)/CMakeCache.txt),,$(if $(shell command -v ninja),-G Ninja))
	@cmake --build $(BUILD) --parallel $(JOBS)

dependencies:
	@scripts/install-dependencies.sh

test: build
	@ctest --test-dir $(BUILD) --output-on-failure --parallel $(JOBS)

demo: build
	@scripts/demo.sh $(BUILD)/physioclr demo

bench: build
	@cmake --build $(BUILD) --parallel $(JOBS) --target benchmarks
	@bench/run.sh $(BUILD)

bench-peers: build
	@cmake --build $(BUILD) --parallel $(JOBS) --target benchmarks
	@scripts/bench_peers.sh $(BUILD)

fuzz:
	@scripts/fuzz.sh

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf $(BUILD) demo
