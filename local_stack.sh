#!/usr/bin/env bash
# Runs a private MariaDB and Redis and the two services on this machine (Debian or Ubuntu), beside whatever else runs.
#
# Usage: ./local_stack.sh up|down|status|reset|env
#   up      install what is missing, start what does not run, return when both services are ready
#   down    stop what up started; the data stay
#   status  show what runs
#   reset   put the data back to init.sql and empty Redis while the services go on
#   env     print addresses, secrets and pids of the running stack as KEY=value
#
# Environment: STACK_DIR (.local), AUTH_PORT (5000), BOOKS_PORT (5001), AUTH_WORKERS (2), BOOKS_WORKERS (4),
# REDIS_SERVER (redis-server; or another program that speaks as it does: valkey-server), and the settings of
# .env.example that are not about the stores. No other setting reaches the services or the stores
# (GUNICORN_CMD_ARGS, MYSQL_* ...), and the file .env is not used here.
# What runs is changed by down and up alone: up with other ports, workers or settings than those that run is refused, and
# so are down and reset while a run of run_all_tests.sh uses the stack.
# Exit codes: 0 done, 1 not everything runs, 3 it could not be done, 64 wrong usage, 130 interrupted.
set -Eeuo pipefail

unset CDPATH # cd would look there first, and print where it went
SELF=$(readlink -f "${BASH_SOURCE[0]}")
PROJECT=$(cd "$(dirname "$SELF")" && pwd)
STACK=$PROJECT/.local # the folder that holds everything of this stack

# shellcheck source=stack/venv.sh
. "$PROJECT/stack/venv.sh"
# shellcheck source=stack/settings.sh
. "$PROJECT/stack/settings.sh"
# shellcheck source=stack/install_stores.sh
. "$PROJECT/stack/install_stores.sh"
# shellcheck source=stack/stores.sh
. "$PROJECT/stack/stores.sh"
# shellcheck source=stack/processes.sh
. "$PROJECT/stack/processes.sh"
# shellcheck source=stack/run_lock.sh
. "$PROJECT/stack/run_lock.sh"

main() {
  [[ $# == 1 ]] || usage
  [[ -r /etc/debian_version ]] ||
    refuse "the local stack is for Debian and Ubuntu only; test a host elsewhere with --host"
  forget_variables MYSQL # the client of MariaDB and its installer read them
  forget_variables MARIADB
  find_stack
  case $1 in
  up) bring_up ;;
  down) take_down ;;
  status) show_status ;;
  reset) reset_data ;;
  env) print_env ;;
  *) usage ;;
  esac
}

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 64
}

refuse() {
  echo "local_stack.sh: $1" >&2
  exit "${2:-3}"
}

bring_up() {
  check_settings
  find_programs || can_install
  prepare_folder
  take_lock
  check_running
  trap undo EXIT
  trap 'exit 130' INT TERM HUP PIPE
  ensure_venv || exit
  umask 077
  find_programs || install_programs
  load_settings
  check_port auth AUTH_PORT
  check_port books BOOKS_PORT
  start_mariadb
  start_redis
  export_settings
  start_service auth "$AUTH_PORT" "$AUTH_WORKERS" app_jwt_redis:app
  start_service books "$BOOKS_PORT" "$BOOKS_WORKERS" microservicioCQRSRedis:app
  wait_until_ready auth books
  write_env
}

take_down() {
  [[ -e $STACK/lock ]] || return 0
  find_run
  [[ -z $RUN || $RUN == "$PPID" ]] || refuse "$(describe_run)"
  trap '' PIPE # whether anybody reads it or not
  take_lock
  stop_own books auth
  stop_own redis
  stop_own mariadb
}

# Stops what the caller may stop of these: a run stops what it started itself, anybody else all.
stop_own() {
  local name own=()
  for name in "$@"; do
    if [[ -z $RUN || $(starter_of "$name") == "$RUN" ]]; then own+=("$name"); fi
  done
  if [[ ${#own[@]} == 0 ]]; then return; fi
  stop "${own[@]}"
  rm -f "$STACK/stack.env"
}

show_status() {
  local name line code=0
  for name in mariadb redis auth books; do
    line="$name: stopped"
    if runs "$name"; then line="$name: running, pid $(pid_of "$name"), port $(port_of "$name")"; else code=1; fi
    if runs "$name" && [[ $name == auth || $name == books ]]; then
      line+=", /ready $(ask_ready "$(port_of "$name")")" || code=1
    fi
    echo "$line"
  done
  return "$code"
}

reset_data() {
  if ! runs mariadb || ! runs redis; then refuse "the stack does not run; start it with ./local_stack.sh up" 1; fi
  find_programs || refuse "the MariaDB client is missing; ./local_stack.sh up installs it"
  find_run
  [[ -z $RUN ]] || refuse "$(describe_run)"
  take_lock
  load_settings
  reset_stores
  echo "reset: the data of init.sql, Redis empty"
}

print_env() {
  if [[ ! -f $STACK/stack.env ]] || ! runs auth || ! runs books; then
    refuse "the stack is not up; start it with ./local_stack.sh up" 1
  fi
  cat "$STACK/stack.env"
}

take_lock() {
  { exec 8>>"$STACK/lock"; } 2>/dev/null || refuse "cannot write to $STACK: set STACK_DIR to a folder of your own"
  if flock -n 8; then return; fi
  echo "waiting for another call of local_stack.sh on $STACK ..." || true
  flock -w 600 8 || refuse "another call of local_stack.sh still works on $STACK: try again later"
}

check_port() {
  if runs "$1"; then return; fi
  end_orphans "$1"
  is_free "${!2}" 2 || refuse "port ${!2} is taken by another process: end that one, or set $2 to a free port"
}

start_service() {
  local name=$1 port=$2 workers=$3 app=$4
  if already_runs "$name"; then return; fi
  start "$name" "$port" "$PYTHON" -m gunicorn --bind "127.0.0.1:$port" --workers "$workers" "$app"
}

wait_until_ready() {
  local name
  DEADLINE=$((SECONDS + START_SECONDS))
  for name in "$@"; do
    wait_for "$name" ask_ready "$(port_of "$name")"
    echo "$name: ready on http://127.0.0.1:$(port_of "$name")"
  done
}

main "$@"
