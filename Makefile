# Each target does its own set-up first (scripts/setup.py says what and why); done once, that takes a second.
#
#   make setup   what the robot needs; leaves .venv/bin/robot
#   make demo    the whole job on this machine, no account needed
#   make test    the tests; make test T="tests/reports -k empty" for some of them
#   make check   formatting, linters, types, locks
#   make fix     what formatter and linter can mend by themselves
#   make bench   the figures of scripts/bench
#   make lock    requirements.lock anew, after a change of dependencies
#   make clean   remove all that the set-up made

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell command -v $(name))))
SETUP = $(or $(PYTHON),$(error no python3 was found: install Python 3.11 or newer)) scripts/setup.py
BIN = .venv/bin
T =
# Expanded when the tests start, so after the set-up has had its chance to install Dovecot.
LEFT_OUT = $(if $(shell PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v dovecot),,-m "not dovecot")

.PHONY: all setup demo test check fix bench lock clean

all: check test

setup:
	@$(SETUP) run

demo: setup
	@$(BIN)/robot demo

test:
	@$(SETUP) test
	@$(MAKE) --no-print-directory run-tests

.PHONY: run-tests
# What fails beside another Chromium on two cores is run once more, alone: then the machine is no excuse. Both runs are
# shown; a test that only passes alone is unsteady, and its first failure stays in the log to be looked into.
run-tests:
	$(BIN)/pytest -n 3 --dist loadgroup $(LEFT_OUT) $(T) || { test $$? -eq 1 && \
	  echo "== what failed is run once more, alone" && \
	  $(BIN)/pytest --last-failed --last-failed-no-failures none $(LEFT_OUT) $(T); }

check:
	@$(SETUP) check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/lock.py --check

fix:
	@$(SETUP) check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench:
	@$(SETUP) test
	@set -e; for script in scripts/bench/*.py; do echo "== $$script"; $(BIN)/python $$script; done

lock:
	@$(SETUP) check
	@$(BIN)/python scripts/lock.py

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis fixtures/node_modules demo
