# The commands of the project; `make` alone lists them. All of them use one virtual environment,
# .venv. The first command that needs it creates it, and a change of the lock updates it.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
ARCHITECTURE ?=
FUZZ_EXAMPLES ?= 100000
WHEELS ?= dist

MAKEFLAGS += --no-print-directory
export SAM_CLI_TELEMETRY := 0
# `sam build`, `sam validate` and `sam local` call no AWS service, and still need a region.
SAM = AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-west-1} $(VENV)/bin/sam

# The first Python on PATH that can create the environment or build the package.
FIND_PYTHON = python=; \
	for candidate in python3 python3.13 python3.12 python3.11 python3.14; do \
		if $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or later with its venv module was found on PATH." >&2; \
		echo "Install one (Debian and Ubuntu: apt install python3 python3-venv), then repeat." >&2; \
		exit 1; \
	fi

.DEFAULT_GOAL := help
.PHONY: help venv run demo check test lint types format fuzz bench soak scaling lock build deploy local \
	validate wheel clean build-ReceiveFunction build-WorkFunction

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(INSTALLED) ## set up .venv; the other commands do so if necessary

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

run: $(INSTALLED) ## start the bot and a sandbox GitLab; Ctrl-C stops them
	@$(PYTHON) -m infra.cli run

demo: $(INSTALLED) ## start both, open one issue, and succeed only if the bot answers
	@$(PYTHON) -m infra.cli demo

check: lint types ## check your bot: style, types and tests/test_bot.py
	@$(PYTHON) -m pytest tests/test_bot.py

test: lint types ## check everything: style, types and all tests
	@$(PYTHON) -m pytest -n 2 --dist loadfile

lint: $(INSTALLED) ## check style
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .

types: $(INSTALLED) ## check types
	@$(PYTHON) -m mypy --strict

# The first run of the formatter wraps long lines. A fix can leave code that needs formatting again.
format: $(INSTALLED) ## format the code, and fix style where this is safe
	@$(PYTHON) -m ruff format --quiet .
	@$(PYTHON) -m ruff check --fix .; status=$$?; $(PYTHON) -m ruff format . && exit $$status

fuzz: $(INSTALLED) ## generate FUZZ_EXAMPLES (100000) hostile deliveries and answers
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTHON) -m pytest tests/fuzz

bench: $(INSTALLED) ## measure speed, size and memory (AGAINST=COMMIT: compare with a commit)
	@$(PYTHON) -m tests.benchmarks $(if $(AGAINST),--against $(AGAINST))

soak: $(INSTALLED) ## send 10,000 deliveries through faults; fail if one is lost or handled twice
	@$(PYTHON) -m tests.soak

scaling: $(INSTALLED) ## print the monthly bill and the limits for numbers of deliveries
	@$(PYTHON) -m infra.scaling

# The dependencies that ship have the same versions as in .venv, where they are tested.
COMPILE = $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(INSTALLED) ## lock the dependencies of pyproject.toml with hashes (UPGRADE=1: upgrade them)
	@$(COMPILE) --group dev pyproject.toml -o requirements-dev.txt
	@$(COMPILE) pyproject.toml -c requirements-dev.txt -o requirements.txt
	@$(COMPILE) --group emulator -c requirements-dev.txt -o infra/testing/requirements.txt
	@$(PYTHON) -m infra.package authorities

build: $(INSTALLED) ## build the Lambda package in .aws-sam (ARCHITECTURE=x86_64: for x86-64)
	@$(SAM) build $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))

deploy: check build validate ## check, build and deploy the bot, and print its webhook URL
	@$(PYTHON) -m infra.cli deploy

validate: $(INSTALLED) ## check template.yaml
	@$(SAM) validate --lint

# Docker runs the functions on this machine's processor; the deployed ones have the template's.
HOST = $$(uname -m | sed s/aarch64/arm64/)
local: $(INSTALLED) ## build the bot, and serve it in Docker by `sam local start-api`
	@for name in GL_URL GL_ACCESS_TOKEN GL_SECRET; do \
		if [ -z "$$(printenv $$name)" ]; then \
			echo "Set GL_URL, GL_ACCESS_TOKEN and GL_SECRET: docs/operating.md, sam local." >&2; \
			exit 1; \
		fi; \
	done
	@$(SAM) build --parameter-overrides "Architecture=$(HOST)"
	@$(SAM) local start-api --parameter-overrides "Architecture=$(HOST)" $(SAM_LOCAL)

# setuptools adds files that an earlier build left in build/lib to the wheel.
wheel: $(INSTALLED) ## build a wheel of the framework in dist
	@rm -rf build/lib
	@$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(WHEELS) .

clean: ## remove build results and caches, but not .venv
	@rm -rf build dist .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache handler/*.egg-info
	@find handler infra tests -name __pycache__ -prune -exec rm -rf {} +

# `sam build` runs one of these targets for each function, with ARTIFACTS_DIR set. The sam command
# can be outside .venv, and .venv need not exist. Both functions get the same package.
build-ReceiveFunction build-WorkFunction:
	@$(FIND_PYTHON); $$python -m infra.package sam "$(ARTIFACTS_DIR)" $(ARCHITECTURE)
