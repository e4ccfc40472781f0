# Every command of the project. One virtual environment, .venv, serves them all; it is made on first
# use and made anew only when its lock changes. `make` alone lists the targets.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
ARCHITECTURE ?=
FUZZ_EXAMPLES ?= 100000

MAKEFLAGS += --no-print-directory
export SAM_CLI_TELEMETRY := 0
# SAM wants a region even where it calls no AWS; a region of one's own wins.
export AWS_DEFAULT_REGION ?= eu-west-1

# The first Python on PATH that can make the environment, or build the package.
FIND_PYTHON = python=; \
	for candidate in python3 python3.13 python3.12 python3.11 python3.14; do \
		if $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or later with its venv module was found on PATH." >&2; \
		echo "Install one (Debian and Ubuntu: apt install python3 python3-venv) and try again." >&2; \
		exit 1; \
	fi

.DEFAULT_GOAL := help
.PHONY: help venv run demo test lint types format fuzz bench soak scaling lock build validate clean \
	build-ReceiveFunction build-WorkFunction

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(INSTALLED) ## set up .venv, as every other target does when it needs it

$(INSTALLED): requirements-dev.txt pyproject.toml infra/pyproject.toml
	@if ! $(PYTHON) -c '' 2>/dev/null; then \
		$(FIND_PYTHON); \
		echo "Setting up $(VENV) with $$($$python --version), once; it takes about a minute."; \
		$$python -m venv --clear $(VENV); \
	fi
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements-dev.txt
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation \
		--editable . --editable infra
	@touch $@

run: $(INSTALLED) ## start the bot and a sandbox GitLab, and watch the bot answer
	@$(PYTHON) -m infra.cli run

demo: $(INSTALLED) ## the same once: succeeds only if the bot's answer arrived
	@$(PYTHON) -m infra.cli demo

test: $(INSTALLED) ## lint, types and tests: what CI runs
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy --strict
	@$(PYTHON) -m pytest -n 2 --dist loadfile

lint: $(INSTALLED) ## check style
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .

types: $(INSTALLED) ## check types
	@$(PYTHON) -m mypy --strict

format: $(INSTALLED) ## mend style, where it can be mended without thinking
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

fuzz: $(INSTALLED) ## throw FUZZ_EXAMPLES (100000) hostile deliveries at the bot
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTHON) -m pytest tests/fuzz

bench: $(INSTALLED) ## measure start-up, warm and throughput, side by side with others
	@$(PYTHON) -m tests.benchmarks

soak: $(INSTALLED) ## send 10,000 deliveries through faults; succeeds if none is lost or doubled
	@$(PYTHON) -m tests.soak

scaling: $(INSTALLED) ## print what queues up where, and what it costs, as deliveries grow
	@$(PYTHON) -m infra.scaling

# The shipped tree is held to the versions that were tested in .venv. UPGRADE=1 takes newer ones.
COMPILE = $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(INSTALLED) ## lock what pyproject.toml names, with hashes (UPGRADE=1: newer versions)
	@$(COMPILE) --group dev pyproject.toml -o requirements-dev.txt
	@$(COMPILE) pyproject.toml -c requirements-dev.txt -o requirements.txt
	@$(COMPILE) --group emulator -c requirements-dev.txt -o infra/testing/requirements.txt

build: $(INSTALLED) ## build the Lambda package into .aws-sam (ARCHITECTURE=x86_64: for x86-64)
	@$(VENV)/bin/sam build $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))

validate: $(INSTALLED) ## check template.yaml
	@$(VENV)/bin/sam validate --lint

clean: ## remove what was built, and the caches; .venv stays
	@rm -rf build .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	@find handler infra tests -name __pycache__ -prune -exec rm -rf {} +

# `sam build` calls one for each function, with ARTIFACTS_DIR; the sam command need not be the one in
# .venv, and .venv need not exist. Both functions get the same package.
build-ReceiveFunction build-WorkFunction:
	@$(FIND_PYTHON); $$python -m infra.package sam "$(ARTIFACTS_DIR)" $(ARCHITECTURE)
