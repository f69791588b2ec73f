#!/usr/bin/env bash
# Creates the virtual environment and installs the project into it: setup.sh PYTHON VENV
# Idempotent; the marker VENV/.ready is written only when everything is there.
set -euo pipefail

python=$1
venv=$2
# One version everywhere: numerics, and wheels for every platform, are those of the tests.
torch=2.13.0

fail() {
  echo "set-up failed: $1" >&2
  echo "try: $2" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  fail "$python is not installed" "install Python 3.11, or: make PYTHON=/path/to/python3.11 ..."
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
  fail "$python is not Python 3.11 (bpy 4.5 needs exactly that)" "make PYTHON=/path/to/python3.11 ..."

[[ -x $venv/bin/python ]] || "$python" -m venv "$venv" ||
  fail "cannot create $venv" "on Debian: apt install python3.11-venv"

pip() {
  "$venv/bin/python" -m pip install --quiet "$@"
}

if ! "$venv/bin/python" -c "import torch; assert torch.__version__.split('+')[0] == '$torch'" 2>/dev/null; then
  echo "installing PyTorch $torch ..."
  # TORCH_INDEX=https://download.pytorch.org/whl/cpu gets the small CPU build where pip would
  # otherwise fetch several GB of CUDA libraries.
  pip "torch==$torch" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} ||
    fail "PyTorch $torch could not be installed" "read pip's message above; it needs 1 to 5 GB of disk and the network"
fi

echo "installing the project and what it needs ..."
# The versions that users' backends get, so that the tests run with these. Not numpy: bpy 4.5 has its
# own wish. torch again, so that nothing below asks for another version of it.
grep -v "^numpy==" blender_addon/setup/requirements.txt > "$venv/constraints.txt"
pip --constraint "$venv/constraints.txt" "torch==$torch" --editable ".[dev]" ||
  fail "the project's dependencies could not be installed" "read pip's message above"

# Blender as a module, for the demo and the tests. Users' Blender is their own.
echo "installing bpy 4.5 ..."
pip "bpy==4.5.15" ||
  fail "bpy 4.5 could not be installed" "read pip's message above; it needs Python 3.11 and about 1.5 GB of disk"

touch "$venv/.ready"
