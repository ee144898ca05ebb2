#!/usr/bin/env bash
# Gives the scripts a Python environment that holds the pinned requirements; to be sourced, not run.
#
#   . stack/venv.sh
#   ensure_venv [--dev]     sets PYTHON; returns 3, after one line on standard error, when it cannot
#   forget_variables START [NAME...]    unsets every exported variable whose name begins so, but those named
#
# An activated environment (VIRTUAL_ENV) is used, else .venv in this folder, created when missing.
# PYTHON* variables that change what runs (PYTHONPATH, PYTHONHOME, PYTHONOPTIMIZE ...) are unset, and pip gets those of
# its settings alone that say where and how to fetch. Works with bash 3.2 and the tools of macOS.

unset CDPATH # cd would look there first, and print where it went
VENV_PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

ensure_venv() {
  local venv=$VENV_PROJECT/.venv files=(requirements.txt)
  if [[ ${1:-} == --dev ]]; then files+=(requirements-dev.txt); fi
  forget_variables PYTHON PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONUNBUFFERED
  if [[ -n ${VIRTUAL_ENV:-} && -x $VIRTUAL_ENV/bin/python ]]; then venv=$VIRTUAL_ENV; fi
  # shellcheck disable=SC2034 # read by the script that sources this file
  PYTHON=$venv/bin/python
  if holds_requirements "$venv" "${files[@]}"; then return 0; fi
  if ! mkdir -p "$venv" 2>/dev/null || ! : 2>/dev/null >>"$venv/.requirements.lock"; then
    venv_message "cannot write to $venv: activate a virtual environment of your own (VIRTUAL_ENV) and try again"
    return 3
  fi
  (complete_environment "$venv" "${files[@]}") 9>>"$venv/.requirements.lock"
}

forget_variables() {
  local start=$1 forgotten
  shift
  for forgotten in $(compgen -e "$start"); do
    if [[ " $* " != *" $forgotten "* ]]; then unset "$forgotten"; fi
  done
}

venv_message() { echo "${0##*/}: $*" >&2; }

# True if Python $1 runs and is new enough. Ubuntu 22.04 has a release candidate, for which pip resolves wrongly.
is_python_311() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11, 0, "final"))' >/dev/null 2>&1; }

checksums() { (cd "$VENV_PROJECT" && cksum "$@"); }

# True if the stamp in environment $1 has a line for each of the requirements files as they are now.
holds_requirements() {
  local venv=$1 line
  [[ -f $venv/.requirements.stamp ]] && is_python_311 "$venv/bin/python" || return 1
  shift
  while IFS= read -r line; do
    grep -qxF "$line" "$venv/.requirements.stamp" || return 1
  done < <(checksums "$@")
}

# Runs in a subshell with the lock file open as 9: the lock ends with the process, however it ends.
complete_environment() {
  local venv=$1 python
  shift
  python=$(find_python "$venv") || {
    install_python_packages python3-venv || return 3
    python=$(find_python "$venv") || {
      venv_message "Python 3.11 or newer is needed: install it and try again"
      return 3
    }
  }
  "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || return 3
  if holds_requirements "$venv" "$@"; then return 0; fi
  create_environment "$venv" "$python" && install_requirements "$venv" "$@"
}

find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3 "$1/bin/python"; do
    if is_python_311 "$candidate"; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

# Makes environment $1 with Python $2 unless there is one that works; what an interrupted try left is cleared.
create_environment() {
  local venv=$1 python=$2 version
  if has_pip "$venv"; then
    if is_python_311 "$venv/bin/python"; then return 0; fi
    venv_message "$venv holds a Python older than 3.11: remove that folder or activate a newer environment"
    return 3
  fi
  if [[ $venv == "${VIRTUAL_ENV:-}" ]]; then
    venv_message "the activated environment $venv has no pip: run '$venv/bin/python -m ensurepip', or deactivate it"
    return 3
  fi
  version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])') || return 3
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    install_python_packages "$version-venv" || return 3
  fi
  find "$venv" -mindepth 1 -maxdepth 1 ! -name .requirements.lock -exec rm -rf {} +
  "$python" -m venv "$venv" >&2 || return 3
}

# Without pip's settings: one of them names another Python for it.
has_pip() (
  forget_variables PIP_
  PIP_CONFIG_FILE=/dev/null "$1/bin/python" -m pip --version >/dev/null 2>&1
)

install_python_packages() {
  local words
  if ! command -v apt-get >/dev/null; then
    venv_message "Python 3.11 or newer with its venv module is needed: install it and try again"
    return 3
  elif [[ $(id -u) != 0 ]]; then
    venv_message "a package is missing; an administrator should run: apt-get install $1"
    return 3
  fi
  venv_message "installing $1 with apt-get ..."
  words=$({
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
      apt-get install -qq -y --no-install-recommends --no-remove "$1"
  } 2>&1 9>&-) || {
    printf '%s\n' "$words" >&2
    venv_message "apt-get could not install $1 (its words are above): mend that and try again"
    return 3
  }
}

install_requirements() {
  local venv=$1 file arguments=()
  shift
  for file in "$@"; do arguments+=(-r "$VENV_PROJECT/$file"); done
  # An install that was interrupted can leave a package that only looks complete: put every file there again.
  if [[ -f $venv/.requirements.unfinished ]]; then arguments+=(--ignore-installed); fi
  : >"$venv/.requirements.unfinished"
  rm -f "$venv/.requirements.stamp"
  venv_message "installing the pinned requirements into $(short_name "$venv") (about a minute) ..."
  if ! pip_install "$venv" "${arguments[@]}" >"$venv/.requirements.log" 2>&1; then
    cat "$venv/.requirements.log" >&2
    venv_message "pip could not install $* into $venv (its words are above): mend that and try again"
    return 3
  fi
  checksums "$@" >"$venv/.requirements.stamp.new"
  mv "$venv/.requirements.stamp.new" "$venv/.requirements.stamp"
  rm -f "$venv/.requirements.unfinished"
}

# The address of a package index may hold a password; pip hides it in some of its words only.
pip_install() (
  set -o pipefail
  "$1/bin/python" -I "$VENV_PROJECT/stack/pip_settings.py" install --quiet --disable-pip-version-check --no-input \
    --require-hashes "${@:2}" 2>&1 | LC_ALL=C sed 's#://[^/[:space:]]*@#://****@#g'
)

short_name() { echo "${1#"$VENV_PROJECT/"}"; }
