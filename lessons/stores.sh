#!/usr/bin/env bash
# Starts and stops a private MariaDB and Redis for the lessons, without the two services.
#
# Usage: STACK_DIR=FOLDER lessons/stores.sh up|down
#
# Missing programs are installed as local_stack.sh does it. FOLDER/settings then holds ports and passwords. The account
# `libros` has the rights of the services, the account `lessons` all of them, with the same password.
set -Eeuo pipefail

unset CDPATH # cd would look there first, and print where it went
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

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
  [[ -r /etc/debian_version ]] || refuse "the lessons' MariaDB and Redis are for Debian and Ubuntu only"
  forget_variables MYSQL # the client of MariaDB and its installer read them
  forget_variables MARIADB
  ensure_venv || exit
  umask 077
  case "${1:-}" in
  up) start_stores ;;
  down) trap '' PIPE && STACK=$STACK_DIR && stop redis mariadb ;;
  *) sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
  esac
}

refuse() {
  echo "lessons.sh: $1" >&2
  exit "${2:-3}"
}

start_stores() {
  ensure_programs
  STACK=$STACK_DIR
  trap undo EXIT
  trap 'exit 130' INT TERM HUP PIPE
  # shellcheck disable=SC2034 # choose_port avoids them
  AUTH_PORT=5000 BOOKS_PORT=5001
  load_settings
  start_mariadb
  start_redis
  ask_mariadb <<<"CREATE USER IF NOT EXISTS 'lessons'@'127.0.0.1' IDENTIFIED BY '$DB_PASSWORD';
    GRANT ALL ON *.* TO 'lessons'@'127.0.0.1' WITH GRANT OPTION"
}

# Programs that must be unpacked, because there is no root, are kept with the local stack, for the next time.
ensure_programs() {
  STACK=$PROJECT/.local
  if find_programs; then return; fi
  can_install
  prepare_folder
  exec 8>>"$STACK/lock"
  flock -w 600 8 || refuse "a call of local_stack.sh still works on $STACK: try again later"
  find_programs || install_programs
}

main "$@"
