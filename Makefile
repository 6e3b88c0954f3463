# One command each: `make demo` runs everything on a fresh machine, `make test` tests everything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS ?= runs
export TF_CPP_MIN_LOG_LEVEL ?= 3

# libgl1 and libglib2.0-0 are what opencv-python loads.
DEBIAN_PACKAGES := python3-venv bazel-bootstrap bazel-rules-java g++ libgtest-dev libgmock-dev \
  libbenchmark-dev libhwy-dev libgl1 libglib2.0-0

FUZZ_SECONDS ?= 60
TEST_WORKERS ?= 2

.PHONY: help setup packages op demo nuclei nuclei-model packed-nuclei-model serve page-pictures \
  readme-pictures test test-long test-all lint docs audit lock fuzz faults test-aarch64 format \
  architecture bench results stardist wheel clean

setup: op

# The commands as CONTRIBUTING.md lists them.
help:
	@sed -n 's/^| \(`make .*\) |$$/\1/p' CONTRIBUTING.md | tr -d '`' | sed 's/ | /\t/' | expand -t 28

# Installs the Debian packages that are missing; does nothing where there are none.
packages:
	tools/install_packages.sh $(DEBIAN_PACKAGES)

# The virtual environment with the package (editable), its dependencies and the developers' tools, in
# the versions and with the hashes of requirements.lock. uv takes a third of pip's time. Where it fails
# pip does it: uv does not read pip's configuration, which may name the only index in reach.
$(VENV)/.installed: setup.py requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip uv
	$(BIN)/uv pip install --quiet --no-deps --compile-bytecode --python=$(BIN)/python \
	  -r requirements.lock || { echo "uv failed, so pip installs the packages"; \
	  $(BIN)/pip install --quiet --require-hashes -r requirements.lock; }
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# After a change of setup.py: the newest versions that go together.
lock: packages
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile setup.py --extra dev --generate-hashes --python-version 3.11 --quiet \
	  --upgrade --custom-compile-command 'make lock' --output-file requirements.lock

op: packages $(VENV)/.installed
	bazel build //cc:graph_merge_op

demo: setup
	$(BIN)/affinity_seg demo --output_dir=$(RUNS)/demo

# Real images, if they are there: training from scratch, then the scores.
NUCLEI ?= ../shared/data/nuclei
NUCLEI_RUN ?= nuclei
NUCLEI_STEPS ?=
nuclei: setup
	PATH="$(abspath $(BIN)):$$PATH" tools/nuclei.sh nuclei_joint $(NUCLEI)/train $(NUCLEI)/train \
	  $(NUCLEI)/val $(RUNS)/$(NUCLEI_RUN) $(NUCLEI_STEPS)

# The shipped model `nuclei`: its training, then its folder anew. README.md in it is the model card.
nuclei-model: setup
	PATH="$(abspath $(BIN)):$$PATH" tools/nuclei_model.sh $(NUCLEI) $(RUNS)/nuclei_model
	test ! -d $(NUCLEI) || $(MAKE) packed-nuclei-model

packed-nuclei-model:
	rm -rf $(RUNS)/packed
	$(BIN)/affinity_seg pack --model=$(RUNS)/nuclei_model/second --card=models/nuclei.md \
	  --picture=models/nuclei.png --output_dir=$(RUNS)/packed --replayed_images=20
	rm -rf models/nuclei
	mv $(RUNS)/packed models/nuclei

# The demo's model by REST and gRPC on this machine; runs the demo before if need be.
serve: setup
	test -f $(RUNS)/demo/model.yaml || $(MAKE) demo
	test -d $(RUNS)/demo/export/1 || \
	  $(BIN)/affinity_seg export --model=$(RUNS)/demo --output_dir=$(RUNS)/demo/export
	$(BIN)/affinity_seg serve --model=$(RUNS)/demo/export

# The pictures of docs/page.md: the page of `affinity_seg serve`, used in chromium.
page-pictures: setup
	tools/install_packages.sh chromium
	PYTHONPATH=. $(BIN)/python tests/page_pictures.py

# The pictures of README.md, from what `make demo` left.
readme-pictures: setup
	test -d $(RUNS)/demo/pictures || $(MAKE) demo
	PYTHONPATH=. $(BIN)/python tools/readme_pictures.py $(RUNS)/demo

# Chromium shows the tests what is on the pages of `affinity_seg report` and `affinity_seg serve`.
test: setup lint docs
	tools/install_packages.sh chromium
	bazel test //cc/...
	$(BIN)/python -m pytest -m "not long" --numprocesses=$(TEST_WORKERS)

# The tests that are marked `long`, one after the other, as these use all cores themselves.
test-long: setup fuzz test-aarch64
	$(BIN)/python -m pytest -m long

test-all: test test-long

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	-$(BIN)/python -m checks.audit

# The site of docs/ in build/site; broken links fail.
docs: $(VENV)/.installed
	$(BIN)/mkdocs build --strict

# Known weaknesses of what requirements.lock pins; `make lint` shows them and goes on.
audit: $(VENV)/.installed
	$(BIN)/python -m checks.audit

# Feeds the merge any bytes for a minute; what it finds interesting stays in $(RUNS)/fuzz.
fuzz: packages $(VENV)/.installed
	tools/install_packages.sh clang libclang-rt-14-dev
	mkdir -p $(RUNS)/fuzz/corpus
	bazel build --config=fuzz //cc/fuzz:graph_merge_fuzzer
	"$$(bazel info --config=fuzz bazel-bin)/cc/fuzz/graph_merge_fuzzer" $(RUNS)/fuzz/corpus \
	  cc/fuzz/corpus -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(RUNS)/fuzz/ \
	  -print_final_stats=1 -verbosity=0

# Kills, full and read-only disks, broken files: the table of docs/faults.md, in $(RUNS)/faults.
faults: setup
	PYTHONPATH=. $(BIN)/python tests/check_faults.py --output_dir=$(RUNS)/faults

test-aarch64: packages
	tools/install_packages.sh g++-aarch64-linux-gnu qemu-user-static
	tools/test_aarch64.sh $(RUNS)/aarch64

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# docs/architecture.md from the imports; fails where they go against the flow.
architecture: $(VENV)/.installed
	PYTHONPATH=. $(BIN)/python tests/architecture.py

bench: setup
	mkdir -p $(RUNS)
	bazel run //cc/benchmarks:graph_merge_benchmark -- \
	  --benchmark_out=$(abspath $(RUNS))/graph_merge_benchmark.json --benchmark_repetitions=3
	$(BIN)/python -m benchmarks.merge --output_dir=$(RUNS)/benchmark_merge

# docs/results.md from the runs that are there; what they do not store is measured.
results: setup
	$(BIN)/python -m benchmarks.results --output_dir=$(RUNS)/results

# StarDist, in an environment of its own, on the images of `make nuclei` for the same minutes.
STARDIST_MINUTES ?= 40
stardist:
	PYTHON=$(PYTHON) benchmarks/stardist/run.sh $(NUCLEI) $(RUNS)/stardist \
	  $(STARDIST_MINUTES)

wheel: op
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf build dist *.egg-info
	bazel clean
