# Everything here may be run again; the second time it only does what is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Otherwise tools install into the home directory and test that copy.
export ANSIBLE_HOME := $(CURDIR)/.ansible
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTHON := .venv/bin/python
STAGE := .ci/stage
SEED_OPTION := $(if $(SEED),--seed $(SEED))
LOCKS := requirements.txt requirements-dev.txt requirements-uv.txt
PLUGINS := .ansible/collections/ansible_collections/hal9/migrate/plugins
TYPED := $(PLUGINS) $(wildcard tests/lab tests/bench)

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

# --- the main job ---------------------------------------------------------------
.PHONY: demo demo-fault lab-up lab-down
demo: ready ## Move a live service, state included, from legacy to new (SEED=n varies it)
	@$(PYTHON) -m tests.lab demo $(SEED_OPTION)

demo-fault: ready ## The same, and the new side breaks in the middle: see it taken out
	@$(PYTHON) -m tests.lab demo-fault $(SEED_OPTION)

lab-up: ready ## Start the lab alone: routers, both services, databases, load
	@$(PYTHON) -m tests.lab up $(SEED_OPTION)

lab-down: ready ## Stop the lab and remove what it left
	@$(PYTHON) -m tests.lab down

# --- checks ---------------------------------------------------------------------
.PHONY: test test-fast lint unit unit-next molecule bench chaos docs
test: ready ready-tests ## Run every check and test (what .ci/run runs)
	@.ci/test

test-fast: lint unit ## Run the checks of the source and the unit tests alone

LINT := lint-ruff lint-format lint-mypy lint-ansible lint-yaml lint-shell \
  lint-changelog lint-docs sanity sanity-next
lint: ready ready-tests ## Check the source: ruff, mypy, ansible-lint, ansible-test sanity ...
	@$(MAKE) -k -j2 $(LINT)

unit: ready ## Run the unit tests
	@$(PYTHON) -m pytest -q -n 2 tests/unit

unit-next: .venv-next/.ready
	@$(STAGE) $@ .ci/unit-next

molecule: ready ready-tests ## Run the Molecule scenarios: separate hosts over ssh
	@$(STAGE) $@ .ci/molecule

bench: ready ready-tests ## Measure what the README claims, as ratios in one run
	@$(PYTHON) -m tests.bench --write

chaos: ready ready-tests ## End processes at every point of a migration and look what is left
	@$(PYTHON) -m pytest -q -n $(or $(WORKERS),2) --dist loadfile -m chaos tests/chaos tests/integration/cli

docs: ready ## Render the pages of modules, roles and playbooks to build/docs
	@.ci/docs

.PHONY: $(LINT)
lint-ruff:
	@$(STAGE) $@ .venv/bin/ruff check .
lint-format:
	@$(STAGE) $@ .venv/bin/ruff format --check --diff .
lint-mypy:
	@$(STAGE) $@ .venv/bin/mypy $(TYPED)
lint-ansible:
	@$(STAGE) $@ .venv/bin/ansible-lint --offline --strict
lint-yaml:
	@$(STAGE) $@ .venv/bin/yamllint --strict .
lint-shell:
	@$(STAGE) $@ .ci/shell
lint-changelog:
	@$(STAGE) $@ .venv/bin/antsibull-changelog lint
lint-docs:
	@$(STAGE) $@ .ci/docs
sanity:
	@$(STAGE) $@ .ci/sanity .venv
sanity-next: .venv-next/.ready
	@$(STAGE) $@ .ci/sanity .venv-next

# --- what is needed -------------------------------------------------------------
.PHONY: ready ready-tests requirements clean
ready:
	@.ci/setup packages-run
	@$(MAKE) .venv/.ready

ready-tests:
	@.ci/setup packages-test
	@$(MAKE) .venv-next/.ready

.venv/.ready: $(LOCKS) .ci/setup
	@.ci/setup venv

.venv-next/.ready: $(LOCKS) .ci/setup
	@.ci/setup venv-next

requirements: ## Lock the Python requirements again, to the newest versions
	@.ci/lock

clean: ## Remove what was built and cached, but not the environments or the lab
	@rm -rf build dist .make .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible/tmp
