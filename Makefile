# One command each, from a fresh clone: they need Python 3.11 or newer, make and a package index, and nothing else.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
CHECKED := tests/protocol tests/primitives tests/test_architecture.py
EXTRAS = $(shell $(BIN)/python -c 'import tomllib; print(",".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]))')
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo demo-workers check test lint messages docs screens page dist bench clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

demo: $(VENV)/.demo ## serve the example project, with data and an admin (HOST=, PORT=)
	@DEBUG=$${DEBUG:-1} $(BIN)/python manage.py demo --host "$(HOST)" --port "$(PORT)"

demo-workers: $(VENV)/.demo ## serve with 4 workers, kill some in mid-stream, and show that nothing is lost (DATABASE_URL=, REDIS_URL=)
	@$(BIN)/python -m testproject.workers

check: $(VENV)/.lint ## before a commit, in half a minute: lint, missing migrations, and the tests of what needs no database
	@$(MAKE) --no-print-directory lint
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -q $(CHECKED)

test: $(VENV)/.test ## run the tests on SQLite, but for the slow ones (ARGS= goes to pytest; ARGS='-m ""' runs all)
	@$(BIN)/python -m pytest --numprocesses auto $(ARGS)

lint: $(VENV)/.lint ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

messages: $(VENV)/.test ## the catalogues of the translations: new strings go in, and all is compiled
	@$(BIN)/python -m tests.catalogues

docs: $(VENV)/.docs ## the site, in build/docs: warnings are errors
	$(BIN)/python -m sphinx -b html -d build/doctrees --fail-on-warning --show-traceback --quiet docs build/docs

screens: $(VENV)/.browser $(VENV)/.docs ## the pictures of the docs, from the running project (it needs chromium and chromedriver)
	@rm -f docs/screens/*.png
	@SCREENSHOTS=docs/screens $(BIN)/python -m pytest --quiet -m browser \
		tests/contrib/operations/test_screenshots.py tests/page/test_screens.py tests/contrib/oauth/test_browser.py
	@$(BIN)/python -m sphinx -b html -d build/doctrees --quiet docs build/docs 2> /dev/null
	@SCREENSHOTS=docs/screens $(BIN)/python -m tests.screens
	@$(BIN)/python -m pytest --quiet tests/test_screens.py

page: ## bundle the script of the page for people (it needs npm); CI checks that the bundle is that of its sources
	@mkdir -p build/page
	@cp django_mcp/page/scripts/package.json django_mcp/page/scripts/package-lock.json django_mcp/page/scripts/build.mjs build/page
	@cd build/page && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@cd build/page && node build.mjs ../../django_mcp/page/scripts ../../django_mcp/page
	@gzip -9 -c django_mcp/page/bundle.js | wc -c | xargs printf 'django_mcp/page/bundle.js: %s bytes compressed\n'

dist: $(VENV)/.dist ## a release: sdist and wheel in dist/, and build/sbom.cdx.json, which lists what the wheel installs
	rm -rf dist build/sbom
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m venv build/sbom
	build/sbom/bin/python -m pip --disable-pip-version-check install --quiet "$$(ls dist/*.whl)[$(EXTRAS)]"
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-file build/sbom.cdx.json build/sbom/bin/python

bench: $(VENV)/.bench ## all that is measured, beside the peers (an hour; wrk and valgrind are used where they are installed)
	@for benchmark in own_code $(if $(shell command -v valgrind),instructions) serve cycles startup streams purge growth; do \
		echo "==> $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark || exit 1; \
	done

clean: ## remove the environment and every cache (the database and the secrets stay)
	rm -rf $(VENV) .nox .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov build dist \
		docs/project docs/reference
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@echo "==> Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

# A stamp for each set of dependencies: a second start installs nothing, a changed pyproject.toml installs again.
$(VENV)/.demo: GROUPS := --group demo --group redis --group postgres
$(VENV)/.test: GROUPS := --group test --group postgres
$(VENV)/.lint: GROUPS := --group dev
$(VENV)/.browser: GROUPS := --group test --group postgres --group browser
$(VENV)/.docs: GROUPS := --group docs
$(VENV)/.dist: GROUPS := --group release
$(VENV)/.bench: GROUPS := --group test --group postgres --group bench
$(VENV)/.%: pyproject.toml | $(VENV)/.created
	@echo "==> Installing what make $* needs (a minute, the first time)"
	@$(PIP) install --editable . $(GROUPS)
	@touch $@
