# Every target does its own set-up. On Debian as root, missing Debian packages are installed too.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
N ?= 40
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup lint test test-unit conformance demo demo-down bench apps crash docs changelog pin clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment .venv with the pinned packages

$(READY): pyproject.toml constraints.txt scripts/setup
	@scripts/setup $(VENV)
	@touch $@

lint: $(READY) ## check rules, format, types and import layers
	@scripts/lint $(BIN)

test-unit: $(READY) lint ## lint, and every test that needs no server (ARGS="-k word")
	@$(BIN)/python -m pytest -q -n auto -m "not docker and not sshd and not hosts and not pulumi_cli and not postgresql and not inspector" $(ARGS)

test: $(READY) ## lint, and every test, on real servers too, with coverage (KEEP=1 leaves the servers up)
	@scripts/test $(BIN)

conformance: $(READY) ## compare with the real Pulumi CLI on random programs (N=40 SEED=1 ARGS="--jobs 2")
	@scripts/pulumi-cli >/dev/null
	@$(BIN)/python -m conformance -n $(N) --seed $(SEED) $(ARGS)

demo: $(READY) ## start two real servers and run plan, apply, drift and repair on them
	@scripts/demo up $(BIN)

demo-down: ## remove every trace of the demo
	@scripts/demo down $(BIN)

bench: $(READY) ## measure speed on real servers, beside floors and a peer (ARGS="--quick", "--json")
	@scripts/bench $(BIN) $(ARGS)

apps: $(READY) ## put every app of the catalog through its life on a real server, and note it in docs/
	@scripts/apps $(BIN)

crash: $(READY) ## kill N applies on a real server at random instants (SEED=…)
	@CRASHES=$(N) SEED=$(SEED) $(BIN)/python -m pytest -q tests/hosts/test_killed.py $(ARGS)

docs: $(READY) ## write the generated pages of docs/ anew
	@$(BIN)/python docs/generate.py

changelog: $(READY) ## move the notes of docs/changes/ into CHANGELOG.md (ARGS="--draft" only shows them)
	@$(BIN)/towncrier build --yes $(ARGS)

pin: ## write constraints.txt anew, with the newest packages allowed
	@scripts/pin

clean: ## remove the environment, the caches and what the tests left behind
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m lab clean
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
