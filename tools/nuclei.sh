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
table=nuclei
preset=nuclei

for split in train val; do
  python tools/create_tfrecords.py --layout=folder --input="$data/$split" --split=$split \
    --class_table=$table --output_dir="$runs/tfrecords"
done
start=$(date +%s)
for kind in semantic affinity; do
  overrides="task.train_data.input_path=$runs/tfrecords/train-*.tfrecord"
  overrides="$overrides,task.validation_data.input_path=$runs/tfrecords/val-*.tfrecord"
  if [ $kind = affinity ]; then
    overrides="$overrides,task.init_checkpoint=$runs/semantic"
  fi
  python tools/train.py --flagfile=tools/flagfiles/nuclei_$kind.flags --model_dir="$runs/$kind" \
    --params_override="$overrides"
done
echo "training took $(($(date +%s) - start)) s"
python tools/predict.py --layout=folder --input="$data/val" --preset=$preset \
  --model="$runs" \
  --output_dir="$runs/predictions" --results_dir="$runs/results"
python tools/evaluate.py --layout=folder --input="$data/val" --class_table=$table \
  --results_dir="$runs/results" --output_json="$runs/scores.json"
