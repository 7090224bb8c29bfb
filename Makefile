# PYTHON chooses the interpreter (3.11 or newer) that .venv is made with: make run PYTHON=python3.13
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test lint lint-migrations lint-openapi bench prove lock sbom clean check-python

help: ## list these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

run: .venv/ready ## set up .venv, start PostgreSQL and the service under var/, say where the docs page is (JIAFANG_PORT=8001 make run: on that port)
	@exec $(BIN)/jiafang run

test: .venv/ready ## run every test on a PostgreSQL of its own (ARGS="tests/unit -k name" chooses)
	$(BIN)/pytest -n 2 $(ARGS)

lint: .venv/ready ## check form, types, floors, spelling, requirements, migrations and the OpenAPI document
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict api tests bench deploy examples prove
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/vulture
	$(BIN)/deptry .
	@if ls alembic/versions/*.py >/dev/null 2>&1; then $(MAKE) --no-print-directory lint-migrations; else echo "squawk: no migrations yet"; fi
	@$(MAKE) --no-print-directory lint-openapi

lint-migrations: .venv/ready
	$(BIN)/alembic upgrade head --sql > .venv/migrations.sql
	$(BIN)/squawk --pg-version 15 --exclude $(SQUAWK_EXCLUDE) .venv/migrations.sql

# squawk would have every number a bigint and every varchar a text: the widths are chosen in the tables. A default is dropped where it was there
# for the rows of that moment alone. Indexes are made and dropped within the transaction, all or nothing: phones wait for a second of a million rows.
SQUAWK_EXCLUDE := prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-text-field,ban-drop-default,require-concurrent-index-deletion

# Redocly, by npm. Quiet about itself: no telemetry, no look for a newer one.
OPENAPI := tests/contract/openapi
lint-openapi: .venv/ready
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; \
	then $(MAKE) -s --no-print-directory $(OPENAPI)/node_modules/.ready && $(BIN)/python $(OPENAPI)/dump.py && cd $(OPENAPI) && \
		REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm run --silent lint; \
	else echo "redocly: skipped, Node.js 20.19 or newer is not here (CI has it); pytest checks the OpenAPI document in any case"; fi

# What npm installs for the linter and for the RxDB client that pytest runs: again only when the lock changed.
tests/contract/%/node_modules/.ready: tests/contract/%/package-lock.json tests/contract/%/.npmrc
	@cd tests/contract/$* && npm ci --loglevel=error >/dev/null && touch node_modules/.ready

bench: .venv/ready ## measure against the limits of this machine and compare with bench/budgets.toml
	@exec $(BIN)/python -m bench

prove: .venv/ready ## break it in every way we know, audit it, print one table (ARGS="faults --seed 7" chooses)
	@exec $(BIN)/python -m prove $(ARGS)

lock: .venv/ready ## write requirements.lock and requirements.run.lock, what the image has, anew from pyproject.toml (they name no host)
	$(COMPILE) --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --group build --constraints requirements.lock --no-annotate pyproject.toml -o requirements.run.lock

sbom: .venv/ready ## print the bill of materials of the image (CycloneDX), from requirements.run.lock
	@exec $(BIN)/python deploy/sbom.py

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

clean: ## remove .venv and the caches; var/, the data, stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# Set-up in two steps, each with a stamp that is written last: what the lock names (made anew from nothing, so an interrupted or outdated one
# leaves no trace), then the project itself. One make at a time: the others wait for .venv.lock and find the work done.
ifndef LOCK_HELD
.venv/ready: requirements.lock pyproject.toml
	@flock .venv.lock $(MAKE) --no-print-directory LOCK_HELD=1 .venv/ready
else
.venv/installed: requirements.lock
	@$(MAKE) --no-print-directory check-python
	@echo "Setting up .venv once; this takes about half a minute and downloads some 200 MB …"
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@touch .venv/begun
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --require-hashes --no-deps --only-binary :all: -r requirements.lock
	@mv .venv/begun .venv/installed

.venv/ready: .venv/installed pyproject.toml
	@touch .venv/begun
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@mv .venv/begun .venv/ready
endif

check-python:
	@[ -n "$$(command -v $(PYTHON))" ] || { echo "There is no '$(PYTHON)'. Install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv)," \
		"or name yours: make run PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "jiafang needs Python 3.11 or newer, '$(PYTHON)' is" \
		"$$($(PYTHON) -c 'import platform; print(platform.python_version())'). Install a newer one and name it: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' cannot make a virtual environment: its parts venv and ensurepip are missing." \
		"Install them (Debian, Ubuntu: apt install python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv) and run make again." >&2; exit 1; }
