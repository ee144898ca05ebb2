#!/usr/bin/env bash
# run_checks.sh: the project's own checks: lint, types, shell checks and all tests.
#
# Usage: ./run_checks.sh [--long]
#
#   --long   the long forms of the tests, with their full counts; then, for root, those of the services on Debian 13
#
# Installs what it needs on a fresh Debian or Ubuntu machine. Ctrl-C ends it and every process that a test has started.
# Exit 0: all passed; 1: something did not; 64: usage; 130: interrupted.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}")
cd "$(dirname "$SELF")"
# shellcheck source=stack/venv.sh
. ./stack/venv.sh

TESTS=''       # pytest, while it runs
END_SECONDS=10 # for its last words after an interrupt

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$SELF"
}

check_python() {
  "$BIN/ruff" check .
  "$BIN/ruff" format --check .
  "$BIN/mypy"
}

check_shell() {
  local scripts=(./*.sh deploy/*.sh lessons/*.sh stack/*.sh tests/*.sh tests/support/*.sh .ci/run)
  "$BIN/shellcheck" -x "${scripts[@]}"
  "$BIN/shfmt" -i 2 -d "${scripts[@]}"
}

# Four files at a time, in order, but for those that measure or need the machine for themselves; three where bounds are
# not doubled.
run_tests() {
  local failed=0 at_once=4
  if [[ ${LONG_CHECKS:-} == 1 ]]; then at_once=3; fi
  run_pytest -m "not alone" -n "$at_once" --dist loadfile --no-loadscope-reorder --durations=5 || failed=1
  run_pytest -m alone --durations=15 || failed=1
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

# In a process group of its own: Ctrl-C in a terminal reaches this script alone, and at once.
run_pytest() {
  local code=0
  set -m
  "$PYTHON" -m pytest "$@" </dev/null &
  TESTS=$!
  set +m
  wait "$TESTS" || code=$?
  TESTS=''
  return "$code"
}

# Whatever ended the checks: what a test has started and not ended goes, and so do its files.
end_tests() {
  local code=$? tenths
  trap '' INT TERM HUP PIPE
  trap - EXIT
  set +e
  if [[ -n $TESTS ]]; then
    printf '\nrun_checks.sh: interrupted; ending the tests and what they have started ...\n' >&2
    kill -INT "$TESTS"
    for ((tenths = 0; tenths < END_SECONDS * 10; tenths++)); do
      kill -0 "$TESTS" 2>/dev/null || break
      sleep 0.1
    done
  fi
  kill_marked
  rm -rf "$TMPDIR"
  exit "$code"
}

# Kills every process that has the folder of these tests in its environment, as all that they start have it (the servers
# of a stack are no children of theirs), or works in it: Redis writes its title over its environment.
kill_marked() {
  local tenths pids
  for ((tenths = 0; tenths < END_SECONDS * 10; tenths++)); do
    mapfile -t pids < <({
      grep -lzsF "=$TMPDIR" /proc/[0-9]*/environ
      find /proc/[0-9]*/cwd -maxdepth 0 -lname "$TMPDIR/*" 2>/dev/null
    } | tr -dc '0-9\n' | sort -u)
    if [[ ${#pids[@]} == 0 ]]; then return; fi
    kill -KILL "${pids[@]}" 2>/dev/null
    sleep 0.1
  done
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
  trap 'exit 130' INT TERM HUP PIPE
  ensure_venv --dev
  BIN="$(dirname "$PYTHON")"
  step "lint and types" check_python
  step "shell" check_shell
  TMPDIR=$(mktemp -d -t checks.XXXXXX)
  export TMPDIR
  trap end_tests EXIT
  step "tests" run_tests
  if [[ ${LONG_CHECKS:-} == 1 ]]; then step "Debian 13" run_on_debian_13; fi
}

main "$@"
