# Sourced by the other scripts. `set_up LOCK` makes .venv if it is missing, broken or older than LOCK.
# If .venv is up to date, this starts no program and takes a few milliseconds.

root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." >/dev/null && pwd)

set_up() {
    if ! is_set_up "$1"; then
        find_python
        "$python" "$root/scripts/_setup.py" "$1" "${PYTHON:-}" </dev/null >&2
    fi
}

is_set_up() { # was .venv made in this folder from the present files?
    local made=$root/.venv/made-from file
    [[ -x $root/.venv/bin/python && -x $root/.venv/bin/tams-mock && -r $made/root ]] || return 1
    [[ $1 != requirements-dev.lock || -x $root/.venv/bin/pytest ]] || return 1
    [[ $(<"$made/root") == "$root" ]] || return 1
    [[ -z ${PYTHON:-} || $(<"$made/PYTHON") == "$PYTHON" ]] || return 1
    for file in "$1" requirements-build.lock pyproject.toml; do
        [[ -r $made/$file && $(<"$made/$file") == "$(<"$root/$file")" ]] || return 1
    done
} 2>/dev/null

find_python() { # set $python to the first suitable one; $PYTHON, if set, is the only candidate
    local candidate without_venv='' candidates=(python3.14 python3.13 python3.12 python3.11 python3)
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
        if "$candidate" -c 'import ensurepip, venv'; then
            # Without links, so that a system upgrade breaks .venv visibly.
            python=$("$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))')
            return
        fi
        without_venv=$candidate
    done </dev/null 2>/dev/null
    if [[ -n $without_venv ]]; then
        echo "$without_venv has no venv and ensurepip modules, which the set-up needs." >&2
        echo "On Debian and Ubuntu, install them with: apt-get install python3-venv" >&2
    else
        echo "Python 3.11 or newer is needed, but ${PYTHON:-python3} is not." >&2
        echo "Install it, or set its path: PYTHON=/path/to/python3.12 $0" >&2
    fi
    return 1
}
