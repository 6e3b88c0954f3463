# The worker of `affinity_seg segment` and `affinity_seg prepare` on Flink, Dataflow and other
# runners that start containers; docs/beam.md has the flags.
#
#     docker build -f serving/beam.Dockerfile -t affinity_seg_beam .

ARG BEAM_VERSION=2.77.0

# The Debian of our tests, with its Bazel: builds the op into a wheel.
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /affinity_seg
COPY BUILD Makefile WORKSPACE pyproject.toml requirements.lock setup.py .bazelrc ./
COPY affinity_seg affinity_seg
COPY cc cc
COPY configs configs
COPY models models
COPY third_party third_party
COPY tools tools
RUN apt-get update && make wheel && rm -rf /var/lib/apt/lists/*

# Beam's own image starts the worker; ours adds the package, the op in it, and what both need. The
# Beam that is installed must be the one of the program that submits the pipeline.
FROM apache/beam_python3.11_sdk:${BEAM_VERSION}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /affinity_seg/requirements.lock /affinity_seg/requirements.lock
RUN pip install --no-cache-dir --require-hashes -r /affinity_seg/requirements.lock
COPY --from=build /affinity_seg/dist /affinity_seg/dist
RUN pip install --no-cache-dir --no-deps /affinity_seg/dist/*.whl \
    && python -c "from affinity_seg import ops; ops.load_library()"
ENV TF_CPP_MIN_LOG_LEVEL=1
