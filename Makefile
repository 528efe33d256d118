# circuit-claims. `make` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install docs pictures claims browser test test-slow lint calibration nulls truth-table audit mutation matrix what-ci-catches machines machines-short sample sample-again organism clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

install: $(STAMP) ## make the environment in .venv

# WORKERS share the measuring, and none is started where nothing is missing; tests are handed out one by one, since some measure for many others. ARGS="-n 0": in one process. Hypothesis, where it is installed, takes a second of every session to say that it had nothing to do
claims: $(STAMP) ## judge the paper's claims on the embedded model (reports/latest.json)
	$(BIN)/python -m pytest claims/ -p no:hypothesispytest -n auto --maxprocesses $(WORKERS) --maxschedchunk 1 $(ARGS)

test: $(STAMP) ## the fast tests, ruff and mypy (under 10 minutes)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow" -n 2 $(ARGS)

browser: $(STAMP) ## a Chromium for the tests of reports, where there is none (Debian's as root, else playwright's)
	@for name in chromium chromium-browser google-chrome; do command -v $$name && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
	  apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core && exit 0; \
	fi; \
	$(BIN)/python -m playwright install chromium || \
	echo "no Chromium could be installed: browser tests are skipped, and fail where CI is set" >&2

test-slow: $(STAMP) ## the slow tests (under 30 minutes)
	$(BIN)/python -m pytest -m slow -n 2 --dist worksteal $(ARGS)

docs: $(STAMP) ## build the pages into build/site, strictly, with the page of `make sample` where there is one
	$(BIN)/python -m mkdocs build --strict
	@for page in reports/sample/latest.html; do [ ! -f $$page ] || cp $$page build/site/sample.html; done

pictures: $(STAMP) ## draw the pictures of the pages on verdicts, metrics and controls again
	$(BIN)/python docs/pictures/draw.py

lint: $(STAMP) ## ruff (with its fixes) and mypy
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

calibration: $(STAMP) ## simulate every rule of the judge and write docs/calibration.md (20 minutes of a core; starts where it stopped)
	$(BIN)/python -m tools.calibration $(ARGS)
	$(BIN)/python docs/pictures/draw.py

nulls: $(STAMP) ## judge untrained models by the whole suite and write docs/nulls.md (20 minutes; starts where it stopped)
	$(BIN)/python -m tools.nulls $(ARGS)

TRUTH_PAIRS := --circuit-pair '*-[1-8]' --circuit-pair '*-[1-8]-noise' --circuit-pair '*-[1-8]-other-clip' --circuit-pair '*-other'
TRUTH := $(shell sed -n '/planted:xor-/d; s/^model = "\(planted:[^"]*\)"/--circuit-model \1/p' claims/recorded/planted-*.toml)
TRUTH_LOOKS := $(patsubst %,--circuit-model planted:%,gaze gaze-everywhere by-place stares)
# The outcome of a pair of orders shows in all 32 pairs only: each label has four kinds of them.
TRUTH_ORDERS := $(shell sed -n 's/^model = "\(planted:xor-[^"]*\)"/--circuit-model \1/p' claims/recorded/planted-*.toml)
TRUTH_CORE := $(wildcard claims/test_[01235]_*.py claims/test_11_*.py)
TRUTH_REPORTS := $(patsubst %,reports/%/latest.json,truth labels later all looks orders)
TRUTH_LATER := $(patsubst %,--circuit-model planted:%,composes-5 attn-carries-5 redundant2 nothing zero-mlp-from-4 zero-attn-from-4)
# Eight pairs leave these open, all 24 do not.
TRUTH_ALL := --circuit-claim 'component-ablation-robust/means' --circuit-claim 'probe-token-split/reproduces'
truth-table: $(STAMP) ## judge the models with a known answer and write docs/truth-table.md (20 to 40 minutes)
	-$(BIN)/python -m pytest $(TRUTH_CORE) $(TRUTH) $(TRUTH_PAIRS) --circuit-report-dir reports/truth -q --tb=no -n 2
	-$(BIN)/python -m pytest claims/ $(TRUTH) --circuit-claim '*-label/reproduces' --circuit-report-dir reports/labels -q --tb=no -n 2
	-$(BIN)/python -m pytest $(wildcard claims/test_[6789]_*.py claims/test_10_*.py) $(TRUTH_LATER) $(TRUTH_PAIRS) --circuit-report-dir reports/later -q --tb=no -n 2
	-$(BIN)/python -m pytest $(wildcard claims/test_[89]_*.py) $(TRUTH_LATER) $(TRUTH_ALL) --circuit-report-dir reports/all -q --tb=no -n 2
	-$(BIN)/python -m pytest $(wildcard claims/test_[67]_*.py) $(TRUTH_LOOKS) $(TRUTH_PAIRS) --circuit-report-dir reports/looks -q --tb=no -n 2
	-$(BIN)/python -m pytest $(TRUTH_CORE) $(wildcard claims/test_9_*.py claims/test_10_*.py) $(TRUTH_ORDERS) --circuit-report-dir reports/orders -q --tb=no -n 2
	$(BIN)/python -m tools.pages.predictions reports/truth/latest.json claims/recorded
	$(BIN)/python -m tools.pages.near_misses reports/near-misses.json
	$(BIN)/python -m tools.pages.truth $(TRUTH_REPORTS) reports/near-misses.json claims/recorded docs/truth-table.md

AUDITED := --circuit-model organism --circuit-model organism-outcome
audit: $(STAMP) ## what the paper says, prints, and what was found: docs/audit.md (after `make truth-table`)
	-$(BIN)/python -m pytest claims/ $(AUDITED) --circuit-report-dir reports/audit -q --tb=no -n 2
	$(BIN)/python -m tools.pages.audit $(wildcard $(TRUTH_REPORTS)) reports/audit/latest.json claims/catalogue.toml docs/audit.md

mutation: $(STAMP) ## mutants of judge/ and recovery.py; starts where it stopped (half an hour; see docs/mutation.md)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	$(BIN)/mutmut run --max-children 1 $(ARGS)
	$(BIN)/python tests/mutants.py

bench: $(STAMP) ## one pair swept in five ways, side by side, and docs/benchmarks.md (half an hour; BENCH_FRAMES=32 for the paper's clips)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m pytest benchmarks --benchmark-disable-gc --bench-frames $(BENCH_FRAMES) --bench-write $(BENCH_PAGE) -q $(ARGS)
BENCH_FRAMES ?= 8
BENCH_PAGE = docs/benchmarks$(if $(filter-out 8,$(BENCH_FRAMES)),-$(BENCH_FRAMES)-frames).md

SAMPLE := --circuit-model organism --circuit-model organism-outcome --circuit-model planted:paper-like
MATRIX := 4.56.2 5.4.0 5.23.0
matrix: $(STAMP) ## the embedded model under old and new transformers: docs/transformers.md (10 to 20 minutes)
	$(BIN)/python benchmarks/transformers_versions.py build/transformers docs/transformers.md $(MATRIX)

what-ci-catches: $(STAMP) ## changes of the embedded model against its record: docs/what-ci-catches.md (about an hour; starts where it stopped)
	$(BIN)/python benchmarks/what_ci_catches.py build/changes docs/what-ci-catches.md $(ARGS)

machines: $(STAMP) ## tests and claims as other processors compute them: docs/machines.md (two hours; starts where it stopped)
	$(BIN)/python benchmarks/machines.py build/machines docs/machines.md $(ARGS)

machines-short: $(STAMP) ## the full claims and the marked tests, held to AVX2 and to SSE (under 10 minutes)
	$(BIN)/python benchmarks/machines.py build/machines --short $(ARGS)

sample: $(STAMP) ## judge three models and write reports/sample/ and its picture (5 to 15 minutes)
	-$(BIN)/python -m pytest claims/ $(SAMPLE) --circuit-report-dir reports/sample -q --tb=no
	rm -f reports/sample/.journal.jsonl
	$(BIN)/python tests/report/picture.py reports/sample/latest.html reports/sample/first-screen.png

sample-again: $(STAMP) ## render reports/sample/ again from the JSON that `make sample` left there
	$(BIN)/circuit-claims report reports/sample/latest.json
	$(BIN)/python tests/report/picture.py reports/sample/latest.html reports/sample/first-screen.png

organism: $(STAMP) ## render the clips and train the embedded models again (about an hour)
	$(BIN)/python -m tools.organism.make all

clean: ## remove the environment and everything measured
	rm -rf $(VENV) .circuit-cache reports/latest.*
