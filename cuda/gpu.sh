#!/usr/bin/env bash
# Builds, tests and measures cola on an NVIDIA GPU, unattended, in less than eight minutes, and
# leaves a dated report. docs/gpu-measurements.md says what is measured and what each figure means.
#
#   cuda/gpu.sh [OUT]             on a machine with Go and a GPU
#   cuda/gpu.sh build DIR         on a machine with Go: all that the next line needs, into DIR
#   DIR/cuda/gpu.sh run DIR OUT   on a machine with a GPU, without Go and without a network
#   cuda/gpu.sh rehearse [OUT]    without a GPU: this script itself, against the fake driver, with
#                                 small models and with PyTorch on the CPU
#
# OUT gets report.md, report.json, and what every step printed. Everything but the tests needs
# python3; the comparisons need its torch, transformers and peft, and are left out without them.
# COLA_PYTHON names another Python. The exit status is 1 where a test failed.
set -euo pipefail

usage() {
  sed -n '2,/^set/ { s/^# \{0,1\}//; /^set/d; p; }' "$0" >&2
  exit 2
}

root=$(cd "$(dirname "$0")/.." && pwd)
python=${COLA_PYTHON:-python3}
seconds=${COLA_GPU_SECONDS:-465} # for a run
tested=(cuda)                    # packages whose tests meet a GPU

# ---- build

# build DIR puts programs and files where the working tree has them.
build() (
  mkdir -p "$1/bin"
  to=$(cd "$1" && pwd)
  cd "$root"
  export CGO_ENABLED=0
  go build -trimpath -ldflags '-s -w' -o "$to/bin/cola" ./cmd/cola
  for package in "${tested[@]}"; do
    mkdir -p "$to/$package"
    go test -c -trimpath -ldflags '-s -w' -o "$to/$package/package.test" "./$package"
    if [ -d "$package/testdata" ]; then cp -R "$package/testdata" "$to/$package/"; fi
  done
  mkdir -p "$to/bench/peer" "$to/internal/bench" "$to/internal/mini" "$to/model/testdata"
  cp bench/peer/*.py "$to/bench/peer/"
  cp -R internal/bench/architectures internal/bench/dolly.json "$to/internal/bench/"
  cp -R internal/mini/dolly-mini "$to/internal/mini/"
  cp -R model/testdata/golden "$to/model/testdata/"
  cp cuda/gpu.sh "$to/cuda/"
  git describe --tags --always --dirty >"$to/version" 2>/dev/null || echo unknown >"$to/version"
  du -sm "$to" | awk '{ print "gpu: " $2 " has " $1 " MiB; there: " $2 "/cuda/gpu.sh run " $2 " OUT" }'
)

# ---- run

# What is measured; rehearse makes it small.
cola_flags='--device cuda --compute bf16'
peer_device=cuda
rehearsal='' # what is said of figures that mean nothing
slack=1      # times what a step may take
test_flags=()
peaks=(--size 8192)
small=(--arch gpt2 --shapes '32x128,8x1024' --memory '1,8,32')
large=(--arch llama-2-7b --shapes '8x128,32x128' --variants 'lora,lora compiled,hidden,hidden compiled' --turns 2 --repeats 5 --warmup 2)
roomy=120000 # MiB that hold the large model once for cola and for each of its variants
curve=(--batch 16 --seq 64 --steps 50)
deliver_small=(--arch gpt2 --batch 4 --seq 128 --participants 8 --repeats 20 --warmup 3)
deliver_large=(--arch llama-2-7b --batch 4 --seq 128 --participants 8 --repeats 5 --warmup 1)

has() { command -v "$1" >/dev/null 2>&1; }

# step NAME SECONDS FUNCTION [ARGUMENT...] runs one of the functions below with so much time at
# most, and no more than there is. What it prints is in OUT/NAME.log. It never fails: what became
# of it is in OUT/steps.
step() {
  local name=$1 limit=$(($2 * slack)) status=0 begin=$SECONDS command
  shift 2
  command=$(printf '%q ' "$@")
  if [ "$limit" -gt $((seconds - SECONDS)) ]; then limit=$((seconds - SECONDS)); fi
  if [ "$limit" -lt 5 ]; then
    note "$name" 'left out: no time was left' 0 "$command"
    return
  fi
  # When its time is over it is killed, with everything that it began: a program in the middle of a
  # pass would hear no other signal, and keep the GPU from the next step. Bash need not tell.
  { timeout -s KILL "$limit" "$dir/cuda/gpu.sh" only "$@" >"$out/$name.log" 2>&1 || status=$?; } 2>/dev/null
  case $status in
    0) status=ok ;;
    137) if [ $((SECONDS - begin)) -ge "$limit" ]; then status="cut short after $limit s"; else status='killed: too little memory?'; fi ;;
    *) status="failed with status $status" ;;
  esac
  note "$name" "$status" $((SECONDS - begin)) "$command"
}

# note NAME STATUS SECONDS COMMAND writes down what became of a step, and tells it.
note() {
  printf '%s\t%s\t%s\t%s\n' "$@" >>"$out/steps"
  printf '%-20s %4d s  %s\n' "$1" "$3" "$2"
}

# environment tells what this machine is.
environment() {
  "$dir/bin/cola" device --json >"$out/device.json"
  "$dir/bin/cola" device
  if has nvidia-smi; then
    nvidia-smi
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv >"$out/card.csv"
  fi
  "$python" - "$out/versions.json" <<'PYTHON'
import importlib.metadata, json, os, platform, sys

packages = ("torch", "transformers", "peft", "triton", "nvidia-cublas", "nvidia-cuda-nvrtc")
found = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}
versions = {"python": platform.python_version(), "kernel": platform.release(), "processors": os.cpu_count()}
json.dump(versions | {p: found[p] for p in packages if p in found}, open(sys.argv[1], "w"), indent=1)
PYTHON
}

# tests PACKAGE JIT [FLAG...] runs a package's tests with one way of compiling kernels.
tests() {
  local package=$1 jit=$2
  shift 2
  cd "$dir/$package"
  COLA_REQUIRE_CUDA=1 COLA_CUDA_JIT=$jit ./package.test -test.v "$@"
}

# golden COMPUTE JIT holds the GPU against every golden folder. What bfloat16's rounding does
# depends on the numbers, so that the report judges it.
golden() {
  local compute=$1 jit=$2 tolerance=1e-4 folder folders=()
  if [ "$compute" = bf16 ]; then tolerance=1e30; fi
  for folder in "$dir"/model/testdata/golden/*/; do folders+=(--golden "$folder"); done
  COLA_CUDA_JIT=$jit "$dir/bin/cola" verify "${folders[@]}" --device cuda --compute "$compute" \
    --tolerance "$tolerance" --json >"$out/golden-$compute-$jit.json"
}

# sanitize TOOL [FLAG...] runs the short tests under compute-sanitizer, which ends with status 99
# where it finds something.
sanitize() {
  local tool=$1
  shift
  cd "$dir/cuda"
  COLA_REQUIRE_CUDA=1 compute-sanitizer --tool "$tool" --error-exitcode 99 ./package.test -test.short -test.v "$@"
}

# peak FLAG... measures what the card does at most.
peak() { "$python" "$dir/bench/peer/gpu.py" peaks --out "$out/peaks.json" "$@"; }

# compare NAME COLA_FLAGS FLAG... measures steps of cola and of PyTorch, in turn.
compare() {
  local name=$1 flags=$2
  shift 2
  "$python" "$dir/bench/peer/gpu.py" steps --cola "$dir/bin/cola" --cola-flags "$flags" --out "$out/$name.json" "$@"
}

# curves FLAG... trains the same with PyTorch and with cola, on the GPU and on the CPU.
curves() {
  local mini=$dir/internal/mini/dolly-mini compute
  "$python" "$dir/bench/peer/gpu_reference.py" --model "$mini" --texts "$mini/train.jsonl" --out "$out/curve" "$@"
  for compute in f32 bf16; do
    "$dir/bin/cola" verify --golden "$out/curve" --device cuda --compute $compute --tolerance 1e30 --json >"$out/curve-$compute.json"
  done
  "$dir/bin/cola" verify --golden "$out/curve" --device cpu --tolerance 1e30 --json >"$out/curve-cpu.json"
  rm "$out"/curve/*.safetensors # megabytes that are in none of the figures
}

# deliver NAME COLA_FLAGS FLAG... measures whole rounds against the pass alone.
deliver() {
  local name=$1 flags=$2
  shift 2
  # shellcheck disable=SC2086 # they are words
  "$dir/bin/cola" bench deliver $flags --json "$@" >"$out/$name.json"
}

# measure runs all steps. While the first models are made and compiled the GPU is free for what
# takes no times: tests, and the sanitizer's.
measure() {
  local memory=0 peers=1 apart=() sanitizers
  step environment 30 environment
  if ! "$python" -c 'import torch, transformers, peft' 2>/dev/null; then
    peers=0
    small+=(--variants '')
    large+=(--variants '')
  fi
  step small 330 compare small "$cola_flags" --device "$peer_device" --after "$out/quiet" "${small[@]}" &
  sanitizers &
  sanitizers=$!
  all_tests
  wait "$sanitizers"
  if [ $peers = 1 ]; then
    step peaks 30 peak --device "$peer_device" "${peaks[@]}"
  else
    note peaks 'left out: no torch, transformers and peft' 0 ''
  fi
  touch "$out/quiet"
  wait
  if has nvidia-smi; then memory=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits | head -n 1 || echo 0); fi
  memory=${memory//[!0-9]/}
  if [ "${memory:-0}" -lt $roomy ]; then apart=(--apart); fi
  step large 150 compare large "$cola_flags" --device "$peer_device" ${apart[@]+"${apart[@]}"} "${large[@]}"
  if [ $peers = 1 ]; then
    step curves 60 curves --device "$peer_device" "${curve[@]}"
  else
    note curves 'left out: no torch, transformers and peft' 0 ''
  fi
  step deliver-small 30 deliver deliver-small "$cola_flags" "${deliver_small[@]}"
  step deliver-large 60 deliver deliver-large "$cola_flags" "${deliver_large[@]}"
}

# all_tests runs every test and golden folder, with both ways of compiling kernels.
all_tests() {
  local package jit compute
  for jit in nvrtc ptx; do
    for package in "${tested[@]}"; do
      step "tests-${package//\//-}-$jit" 75 tests "$package" $jit ${test_flags[@]+"${test_flags[@]}"}
    done
    for compute in f32 bf16; do step golden-$compute-$jit 30 golden $compute $jit; done
  done
}

# sanitizers runs short tests under each tool of compute-sanitizer.
sanitizers() {
  local tool
  for tool in memcheck racecheck; do
    if has compute-sanitizer; then
      step "sanitizer-$tool" 60 sanitize $tool
    else
      note "sanitizer-$tool" 'left out: there is no compute-sanitizer' 0 ''
    fi
  done
}

# run DIR OUT measures with what build put into DIR.
run() {
  SECONDS=0 dir=$1 out=$2
  if [ ! -x "$dir/bin/cola" ]; then
    echo "gpu: $dir has no bin/cola: cuda/gpu.sh build $dir makes it, on a machine with Go" >&2
    exit 1
  fi
  if ! has "$python"; then
    echo "gpu: there is no $python, which compares and writes the report; COLA_PYTHON names another" >&2
    exit 1
  fi
  mkdir -p "$out"
  dir=$(cd "$dir" && pwd) out=$(cd "$out" && pwd)
  export dir out
  # cola looks for NVIDIA's libraries in the Python that is active: those that PyTorch brought.
  : "${VIRTUAL_ENV:=$("$python" -c 'import sys; print(sys.prefix)')}"
  export VIRTUAL_ENV
  rm -f "$out"/{steps,quiet,rehearsal,*.json,*.log,*.csv,report.md}
  date -u +%Y-%m-%dT%H:%M:%SZ >"$out/date"
  cp "$dir/version" "$out/"
  if [ -n "$rehearsal" ]; then echo "$rehearsal" >"$out/rehearsal"; fi
  measure
  "$python" "$dir/bench/peer/gpu_report.py" "$out"
}

# rehearse OUT runs everything that run does where there is no GPU: cola on the fake driver, small
# models, PyTorch on the CPU. Its figures mean nothing.
rehearse() {
  local out=$1 dir fake
  dir=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder is known now
  trap "rm -rf '$dir'" EXIT
  build "$dir"
  fake=$(fake_driver)
  export COLA_LIBCUDA=$fake COLA_LIBNVRTC=$fake COLA_LIBCUBLASLT=$fake
  export XDG_CACHE_HOME=$dir/cache # of kernels that the fake compiler made
  seconds=${COLA_GPU_SECONDS:-3600}
  slack=8
  peer_device=cpu
  rehearsal='A rehearsal on the fake driver, with small models and PyTorch on the CPU: its figures mean nothing.'
  # The fake compiler knows no other sources than those that it was built with.
  test_flags=(-test.short -test.skip '^(TestSourcesCompile|TestCompileErrorsHaveTheLog)$')
  peaks=(--size 64)
  mkdir -p "$dir/tiny/gpt2" "$dir/tiny/llama"
  cp "$dir/model/testdata/golden/gpt2/config.json" "$dir/tiny/gpt2/"
  cp "$dir/model/testdata/golden/llama/config.json" "$dir/tiny/llama/"
  small=(--arch "$dir/tiny/gpt2" --shapes '2x8,1x16' --memory '1,2' --memory-seq 8 --variants 'lora,hidden compiled,full' --turns 1 --repeats 2 --warmup 1)
  large=(--arch "$dir/tiny/llama" --shapes '1x8,2x8' --variants 'lora,lora compiled' --turns 1 --repeats 2 --warmup 1)
  curve=(--batch 2 --seq 12 --steps 3)
  deliver_small=(--arch "$dir/tiny/gpt2" --batch 1 --seq 8 --participants 2 --repeats 2)
  deliver_large=(--arch "$dir/tiny/llama" --batch 1 --seq 8 --participants 2 --repeats 2)
  run "$dir" "$out"
}

# fake_driver prints the path of the fake libcuda, libnvrtc and libcublasLt, which tests of kernels
# compile.
fake_driver() (
  cd "$root"
  COLA_REQUIRE_EMULATOR=1 go test -count=1 -run '^TestAxpy$' ./cuda/kernels >&2
  # shellcheck disable=SC2012 # names are hashes
  ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/cola-tests/emulator/libcola-*.so | head -n 1
)

# here builds and runs on this machine, or says what it lacks.
here() {
  local dir missing=()
  has go || missing+=("Go, to build")
  has "$python" || missing+=("$python, to compare and to write the report")
  if [ ${#missing[@]} = 0 ] && ! (cd "$root" && go run ./cmd/cola device) | grep -q '^cuda:'; then missing+=("a GPU that cola can use: cola device says why"); fi
  if [ ${#missing[@]} -gt 0 ]; then
    printf 'gpu: this machine lacks %s\n' "${missing[@]}" >&2
    echo "gpu: with Go alone, cuda/gpu.sh build DIR makes what a machine with a GPU needs; cuda/gpu.sh rehearse tries the script" >&2
    exit 1
  fi
  dir=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder is known now
  trap "rm -rf '$dir'" EXIT
  build "$dir"
  run "$dir" "$1"
}

case ${1:-} in
  build)
    [ $# = 2 ] || usage
    build "$2"
    ;;
  run)
    [ $# = 3 ] || usage
    run "$2" "$3"
    ;;
  rehearse)
    [ $# -le 2 ] || usage
    rehearse "${2:-gpu-report}"
    ;;
  only) # a step, in a process of its own that can be cut short
    shift
    "$@"
    ;;
  -*) usage ;;
  *)
    [ $# -le 1 ] || usage
    here "${1:-gpu-report}"
    ;;
esac
