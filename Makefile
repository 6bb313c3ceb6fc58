# Everything from a bare checkout: each command sets up what it needs, once, and says so.
# What is set up is remembered by stamp files, so that the second call is quick.

PYTHON ?= python3
ARGS ?=

VENV := .venv
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
NODE_MODULES := web/node_modules/.installed
NODE_PEERS := tests/interop/autobahn_js/node_modules/.installed tests/interop/wampy/node_modules/.installed
NEXUS_PEER := .interop/nexus-peer
XCONN := .interop/xconn/.installed
GO_PEERS := $(wildcard tests/interop/nexus/*)
PAGE := web/dist/index.html
PAGE_SOURCES = $(shell find web -name node_modules -prune -o -name dist -prune -o -name tests -prune -o -type f -print)

# Programs of the environment come first: its Node too, never the system's.
RUN := env PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
NPM := $(RUN) npm --prefix web --loglevel=error
# Most tests wait more than they compute. A module's tests stay together, for what they share is made once; in the order
# of the directories, for those with servers and clients take longest, and the many short ones fill up the end.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder
PIP := env PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/bin/python -m pip install --quiet --constraint constraints.txt

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test interop check fmt bench profile fuzz soak crash histories setup web browser programs constraints clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) $(PAGE) ## a server, two users, three dispatchers with work: prints a URL for each user; Ctrl-C ends it
	@$(VENV)/bin/fairlead demo $(ARGS)

test: $(DEV) $(PAGE) $(NODE_PEERS) browser programs ## all tests; some: make test ARGS="tests/unit/router -k prefix"
	$(RUN) pytest $(SIDE_BY_SIDE) $(ARGS)
ifeq ($(filter tests/%,$(ARGS)),)
	$(RUN) pytest tests/twisted $(ARGS)
	$(NPM) test --silent
endif

interop: $(DEV) $(NODE_PEERS) $(NEXUS_PEER) $(XCONN) ## every WAMP client that we know, Go's included, and two hosts with a cable between them (root)
	$(RUN) pytest tests/interop/test_clients.py tests/interop/test_client_ways.py tests/integration/test_hosts.py -m '' $(ARGS)
	cd client/go && $(CURDIR)/.ci/go vet ./... && FAIRLEAD=$(CURDIR)/$(VENV)/bin/fairlead \
		FAIRLEAD_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CURDIR)/.ci/go test ./...

check: $(DEV) $(NODE_MODULES) ## format, lint, types and who may import whom, without changing anything
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(NPM) run --silent check

fmt: $(DEV) $(NODE_MODULES) ## formats everything, and mends what ruff can mend
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix
	$(NPM) run --silent format

bench: $(DEV) ## the numbers that the README claims, beside other routers, stores and dispatchers on this machine
	$(RUN) python tests/bench/main.py $(ARGS)
	$(RUN) python tests/bench/router/main.py $(ROUTER_ARGS)
	$(RUN) python tests/bench/permissions/main.py $(PERMISSIONS_ARGS)
	$(RUN) python tests/bench/logs/main.py $(LOGS_ARGS)
	$(RUN) python tests/bench/records/main.py $(RECORDS_ARGS)

profile: $(DEV) ## where the router's time goes, as a flame graph: make profile ARGS="calls-10"
	$(RUN) python tests/bench/profiling.py $(ARGS)

fuzz: $(DEV) ## millions of random messages and frames against the router; some: make fuzz ARGS="--target core"
	$(RUN) python tests/fuzz/main.py $(ARGS)

soak: $(DEV) ## ten minutes of peers of every kind, after which nothing may be left; some: make soak ARGS="--minutes 1"
	$(RUN) python tests/soak/main.py $(ARGS)

crash: $(DEV) programs ## thousands of power losses and hundreds of processes killed, and what they had acknowledged looked for afterwards
	$(RUN) python tests/crash/main.py $(CRASH_ARGS)
	$(RUN) env CRASH_ROUNDS=100 pytest tests/integration/test_permissions_crash.py $(ARGS)

histories: $(DEV) ## minutes of rights, logs and records with faults, judged by what all clients saw; some: make histories ARGS="--minutes 1"
	$(RUN) python tests/histories/main.py $(ARGS)

setup: $(DEV) $(PAGE) ## the environment in .venv and the page in web/dist, without running anything

web: $(PAGE) ## the page only, into web/dist

browser: $(DEV) ## the Chromium that the browser tests drive: finds one, or installs it where apt and root can
	@cd tests && $(CURDIR)/$(VENV)/bin/python -m support.chromium

programs: $(DEV) ## the C compiler and the journalctl that tests use: finds them, or installs them where apt and root can
	@cd tests && $(CURDIR)/$(VENV)/bin/python -m support.debian

constraints: $(DEV) ## writes what is installed now into constraints.txt
	@echo '# What `make` installs, exactly. Made with `make constraints`.' > constraints.txt
	@$(VENV)/bin/python -m pip freeze --exclude-editable >> constraints.txt

clean: ## removes what was built and what tools left behind; environment and data stay
	rm -rf web/dist dist build test-results .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -not -path './web/node_modules/*' -prune -exec rm -rf {} +

distclean: clean ## back to a bare checkout; only the data in .fairlead stays
	rm -rf $(VENV) web/node_modules tests/interop/*/node_modules .bench .interop

# ---------------------------------------------------------------- what is set up

# hatchling first, so that the build is pinned too instead of isolated.
$(RUNTIME): pyproject.toml hatch_build.py constraints.txt
	@.ci/make-venv "$(PYTHON)" $(VENV)
	@echo "installing Fairlead and what it runs on into $(VENV)"
	@$(PIP) hatchling
	@$(PIP) --no-build-isolation --editable '.[web]'
	@touch $@

$(DEV): $(RUNTIME)
	@echo "installing the tools for checks and tests into $(VENV)"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

$(NODE_MODULES): web/package.json web/package-lock.json $(RUNTIME)
	@echo "installing what builds the page into web/node_modules"
	@$(NPM) ci
	@touch $@

tests/interop/%/node_modules/.installed: tests/interop/%/package.json tests/interop/%/package-lock.json $(RUNTIME)
	@echo "installing $* for the tests"
	@$(RUN) npm --prefix tests/interop/$* --loglevel=error ci
	@touch $@

# The machine's Go where that is new enough, else one from a wheel.
$(NEXUS_PEER): $(GO_PEERS) $(RUNTIME) .ci/go
	@echo "building the nexus client for the tests"
	@cd tests/interop/nexus && $(CURDIR)/.ci/go build -buildvcs=false -o $(CURDIR)/$@ .
	@touch $@

$(XCONN): tests/interop/xconn_python/constraints.txt
	@echo "installing xconn for the tests"
	@.ci/make-venv "$(PYTHON)" .interop/xconn
	@.interop/xconn/bin/python -m pip install --quiet --requirement tests/interop/xconn_python/constraints.txt
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(NODE_MODULES)
	@echo "building the page into web/dist"
	@$(NPM) run --silent build
	@touch $@
