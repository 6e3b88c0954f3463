#!/bin/sh
# Trains both networks from scratch on a folder of nuclei, segments its `val` and prints the scores:
#   tools/nuclei.sh ../shared/data/nuclei runs/nuclei
# The folder has train/ and val/, each with images/ and instances/. Run with the environment active.
# Started again it continues; a finished training is not repeated.
set -eu
data=$1
runs=$2
if [ ! -d "$data" ]; then
  echo "skipped: $data not found"
  exit 0
fi

for split in train val; do
  affinity_seg prepare --layout=folder --input="$data/$split" --split=$split \
    --class_table=nuclei --output_dir="$runs/tfrecords"
done
start=$(date +%s)
for kind in semantic affinity; do
  overrides="task.train_data.input_path=$runs/tfrecords/train-*.tfrecord"
  overrides="$overrides,task.validation_data.input_path=$runs/tfrecords/val-*.tfrecord"
  if [ $kind = affinity ]; then
    overrides="$overrides,task.init_checkpoint=$runs/semantic"
  fi
  affinity_seg train --flagfile=nuclei_$kind --model="$runs" --params_override="$overrides"
done
echo "training took $(($(date +%s) - start)) s"
affinity_seg segment --layout=folder --input="$data/val" --model="$runs" --output_dir="$runs"
affinity_seg evaluate --layout=folder --input="$data/val" --class_table=nuclei --model="$runs" \
  --results_dir="$runs/results" --output_json="$runs/scores.json"
