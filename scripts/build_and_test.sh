#!/usr/bin/env bash
# The name that the user guide gives to scripts/build-and-test.
set -euo pipefail
exec "$(dirname "$0")/build-and-test" "$@"
