# One way to do each thing. `make demo` and `make test` install what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STUDIO := $(VENV)-studio
PORT ?= 2024
JOBS ?= 3
CHROMIUM ?= chromium
AT ?= 150s

.PHONY: studio test-studio studio-picture pictures test-bundle eval-env help install demo test lint bench accept format clean test-executor-faults test-slow test-minds bench-executor bench-gpu test-slurm test-model bench-tokens

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(STAMP)  ## a virtual environment with everything, at the versions that were tested

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("postdocs needs Python 3.11 or later: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch -c constraints.txt
	$(BIN)/python -m pip install --quiet -e '.[all]' -c constraints.txt
	@touch $(STAMP)

demo: $(STAMP)  ## a crew teaches a tiny model to read dates: no key, no GPU, no network, 5 minutes
	$(BIN)/postdocs run examples/dates/task.yaml

test: $(STAMP)  ## the whole test suite: most of it three at a time, whole runs two at a time
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --ignore tests/runs
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/runs

studio: $(STAMP) $(STUDIO)/.installed  ## LangGraph Studio: the crew's graph on a server of LangGraph's (PORT=2024), until Ctrl-C
	$(BIN)/python -m services.studio --langgraph $(STUDIO)/bin/langgraph --port $(PORT)

.venv-studio: $(STUDIO)/.installed  ## the environment of that server: it needs protobuf 6, autogen-core pins 5

$(STUDIO)/.installed: pyproject.toml constraints-studio.txt
	$(PYTHON) -m venv $(STUDIO)
	$(STUDIO)/bin/python -m pip install --quiet --upgrade pip
	$(STUDIO)/bin/python -m pip install --quiet -e '.[studio]' -c constraints-studio.txt
	@touch $@

test-studio: $(STAMP) $(STUDIO)/.installed  ## drives that server with langgraph_sdk, from a sentence to a shipped model (5 minutes)
	POSTDOCS_LANGGRAPH=$(abspath $(STUDIO))/bin/langgraph $(BIN)/python -m pytest -q -m studio tests/studio

studio-picture: $(STAMP) $(STUDIO)/.installed  ## docs/studio.png, from that server's own graph; needs npm and Chromium
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m benchmarks.studio_picture

lint: $(STAMP)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## what was worth measuring, each beside its reference
	$(BIN)/python benchmarks/tokenise_pairs.py

pictures: $(STAMP)  ## the README's pictures, from the latest run; AT=90s says at which moment it is watched
	$(BIN)/postdocs replay latest --svg docs/run.svg
	$(BIN)/postdocs watch latest --svg docs/watch.svg --at $(AT)
	$(CHROMIUM) --headless --no-sandbox --disable-gpu --no-first-run --disable-sync --disable-background-networking \
	    --disable-component-update --hide-scrollbars --user-data-dir=$$(mktemp -d) --window-size=1000,880 \
	    --screenshot=docs/report.png "file://$$($(BIN)/postdocs report latest --html)"

test-slow: $(STAMP)  ## what takes long: workers killed in every way, a real model server, Inspect (10 minutes)
	$(BIN)/python -m pytest -q -m slow --ignore tests/runs/test_demo_bundle.py

test-bundle: $(STAMP)  ## the demo, rebuilt from its bundle in a new environment; then one byte is changed (8 minutes)
	$(BIN)/python -m pytest -q -m slow tests/runs/test_demo_bundle.py

test-executor-faults: $(STAMP)  ## kill -9 of workers: 20 seeds, and awkward moments (10 minutes)
	FAULT_SEEDS=20 $(BIN)/python -m pytest -q -m "not slurm" tests/services/executor/faults

test-minds: $(STAMP)  ## runs with a model that fails in every way: 20 seeds (6 minutes)
	MIND_SEEDS=20 $(BIN)/python -m pytest -q tests/runs/test_faulty_minds.py

test-model: $(STAMP)  ## a run against a real model server (transformers serve) whose model is random (3 minutes)
	$(BIN)/python -m pytest -q -m slow tests/runs/test_noise_model.py

test-slurm: $(STAMP)  ## jobs on a real Slurm of one node, as root; apt-get install slurm-wlm munge (8 minutes)
	$(BIN)/python -m pytest -q -m slurm tests/services/executor/backends/test_contract_slurm.py

eval-env: $(STAMP)  ## an environment for Inspect, which needs other versions of some packages (docs/metrics.md)
	$(PYTHON) -m venv $(VENV)-eval
	$(VENV)-eval/bin/pip install --quiet 'inspect_ai>=0.3.285,<0.4' openai
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	    "$$($(VENV)-eval/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/postdocs.pth"
	@echo 'export POSTDOCS_EVAL_PYTHON=$(abspath $(VENV))-eval/bin/python'

bench-executor: $(STAMP)  ## starts, cancels, figures, a thousand jobs: one JSON object on standard output
	@$(BIN)/python -m benchmarks.executor

bench-gpu: $(STAMP)  ## the same script through the executor and by hand, on a GPU: one JSON object
	@$(BIN)/python -m benchmarks.gpu

bench-tokens: $(STAMP)  ## tokens of a role's turn over 50 iterations: one JSON object with `growth` (1 minute)
	@$(BIN)/python -m benchmarks.tokens

accept: $(STAMP)  ## the bundled tasks reach their figures; BANKING77=DIR adds that one (up to 11 minutes)
	$(BIN)/python benchmarks/acceptance.py $(if $(BANKING77),--banking77 $(BANKING77))

format: $(STAMP)  ## let ruff tidy up
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what was made, the runs too
	rm -rf $(VENV) $(STUDIO) build dist *.egg-info runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
