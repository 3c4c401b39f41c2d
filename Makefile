# Everything a fresh clone needs: `make demo` runs the product, `make test` runs all checks.
# Both make .venv by themselves; the only thing asked of the machine is Python 3.11 or newer.
# While you work: `make check-fast`. `make test-lowest` tries the lowest versions that pyproject.toml promises.

CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
ROOMS := data yolact temporal dashboards
TYPES := build/types
# Files of tests are shared out between so many processes; one at a time: make test WORKERS=0
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist loadfile
IN_SHORT := -m "not thorough" --durations=10
LOWEST := .venv-lowest
OLDEST_PYTHON := $(shell command -v python3.11 || echo $(BIN)/python)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start many processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

LINKED := build/linked
# For a machine with a GPU and no network: nothing is installed, so any Python that has the dependencies will do.
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,$(firstword $(PYTHON) python3))
GPU_OPTIONS ?=

.PHONY: demo test check-fast check-gpu test-extras test-thorough test-lowest lint format types docs tables-page pytest clean
.NOTPARALLEL:

demo: $(VENV)/.installed
	$(BIN)/yolact-temporal demo --overwrite

# The tests, and what reads the code beside them, on the cores that wait while a test waits; its words come last.
define tested_and_read
@mkdir -p build; $(MAKE) --no-print-directory lint types docs > build/reading.log 2>&1 & reading=$$!; \
$(BIN)/python $(PYTEST) $(1); tested=$$?; \
wait $$reading; read=$$?; cat build/reading.log; exit $$((tested | read))
endef

test: $(VENV)/.installed-dev
	$(call tested_and_read,$(IN_SHORT))

check-fast: $(VENV)/.installed-dev
	$(call tested_and_read,-m "not slow")

# The tests of the extras `ray`, `onnx` and `openvino`, which bring large packages and are skipped without them.
test-extras: $(VENV)/.installed-extras
	$(BIN)/python -m pytest tests/test_ray.py tests/test_engines.py

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python $(PYTEST) -m "(not slow or smoke) and not thorough"

# At most eight minutes: are the masks a GPU gives the CPU's, and how fast is it? Writes gpu_report.json and .md.
check-gpu:
	rm -rf $(LINKED)
	mkdir -p $(LINKED)/yolact_temporal
	ln -s $(addprefix ../../../,$(wildcard src/yolact_temporal/*) $(ROOMS)) $(LINKED)/yolact_temporal/
	PYTHONPATH=$(LINKED) $(GPU_PYTHON) -m yolact_temporal.benchmarking.gpu_check $(GPU_OPTIONS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# The pages of docs/ as a site in build/docs; a link that leads nowhere fails.
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

tables-page: $(VENV)/.installed
	$(BIN)/python -m yolact_temporal.tables_page docs/tables.md
	$(BIN)/python -m yolact_temporal.metrics_page docs/metrics.md

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# mypy cannot follow setup.py's mapping of the rooms, so it reads a tree of links laid out as installed.
types: $(VENV)/.installed-dev
	rm -rf $(TYPES)
	mkdir -p $(TYPES)/yolact_temporal
	ln -s $(addprefix ../../../,$(wildcard src/yolact_temporal/*) $(ROOMS)) $(TYPES)/yolact_temporal/
	MYPYPATH=$(TYPES) $(BIN)/mypy -p yolact_temporal

pytest: $(VENV)/.installed-dev
	$(BIN)/python $(PYTEST) $(IN_SHORT)

# What `make test` leaves out: the same claims of every model, attack and fault, five minutes more.
test-thorough: $(VENV)/.installed-dev
	$(BIN)/python $(PYTEST) -m thorough --durations=10

$(VENV)/.created:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' 2>/dev/null || { \
		echo "yolact-temporal needs Python 3.11 or newer, found $$($(or $(PYTHON),python3) --version 2>/dev/null || echo none);" \
			"install one and run: make PYTHON=/path/to/python3" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml setup.py
	$(BIN)/python -m pip install --editable .
	touch $@

# trackeval's dependencies bring opencv-python, which would be written over opencv-python-headless: it comes alone.
$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml setup.py Makefile
	$(BIN)/python -m pip install --editable '.[dev,docs]'
	$(BIN)/python -m pip install --no-deps 'trackeval>=1.3'
	touch $(VENV)/.installed $@

$(VENV)/.installed-extras: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --editable '.[dev-extras]'
	touch $@

build/lowest.txt: $(VENV)/.installed-dev pyproject.toml tools/lowest.py
	mkdir -p build
	$(BIN)/python tools/lowest.py constraints > $@.part
	mv $@.part $@

# torch is lent by .venv: it is some gigabytes, and not held to its lowest version.
$(LOWEST)/.installed: build/lowest.txt setup.py Makefile
	rm -rf $(LOWEST)
	$(OLDEST_PYTHON) -m venv $(LOWEST)
	$(BIN)/python tools/lowest.py lend $(LOWEST)
	$(LOWEST)/bin/python -m pip install --constraint build/lowest.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist src/*.egg-info *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(ROOMS) src tests -name __pycache__ -type d -prune -exec rm -rf {} +
