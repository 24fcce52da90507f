# make run     install into .venv and start the server in the foreground, with the demo page
# make test    install what the tests need, and run everything: what CI runs
# make lint    only the linters
# make clean   remove what the others made
#
# Needs make and Python 3.11 or newer. Another interpreter: make run PYTHON=/path/to/python

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for python in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
CLIENTS := tests/clients
PARALLEL := 2

# What has to be right on every line, not only on nearly all.
PURE := rtcsignal/engineio/packet.py,rtcsignal/engineio/payload.py,rtcsignal/engineio/frames.py,$\
	rtcsignal/socketio/packet.py,rtcsignal/socketio/jsontext.py,rtcsignal/signaling/*

.PHONY: run test lint tools clean

run: $(VENV)/.installed
	@echo "Starting. The last line will say which page to open in a browser; Ctrl-C ends the server."
	@$(BIN)/twistd --nodaemon --pidfile= rtcsignal --config etc/server.conf

test: lint $(CLIENTS)/node_modules/.package-lock.json
	@rm -f .coverage .coverage.*
	$(BIN)/pytest -n $(PARALLEL) --dist loadfile --cov --cov-report=
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100
	$(BIN)/coverage report --fail-under=95

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/mypy

# Chromium and nginx are what some tests use; apt can install them only as root.
tools:
	@tests/support/tools.sh

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf $(CLIENTS)/node_modules

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "rtcsignal needs Python 3.11 or newer, and finds none. Say where it is: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rtcsignal needs Python 3.11 or newer, and $(PYTHON) is older or none." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is needed; on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json | tools
	@if command -v npm >/dev/null; then npm ci --prefix $(CLIENTS) && touch $@; \
		else echo "npm is not installed, and so nothing is tested with the clients in $(CLIENTS)"; fi
