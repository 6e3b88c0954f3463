#!/bin/sh
# Builds the C++ library and its tests for aarch64 and runs them in an emulator: `make test-aarch64`.
# Covers everything but the TensorFlow kernels, which need TensorFlow's wheel for aarch64.
set -eu
cd "$(dirname "$0")/.."

build="${1:?usage: tools/test_aarch64.sh <build folder>}"
googletest=/usr/src/googletest
compile="aarch64-linux-gnu-g++ -std=c++17 -O2 -Wall -ffp-contract=off -I. -idirafter $build/include \
  -I$googletest/googletest/include -I$googletest/googlemock/include"
mkdir -p "$build/include"
ln -sfn /usr/include/hwy "$build/include/hwy"  # headers of another architecture's package

for source in cc/lib/*.cc cc/fuzz/*.cc \
  "$googletest/googletest/src/gtest-all.cc" "$googletest/googlemock/src/gmock-all.cc" \
  "$googletest/googlemock/src/gmock_main.cc"; do
  printf '%s -I%s -I%s -c %s -o %s\n' "$compile" "$googletest/googletest" \
    "$googletest/googlemock" "$source" "$build/$(basename "$source" .cc).o"
done | xargs -P "$(nproc)" -I{} sh -c '{}'

library=$(ls "$build"/*.o | grep -v -e _test.o -e _fuzzer.o)
for test in "$build"/*_test.o; do
  fuzz_target=""
  [ "$test" != "$build/corpus_test.o" ] || fuzz_target="$build/graph_merge_fuzzer.o"
  # shellcheck disable=SC2086  # lists of files
  aarch64-linux-gnu-g++ -static "$test" $fuzz_target $library -lpthread -o "${test%.o}" 2>&1 |
    grep -v -e getaddrinfo -e 'in function' || true
  echo "== ${test%.o}"
  qemu-aarch64-static "${test%.o}" --gtest_brief=1
done
