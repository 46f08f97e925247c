# The verbs of this project. `make run` and `make test` need nothing but Python 3.11+, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TESTED := $(VENV)/.ready-tests

.PHONY: run test quick cover lint check bench docs examples trace screenshots lock clean help

help:            ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "spine-cds needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(READY): requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(TESTED): requirements-test.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

run: $(READY)    ## serve on http://127.0.0.1:8000 (embedded SQLite, development mode)
	$(BIN)/spine-cds serve

test: $(TESTED)  ## the whole suite; PYTEST_ARGS="-k word" narrows it
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

quick: $(TESTED) ## the part of the suite that needs no browser, no second ecosystem and no waiting
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/unit tests/cases tests/house tests/contract $(PYTEST_ARGS)

COVERED := --cov=cds_service.patient --cov=cds_service.knowledge --cov=cds_service.clinical --cov-branch
cover: $(TESTED) ## the whole suite with branch coverage of patient/, knowledge/ and clinical/: 100 % or it fails
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(COVERED) --cov-report=term-missing:skip-covered --cov-fail-under=100 $(PYTEST_ARGS)

lint: $(TESTED)  ## ruff over package, tests and tools
	$(BIN)/ruff check cds_service tests tools benchmarks
	$(BIN)/ruff format --check cds_service tests tools benchmarks

check: $(READY)  ## every fault of the knowledge in cards/, with file and line
	$(BIN)/spine-cds check

bench: $(TESTED) ## throughput, latency and memory as ratios to a floor measured in the same run
	$(BIN)/python -m benchmarks.run

docs: $(TESTED)  ## build the documentation site into site/
	$(BIN)/mkdocs build --strict

examples: $(TESTED) ## renew the examples of openapi.yaml: the service's real answers
	PYTHONPATH=. $(BIN)/python tools/openapi_examples.py

trace: $(TESTED) ## renew docs/traceability.md from the tests
	$(BIN)/python tools/traceability.py

screenshots: $(TESTED) ## renew docs/images/ from the tests in a browser
	SPINE_CDS_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/browser

lock: $(READY)   ## renew requirements*.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-header --extra postgres --extra tracing --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-header --allow-unsafe --extra postgres --extra tracing --extra test --output-file requirements-test.lock pyproject.toml

clean:           ## remove what the verbs made
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .coverage htmlcov
