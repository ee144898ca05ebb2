#!/usr/bin/env bash
# Runs the tests of the services on Debian 13 (MariaDB 11.8, Python 3.13, Redis 8), in a chroot made with debootstrap.
#
# Usage: tests/debian_13.sh [--valkey] [--json FILE] [FOLDER]
#
#   --valkey      run them a second time, with Valkey in the place of Redis
#   --json FILE   note versions, counts, day and commit in FILE, beside those of other systems
#   FOLDER        for the chroot, outside the project; it is kept, and the next run goes on with what it holds.
#                 Without it a temporary folder, which is removed at the end
#
# Tests what is committed, in a clone. For root on Debian or Ubuntu; needs the package archives of Debian and Python,
# and 2 GB. Exit 0: all passed; 1: something did not; 3: it could not be done; 64: usage; 130: interrupted.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}")
PROJECT=$(cd "$(dirname "$SELF")/.." && pwd)
ROUNDS=(redis)
FOLDER='' TEMPORARY='' CHILD='' JSON=''

main() {
  read_arguments "$@"
  check_machine
  trap clean EXIT
  trap 'exit 130' INT TERM PIPE
  choose_folder
  make_chroot
  copy_network_settings
  copy_project
  run_rounds
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"
}

refuse() {
  echo "debian_13.sh: $1" >&2
  exit "${2:-3}"
}

read_arguments() {
  while (($#)); do
    case $1 in
    -h | --help) usage && exit ;;
    --valkey) ROUNDS=(redis valkey) ;;
    --json)
      [[ -n ${2:-} ]] || refuse "--json needs a file; see --help" 64
      JSON=$(realpath -m -- "$2")
      shift
      ;;
    -*) refuse "unknown option '$1'; see --help" 64 ;;
    *)
      [[ -z $FOLDER ]] || refuse "give one folder; see --help" 64
      FOLDER=$(realpath -m -- "$1")
      [[ $FOLDER/ != "$PROJECT"/* ]] || refuse "$FOLDER is in the project: give a folder outside" 64
      ;;
    esac
    shift
  done
}

check_machine() {
  [[ $(id -u) == 0 ]] || refuse "a chroot needs root"
  command -v apt-get >/dev/null || refuse "this is for Debian and Ubuntu"
  [[ -z $JSON ]] || command -v python3 >/dev/null || refuse "--json needs python3"
  if ! command -v debootstrap >/dev/null; then
    echo "debian_13: installing debootstrap ..."
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
      --no-remove debootstrap >/dev/null 2>&1 || refuse "apt-get could not install debootstrap"
  fi
}

choose_folder() {
  if [[ -z $FOLDER ]]; then
    FOLDER=$(mktemp -d) && TEMPORARY=yes
  else
    mkdir -p "$FOLDER"
    [[ -e $FOLDER/made || -z $(ls -A "$FOLDER") ]] || refuse "$FOLDER holds other files: give a new folder"
    chmod 700 "$FOLDER"
  fi
  ROOT=$FOLDER/root
}

# Runs a command in namespaces of its own: whatever ends it, what it has mounted and started ends with it, so that
# nothing of this machine can ever be removed with the chroot. In the background, where a shell would have it ignore
# Ctrl-C, and where this script hears of a signal at once.
apart() {
  env --default-signal=INT,QUIT unshare --mount --pid --fork --kill-child "$@" </dev/null &
  CHILD=$!
  local code=0
  wait "$CHILD" || code=$?
  CHILD=''
  return $code
}

clean() {
  trap '' INT TERM PIPE
  if [[ -n $CHILD ]] && kill -KILL "$CHILD" 2>/dev/null; then wait "$CHILD" 2>/dev/null || true; fi
  if [[ -n $TEMPORARY ]]; then rm -rf --one-file-system "$FOLDER"; fi
}

make_chroot() {
  if [[ -e $FOLDER/made ]]; then return; fi
  echo "debian_13: making the chroot $ROOT (some minutes) ..."
  apart debootstrap --variant=minbase --include=ca-certificates,git trixie "$ROOT" >"$FOLDER/debootstrap.log" 2>&1 || {
    tail -n 5 "$FOLDER/debootstrap.log" >&2
    refuse "debootstrap could not make the chroot: see its words above"
  }
  : >"$FOLDER/made"
}

# It fetches as this machine does: with its resolver, its certificates, and its settings of apt and pip.
copy_network_settings() {
  local file
  cp -L /etc/resolv.conf /etc/hosts "$ROOT/etc/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/"
  apt-config dump Acquire >"$ROOT/etc/apt/apt.conf.d/90this-machine"
  for file in /etc/pip.conf /root/.config/pip/pip.conf; do
    if [[ -r $file ]]; then install -D -m 600 "$file" "$ROOT$file"; fi
  done
}

copy_project() {
  git init -q "$ROOT/project"
  git -C "$ROOT/project" fetch -q "$PROJECT" HEAD
  git -C "$ROOT/project" checkout -q --force --detach FETCH_HEAD
  git -C "$ROOT/project" clean -fdq
}

run_rounds() {
  local round failed=0
  export -f enter
  for round in "${ROUNDS[@]}"; do
    apart bash -c 'enter "$@"' - "$ROOT" "$round" "$FOLDER/$round.log" || failed=$?
  done
  for round in "${ROUNDS[@]}"; do tail -n 1 "$FOLDER/$round.log"; done
  if [[ -n $JSON ]]; then note_results; fi
  return $failed
}

note_results() {
  local commit round logs=()
  commit=$(git -C "$ROOT/project" rev-parse --short=7 HEAD)
  for round in "${ROUNDS[@]}"; do logs+=("$FOLDER/$round.log"); done
  (cd "$PROJECT" && python3 -m tests.documents.versions_tried "$JSON" "$commit" "${logs[@]}") ||
    refuse "the results could not be noted in $JSON"
}

# Runs the tests in the chroot $1 with the store $2, and keeps what they say in the log $3.
enter() {
  local variables=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  local pip options=()
  for pip in $(compgen -e PIP_); do variables+=("$pip=${!pip}"); done
  if [[ $2 == valkey ]]; then options=(--valkey); fi
  mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || return 3
  set -o pipefail
  chroot "$1" env -i "${variables[@]}" /project/tests/check_services.sh "${options[@]}" 2>&1 | tee "$3"
}

main "$@"
