#!/usr/bin/env bash
# Runs the seven load scenarios one after the other against the two services, and says what they showed.
#
# Usage: ./run_all_tests.sh [--quick|--full] [--only NAME[,NAME...]] [--host HOST | --auth-url URL --books-url URL]
#                           [--metrics-url NAME=URL]... [--processes N] [--machines N [--bind ADDRESS]]
#                           [--scenarios DIR] [--out DIR]
#
#   --full           the long form, about an hour (default)
#   --quick          all seven scenarios in about nine minutes
#   --only NAMES     some of: smoke baseline read_heavy write_heavy stages soak spike; and two that run only where
#                    they are named: break_point looks for the most users that the services bear (10 minutes with
#                    --quick, else 40), arrivals is an open load: actions begin whatever the answers do
#   --host HOST      the machine whose ports 5000 and 5001 are loaded
#   --auth-url URL   the address of the auth service, with --books-url; both win over AUTH_URL and BOOKS_URL
#   --books-url URL  the address of the books service
#   --metrics-url NAME=URL
#                    a machine of a service, with a name of your choice, for example books-2=http://10.0.0.7:5001; give
#                    it once for each machine that runs a service behind its one address: each is sampled and judged,
#                    and the load goes to the one address all the same (docs/scale.md)
#   --processes N    processes that make the load (1)
#   --machines N     other machines make the load, each with ./join_load.sh; this one leads, and makes a share of it only
#                    with --processes
#   --bind ADDRESS   the address at which the other machines reach this one (that on the way to the services)
#   --scenarios DIR  scenario files of your own, NAME.conf: they are taken instead of those in scenarios/
#   --out DIR        the results folder (test_results_YYYYMMDD_HHMMSS in this folder)
#   --help           this text
#
# Without a host: the services on AUTH_PORT (5000) and BOOKS_PORT (5001) of this machine are used; when nothing
# is there, the local stack is started, and what was started of it is stopped at the end. A stack serves one run at a
# time: a second run is refused until the first has ended. AUTH_URL and BOOKS_URL win over --host.
# METRICS_TOKEN is taken from the environment, or from .env in this folder. LOCUST_* variables and ~/.locust.conf have
# no effect: a run is what its scenario files say.
#
# Exit codes: 0 all PASS, 1 a FAIL, 2 no FAIL but an INVALID or INCONCLUSIVE, 3 the run broke (nothing to reach,
# a scenario crashed), 64 wrong usage, 130 interrupted.
set -Eeuo pipefail

CALLED_FROM=$PWD
if [[ ${STACK_DIR:-/} != /* ]]; then export STACK_DIR=$CALLED_FROM/$STACK_DIR; fi
unset CDPATH # cd would look there first
SELF=$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null) || SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
cd "$(dirname "$SELF")"
# shellcheck source=stack/venv.sh
. ./stack/venv.sh
# shellcheck source=stack/run_lock.sh
. ./stack/run_lock.sh
# shellcheck source=stack/machines.sh
. ./stack/machines.sh

SCENARIOS=(smoke baseline read_heavy write_heavy stages soak spike) # in the order they run
ON_DEMAND=(break_point arrivals)                                    # behind them, and only where they are named
OPEN_FILES=10240                                                    # wanted; 1,000 users hold 2,000 connections
STOP_SECONDS=60                                                     # for a child to end by itself before it is killed
STACK=$PWD/.local
PROFILE=full
ONLY=''
TARGET_OPTIONS=()
METRICS_OPTIONS=()
PLAN_OPTIONS=()
PROCESSES=1
PROCESSES_GIVEN=0
MACHINES=0
BIND=''
GATHERED=no
OUT=''
CHOSEN=()        # the scenarios of this run
FILES=()         # their files
DOING=''         # what the process does that is waited for
CHILD=''         # that process
CHILD_SIGNAL=INT # what asks it to end
PROGRESS=''
SAMPLER=''
RUNNING='' # the scenario under way, and since when
RUNNING_SINCE=0
UNREAD='' # the scenario whose books have not been read back and removed
STACK_STARTED=no
FOLDER_MADE=no
RUN_FILE=none # run.json: none, begun, complete
CONCLUDED=no

main() {
  parse_options "$@"
  check_results_folder
  trap stop_run EXIT
  trap 'exit 130' INT TERM HUP PIPE # PIPE: nobody reads what it says any more, as when Ctrl-C ended `tee` too
  ensure_venv || exit 3
  forget_variables LOCUST
  forget_variables GEVENT
  make_results_folder
  begin_run
  if ((MACHINES > 0)); then choose_bind; fi
  raise_file_limit
  keep_stack
  start_stack
  make_users
  complete_run
  await_machines
  prepare_users
  run_scenarios
  let_machines_leave
  stop_stack
  conclude
}

parse_options() {
  while (($# > 0)); do
    case $1 in
    --quick | --full) PROFILE=${1#--} ;;
    --only | --host | --auth-url | --books-url | --metrics-url | --processes | --machines | --bind | --scenarios | --out)
      [[ -n ${2:-} && ${2:-} != --* ]] || refuse "$1 needs a value"
      take_value "$1" "$2"
      shift
      ;;
    -h | --help) usage ;;
    *) refuse "unknown option $1; --help lists them" ;;
    esac
    shift
  done
  check_target_options
  if [[ -n $BIND ]] && ((MACHINES == 0)); then refuse "--bind is for --machines N"; fi
  choose_scenarios
}

take_value() {
  case $1 in
  --only) ONLY=$2 ;;
  --processes)
    [[ $2 =~ ^[1-9][0-9]?$ ]] || refuse "--processes $2: it must be a number from 1 to 99"
    PROCESSES=$2
    PROCESSES_GIVEN=$2
    ;;
  --machines)
    [[ $2 =~ ^[1-9][0-9]?$ ]] || refuse "--machines $2: it must be a number from 1 to 99"
    MACHINES=$2
    ;;
  --bind)
    BIND=$2
    ;;
  --metrics-url) METRICS_OPTIONS+=("$1" "$2") ;;
  --scenarios) PLAN_OPTIONS+=(--own "$(absolute "$2")") ;;
  --out) OUT=$(absolute "$2") ;;
  *) TARGET_OPTIONS+=("$1" "$2") ;;
  esac
}

absolute() {
  if [[ $1 == /* ]]; then echo "${1%/}"; else echo "$CALLED_FROM/${1%/}"; fi
}

check_target_options() {
  local given=" ${TARGET_OPTIONS[*]-} "
  case $given in
  *' --host '*-url\ *) refuse "--host and --auth-url/--books-url exclude each other" ;;
  *-url\ *' --host '*) refuse "--host and --auth-url/--books-url exclude each other" ;;
  esac
}

# In the fixed order, whatever the order in --only.
choose_scenarios() {
  local name names=("${SCENARIOS[@]}") known=" ${SCENARIOS[*]} ${ON_DEMAND[*]} "
  if [[ -n $ONLY ]]; then IFS=, read -r -a names <<<"$ONLY"; fi
  for name in "${names[@]}"; do
    [[ $known == *" $name "* ]] || refuse "unknown scenario '$name'; there are ${SCENARIOS[*]} ${ON_DEMAND[*]}"
  done
  for name in "${SCENARIOS[@]}" "${ON_DEMAND[@]}"; do
    if [[ " ${names[*]} " == *" $name "* ]]; then CHOSEN+=("$name"); fi
  done
}

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$SELF"
  exit 0
}

say() { echo "run_all_tests.sh: $*" >&2; }

refuse() {
  say "$1"
  exit "${2:-64}"
}

# Refuses the folder of another run, and a place where no folder can be made; makes nothing yet.
check_results_folder() {
  local parent=.
  if [[ -n $OUT ]]; then
    if [[ -e $OUT || -L $OUT ]] && [[ ! -d $OUT || -n $(ls -A "$OUT") ]]; then
      refuse "--out $OUT exists and is not an empty folder; give another one"
    fi
    parent=$(dirname "$OUT")
    [[ -d $parent ]] || refuse "--out $OUT: there is no folder $parent; make it or give another one"
    if [[ -d $OUT ]]; then parent=$OUT; fi
  fi
  [[ -w $parent ]] || refuse "cannot write to $(cd "$parent" && pwd); give a folder elsewhere with --out" 3
}

# A plain mkdir fails when the folder is there already, so two runs never share a folder.
make_results_folder() {
  local try
  if [[ -d $OUT ]]; then return; fi
  if [[ -n $OUT ]]; then
    mkdir "$OUT" 2>/dev/null || refuse "cannot make $OUT; give a folder elsewhere with --out" 3
    FOLDER_MADE=yes
    return
  fi
  for try in 1 2 3 4 5; do
    OUT=$PWD/test_results_$(date +%Y%m%d_%H%M%S)
    if mkdir "$OUT" 2>/dev/null; then
      FOLDER_MADE=yes
      return
    fi
    sleep "$try"
  done
  refuse "cannot make $OUT; give a folder elsewhere with --out" 3
}

# Finds the scenario files and the services, before anything is started, and begins run.json with them.
begin_run() {
  local found file
  found=$("$PYTHON" -m load.run.preflight begin "$OUT" --profile "$PROFILE" --scenarios "${CHOSEN[*]}" \
    --processes "$PROCESSES" ${PLAN_OPTIONS[@]+"${PLAN_OPTIONS[@]}"} ${TARGET_OPTIONS[@]+"${TARGET_OPTIONS[@]}"} \
    ${METRICS_OPTIONS[@]+"${METRICS_OPTIONS[@]}"})
  RUN_FILE=begun
  {
    read -r TARGET WHOSE AUTH_URL BOOKS_URL ACCOUNTS
    while IFS= read -r file; do FILES+=("$file"); done
  } <<<"$found"
  export AUTH_URL BOOKS_URL
}

await_machines() {
  if ((MACHINES == 0)); then return; fi
  DOING="waiting for the other machines"
  GATHERED=yes
  gather_machines "$MACHINES" "$PROCESSES_GIVEN" "$OUT"
}

let_machines_leave() {
  if [[ $GATHERED == no ]]; then return; fi
  DOING="letting the other machines leave"
  GATHERED=no
  dismiss_machines "$OUT"
}

raise_file_limit() {
  local limit
  limit=$(ulimit -S -n)
  if [[ $limit == unlimited ]] || ((limit >= OPEN_FILES)); then return; fi
  ulimit -S -n "$OPEN_FILES" 2>/dev/null || ulimit -S -n "$(ulimit -H -n)" 2>/dev/null || true
  limit=$(ulimit -S -n)
  if [[ $limit != unlimited ]] && ((limit < OPEN_FILES)); then
    say "open files are limited to $limit, $OPEN_FILES are wanted: large scenarios may fail; raise it with ulimit -n"
  fi
}

# Locks the local stack for this run, whether it runs already or is about to be started.
keep_stack() {
  if [[ $WHOSE != stack ]]; then return; fi
  [[ -r /etc/debian_version ]] || return 0 # there is none: local_stack.sh says so
  find_stack
  hold_stack "${AUTH_URL##*:} and ${BOOKS_URL##*:}" "$OUT"
}

start_stack() {
  if [[ $TARGET != absent ]]; then return; fi
  export AUTH_PORT=${AUTH_URL##*:} BOOKS_PORT=${BOOKS_URL##*:}
  DOING="starting the local stack"
  CHILD_SIGNAL=TERM
  ./local_stack.sh up </dev/null &
  CHILD=$!
  wait_for_child || exit 3 # then it has stopped again what it had started
  STACK_STARTED=yes
  CHILD_SIGNAL=INT
}

complete_run() {
  DOING="looking at the services"
  run_child "$PYTHON" -m load.run.preflight complete "$OUT"
  RUN_FILE=complete
  echo "$PROFILE run against $AUTH_URL and $BOOKS_URL, results in $OUT"
}

make_users() {
  if [[ ! -e users.csv ]]; then run_child "$PYTHON" create_users_csv.py --out users.csv || exit 3; fi
}

prepare_users() {
  DOING="preparing the accounts"
  run_child "$PYTHON" register_users.py --auth-url "$AUTH_URL" --users users.csv || exit 3
  if ((${#METRICS_OPTIONS[@]} > 0)); then run_child "$PYTHON" -m load.run.machine_trial "$OUT" || exit 3; fi
  run_child "$PYTHON" -m load.client.sign_in --auth-url "$AUTH_URL" --users users.csv --sessions sessions.json \
    --most "$ACCOUNTS" || exit 3
}

run_scenarios() {
  local index
  echo "scenario,started,ended,exit_code" >"$OUT/scenarios.csv"
  for index in "${!CHOSEN[@]}"; do
    run_scenario "${CHOSEN[index]}" "${FILES[index]}" "$((index + 1))/${#CHOSEN[@]}"
  done
}

# A scenario that crashes is written down and its books are removed, and the next one runs.
run_scenario() {
  local name=$1 file=$2 number=$3 code=0
  DOING="looking at the catalogue"
  run_child "$PYTHON" -m load.run.read_back "$name" "$OUT" --before || true # without it, the verdict is INVALID
  RUNNING=$name
  RUNNING_SINCE=$(date +%s)
  UNREAD=$name
  DOING="loading ($name)"
  start_sampler "$name"
  start_locust "$name" "$file"
  "$PYTHON" -m analysis.progress "$OUT" "$name" --number "$number" --pid "$CHILD" &
  PROGRESS=$!
  wait "$PROGRESS" || true
  PROGRESS=''
  wait_for_child || code=$?
  stop_sampler
  note_end "$code"
  if ((code > 0)); then say "scenario $name crashed (exit code $code); see $OUT/$name.log"; fi
  DOING="reading back and removing the books of $name"
  run_child "$PYTHON" -m load.run.read_back "$name" "$OUT" || true # the verdict says what is missing
  UNREAD=''
}

# Before the load, so that its first second has a sample. The sampler ends when this script does.
start_sampler() {
  local try
  "$PYTHON" -m load.recording.sampler "$1" "$OUT" --pid $$ 2>>"$OUT/$1.log" &
  SAMPLER=$!
  for ((try = 0; try < 50; try++)); do
    if [[ -s $OUT/${1}_server.jsonl ]] || ! kill -0 "$SAMPLER" 2>/dev/null; then return; fi
    sleep 0.1
  done
}

stop_sampler() {
  if [[ -z $SAMPLER ]]; then return; fi
  { kill "$SAMPLER" && wait "$SAMPLER"; } 2>/dev/null || true
  SAMPLER=''
}

# Only the scenario file makes the plan: ~/.locust.conf would add to it. LOCUST_* variables, which would win over the
# file, and GEVENT* variables are gone already. Failed requests are judged by the verdict, not by Locust's exit code.
start_locust() {
  local name=$1 file=$2 options=(--headless --only-summary --exit-code-on-error 0)
  options+=(--csv "$OUT/$name" --csv-full-history --html "$OUT/$name.html" --logfile "$OUT/$name.log")
  options+=(--record "$OUT/$name")
  if ((MACHINES > 0)); then
    options+=(--master --master-bind-host "$BIND" --master-bind-port "$LOAD_PORT" --machines "$MACHINES")
  elif ((PROCESSES > 1)); then
    local port
    port=$(find_free_port)
    options+=(--processes "$PROCESSES" --master-bind-host 127.0.0.1 --master-bind-port "$port" --master-port "$port")
  fi
  start_child env HOME=/dev/null "$PYTHON" -m locust --config "$file" "${options[@]}" >>"$OUT/$name.log" 2>&1
}

find_free_port() {
  "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

note_end() {
  printf '%s,%s,%s,%s\n' "$RUNNING" "$RUNNING_SINCE" "$(date +%s)" "$1" >>"$OUT/scenarios.csv"
  RUNNING=''
}

# In a process group of its own, so that Ctrl-C in a terminal reaches this script alone, which then ends the child.
# A script in the background of another ignores the interrupt. Its child must not, because the interrupt ends it.
start_child() {
  set -m
  "$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@" </dev/null &
  CHILD=$!
  set +m
}

wait_for_child() {
  local code=0
  { wait "$CHILD"; } 2>/dev/null || code=$?
  CHILD=''
  return "$code"
}

run_child() {
  start_child "$@"
  wait_for_child
}

conclude() {
  local code=0
  DOING="summarizing"
  CHILD_SIGNAL=TERM
  run_child "$PYTHON" -m analysis.summarize "$OUT" || code=$?
  CONCLUDED=yes
  return "$code"
}

# Before the summary, so that a terminal shows the summary last. Of a stack that ran already, only what this run had to
# start again is stopped.
stop_stack() {
  if [[ $STACK_STARTED == no ]]; then return; fi
  DOING="stopping the local stack"
  say "stopping what this run has started of the local stack ..."
  ./local_stack.sh down || true
  STACK_STARTED=no
}

# Runs however the run ends: it stops what the run has started, and keeps and summarizes the results so far.
stop_run() {
  local code=$?
  trap '' INT TERM HUP PIPE
  trap - EXIT
  set +e
  if ((code == 130)); then announce_end; fi
  stop_child
  stop_sampler
  if [[ -n $RUNNING ]]; then note_end interrupted; fi
  if [[ -n $UNREAD ]]; then
    say "reading back and removing the books of $UNREAD, for a few minutes at most ..."
    "$PYTHON" -m load.run.read_back "$UNREAD" "$OUT" </dev/null
  fi
  let_machines_leave
  stop_stack
  if [[ $CONCLUDED == no ]]; then
    if ((code == 1)); then code=3; fi # something here broke: 1 would say FAIL
    if [[ -e $OUT/scenarios.csv ]] || { ((code == 130)) && [[ $RUN_FILE == complete ]]; }; then
      say "interrupted; this is what there is:"
      conclude
    fi
  fi
  if [[ ! -e $OUT/scenarios.csv && ! -e $OUT/summary.json ]]; then discard_results; fi
  exit "$code"
}

# At once, because ending everything in order can take a while.
announce_end() {
  if [[ -t 2 ]]; then echo >&2; fi # below the live line
  say "interrupted${DOING:+ while $DOING}; ending in order, which takes a moment ..."
}

# After a run that was refused before any load.
discard_results() {
  if [[ $RUN_FILE != none ]]; then rm -f "$OUT/run.json"; fi
  if [[ $FOLDER_MADE == yes ]]; then rmdir "$OUT" 2>/dev/null; fi
}

stop_child() {
  local waited=0
  if [[ -z $CHILD ]]; then return; fi
  kill -"$CHILD_SIGNAL" "$CHILD" 2>/dev/null
  while kill -0 "$CHILD" 2>/dev/null && ((waited < STOP_SECONDS * 5)); do
    sleep 0.2
    waited=$((waited + 1))
  done
  kill -KILL -- "-$CHILD" 2>/dev/null # its group: workers whose master died before them
  if [[ -n $PROGRESS ]]; then { wait "$PROGRESS"; } 2>/dev/null; fi
}

main "$@"
