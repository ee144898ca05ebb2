#!/usr/bin/env bash
# Starts MariaDB and Redis with their settings, loads and resets their data; sourced by local_stack.sh, and by
# deploy/install.sh for the accounts.
#
# Uses PROJECT, STACK, the passwords and ports of load_settings, what find_programs of install_stores.sh finds, and
# processes.sh.

start_mariadb() {
  local options=("--no-defaults" "--user=$(id -un)" "--basedir=${MARIADBD%/*/*}")
  if already_runs mariadb; then return; fi
  if [[ ! -d $STACK/data ]]; then create_data "${options[@]}"; fi
  choose_port DB_PORT
  # The socket's name is relative to the data folder: a full path may be longer than the 107 bytes it can have.
  start mariadb "$DB_PORT" "${WITH_LIBRARIES[@]}" "$MARIADBD" "${options[@]}" --datadir="$STACK/data" \
    --tmpdir="$STACK/data" --socket=mariadb.sock --bind-address=127.0.0.1 --port="$DB_PORT" --skip-name-resolve \
    --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=256M
  wait_for mariadb ask_mariadb </dev/null
  load_data || give_up mariadb "did not take the accounts and init.sql"
}

# Its administrator is this user of this machine over the socket; there is no password to guess. The installer takes
# no path with a space in it: it gets the stack by another name.
create_data() {
  local failed=
  echo "mariadb: making its data folder ..."
  rm -rf "$STACK/data.new"
  OTHER_NAME=$(mktemp -d /tmp/stack.XXXXXX)
  ln -s "$STACK" "$OTHER_NAME/s"
  "${WITH_LIBRARIES[@]}" "$INSTALL_DB" "${@/"$STACK"/"$OTHER_NAME/s"}" --datadir="$OTHER_NAME/s/data.new" \
    --tmpdir="$OTHER_NAME" --force \
    --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" --skip-test-db \
    >>"$STACK/mariadb.log" 2>&1 || failed=yes
  forget_other_name
  [[ -z $failed ]] || give_up mariadb "could not make its data folder"
  mv "$STACK/data.new" "$STACK/data"
}

# Also after an interrupt, for which `undo` calls it.
forget_other_name() {
  if [[ -n ${OTHER_NAME:-} ]]; then rm -rf "$OTHER_NAME"; fi
  OTHER_NAME=''
}

load_data() {
  print_accounts | ask_mariadb || return
  if [[ -f $STACK/data/loaded ]]; then return; fi
  ask_mariadb <"$PROJECT/init.sql" && : >"$STACK/data/loaded"
}

# Prints the SQL that makes the account of the services, or gives it the password DB_PASSWORD. MariaDB knows a client on
# this machine by the one name or the other.
print_accounts() {
  local host
  for host in 127.0.0.1 localhost; do
    printf "%s 'libros'@'$host' %s;\n" "CREATE USER IF NOT EXISTS" "" "ALTER USER" "IDENTIFIED BY '$DB_PASSWORD'" \
      "GRANT SELECT, INSERT, UPDATE, DELETE ON Libros.* TO" ""
  done
}

# Runs the SQL on standard input as the administrator.
ask_mariadb() {
  (cd "$STACK/data" && "${WITH_LIBRARIES[@]}" "$CLIENT" --no-defaults --protocol=socket --socket=mariadb.sock \
    --user="$(id -un)" --default-character-set=utf8mb4 --batch --skip-column-names)
}

# Nothing is kept on disk: a restart must not bring back a session that was revoked meanwhile.
start_redis() {
  if already_runs redis; then return; fi
  choose_port REDIS_PORT
  printf '%s\n' "bind 127.0.0.1" "port $REDIS_PORT" "requirepass $REDIS_PASSWORD" 'save ""' "appendonly no" \
    "maxmemory-policy noeviction" "dir \"$STACK\"" >"$STACK/redis.conf"
  rm -f "$STACK/dump.rdb" # of a SAVE that somebody asked for
  start redis "$REDIS_PORT" "${WITH_LIBRARIES[@]}" bash -c 'exec -a redis-server "$@"' - "$REDIS" "$STACK/redis.conf"
  wait_for redis ask_redis PING
}

# Sends one command without arguments to Redis; fails unless it is accepted.
ask_redis() {
  [[ $(printf '%s\r\n' "AUTH $REDIS_PASSWORD" "$1" QUIT | talk "$REDIS_PORT") == $'+OK\r\n+'* ]]
}

# The database stays and its tables are emptied: connections in the pools would lose a dropped database.
reset_stores() {
  local tables
  tables=$(ask_mariadb <<<"SELECT CONCAT('TRUNCATE TABLE Libros.\`', table_name, '\`;') FROM information_schema.tables
    WHERE table_schema = 'Libros' AND table_type = 'BASE TABLE'") || refuse "MariaDB did not answer; nothing was reset"
  {
    printf '%s\n' "SET SESSION foreign_key_checks = 0, lock_wait_timeout = 30;" "$tables" "SET foreign_key_checks = 1;"
    cat "$PROJECT/init.sql"
  } | ask_mariadb || refuse "the reset stopped half-way; run it again"
  ask_redis FLUSHALL || refuse "Redis could not be emptied; run the reset again"
}

# Keeps the port in variable $1 if it can. A new one lies below the range that outgoing connections take theirs from,
# so that it is still free after a restart. Services know only the old one: they are started again with the new.
choose_port() {
  local port=${!1}
  if [[ $port != 0 ]] && is_free "$port" 5; then return; fi
  until [[ $port != 0 && $port != "$AUTH_PORT" && $port != "$BOOKS_PORT" ]] && is_free "$port"; do
    port=$((20000 + RANDOM % 12000))
  done
  printf -v "$1" %s "$port"
  save_settings
  stop auth books
}
