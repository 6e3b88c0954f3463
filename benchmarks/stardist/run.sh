#!/bin/sh
# Trains StarDist on the training images of a folder, in an environment of its own, and segments
# its `val`:
#   benchmarks/stardist/run.sh ../shared/data/nuclei runs/stardist 40
# Set PYTHON to a Python that TensorFlow 2.15 has packages for: 3.9 to 3.11.
set -eu
data=$1
runs=$2
minutes=$3
here=$(dirname "$0")
if [ ! -d "$data" ]; then
  echo "skipped: $data not found"
  exit 0
fi
test -x "$runs/venv/bin/python" || "${PYTHON:-python3}" -m venv "$runs/venv"
"$runs/venv/bin/pip" install --quiet -r "$here/requirements.txt"
test -f "$runs/train.json" || "$runs/venv/bin/python" "$here/train.py" --input="$data/train" \
  --minutes="$minutes" --output_dir="$runs"
"$runs/venv/bin/python" "$here/predict.py" --input="$data/val" --output_dir="$runs"
