#!/bin/sh
# Trains a network with both heads on a folder of nuclei, tunes its preset, segments other images and
# prints the scores:
#   tools/nuclei.sh FLAGFILE TRAIN TUNE VAL RUNS [STEPS [START]]
# FLAGFILE says how it is trained, e.g. nuclei_joint. TRAIN, TUNE and VAL are folders with images/ and
# instances/; TUNE may be TRAIN. RUNS is the folder of the model. STEPS are those of the training, by
# default as configured. START is a trained network to begin with, such as RUNS/joint of another run;
# by default it begins from scratch. The environment variable TUNE_FLAGS replaces the flags of
# `affinity_seg tune` that say what is tuned. Run with the environment active. Started again it
# continues; a finished training is not repeated. `tune` leaves the stages alone: with one stage a
# single threshold decides, which users can move on the page of `affinity_seg serve`.
set -eu
flagfile=$1 train=$2 tune=$3 val=$4 runs=$5 steps=${6:-} begin=${7:-}
for data in "$train" "$tune" "$val"; do
  if [ ! -d "$data" ]; then
    echo "skipped: $data not found"
    exit 0
  fi
done

affinity_seg prepare --layout=folder --input="$train" --split=train --class_table=nuclei \
  --output_dir="$runs/tfrecords"
affinity_seg prepare --layout=folder --input="$val" --split=val --class_table=nuclei \
  --output_dir="$runs/tfrecords"
start=$(date +%s)
overrides="task.train_data.input_path=$runs/tfrecords/train-*.tfrecord"
overrides="$overrides,task.validation_data.input_path=$runs/tfrecords/val-*.tfrecord"
if [ -n "$steps" ]; then
  overrides="$overrides,trainer.train_steps=$steps"
  overrides="$overrides,trainer.optimizer_config.learning_rate.cosine.decay_steps=$steps"
fi
if [ -n "$begin" ]; then
  overrides="$overrides,task.init_checkpoint=$begin"
fi
affinity_seg train --flagfile="$flagfile" --model="$runs" --params_override="$overrides"
echo "training took $(($(date +%s) - start)) s"
affinity_seg tune --layout=folder --input="$tune" --max_images=40 --model="$runs" \
  ${TUNE_FLAGS:---parts=merge_window,flips,thresholds,min_pixels,min_score}
affinity_seg segment --layout=folder --input="$val" --model="$runs" --output_dir="$runs"
affinity_seg evaluate --layout=folder --input="$val" --class_table=nuclei --model="$runs" \
  --results_dir="$runs/results" --output_json="$runs/scores.json"
