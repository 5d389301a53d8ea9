# Two commands are enough: `make demo` shows the whole way, `make test` checks everything.
# Both make .venv and install what they need first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Processes that run the tests, with one thread each; every one loads PyTorch and takes about 2 GB of memory.
WORKERS ?= 3
INSTALLED := $(VENV)/.installed
# Hundreds of processes start in the tests; without cached bytecode each one compiles the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bytecode lint coverage fuzz docs licences format install clean

demo: $(INSTALLED)
	$(BIN)/fieldmark demo

PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# One core checks types while the other compiles the tests; then both run them.
test: $(INSTALLED)
	$(MAKE) -j 2 lint bytecode
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)

bytecode: $(INSTALLED)
	$(BIN)/python -m pytest --collect-only --quiet >/dev/null

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The tests once more, with the share of the statements that they run; it takes a quarter longer.
coverage: $(INSTALLED)
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Into site/; any warning ends it. To read it: python3 -m http.server --directory site
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# The tests with the marker `fuzz`, with many more generated inputs than `make test` has.
fuzz: $(INSTALLED)
	FIELDMARK_FUZZ=$${FIELDMARK_FUZZ:-2000} $(BIN)/python -m pytest -m fuzz

# Every package that Fieldmark needs, with version and licence; fails where one is not permissive. No network is used.
licences: $(INSTALLED)
	$(BIN)/python tools/licences.py dev serve heic

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Fieldmark needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python tools/browser_runtime.py $(VENV)/onnxruntime-web
	touch $@

clean:
	rm -rf $(VENV) fieldmark-demo build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
