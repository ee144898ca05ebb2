#!/usr/bin/env bash
# Runs the tests of the two services and of the local stack with what this system has, and says what that is.
#
# Usage: tests/check_services.sh [--valkey]
#
#   --valkey   with Valkey in the place of Redis; installed if it is missing, by root on a system that has valkey-tools
#
# The last line names the versions. Exit 0: all passed; 1: something did not; 3: it could not be done; 64: usage.
set -Eeuo pipefail

unset CDPATH
SELF=$(readlink -f "${BASH_SOURCE[0]}")
cd "$(dirname "$SELF")/.."
# shellcheck source=stack/venv.sh
. ./stack/venv.sh
# shellcheck source=stack/install_stores.sh
. ./stack/install_stores.sh

FILES=(tests/backend/test_*.py tests/guards/test_*.py tests/stack/test_local_stack*.py)
STACK=$(mktemp -d) # for logs; stack/install_stores.sh knows it by this name

main() {
  trap 'rm -rf "$STACK"' EXIT
  case "$*" in
  '') ;;
  --valkey) use_valkey ;;
  -h | --help) usage && return 0 ;;
  *) refuse "unknown options '$*'; it takes --valkey or nothing" 64 ;;
  esac
  ensure_venv --dev
  find_programs || install_programs
  if run_tests; then say_result passed; else say_result FAILED && return 1; fi
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$SELF"
}

refuse() {
  echo "check_services.sh: $1" >&2
  exit "${2:-3}"
}

# The package with the tools has the server too, as Redis' has, and starts no service.
use_valkey() {
  if ! command -v valkey-server valkey-check-rdb >/dev/null; then
    MISSING=(valkey-tools)
    install_packages >"$STACK/apt.log" 2>&1 || refuse "valkey-tools could not be installed: $(tail -n 1 "$STACK/apt.log")"
  fi
  REDIS_SERVER=$(command -v valkey-server || command -v valkey-check-rdb)
  export REDIS_SERVER
}

# As run_checks.sh does: what measures runs alone.
run_tests() {
  local failed=0
  "$PYTHON" -m pytest "${FILES[@]}" -m "not alone" -n 3 --dist loadfile --no-loadscope-reorder |
    tee "$STACK/together.log" || failed=1
  "$PYTHON" -m pytest "${FILES[@]}" -m alone | tee "$STACK/alone.log" || failed=1
  return $failed
}

# Prints, say, "Debian 13.1, Python 3.13.5, MariaDB 11.8.3, Redis 8.0.2: passed (412 passed in 431.22s; ...)".
say_result() {
  local system python mariadb redis
  # shellcheck disable=SC1091,SC2153 # it gives these names
  system=$(. /etc/os-release && echo "${NAME%% *} ${DEBIAN_VERSION_FULL:-$VERSION_ID}")
  python=$("$PYTHON" --version)
  mariadb=$("${WITH_LIBRARIES[@]}" "$MARIADBD" --version | sed -E 's/.*Ver ([0-9.]+).*/\1/')
  redis=$("${WITH_LIBRARIES[@]}" bash -c 'exec -a redis-server "$@"' - "$REDIS" --version)
  redis=$(sed -E 's/ server v=([^ ]+).*/ \1/' <<<"$redis")
  echo "$system, $python, MariaDB $mariadb, $redis: $1 ($(counts together); $(counts alone))"
}

# What pytest said last of a round, without its frame.
counts() { tail -n 1 "$STACK/$1.log" | sed -E 's/^=+ | =+$//g'; }

main "$@"
