#!/usr/bin/env bash
# Shows the lessons of docs/lessons.md: each runs a mistake and its cure side by side, and says what was seen.
#
# Usage: ./lessons.sh [NAME...]
#
#   NAME    one of: development_server connection_per_request bare_pool zombies shape_in_the_main_file
#           status_is_not_enough silent_repeats coordinated_omission hashing_eats_the_reads cold_cqrs
#           (all ten, in under ten minutes)
#   --help  this text
#
# What was seen goes to lessons.json, and with the pictures and the programs to lessons.html, which needs no network.
# A lesson that ran before stays in both until it runs again. A private MariaDB and Redis on free ports are started for
# it, and ended with it; other services of this machine are not touched.
#
# Exit codes: 0 done, 1 a lesson broke (the others ran), 3 the stores could not be started, 64 wrong usage,
# 130 interrupted.
set -Eeuo pipefail

unset CDPATH # cd would look there first
SELF=$(readlink -f "${BASH_SOURCE[0]}" 2>/dev/null) || SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
cd "$(dirname "$SELF")"
# shellcheck source=stack/venv.sh
. ./stack/venv.sh

main() {
  case "${1:-}" in
  -h | --help) usage && exit ;;
  -*) echo "lessons.sh: unknown option '$1'; it takes names of lessons, or --help" >&2 && exit 64 ;;
  esac
  ensure_venv
  exec "$PYTHON" -m lessons "$@"
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$SELF"; }

main "$@"
