# Everything that is done from a clone. `make` alone lists the targets.
#
# `run` and `test` need Python 3.11 or newer and nothing else; uv is used where it is there.

PYTHON ?= python3
VENV := .venv
IN_VENV := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null)

# Only from make's command line (`make run PORT=9000`): the environment of a shell may hold a HOST of its own.
command_line = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))
SERVE_FLAGS = $(if $(call command_line,HOST),--host $(HOST)) $(if $(call command_line,PORT),--port $(PORT)) \
	$(if $(call command_line,WORKERS),--workers $(WORKERS)) $(if $(call command_line,CONFIG),--config $(CONFIG))

ifneq ($(UV),)
make_venv = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
install = $(UV) pip install --quiet --python $(IN_VENV)
else
make_venv = $(PYTHON) -m venv $(VENV)
install = $(IN_VENV) -m pip install --quiet --disable-pip-version-check
endif

.PHONY: help run web servers test test-together test-alone test-slow test-soak test-kill test-all check lint types floors format bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(VENV)/.web ## serve on 127.0.0.1:8000 (PORT=, HOST=, WORKERS= and CONFIG= change that)
	@exec $(IN_VENV) -m turnout serve $(SERVE_FLAGS)

web: $(VENV)/.run ## build the website's front end (frontend/); `run` does it too
	$(IN_VENV) hatch_build.py

test: test-together test-alone ## the test suite; what needs PostgreSQL or Redis is skipped where there is none

test-together: $(VENV)/.dev $(VENV)/.web-tools
	$(IN_VENV) -m pytest -m "not slow and not alone" --numprocesses auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder  # it would put modules with few tests, which are the long ones, last

test-alone: $(VENV)/.dev $(VENV)/.web-tools  # those that judge a time
	$(IN_VENV) -m pytest -m "alone and not slow"

test-slow: $(VENV)/.dev ## the long tests that `test` leaves out
	$(IN_VENV) -m pytest -m "slow and not soak" || test $$? = 5  # 5: there are none

test-soak: $(VENV)/.dev ## the longest ones: the ledger step by step, deaths at every write, eight million generations
	$(IN_VENV) -m pytest -m soak

test-kill: $(VENV)/.dev ## kill -9 under load, 100 cycles
	$(IN_VENV) -m pytest tests/faults/test_kill.py -m slow

test-all: $(VENV)/.dev ## all of them, with more examples of every property
	TURNOUT_TEST_EXAMPLES=100 $(IN_VENV) -m pytest

check: lint types floors ## format, lint, types, floors and house rules

lint: $(VENV)/.dev
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m ruff check --no-cache .  # its cache does not notice that a module has moved

types: $(VENV)/.dev
	$(IN_VENV) -m mypy

floors: $(VENV)/.dev
	$(IN_VENV) -m pytest tests/test_floors.py tests/test_house_rules.py tests/test_documented.py

format: $(VENV)/.dev ## put the code into the one format
	$(IN_VENV) -m ruff format .
	$(IN_VENV) -m ruff check --fix .

bench: $(VENV)/.run ## the benchmark against nginx (needs gcc and nginx)
	$(IN_VENV) bench/plan.py
	$(IN_VENV) bench/auto.py
	$(IN_VENV) bench/translate.py
	$(IN_VENV) bench/surfaces.py
	$(IN_VENV) bench/bench.py

servers: ## install PostgreSQL and Redis for the tests (Debian and Ubuntu, as root); the tests start their own
	apt-get -qq update
	apt-get -qq install -y --no-install-recommends postgresql redis-server

lock: ## write the lock files anew (needs uv; UPGRADE=1 takes the newest versions)
	@test -n "$(UV)" || { echo "make lock needs uv" >&2; exit 1; }
	$(UV) pip compile $(LOCK_FLAGS) pyproject.toml --group build -o requirements.lock
	$(UV) pip compile $(LOCK_FLAGS) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock

LOCK_FLAGS = --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --no-header $(if $(UPGRADE),--upgrade)

clean: ## remove what was built, not what was served: turnout-data stays
	rm -rf $(VENV) build dist src/turnout/web/static frontend/node_modules bench/.build .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -not -path './.git/*' -exec rm -rf {} +

# A stamp for each set of packages: they are installed again only when a lock file or the package's own table changes.

$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Turnout needs Python 3.11 or newer; name one: make PYTHON=python3.12 run")'
	@echo "Installing Turnout into $(VENV) ..."
	@$(make_venv) || { echo "No virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(install) --require-hashes -r requirements.lock
	@TURNOUT_SKIP_FRONTEND=1 $(install) --no-deps --no-build-isolation --editable .
	@touch $@

# Without npm's registry there is no front end; the gateway serves its API and its pages without scripts all the same.
$(VENV)/.web: $(VENV)/.run $(shell find frontend -name node_modules -prune -o -type f -print 2>/dev/null)
	@echo "Building the website ..."
	@$(IN_VENV) hatch_build.py && touch $@ || true

$(VENV)/.web-tools: $(VENV)/.web
	@$(IN_VENV) hatch_build.py --tools && touch $@ || true

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing what tests and checks need ..."
	@$(install) --require-hashes -r requirements-dev.lock
	@touch $@
