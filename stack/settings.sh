#!/usr/bin/env bash
# Checks, makes and keeps the settings of a stack, and gives them to its services; sourced by local_stack.sh.
#
# Uses PROJECT, STACK, processes.sh, and refuse, which ends the script.

check_settings() {
  local name
  : "${AUTH_PORT:=5000}" "${BOOKS_PORT:=5001}" "${AUTH_WORKERS:=2}" "${BOOKS_WORKERS:=4}"
  for name in AUTH_PORT BOOKS_PORT AUTH_WORKERS BOOKS_WORKERS; do
    if ! [[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] || ((${!name} > 65535)); then
      refuse "$name is '${!name}': give a whole number from 1 to 65535" 64
    fi
  done
  [[ $AUTH_PORT != "$BOOKS_PORT" ]] || refuse "AUTH_PORT and BOOKS_PORT are both $AUTH_PORT: give two ports" 64
}

# What runs already must be what is asked for. A setting that is not given asks for nothing, a port or a number of
# workers then for the usual one.
check_running() {
  local service name pid who=() running=() asked=()
  for service in auth books; do
    pid=$(pid_of "$service") || continue
    who+=("$service: pid $pid, port $(port_of "$service")")
    compare "${service^^}_PORT" "$(port_of "$service")"
    compare "${service^^}_WORKERS" "$(workers_of "$pid")"
    for name in $(name_settings); do
      if [[ -n ${!name:-} ]]; then compare "$name" "$(setting_of "$pid" "$name")"; fi
    done
  done
  if [[ ${#asked[@]} == 0 ]]; then return; fi
  refuse "the stack in $STACK runs with ${running[*]} ($(printf '%s; ' "${who[@]}" | sed 's/; $//')), asked was \
${asked[*]}: ./local_stack.sh down, then up, changes it; with another STACK_DIR a second stack runs beside it"
}

# Adds the setting $1 to what its caller found differing if it is not $2.
compare() {
  if [[ ${!1} != "$2" && " ${asked[*]-} " != *" $1="* ]]; then running+=("$1=$2") asked+=("$1=${!1}"); fi
}

# The settings that can be given to the services of a stack: those about the stores and the secrets are the stack's own.
name_settings() {
  sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$PROJECT/.env.example" |
    grep -vxE 'DB_(HOST|PORT|USER|PASSWORD|NAME)|REDIS_URL|JWT_SECRET|METRICS_TOKEN'
}

# Passwords and store ports are made once and kept, so that what runs and what starts later agree.
load_settings() {
  local name
  if [[ ! -f $STACK/settings ]]; then
    DB_PORT=0 REDIS_PORT=0
    for name in DB_PASSWORD REDIS_PASSWORD JWT_SECRET METRICS_TOKEN; do
      printf -v "$name" %s "$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')"
    done
    save_settings
  fi
  # shellcheck source=/dev/null
  . "$STACK/settings"
}

save_settings() { write_file settings DB_PORT REDIS_PORT DB_PASSWORD REDIS_PASSWORD JWT_SECRET METRICS_TOKEN; }

# Writes the named variables to a file of the stack that only its owner reads, all or nothing.
write_file() {
  local file=$STACK/$1 name
  shift
  for name in "$@"; do printf '%s=%q\n' "$name" "${!name}"; done >"$file.new"
  mv "$file.new" "$file"
}

# What the services get. Each setting is given, with its default if need be: one that is not would come from .env.
export_settings() {
  local name value
  export DB_HOST=127.0.0.1 DB_PORT DB_USER=libros DB_PASSWORD DB_NAME=Libros DB_TLS=off JWT_SECRET METRICS_TOKEN
  export REDIS_URL="redis://:$REDIS_PASSWORD@127.0.0.1:$REDIS_PORT/0" STACK_DIR=$STACK
  while IFS='=' read -r name value; do
    if [[ $name =~ ^[A-Z_]+$ && -n $value && -z ${!name:-} ]]; then export "$name=$value"; fi
  done <"$PROJECT/.env.example"
}

# shellcheck disable=SC2034 # write_file takes the names
write_env() {
  local AUTH_URL BOOKS_URL DB_PID REDIS_PID AUTH_PID BOOKS_PID
  AUTH_URL=http://127.0.0.1:$(port_of auth) BOOKS_URL=http://127.0.0.1:$(port_of books)
  DB_PID=$(pid_of mariadb) REDIS_PID=$(pid_of redis) AUTH_PID=$(pid_of auth) BOOKS_PID=$(pid_of books)
  write_file stack.env AUTH_URL BOOKS_URL DB_HOST DB_PORT DB_USER DB_PASSWORD DB_NAME REDIS_URL JWT_SECRET \
    METRICS_TOKEN DB_PID REDIS_PID AUTH_PID BOOKS_PID
}
