#!/usr/bin/env bash
# Finds or installs the programs of MariaDB and Redis, without touching a service; sourced by local_stack.sh.
#
# Uses STACK, the folder of the stack, and refuse, which ends the script. Without root they are unpacked in STACK/root.
# REDIS_SERVER names another program that speaks as Redis does.

MISSING=()           # packages whose programs are not here
WITH_LIBRARIES=(env) # runs one of the programs with the libraries unpacked beside it

# Finds the stores' programs; MISSING is what must be installed for the rest.
# shellcheck disable=SC2034 # stores.sh uses what is found
find_programs() {
  local PATH=$PATH:/usr/local/sbin:/usr/sbin:$STACK/root/usr/bin:$STACK/root/usr/sbin folders
  MISSING=()
  MARIADBD=$(find_program mariadbd) && INSTALL_DB=$(find_program mariadb-install-db) || MISSING+=(mariadb-server-core)
  CLIENT=$(find_program mariadb) || MISSING+=(mariadb-client-core)
  if [[ -n ${REDIS_SERVER:-} ]]; then
    REDIS=$(find_program "$REDIS_SERVER") || refuse "REDIS_SERVER is '$REDIS_SERVER': there is no such program" 64
  else
    # In Debian's packages the check program is the server: it acts by the name it is called by.
    REDIS=$(find_program redis-server || find_program redis-check-rdb) || MISSING+=(redis-tools)
  fi
  if [[ -d $STACK/root ]]; then
    folders=$(printf '%s:' "$STACK"/root/{usr/,}lib/*-linux-gnu*)
    WITH_LIBRARIES=(env "LD_LIBRARY_PATH=${folders%:}")
  fi
  [[ ${#MISSING[@]} == 0 ]]
}

# Prints the path of a program, free of links; command -v alone would take a file that cannot be run.
find_program() {
  local path
  path=$(command -v "$1") && [[ -x $path ]] && readlink -f "$path"
}

can_install() {
  command -v apt-get >/dev/null || refuse "programs are missing and there is no apt-get; an administrator should run: \
apt-get install --no-install-recommends ${MISSING[*]}"
}

install_programs() {
  echo "stores: installing ${MISSING[*]} ..."
  if [[ $(id -u) == 0 ]] && install_packages >>"$STACK/apt.log" 2>&1 && find_programs; then return; fi
  if download_packages >>"$STACK/apt.log" 2>&1 && find_programs; then return; fi
  tail -n 5 "$STACK/apt.log" >&2
  refuse "could not install programs (see $STACK/apt.log); an administrator should run: \
apt-get install --no-install-recommends ${MISSING[*]}"
}

# Adds packages that bring programs and no service; nothing installed is upgraded, restarted or removed for it.
install_packages() {
  local names
  apt-get update || true
  mapfile -t names < <(name_packages)
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -o DPkg::Lock::Timeout=300 install \
    --no-install-recommends --no-upgrade --no-remove "${names[@]}"
}

# Without root: the same packages, and the libraries they lack here, unpacked into a folder of the stack.
download_packages() {
  local apt=$STACK/apt names file
  local -x APT_CONFIG=$apt/apt.conf
  rm -rf "$STACK/root" "$STACK/root.new" "$apt"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$STACK/root.new"
  printf '%s "%s";\n' Dir::State::Lists "$apt/lists" Dir::Cache "$apt" APT::Sandbox::User root >"$APT_CONFIG"
  apt-get update || return
  find_programs || true
  mapfile -t names < <(name_packages)
  mapfile -t names < <(apt-get -s --reinstall --no-install-recommends install "${names[@]}" |
    awk '$1 == "Inst" {print $2}')
  (cd "$apt" && apt-get download "${names[@]}") || return
  for file in "$apt"/*.deb; do dpkg-deb -x "$file" "$STACK/root.new" || return; done
  mv "$STACK/root.new" "$STACK/root"
  rm -rf "$apt"
}

# Older Ubuntu releases put a version behind the names.
name_packages() {
  local name found
  for name in "${MISSING[@]}"; do
    found=$(apt-cache search --names-only "^$name(-[0-9.]+)?\$" | sort | awk 'NR == 1 {print $1}')
    echo "${found:-$name}"
  done
}
