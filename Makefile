# SPDX-License-Identifier: Apache-2.0
# The short names; CMake does the work (see CMakePresets.json for debug, sanitizer and fuzz builds).
BUILD ?= build
GENERATOR := $(shell command -v ninja >/dev/null 2>&1 && echo Ninja || echo "Unix Makefiles")

.PHONY: all configure build test demo bench fuzz install clean dependencies

all: build

dependencies:
	@scripts/install-dependencies.sh

configure: dependencies
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@mkdir -p $(BUILD) && mv $(BUILD).log $(BUILD)/configure.log

build: configure
	@cmake --build $(BUILD) --parallel $$(nproc)

test: build
	@ctest --test-dir $(BUILD) --output-on-failure --parallel $$(nproc)

demo: build
	@scripts/demo.sh $(BUILD)/physioclr demo

bench: build
	@$(BUILD)/physioclr bench -o $(BUILD)/bench.json

fuzz:
	@scripts/fuzz.sh

install: build
	@cmake --install $(BUILD)

clean:
	rm -rf $(BUILD) demo
