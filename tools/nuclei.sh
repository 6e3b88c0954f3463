#!/bin/sh
# Trains a network with both heads from scratch on a folder of nuclei, tunes its preset on a part of
# the training images, segments `val` and prints the scores:
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
overrides="task.train_data.input_path=$runs/tfrecords/train-*.tfrecord"
overrides="$overrides,task.validation_data.input_path=$runs/tfrecords/val-*.tfrecord"
affinity_seg train --flagfile=nuclei_joint --model="$runs" --params_override="$overrides"
echo "training took $(($(date +%s) - start)) s"
affinity_seg tune --layout=folder --input="$data/train" --max_images=40 --model="$runs"
affinity_seg segment --layout=folder --input="$data/val" --model="$runs" --output_dir="$runs"
affinity_seg evaluate --layout=folder --input="$data/val" --class_table=nuclei --model="$runs" \
  --results_dir="$runs/results" --output_json="$runs/scores.json"
