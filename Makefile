# `make` lists the targets. Set PYTHON to choose the interpreter that .venv is made with.
.DEFAULT_GOAL := help

CHECKED := $(wildcard train_wgan.py gluon_wgan tools tests benchmarks docs)
BIN := .venv/bin

# Run, not looked up: a version manager leaves shims on the PATH that have no interpreter behind them.
SUITS := -c 'import ensurepip, sys, venv; (3, 9) <= sys.version_info[:2] < (3, 13) and print("yes")' 2>/dev/null
suitable = $(foreach name,$(1),$(if $(shell $(name) $(SUITS)),$(name)))

ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
PYTHON ?= $(firstword $(call suitable,python3.11 python3.12 python3.10 python3.9 python3))
ifeq ($(call suitable,$(PYTHON)),)
$(error gluon-wgan needs Python 3.9 to 3.12 with its venv module, not $(or $(PYTHON),what is on the PATH): \
name one, as in `make PYTHON=/usr/bin/python3.11 $(MAKECMDGOALS)`)
endif
endif

.PHONY: help venv demo reproduce test test-fast coverage stress lint docs bench clean

# One process a core; every file of tests stays in one process, so that what it trains is trained once.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

help:
	@echo 'make demo       train on built-in portraits for a few minutes and show the images it made'
	@echo 'make reproduce  train a few iterations of everything in the reproduction report, and write that report into runs/'
	@echo 'make test       lint, then run the tests, one process a core; JOBS=4 for four'
	@echo 'make test-fast  lint, then the tests that take no more than a moment each'
	@echo 'make coverage   run the tests, and show which lines of the package they reach'
	@echo 'make stress     damage 10,000 files and kill 500 commands, for half an hour; STRESS="--inputs 200 --kills 10" for less'
	@echo 'make lint       check style and types'
	@echo 'make docs       build the documents into a site, run their notebook, and fail on a broken link'
	@echo 'make bench      time the training cycle, the data pipeline and the optimisers'
	@echo 'make venv       install everything into .venv, as demo and test do when they need to'
	@echo 'make clean      remove .venv and the caches, but no run'

venv: $(BIN)/.installed-test

demo: $(BIN)/.installed-demo
	@$(BIN)/python train_wgan.py --preset demo

reproduce: $(BIN)/.installed-demo
	@$(BIN)/python tools/reproduce.py --plan quick

test: lint
	@$(PYTEST)

test-fast: lint
	@$(PYTEST) -m 'not slow'

coverage: $(BIN)/.installed-test
	@$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage
	@echo 'Open build/coverage/index.html in a browser.'

stress: $(BIN)/.installed-test
	@$(BIN)/python -m tests.stress $(STRESS)

lint: $(BIN)/.installed-test
	@$(BIN)/ruff check setup.py $(CHECKED)
	@$(BIN)/mypy $(CHECKED)
	@$(BIN)/lint-imports

# Every page is read again, so that a page which did not change is still warned of.
docs: $(BIN)/.installed-docs
	@$(BIN)/python -m sphinx -q -E -W --keep-going -d build/doctrees docs build/docs
	@echo 'Open build/docs/index.html in a browser.'

bench: $(BIN)/.installed-test
	@$(BIN)/python benchmarks/train_cycle.py
	@$(BIN)/python benchmarks/data_pipeline.py
	@$(BIN)/python benchmarks/optimizers.py
	@$(BIN)/python benchmarks/presets.py

clean:
	rm -rf .venv build dist .coverage* *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo and the documents need no torch, which is large.
$(BIN)/.installed-demo: EXTRAS := cpu
$(BIN)/.installed-docs: EXTRAS := cpu,docs
$(BIN)/.installed-test: EXTRAS := cpu,test
$(BIN)/.installed-%: setup.py constraints.txt | $(BIN)/python
	@echo 'Installing gluon-wgan[$(EXTRAS)] into .venv; this happens once.'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -m venv .venv
