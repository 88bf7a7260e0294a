# `make` alone lists what there is to make. GNU Make 3.81 (macOS) is enough.

SHELL := /bin/sh
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes
DEMO := examples/customers_messy.csv
CELERY := $(PY) -m celery -A celery_queue.celery_app
SLOTS := --concurrency=4 --max-memory-per-child=400000
URL := http://127.0.0.1:8000

# A stamp is named after the pins it stands for, so the environment is made again when they change, and only then.
RUN := .venv/.stamp-run-$(shell cksum < requirements.txt | cut -d ' ' -f 1)
DEV := .venv/.stamp-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d ' ' -f 1)

# Compiling all packages takes longer than installing them; the first import compiles those in use, if it may. Ours are
# compiled when the environment is made: a run whose shell forbids it would compile them each time, for 0.2 s.
unexport PYTHONDONTWRITEBYTECODE
COMPILE := $(PY) -m compileall -q agents api billing celery_queue cli db storage transformers *.py

.PHONY: help demo run run-worker run-worker-bg run-beat run-beat-bg run-flower stop logs migrate smoke test fuzz lint check \
	dbt chaos bench docs examples lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(RUN) ## clean a messy example file through the whole service
	@$(PY) main.py run $(DEMO) --tool clean-my-data --out var/demo

run: $(RUN) ## the API on port 8000, with a worker of its own unless a broker is configured
	$(PY) -m uvicorn main:app --reload --reload-dir agents --reload-dir api --reload-dir billing \
		--reload-dir celery_queue --reload-dir db --reload-dir storage --reload-dir transformers --port 8000

run-worker: $(RUN) ## a Celery worker
	$(CELERY) worker --loglevel=info $(SLOTS)

run-beat: $(RUN) ## Celery's clock
	$(CELERY) beat --loglevel=info

run-worker-bg: $(RUN) ## the worker in the background; its id and log are in var/run
	@$(PY) main.py start worker $(SLOTS)

run-beat-bg: $(RUN) ## Celery's clock in the background
	@$(PY) main.py start beat

stop: $(RUN) ## end what runs in the background; running tasks go back to the queue first
	@$(PY) main.py stop

logs: ## follow the logs of what runs in the background
	@tail -n 50 -F var/run/*.log

run-flower: $(RUN) ## Flower on port 5555
	$(CELERY) flower --port=5555

migrate: $(RUN) ## bring the database up to date
	$(PY) main.py migrate

smoke: $(RUN) ## one small task per tool on a running service: URL=… ARGS="--api-key …" or "--email … --password …"
	@$(PY) main.py smoke --url $(URL) $(ARGS)

# By test, not by file: a few files take minutes, and each process keeps to its half of the order for as long as it can.
test: $(DEV) ## the whole suite, on real servers; ARGS="-k word" goes to pytest
	$(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

fuzz: $(DEV) ## ask the API whatever its document allows and forbids, for minutes
	FUZZ_EXAMPLES=100 $(PY) -m pytest tests/api/test_conformance.py

lint: $(DEV) ## format, lint, types and import rules
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports

check: lint test ## what CI runs

SEED := 1
MINUTES := 10
chaos: $(DEV) ## break everything at random while customers order; SEED=n MINUTES=m; verdict in var/chaos/SEED
	$(PY) -m tests.chaos --seed $(SEED) --minutes $(MINUTES)

dbt: | .venv/bin/pip ## an environment of its own for dbt, which the tests of exported rules then use
	$(PY) -m venv .venv-dbt
	.venv-dbt/bin/pip install --quiet --disable-pip-version-check -r tests/agents/rules/dbt-requirements.txt

bench: $(DEV) ## what the service costs and how fast it is
	$(PY) -m benchmarks.bench $(ARGS)

docs: $(RUN) ## write the pages that are printed from the code again
	$(PY) main.py tools --markdown > docs/agents.md
	$(PY) main.py settings --markdown > docs/configuration.md
	$(PY) main.py api --markdown > docs/api.md

examples: $(RUN) ## write the example files again
	$(PY) examples/make_examples.py

# uv, because pip can't resolve for other platforms; it takes its package index from UV_INDEX_URL, not from pip.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-header --no-annotate
lock: | .venv/bin/pip ## resolve requirements*.in into requirements*.txt; ARGS="--upgrade" for newer versions
	@temporary=$$(mktemp -d) && trap 'rm -rf "$$temporary"' EXIT && \
	$(PY) -m venv "$$temporary" && "$$temporary/bin/pip" install --quiet --disable-pip-version-check uv && \
	for name in requirements requirements-dev; do \
		"$$temporary/bin/"$(LOCK) $(ARGS) $$name.in --output-file $$name.txt > "$$temporary/log" || exit 1; \
	done

clean: ## remove caches and the demo's files; .venv and the data in var stay
	rm -rf var/demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(RUN): | .venv/bin/pip
	@echo "Installing what the service needs into .venv (once) ..."
	@rm -f .venv/.stamp-*
	@$(PIP) -r requirements.txt
	@$(COMPILE)
	@touch $@

# What tests need includes, in the same versions, what the service needs.
$(DEV): | .venv/bin/pip
	@echo "Installing what the tests need into .venv (once) ..."
	@rm -f .venv/.stamp-*
	@$(PIP) -r requirements-dev.txt
	@$(COMPILE)
	@touch $(RUN) $@

# pip comes last into an environment: without it an earlier attempt was cut short.
.venv/bin/pip:
	@for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11); do \
		if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2> /dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 to 3.14 is needed and isn't here. Debian, Ubuntu: apt install python3 python3-venv." >&2; \
		echo "macOS: brew install python@3.13. If it lies elsewhere: make PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2> /dev/null; then \
		echo "$$found can't make an environment. Debian, Ubuntu: apt install python3-venv." >&2; exit 1; \
	fi; \
	$$found -m venv .venv
