# `make run` starts the server, `make test` checks everything, `make bench` measures it beside others; all
# make .venv first where it is missing.

PYTHON ?= python3
CONFIG ?= config.yaml

BIN := .venv/bin
MADE := .venv/.made
INSTALLED := .venv/.installed
TESTABLE := .venv/.testable
MEASURABLE := .venv/.measurable
PACKAGES := web/node_modules/.package-lock.json
CLIENTS := tests/node/node_modules/.installed
WEB := $(shell find web -name node_modules -prune -o -type f -print)
NPM := $(CURDIR)/$(BIN)/python $(CURDIR)/web/scripts/npm.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint format audit bench reliability clean
.DELETE_ON_ERROR:

run: $(INSTALLED)
	@exec $(BIN)/python -m tornadochat --config "$(CONFIG)"

# pytest comes last, so that its summary is the last thing to be read.
test: lint $(CLIENTS) $(PACKAGES)
	cd web && $(NPM) run check
	cd web && $(NPM) test
	$(BIN)/python -m pytest

lint: $(TESTABLE)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: $(TESTABLE)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# Asks the registries what is known against the packages that are installed. Not part of `test`: the answer
# changes by itself. A registry that does not answer is a failure too: nobody knows then.
audit: $(TESTABLE)
	$(PIP) 'pip-audit>=2.10,<3'
	$(BIN)/python -m pip freeze --exclude-editable > .venv/frozen.txt
	@unsure=; \
	echo "audit: Python"; \
	$(BIN)/python -m pip_audit --strict --disable-pip --no-deps --progress-spinner off -r .venv/frozen.txt \
		|| unsure="Python"; \
	for folder in web tests/node benchmarks/peers; do \
		echo "audit: $$folder"; \
		(cd $$folder && $(NPM) audit) || unsure="$$unsure $$folder"; \
	done; \
	if [ -n "$$unsure" ]; then \
		echo "audit: NOT CLEAN, or the registry gave no answer, which one is said above: $$unsure" >&2; \
		exit 1; \
	fi; \
	echo "audit: nothing is known against any package"

# All scenarios, or some: make bench SCENARIO="3 history". More: make bench ARGS=--help.
bench: $(MEASURABLE)
	$(BIN)/python -m benchmarks $(ARGS) $(SCENARIO)

# The figures of docs/RELIABILITY.md, which take an hour: make reliability ARGS=--quick, ARGS="--only 9".
reliability: $(TESTABLE) $(CLIENTS)
	$(BIN)/python -m benchmarks.reliability $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info tornadochat/static
	rm -rf tests/node/node_modules web/node_modules benchmarks/peers/node_modules
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment that broke off half-way (no ensurepip, say) is made anew.
$(MADE):
	rm -rf .venv
	$(PYTHON) -m venv .venv
	@touch $@

# Installing builds web/ into the package.
$(INSTALLED): $(MADE) setup.py pyproject.toml $(WEB)
	$(PIP) --editable .
	@touch $@

# The test extra includes what `make run` needs: the second stamp spares that a second install.
$(TESTABLE): $(MADE) setup.py pyproject.toml $(WEB)
	$(PIP) --editable '.[test]'
	@touch $(INSTALLED) $@

$(MEASURABLE): $(MADE) setup.py pyproject.toml $(WEB)
	$(PIP) --editable '.[bench]'
	@touch $(INSTALLED) $@

# Installing has made it, unless it found the client built already.
$(PACKAGES): web/package-lock.json | $(TESTABLE)
	cd web && $(NPM) ci --no-audit --no-fund
	@touch $@

$(CLIENTS): $(TESTABLE) tests/node/package.json tests/node/package-lock.json
	cd tests/node && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@
