#!/bin/sh
# Trains the shipped model `nuclei`, as `tools/nuclei.sh` does, on all images but those of val, and then
# once more from these weights, again with the full learning rate. The second model is in RUNS/second:
#   tools/nuclei_model.sh DATA RUNS
# DATA has train/, more/ and val/, each with images/ and instances/. Every fifth image of train and
# every tenth of more are not trained on: they tune the preset.
set -eu
data=$(realpath "$1") runs=$2
for folder in train more val; do
  if [ ! -d "$data/$folder" ]; then
    echo "skipped: $data/$folder not found"
    exit 0
  fi
done

# Links the images of a folder, with their truth, into $runs/data/train and $runs/data/tune.
link() {
  LC_ALL=C ls "$data/$1/images" | awk -v every="$2" \
    '{print (NR % every == 1 ? "tune" : "train"), $0}' | while read -r part image; do
    for kind in images instances; do
      mkdir -p "$runs/data/$part/$kind"
      ln -sf "$data/$1/$kind/${image%.*}".* "$runs/data/$part/$kind/"
    done
  done
}

link train 5
link more 10
# Without flips: they double the time of the networks.
export TUNE_FLAGS="--parts=merge_window,thresholds,min_pixels,min_score \
  --override=semantic_flip=false --override=affinity_flip=false"
train() {
  "$(dirname "$0")/nuclei.sh" nuclei_joint_wide "$runs/data/train" "$runs/data/tune" "$data/val" "$@"
}
train "$runs/first"
train "$runs/second" 16000 "$runs/first/joint"
