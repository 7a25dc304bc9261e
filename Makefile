# One obvious way to run each thing. Needs Python 3.11 or newer and make, nothing else.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The virtual environment alone decides what is imported and where packages come from the lock alone.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Each process reads byte code instead of compiling the product anew, whatever the machine's environment says.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := $(BIN)/python -m pip install --quiet
# uv installs several times as fast as pip. It looks where pip was told to; what it cannot reach, pip may.
UV_INSTALL := $(if $(PIP_INDEX_URL),UV_DEFAULT_INDEX="$(PIP_INDEX_URL)") \
  $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)") $(if $(PIP_CERT),SSL_CERT_FILE="$(PIP_CERT)") \
  $(BIN)/uv pip install --quiet --python $(BIN)/python
DEMO_ARGS ?=
BENCH_ARGS ?=
PYTEST_ARGS ?=
SCREENS ?=
# Three workers, for tests wait more than they compute; a file stays with one, for what its tests share.
# PYTEST_WORKERS=0: one after the other. Files run in the order of their folders, not the ones with most tests first:
# the long ones are in the first folders, so that at the end no worker waits for another's.
PYTEST_WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench curves soak crash screens translations install install-dev browser wheel lock clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## The main job on a real place: server, residents, a scenario, a table (DEMO_ARGS="--once [--kill]")
	$(BIN)/alerts demo $(DEMO_ARGS)

test: install-dev lint types browser ## Every check and every test, on SQLite and on PostgreSQL (what CI runs)
	$(PYTEST) $(PYTEST_ARGS)

lint: install-dev ## Style (ruff, hadolint, docstrings), security (bandit) and the directions of imports (import-linter)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.check_docstrings alerts subscribers tools tests
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive alerts subscribers tools
	$(BIN)/hadolint Dockerfile

types: install-dev ## Strict types (mypy)
	$(BIN)/mypy

bench: install-dev ## The benchmarks at 10 k, 100 k and 1 M into docs/bench (BENCH_ARGS="--only append --sizes 10k")
	$(BIN)/python -m alerts.bench.record docs/bench $(BENCH_ARGS)

curves: install-dev ## What make bench kept, as pictures and as the tables of docs/performance.md
	$(BIN)/python -m tools.bench_curves docs/bench docs/performance.md

soak: install-dev ## The long tests that make test leaves out: the demonstration killed, and undisturbed among real peers
	$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

crash: install-dev ## The tests that kill, starve and confuse the product, the long ones too; writes docs/crash.md
	CRASH_REPORT=docs/crash.md $(BIN)/python -m pytest tests/crash -m "soak or not soak" $(PYTEST_ARGS)

screens: install-dev ## Pictures of the pages into docs/screens (SCREENS="now notice" for some)
	$(BIN)/python -m tools.screens docs/screens $(SCREENS)

translations: install-dev ## New English words into the other catalogues of alerts/locale, and how far each is
	$(BIN)/python -m tools.translations

install: $(VENV)/.installed ## The product in .venv, from the hash-checked lock; leaves .venv/bin/alerts

install-dev: $(VENV)/.installed-dev ## The same with what the tests need

wheel: install-dev ## Build dist/*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: install-dev ## Resolve the dependencies anew into the two lock files
	$(call compile,requirements.lock,--extra build --extra frontend --extra postcodes --extra world)
	$(call compile,requirements-dev.lock,--extra build --extra frontend --extra postcodes --extra world --extra dev)

clean: ## Remove what these commands made, but no data in var/
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Stamps: a second run has nothing to do.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed as $(PYTHON); say another one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: $(VENV)/pyvenv.cfg
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.lock
	$(PIP_INSTALL) --require-hashes -r $(VENV)/uv.lock || echo "uv cannot be installed here: pip installs the rest, slower"

$(VENV)/.installed: requirements.lock pyproject.toml package-lock.json $(BIN)/uv
	$(call install_lock,requirements.lock)
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m tools.fetch_frontend
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(call install_lock,requirements-dev.lock)
	@touch $@

# The browser tests drive the system's Chromium. CI installs Debian's; elsewhere we say what is skipped, and why.
browser:
	@if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	    command -v google-chrome >/dev/null 2>&1; then :; \
	 elif [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	   echo "Installing Debian's chromium for the browser tests"; \
	   { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	     apt-get install -y -qq --no-install-recommends chromium fonts-noto-core; } >/dev/null; \
	 else \
	   echo "No Chromium here: the browser tests are SKIPPED (install chromium to run them)"; \
	 fi

define install_lock
$(UV_INSTALL) --require-hashes -r $(1) || $(PIP_INSTALL) --require-hashes -r $(1)
endef

define compile
$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --upgrade --custom-compile-command "make lock" $(2) pyproject.toml -o $(1)
endef
