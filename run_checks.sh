#!/usr/bin/env bash
# run_checks.sh: the project's own checks: lint, types, shell checks and all tests.
#
# Usage: ./run_checks.sh [--long]
#
#   --long   the long forms of the tests, with their full counts; then, for root, those of the services on Debian 13
#
# Installs what it needs on a fresh Debian or Ubuntu machine. Exit 0: all passed; 1: something did not; 64: usage.
set -Eeuo pipefail

unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=setup_venv.sh
. ./setup_venv.sh

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
}

check_python() {
  "$BIN/ruff" check .
  "$BIN/ruff" format --check .
  "$BIN/mypy"
}

check_shell() {
  local scripts=(./*.sh tests/*.sh .ci/run)
  "$BIN/shellcheck" -x "${scripts[@]}"
  "$BIN/shfmt" -i 2 -d "${scripts[@]}"
}

# Three files at a time, in order, but for those that measure or need the machine for themselves.
run_tests() {
  local failed=0
  "$PYTHON" -m pytest -m "not alone" -n 3 --dist loadfile --no-loadscope-reorder --durations=5 || failed=1
  "$PYTHON" -m pytest -m alone --durations=15 || failed=1
  return $failed
}

# In a chroot, where only what is committed is tested.
run_on_debian_13() {
  if [[ $(id -u) == 0 ]]; then
    tests/debian_13.sh --valkey
  else
    echo "left out: a chroot needs root"
  fi
}

step() {
  printf '\n== %s\n' "$1"
  shift
  "$@"
}

main() {
  case "${1:-}" in
  '') ;;
  --long) export LONG_CHECKS=1 ;;
  -h | --help) usage && return 0 ;;
  *)
    echo "run_checks.sh: unknown option '$1'; it takes --long or nothing" >&2
    return 64
    ;;
  esac
  ensure_venv --dev
  BIN="$(dirname "$PYTHON")"
  step "lint and types" check_python
  step "shell" check_shell
  step "tests" run_tests
  if [[ ${LONG_CHECKS:-} == 1 ]]; then step "Debian 13" run_on_debian_13; fi
}

main "$@"
