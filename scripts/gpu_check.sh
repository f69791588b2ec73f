#!/usr/bin/env bash
# For a machine with one GPU, set up (make, or scripts/setup.sh), without a network, in ten minutes:
# gpu tests, prompt -> mesh on GPU and CPU, a step's cost at the paper's sizes, training gpu64 and a
# distillation from it as far as the time goes. One JSON: scripts/gpu_check.sh [--output FILE].
set -euo pipefail
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1
exec "${PYTHON:-.venv/bin/python}" scripts/gpu_check.py "$@"
