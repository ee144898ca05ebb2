#!/usr/bin/env bash
# Sets up both services on a VM of Debian 12, Debian 13 or Ubuntu 24.04, so that they run from now on and after each
# boot.
#
# Usage: sudo deploy/install.sh [--allow ADDRESS] [--front]
#        sudo deploy/install.sh --uninstall
#
#   --allow ADDRESS   let this IPv4 address (198.51.100.4) or network (198.51.100.0/24) reach the services, and none else;
#                     without it whoever the firewall of your provider lets in
#   --front           put nginx before the services, for clients that are slow
#   --uninstall       remove all of it, the database too; the packages stay
#
# Safe to repeat: it adds what is missing, keeps each password and each setting that stands in /opt/libros/.env, takes the
# files of the project anew, and restarts the services. What an earlier call was given and this one is not, ends.
# What it makes: the packages mariadb-server, redis-server, python3-venv (and nginx), /opt/libros, the user `libros`, the
# database Libros, settings of MariaDB and Redis that keep both on this machine alone, and systemd units.
# Exit 0: both services are ready; 3: it could not be done; 64: usage; 130: interrupted.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}")
PROJECT=$(cd "$(dirname "$SELF")/.." && pwd)

# shellcheck source=deploy/addresses.sh
. "$PROJECT/deploy/addresses.sh"
# shellcheck source=deploy/service_files.sh
. "$PROJECT/deploy/service_files.sh"
# shellcheck source=stack/install_stores.sh
. "$PROJECT/stack/install_stores.sh"
# shellcheck source=stack/stores.sh
. "$PROJECT/stack/stores.sh"
# shellcheck source=stack/processes.sh
. "$PROJECT/stack/processes.sh"

TARGET=/opt/libros
ENV_FILE=$TARGET/.env
UNITS=/etc/systemd/system
ALLOW_UNIT=$UNITS/libros-.service.d/allow.conf
MARIADB_CONF=/etc/mysql/mariadb.conf.d/99-libros.cnf
REDIS_CONF=/etc/redis/libros.conf
REDIS_INCLUDE="include $REDIS_CONF"
LOG=/var/log/libros-install.log
ADDRESS='' FRONT='' UNINSTALL=''

main() {
  read_arguments "$@"
  check_machine
  check_target
  trap 'exit 130' INT TERM HUP PIPE
  trap 'refuse "stopped, because this failed: $BASH_COMMAND (line $LINENO)"' ERR
  umask 022
  if [[ -n $UNINSTALL ]]; then
    uninstall
    return
  fi
  check_redis
  add_packages
  add_user
  copy_files
  make_environment
  write_settings
  set_up_mariadb
  set_up_redis
  add_units
  start_services
  say_what_next
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
}

refuse() {
  echo "install.sh: $1" >&2
  exit "${2:-3}"
}

say() { echo "install: $*"; }

read_arguments() {
  while (($#)); do
    case $1 in
    -h | --help) usage && exit ;;
    --front) FRONT=yes ;;
    --uninstall) UNINSTALL=yes ;;
    --allow)
      is_ipv4 "${2:-}" || refuse "--allow is '${2:-}': give an IPv4 address such as 198.51.100.4, or a network such as \
198.51.100.0/24; the services listen on IPv4 alone" 64
      ADDRESS=$2
      shift
      ;;
    *) refuse "unknown option '$1'; see --help" 64 ;;
    esac
    shift
  done
  [[ -z $UNINSTALL || -z $ADDRESS$FRONT ]] || refuse "--uninstall goes with no other option" 64
}

check_machine() {
  local system
  [[ $(id -u) == 0 ]] || refuse "it needs root: sudo deploy/install.sh"
  # shellcheck disable=SC1091
  system=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")
  [[ " debian 12, debian 13, ubuntu 24.04," == *" $system,"* ]] ||
    refuse "this machine is '$system': it is for Debian 12, Debian 13 and Ubuntu 24.04; docs/vm.md has each step by hand"
  [[ -d /run/systemd/system ]] || refuse "systemd does not run here, which starts the services and keeps them running"
}

# All of it is the installer's: --uninstall removes it.
check_target() {
  [[ ! -e $TARGET/.git ]] || refuse "$TARGET is a git checkout: move it elsewhere, and call its deploy/install.sh there"
  if is_there && ! is_own; then refuse "this machine has a user libros already, who is somebody else: rename that user"; fi
}

is_there() { id libros >/dev/null 2>&1; }

is_own() { [[ $(getent passwd libros | cut -d: -f6) == "$TARGET" ]]; }

# Before anything is changed: Redis forgets what it has when snapshots end.
check_redis() {
  local keys
  if [[ -e $REDIS_CONF ]] || ! has_package redis-server || ! systemctl --quiet is-active redis-server; then return; fi
  keys=$(redis-cli dbsize 2>&1 || true)
  [[ $keys == 0 ]] || refuse "Redis here is in other use (DBSIZE: $keys): it has to be for the services alone"
}

add_packages() {
  local name wanted=(mariadb-server mariadb-client redis-server python3-venv ca-certificates)
  if [[ -n $FRONT ]]; then wanted+=(nginx); fi
  MISSING=()
  for name in "${wanted[@]}"; do has_package "$name" || MISSING+=("$name"); done
  if [[ ${#MISSING[@]} == 0 ]]; then return; fi
  say "installing ${MISSING[*]} ..."
  install_quietly </dev/null >>"$LOG" 2>&1 || {
    tail -n 5 "$LOG" >&2
    refuse "apt-get could not install ${MISSING[*]}: its last words are above, all of them in $LOG"
  }
}

# nginx comes with a service of its own on port 80, which nobody has asked for.
install_quietly() {
  local failed=''
  if [[ " ${MISSING[*]} " != *" nginx "* ]]; then
    install_packages
    return
  fi
  systemctl mask nginx
  install_packages || failed=yes
  systemctl unmask nginx
  systemctl disable nginx || true
  [[ -z $failed ]]
}

has_package() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

add_user() {
  if is_there; then return; fi
  useradd --system --user-group --home-dir "$TARGET" --no-create-home --shell /usr/sbin/nologin libros
  say "user libros, for the services"
}

# Of root, so that the services cannot change what they run. Each file comes in whole.
copy_files() {
  local name
  mkdir -p "$TARGET"
  if [[ $PROJECT -ef $TARGET ]]; then return; fi
  rm -rf "$TARGET/new"
  mkdir "$TARGET/new"
  tar -C "$PROJECT" --exclude=__pycache__ -c "${SERVICE_FILES[@]}" | tar -C "$TARGET/new" --no-same-owner -x
  chmod -R u=rwX,go=rX "$TARGET/new"
  for name in "${SERVICE_FILES[@]}"; do
    rm -rf "${TARGET:?}/$name"
    mv "$TARGET/new/$name" "$TARGET/$name"
  done
  rmdir "$TARGET/new"
  say "the services' files in $TARGET"
}

make_environment() {
  (
    unset VIRTUAL_ENV
    # shellcheck source=stack/venv.sh
    . "$TARGET/stack/venv.sh"
    ensure_venv
  ) || exit
  "$TARGET/.venv/bin/python" -m compileall -q "$TARGET"/*.py "$TARGET/backend"
}

# What stands in .env stays: the passwords, and what somebody has added.
write_settings() {
  [[ -e $ENV_FILE ]] || say "passwords and METRICS_TOKEN, made at random, in $ENV_FILE"
  touch "$ENV_FILE"
  chown libros: "$ENV_FILE"
  chmod 600 "$ENV_FILE"
  keep_or_add JWT_SECRET "$(make_secret)"
  keep_or_add METRICS_TOKEN "$(make_secret)"
  keep_or_add DB_USER libros
  keep_or_add DB_PASSWORD "$(make_secret)"
  keep_or_add REDIS_URL "redis://:$(make_secret)@127.0.0.1:6379/0"
  DB_PASSWORD=$(setting DB_PASSWORD)
  [[ $DB_PASSWORD =~ ^[A-Za-z0-9_-]+$ && $(setting DB_USER) == libros ]] ||
    refuse "$ENV_FILE: DB_USER must be libros, and DB_PASSWORD of letters, digits, _ and -"
  REDIS_PASSWORD=$(setting REDIS_URL | sed -nE 's#^redis://:([A-Za-z0-9_-]+)@127\.0\.0\.1:6379/0$#\1#p')
  [[ -n $REDIS_PASSWORD ]] ||
    refuse "$ENV_FILE: REDIS_URL must be redis://:PASSWORD@127.0.0.1:6379/0, with a PASSWORD of letters, digits, _ and -"
}

make_secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }

keep_or_add() { grep -q "^$1=." "$ENV_FILE" || echo "$1=$2" >>"$ENV_FILE"; }

setting() { sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1; }

# Debian 12 has systemd open MariaDB's port at boot, on all addresses and whatever bind-address says: no more, for good.
set_up_mariadb() {
  local changed=''
  if systemctl --quiet is-enabled mariadb.socket 2>>"$LOG"; then
    systemctl --quiet disable --now mariadb.socket 2>>"$LOG"
    changed=yes
  fi
  if write_if_changed "$MARIADB_CONF" 644 <<<$'# Made by deploy/install.sh.\n[mariadbd]\nbind-address = 127.0.0.1'; then
    changed=yes
  fi
  if [[ -n $changed ]]; then start_store mariadb restart; fi
  start_store mariadb enable --now
  { print_accounts && cat "$PROJECT/init.sql"; } | ask_administrator >>"$LOG" ||
    refuse "MariaDB did not take the account libros and init.sql: see above; does root get in with: mariadb"
  say "MariaDB on 127.0.0.1:3306, with the database Libros and the account libros"
}

start_store() {
  systemctl --quiet "${@:2}" "$1" 2>>"$LOG" || refuse "$1 does not start (is its port taken?): journalctl -u $1"
}

# Over the socket, where MariaDB takes root of this machine for its administrator.
ask_administrator() { mariadb --default-character-set=utf8mb4 --batch --skip-column-names; }

# A snapshot that comes back brings back sessions that were ended: what Redis has left of one goes, while it stands.
set_up_redis() {
  local changed=''
  if printf '%s\n' "# Made by deploy/install.sh." "bind 127.0.0.1" "port 6379" "requirepass $REDIS_PASSWORD" 'save ""' \
    "appendonly no" "maxmemory-policy noeviction" | write_if_changed "$REDIS_CONF" 640; then changed=yes; fi
  chown root:redis "$REDIS_CONF"
  if ! grep -qxF "$REDIS_INCLUDE" /etc/redis/redis.conf; then
    echo "$REDIS_INCLUDE" >>/etc/redis/redis.conf
    changed=yes
  fi
  if [[ -n $changed ]]; then
    systemctl stop redis-server
    rm -f /var/lib/redis/dump.rdb
  fi
  start_store redis-server enable --now
  say "Redis on 127.0.0.1:6379, with a password and without snapshots"
}

# Writes standard input to file $1 with mode $2; says by its exit code whether that changed anything.
write_if_changed() {
  cat >"$1.new"
  chmod "$2" "$1.new"
  if cmp -s "$1.new" "$1"; then
    rm "$1.new"
    return 1
  fi
  mv "$1.new" "$1"
}

# The services listen where nginx asks them if there is a front, else where clients do.
add_units() {
  local units=$PROJECT/deploy/units
  mkdir -p "$UNITS/libros-.service.d"
  cp "$units/libros-.service.d/rights.conf" "$UNITS/libros-.service.d/"
  if [[ -z $ADDRESS && -e $ALLOW_UNIT ]]; then say "without --allow: from now on any address may reach the services"; fi
  rm -f "$ALLOW_UNIT"
  if [[ -n $ADDRESS ]]; then
    printf '%s\n' "[Service]" "IPAddressDeny=any" "IPAddressAllow=localhost $ADDRESS" >"$ALLOW_UNIT"
  fi
  if [[ -n $FRONT ]]; then
    sed 's/0\.0\.0\.0:5000/127.0.0.1:8000/' "$units/libros-auth.service" >"$UNITS/libros-auth.service"
    sed 's/0\.0\.0\.0:5001/127.0.0.1:8001/' "$units/libros-books.service" >"$UNITS/libros-books.service"
    cp "$units/libros-front.service" "$UNITS/"
    write_front
  else
    remove_unit front
    cp "$units"/libros-{auth,books}.service "$UNITS/"
  fi
  systemctl daemon-reload
}

# Here /metrics goes through, because it asks for METRICS_TOKEN; and what nginx writes goes where its unit lets it.
write_front() {
  local kind folders=''
  for kind in client_body proxy fastcgi uwsgi scgi; do folders+="  ${kind}_temp_path /run/libros-front/$kind;\n"; done
  sed -e '/location = \/metrics {/,/}/d' -e "s#^http {#&\n$folders#" "$PROJECT/deploy/nginx.conf" >"$TARGET/front.conf"
}

remove_unit() {
  if [[ -e $UNITS/libros-$1.service ]]; then systemctl --quiet disable --now "libros-$1" 2>>"$LOG"; fi
  rm -f "$UNITS/libros-$1.service"
}

start_services() {
  local names=(auth books) name
  if [[ -n $FRONT ]]; then names+=(front); fi
  for name in "${names[@]}"; do
    systemctl --quiet enable "libros-$name" 2>>"$LOG"
    systemctl restart "libros-$name" || give_up_on "$name" "did not start"
  done
  await_ready auth 5000
  await_ready books 5001
}

await_ready() {
  local seconds
  for ((seconds = 0; seconds < START_SECONDS; seconds++)); do
    if ask_ready "$2" >/dev/null; then
      say "libros-$1 is ready on port $2"
      return
    fi
    sleep 1
  done
  if [[ -n $FRONT && $(systemctl show --value --property NRestarts libros-front) != 0 ]]; then
    give_up_on front "does not stay"
  fi
  give_up_on "$1" "was not ready within $START_SECONDS s"
}

give_up_on() {
  journalctl --quiet --no-pager --unit "libros-$1" --lines 15 --output cat >&2 || true
  refuse "libros-$1 $2; its log ends as above: journalctl -u libros-$1"
}

say_what_next() {
  cat <<WORDS

Both services run, and start at each boot. Their logs: journalctl -u libros-auth -u libros-books

Firewall: open TCP ports 5000 and 5001 for ${ADDRESS:-the address of your laptop} alone. The line is one of:
  ufw allow proto tcp from ${ADDRESS:-ADDRESS} to any port 5000,5001
  gcloud compute firewall-rules create libros --allow tcp:5000,tcp:5001 --source-ranges ${ADDRESS:-ADDRESS}

On the laptop, in the project's folder, with this VM's address in place of VM-ADDRESS:
  METRICS_TOKEN=$(setting METRICS_TOKEN) ./run_all_tests.sh --quick --host VM-ADDRESS
WORDS
}

uninstall() {
  local name
  for name in front books auth; do remove_unit "$name"; done
  rm -rf "$UNITS/libros-.service.d"
  systemctl daemon-reload
  systemctl reset-failed 'libros-*' 2>/dev/null || true
  remove_data
  if is_there; then userdel libros; fi
  rm -rf "$TARGET" "$LOG"
  say "removed: the services, $TARGET, the user libros, the database Libros, and the settings of MariaDB and Redis"
  say "the packages stay; with these lines they go, and all databases of this machine with them:"
  say "  apt-get purge mariadb-server redis-server nginx && apt-get autoremove --purge"
}

remove_data() {
  if [[ -e $MARIADB_CONF ]]; then
    ask_administrator <<<"DROP DATABASE IF EXISTS Libros; DROP USER IF EXISTS 'libros'@'127.0.0.1', 'libros'@'localhost'" ||
      refuse "MariaDB did not remove the database Libros: see above; nothing of the stores was changed"
    rm "$MARIADB_CONF"
    systemctl try-restart mariadb
  fi
  if [[ -e $REDIS_CONF ]]; then
    sed -i "\\#^$REDIS_INCLUDE\$#d" /etc/redis/redis.conf
    rm "$REDIS_CONF"
    systemctl try-restart redis-server
  fi
}

main "$@"
