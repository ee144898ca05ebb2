#!/usr/bin/env bash
# Starts, finds and ends the background processes of a stack, each by its pid and start time; sourced by local_stack.sh,
# and by deploy/install.sh to ask a service.
#
# Uses PROJECT, STACK and PYTHON, and refuse, which ends the script. STACK/NAME.pid holds pid, start time and port, and
# the pid of what called local_stack.sh.

START_SECONDS=60 # for a process to get ready
STOP_SECONDS=60  # then SIGKILL
STARTED=()       # by this call, to be stopped again if it fails

# Starts a command in the background, in a session of its own: it outlives this shell and its Ctrl-C.
start() {
  local name=$1 port=$2 pid
  shift 2
  DEADLINE=$((SECONDS + START_SECONDS))
  rm -f "$STACK/stack.env"
  (
    cd "$PROJECT" || exit
    withhold_variables
    ulimit -S -n 8192 2>/dev/null || true # a thousand clients need more than the usual 1024
    exec setsid "$@"
  ) >>"$STACK/$name.log" 2>&1 </dev/null 8>&- 7>&- & # the locks of the stack end with those who took them
  pid=$!
  STARTED+=("$name")
  echo "$pid $(start_time "$pid") $port $PPID" >"$STACK/$name.pid"
  echo "$name: started, pid $pid, port $port"
}

# A process of the stack gets what any program needs and the settings of the services. Another variable could change
# unseen what runs: GUNICORN_CMD_ARGS replaces the worker class, SCRIPT_NAME moves every route, FLASK_DEBUG, MYSQL_HOME ...
withhold_variables() {
  local exported kept=" PATH HOME USER LOGNAME SHELL LANG TZ TMPDIR LD_LIBRARY_PATH STACK_DIR "
  kept+="PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONUNBUFFERED "
  kept+=$(sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$PROJECT/.env.example" | tr '\n' ' ')
  for exported in $(compgen -e); do
    if [[ $kept != *" $exported "* && $exported != LC_* ]]; then export -n "${exported?}"; fi
  done
}

# Clock ticks from boot to the start of a process: with it a pid means one process for good. Fails for a dead one.
start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]:-Z} != [ZX] ]] && echo "${fields[19]}"
}

# The pid of a process of this stack, if that very process is alive.
pid_of() {
  local pid time
  { read -r pid time _ <"$STACK/$1.pid"; } 2>/dev/null && [[ $(start_time "$pid") == "$time" ]] && echo "$pid"
}

port_of() { cut -d' ' -f3 "$STACK/$1.pid"; }

# Prints the pid of what started a process of this stack, by way of local_stack.sh.
starter_of() { cut -d' ' -f4 "$STACK/$1.pid" 2>/dev/null; }

# Prints with how many workers the service with pid $1 was started.
workers_of() { tr '\0' '\n' <"/proc/$1/cmdline" | sed -n '/^--workers$/{n;p;}'; }

# Prints the value that the service with pid $1 was given of setting $2.
setting_of() { tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"; }

runs() { pid_of "$1" >/dev/null; }

already_runs() { runs "$1" && echo "$1: runs already, pid $(pid_of "$1"), port $(port_of "$1")"; }

# True if a server can listen on port $1, now or within $2 seconds.
is_free() {
  local tenths said
  for ((tenths = 0; tenths <= ${2:-0} * 10; tenths++)); do
    said=$("$PYTHON" -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1])))' "$1" 2>&1) && return
    if [[ $said == *PermissionError* ]]; then refuse "port $1 is for root alone: choose one above 1023"; fi
    sleep 0.1
  done
  return 1
}

# Sends standard input to a loopback port and prints what comes back until the other side closes, for 3 s at most.
# shellcheck disable=SC2016 # the inner shell expands it
talk() { timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && cat >&3 && cat <&3' - "$1" 2>/dev/null; }

# Prints what GET /ready answers on a port; fails unless that is a 200.
ask_ready() {
  local answer
  answer=$(printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' | talk "$1" || true)
  tail -n 1 <<<"${answer:-gives no answer}"
  [[ $answer == HTTP/1.?" 200 "* ]]
}

# Repeats a command until it succeeds; gives up when process $1 is gone or the time is over.
wait_for() {
  local name=$1
  shift
  until "$@" &>/dev/null; do
    runs "$name" || give_up "$name" "ended by itself"
    ((SECONDS < DEADLINE)) || give_up "$name" "was not ready within $START_SECONDS s"
    sleep 0.2
  done
  runs "$name" || give_up "$name" "ended by itself"
}

give_up() {
  tail -n 15 "$STACK/$1.log" >&2
  refuse "$1 $2; its log $STACK/$1.log ends as above"
}

stop() {
  local name pid
  for name in "$@"; do
    if pid=$(pid_of "$name"); then kill -TERM "$pid" && kill -CONT "$pid" || true; fi 2>/dev/null
  done
  for name in "$@"; do
    await_end "$name"
    end_orphans "$name"
    if [[ -f $STACK/$name.pid ]]; then echo "$name: stopped" || true; fi 2>/dev/null
    rm -f "$STACK/$name.pid"
  done
}

await_end() {
  local tenths pid
  for ((tenths = 0; tenths < STOP_SECONDS * 10; tenths++)); do
    runs "$1" || return 0
    sleep 0.1
  done
  if pid=$(pid_of "$1"); then kill -KILL -- "-$pid"; fi
}

# A master that was killed leaves its workers, and frozen ones stay for good: ends what is left of its session. Each
# must have this stack in its environment, so that it is none of another's.
end_orphans() {
  local leader stat line fields
  { read -r leader _ <"$STACK/$1.pid"; } 2>/dev/null || return 0
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }"
    if [[ ${fields[3]:-} == "$leader" ]] && grep -qzxF "STACK_DIR=$STACK" "${stat%stat}environ" 2>/dev/null; then
      kill -KILL "$(basename "${stat%/stat}")" 2>/dev/null || true
    fi
  done
}

# Stops what a call that fails has started; for its EXIT trap.
undo() {
  local code=$? i
  trap '' EXIT INT TERM HUP PIPE
  forget_other_name
  if [[ $code != 0 ]]; then
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do stop "${STARTED[i]}"; done
  fi
}
