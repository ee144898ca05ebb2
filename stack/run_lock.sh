#!/usr/bin/env bash
# Keeps a stack for one run of run_all_tests.sh at a time; sourced by that script and by local_stack.sh.
#
# Uses STACK, the folder of the stack, and refuse, which ends the script. A run holds the lock of STACK/run until it and
# the load that it started have ended: a load that outlives its run keeps the stack too. The file says whose it is.

# Sets STACK to the folder that STACK_DIR names, if it does.
find_stack() {
  if [[ -n ${STACK_DIR:-} ]]; then STACK=$(realpath -m -- "$STACK_DIR"); fi
}

prepare_folder() {
  mkdir -p "$STACK" 2>/dev/null || refuse "cannot make the folder $STACK: set STACK_DIR to one that can be written" 3
  [[ -O $STACK ]] || refuse "$STACK belongs to another user: set STACK_DIR to a folder of your own" 3
  [[ -e $STACK/lock || -z $(ls -A "$STACK") ]] || refuse "$STACK holds other files: set STACK_DIR to a new folder" 3
  chmod 700 "$STACK"
}

# Keeps the stack for the run that calls this: $1 are the ports of the services, $2 is the folder of the results.
hold_stack() {
  if [[ ! -e $STACK/lock ]]; then
    prepare_folder
    : >>"$STACK/lock" # so that local_stack.sh knows the folder as a stack's
  fi
  { exec 7>>"$STACK/run"; } 2>/dev/null || refuse "cannot write to $STACK: set STACK_DIR to a folder of your own" 3
  flock -w 2 7 || refuse "$(describe_run)" 3 # find_run may have it for a moment
  printf '%s\n' "$$" "$(date +%H:%M:%S)" "$1" "$2" >"$STACK/run"
}

# Sets RUN to the pid of the run that has the stack, "" if none has.
find_run() {
  RUN=
  if [[ -e $STACK/run ]] && ! flock --shared --nonblock "$STACK/run" true; then
    RUN=$(head -n 1 "$STACK/run")
    RUN=${RUN:-unknown} # it has just begun
  fi
}

# Says in a line which run has the stack, and how to end it. A run that was killed may have left its load behind.
describe_run() {
  local pid since ports results
  { read -r pid && read -r since && read -r ports && read -r results; } <"$STACK/run" || true
  if [[ ! /proc/$pid/fd/7 -ef $STACK/run ]]; then
    pid=$(find -L /proc/[0-9]*/fd -samefile "$STACK/run" 2>/dev/null | sed -n '1s#^/proc/\([0-9]*\)/.*#\1#p')
  fi
  echo "the stack in $STACK, on ports $ports, is in use by a run since $since (pid $pid, results in $results):" \
    "wait for its end, or end it with: kill $pid"
}
