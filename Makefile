# make run     install into .venv and start the server in the foreground, with the demo page
# make test    install what the tests need, and run everything: what CI runs
# make test-newest   what needs one process only, on the newest Python that is here beside that of .venv
# make lint    only the linters; tsc, for the JavaScript of the demo page, is skipped where npm is missing
# make bench   measure this server beside others, on this machine; make bench BENCH="--loads fan10 --repetitions 5"
# make bench-codecs   time the codecs alone, and compare with the last time
# make clean   remove what the others made
#
# Needs make and Python 3.11 or newer. Another interpreter: make run PYTHON=/path/to/python

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for python in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
NEWEST := .venv-newest
CLIENTS := tests/clients
BROWSER := tests/browser
TSC := $(BROWSER)/node_modules/.bin/tsc
BENCH_NODE := bench/servers/node
BENCH_PYTHON := bench/servers/python
BENCH :=
PARALLEL := 2
# Who runs what is in tests/support/scheduling.py; what takes longest comes first.
DISTRIBUTION := --dist loadscope --no-loadscope-reorder

# What has to be right on every line, not only on nearly all.
PURE := rtcsignal/engineio/packet.py,rtcsignal/engineio/polling/payload.py,rtcsignal/engineio/frames.py,$\
	rtcsignal/socketio/packet.py,rtcsignal/socketio/binary.py,rtcsignal/socketio/claims.py,$\
	rtcsignal/socketio/jsontext.py,$\
	rtcsignal/socketio/jsonscan.py,rtcsignal/signaling/*,$\
	rtcsignal/backplane/facts.py,rtcsignal/backplane/frames.py,rtcsignal/redisurl.py,$\
	rtcsignal/engineio/forwarding/directory.py,rtcsignal/engineio/forwarding/frames.py,$\
	rtcsignal/service/workers/messages.py,rtcsignal/service/workers/nodes.py,rtcsignal/service/workers/sums.py,$\
	rtcsignal/iceservers.py,rtcsignal/ice/credentials.py,rtcsignal/ice/stun.py,$\
	rtcsignal/calls/facts.py,rtcsignal/calls/timeline.py,rtcsignal/calls/state.py,rtcsignal/calls/rules.py,$\
	rtcsignal/calls/network_rules.py,rtcsignal/calls/verdicts.py,rtcsignal/calls/capture.py

# What starts servers, clients and browsers, or times things: measuring its coverage would double its time, and add
# nothing to what the rest covers in one process.
ELSEWHERE := tests/browser tests/cluster tests/faults tests/wire tests/clients tests/test_install.py tests/bench tests/docs tests/proxy $\
	tests/test_protocol_fixture.py tests/engineio/test_conformance.py

# What runs a second time, with the fast path switched off. Most of it waits most of the time.
BOTH_WAYS := tests/faults tests/wire tests/engineio tests/socketio
PARALLEL_WAITS := 3

.PHONY: run test test-newest lint bench bench-codecs tools clean

run: $(VENV)/.installed
	@echo "Starting. The last line will say which page to open in a browser; Ctrl-C ends the server."
	@$(BIN)/twistd --nodaemon --pidfile= rtcsignal --config etc/server.conf

test: lint $(CLIENTS)/node_modules/.package-lock.json $(BENCH_NODE)/node_modules/.package-lock.json
	@rm -f .coverage .coverage.*
	$(BIN)/pytest -n $(PARALLEL) $(DISTRIBUTION) $(ELSEWHERE)
	$(BIN)/pytest -n $(PARALLEL) $(DISTRIBUTION) --cov --cov-report= $(ELSEWHERE:%=--ignore=%)
	RTCSIGNAL_LANE=plain $(BIN)/pytest -n $(PARALLEL_WAITS) $(DISTRIBUTION) $(BOTH_WAYS)
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100
	$(BIN)/coverage report --fail-under=95
	$(BIN)/python -m bench --quick

# In CI behind `test`, so that a new release of Python is no surprise.
test-newest: $(VENV)/.tested
	@newest=$$($(BIN)/python -m tests.support.newest) || exit; test -n "$$newest" || exit 0; \
		echo "the suites of one process on $$newest" && \
		"$$newest" -m venv $(NEWEST) && \
		$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' && \
		$(NEWEST)/bin/pytest -n $(PARALLEL) $(DISTRIBUTION) $(ELSEWHERE:%=--ignore=%)

lint: $(VENV)/.tested $(BROWSER)/node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if test -x $(TSC); then echo $(TSC) && $(TSC); \
		else echo "tsc is not installed, and so the types of the JavaScript are not checked" >&2; test -z "$$CI"; fi

# The exit status tells of lost, doubled or damaged deliveries, never of times.
bench: $(VENV)/.installed bench/.venv/.installed $(BENCH_NODE)/node_modules/.package-lock.json
	$(BIN)/python -m bench $(BENCH)

bench-codecs: $(VENV)/.tested
	$(BIN)/pytest tests/bench/test_codecs.py --benchmark-enable --benchmark-only --benchmark-autosave --benchmark-compare \
		--benchmark-storage=bench/build/codecs --benchmark-columns=min,median,iqr,rounds --benchmark-sort=name -W default

# Chromium, nginx, Redis, coturn and a C compiler are what some tests use; apt can install them only as root.
tools:
	@tests/support/tools.sh

clean:
	rm -rf $(VENV) $(NEWEST) build dist *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf $(CLIENTS)/node_modules $(BROWSER)/node_modules $(BENCH_NODE)/node_modules bench/.venv bench/build

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "rtcsignal needs Python 3.11 or newer, and finds none. Say where it is: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rtcsignal needs Python 3.11 or newer, and $(PYTHON) is older or none." >&2; exit 1; }
	@echo "Making an environment for Python in $(VENV)."
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is needed; on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml setup.py
	@echo "Installing the server and the packages that it needs into $(VENV). This takes about a minute, and is done once."
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(CLIENTS)/node_modules/.package-lock.json $(BROWSER)/node_modules/.package-lock.json: | tools

# Without npm the tests go on without the clients, the linters without tsc, and the comparison without Node's server.
%/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix $* && touch $@; \
		else echo "npm is not installed, and so what $*/package.json names is not used"; fi

bench/.venv/.installed: $(VENV)/.python $(BENCH_PYTHON)/requirements.txt
	$(PYTHON) -m venv bench/.venv
	bench/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(BENCH_PYTHON)/requirements.txt
	@touch $@
