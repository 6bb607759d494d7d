#!/usr/bin/env bash
# Installs what is missing, builds the example and runs its demonstration with the same arguments:
# bash cmake/demo.sh [--serve]
set -euo pipefail
cd "$(dirname "$0")/.."

bash cmake/install_packages.sh
CXX=${CXX:-$(command -v clang++-19 || command -v g++-14)}
export CXX
cmake --preset demo
cmake --build build/demo --target play_counter
exec bash examples/play_counter/demo.sh build/demo/examples/play_counter/play_counter "$@"
