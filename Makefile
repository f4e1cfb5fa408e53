# Everything starts here: `make demo` and `make test` set up what they need and run.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

# TensorFlow, which only the tfds command loads, talks a lot.
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: setup demo demo-train instrument test test-slow lint types docs wheelhouse lock clean

setup: $(VENV)/ready  ## virtual environment with everything a contributor needs

$(VENV)/ready: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python cannot make virtual environments here (on Debian: apt-get install python3-venv)"; exit 1; }
	@echo "installing the pinned packages into $(VENV): 3 GB, one to three minutes"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: setup  ## six instrument notes, matched by the model that comes along
	$(BIN)/python -m synthmatch_jax.match examples/*.flac --out=$(DEMO)/match

demo-train: setup  ## the whole way: data set, training, evaluation and matches, on two cores
	$(BIN)/tfds build datasets/massive16 --data_dir $(DEMO)/data \
	  --config '{"name": "demo", "num_examples": 2000, "shard_size": 100}'
	$(BIN)/python -m synthmatch_jax.train --config=configs/ast.py:runlocal --workdir=$(DEMO)/ast \
	  --config.data.dir=$(DEMO)/data --config.data.name=massive16/demo
	$(BIN)/python -m synthmatch_jax.eval --workdir=$(DEMO)/ast \
	  --rows=model,nearest_mel,mean,oracle --gallery=12
	$(BIN)/python -m synthmatch_jax.match examples/*.flac --workdir=$(DEMO)/ast --out=$(DEMO)/match-trained

# The test instrument is a real VST3, compiled by the tests (Linux; elsewhere they skip and say so).
HEADERS := /usr/share/dpf/distrho/src/travesty

instrument:
	@if [ -e /etc/debian_version ] && ! { command -v g++ >/dev/null && [ -e $(HEADERS) ]; }; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq g++ dpf-source; \
	  else echo "the test instrument needs: sudo apt-get install g++ dpf-source"; exit 1; fi; fi

test: setup instrument lint types  ## what every change must pass
	$(BIN)/python -m pytest -n 2

test-slow: setup instrument  ## proofs that take minutes
	$(BIN)/python -m pytest -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/basedpyright

# Not by --quiet, under which MkDocs passes over broken links.
docs: setup  ## the site, with the API, in build/site; broken links are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

wheelhouse: setup  ## the wheels that a GPU machine without a network lacks (docs/accelerators.md)
	$(BIN)/python -m benchmarks.wheelhouse --out=wheelhouse

lock: ## writes constraints.txt anew from the newest versions that fit together
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet -e ".[dev,peer]"
	{ sed -n '/^#/p' constraints.txt; $(VENV)-lock/bin/pip freeze --exclude-editable; } \
	  | sed 's/+cpu$$//' > constraints.new
	sed -n 's/^tensorflow.cpu==/tensorflow==/p' constraints.new >> constraints.new
	mv constraints.new constraints.txt
	rm -r $(VENV)-lock

clean:
	rm -rf $(VENV) $(DEMO) build/site wheelhouse
