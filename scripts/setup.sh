# Makes and updates .venv from a lock file. Sourced by the scripts beside it, with `root` set to the checkout.
#
# set_up LOCK   afterwards $python runs with everything that scripts/LOCK pins.
#
# When nothing changed this costs one `cmp`: the installed lock file is kept as a copy inside .venv. Everything that
# the build of the dependencies needs is checked before anything is downloaded. Nothing here writes to standard
# output, because that belongs to the command that the user gave.

venv=$root/.venv
python=$venv/bin/python

say() { printf 'p2pnode: %s\n' "$*" >&2; }

# refuse WHAT APT DNF PACMAN BREW: says what is missing, and the command of this machine that mends it.
refuse() {
    say "$1"
    if command -v apt-get >/dev/null; then say "mend it with: sudo apt-get install $2"
    elif command -v dnf >/dev/null; then say "mend it with: sudo dnf install $3"
    elif command -v pacman >/dev/null; then say "mend it with: sudo pacman -S $4"
    elif command -v brew >/dev/null; then say "mend it with: $5"
    else say "install it with your package manager; Debian calls it: $2, Fedora: $3, Arch: $4, macOS: $5"
    fi
    say "Nothing was downloaded. Then run the same command again."
    exit 1
}

# find_python: sets $base to the first Python of at least 3.11; $PYTHON, where set, is the only candidate.
find_python() {
    for base in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
        "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        # The resolved path: a later system-wide upgrade then leaves a broken link, which is noticed and mended.
        base=$("$base" -c 'import os, sys; print(os.path.realpath(sys.executable))')
        return
    done
    found=$("${PYTHON:-python3}" --version 2>/dev/null) || found=
    refuse "Python 3.11 or later is missing${found:+ (found: $found)}." \
        "python3 python3-venv python3-dev" "python3.11 python3.11-devel" "python" "brew install python"
}

# compiles HEADER [LIBRARY]: whether the compiler that Python will call builds a program with that header.
compiles() {
    printf '#include <stdio.h>\n#include <%s>\nint main(void) { return 0; }\n' "$1" >"$trial/trial.c"
    # Unquoted: these hold several words each, as setuptools reads them.
    # shellcheck disable=SC2086
    $compiler ${CPPFLAGS:-} ${CFLAGS:-} "-I$include" "$trial/trial.c" -o "$trial/trial" ${LDFLAGS:-} ${2:+"$2"} \
        >/dev/null 2>&1
}

# check_prerequisites: libp2p needs fastecdsa, which is published as source and built here against GMP.
check_prerequisites() {
    "$base" -c 'import venv, ensurepip' 2>/dev/null || refuse "Python's venv module is missing." \
        "python3-venv" "python3-pip" "python" "brew install python"
    "$base" -c 'import sqlite3' 2>/dev/null || refuse "Python's sqlite3 module is missing (a Python you built yourself needs a rebuild after)." \
        "libpython3-stdlib libsqlite3-dev" "python3-libs sqlite-devel" "python sqlite" "brew install python sqlite"

    if command -v brew >/dev/null && prefix=$(brew --prefix gmp 2>/dev/null) && [ -d "$prefix/include" ]; then
        # Homebrew keeps its headers where no compiler looks by itself.
        export CPPFLAGS="-I$prefix/include ${CPPFLAGS:-}" LDFLAGS="-L$prefix/lib ${LDFLAGS:-}"
    fi
    compiler=${CC:-$("$base" -c 'import sysconfig; print(sysconfig.get_config_var("CC") or "cc")')}
    include=$("$base" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    trial=$(mktemp -d)
    missing=
    compiles stdlib.h || missing=compiler
    [ -n "$missing" ] || compiles Python.h || missing=Python.h
    [ -n "$missing" ] || compiles gmp.h -lgmp || missing=gmp.h
    rm -rf "$trial"
    case $missing in
        compiler) refuse "A C compiler is missing ('$compiler' builds no program); it is needed to build fastecdsa." \
            "build-essential" "gcc" "base-devel" "xcode-select --install" ;;
        Python.h) refuse "Python's C headers are missing (Python.h); they are needed to build fastecdsa." \
            "python3-dev" "python3-devel" "python" "brew install python" ;;
        gmp.h) refuse "The GMP library or its header gmp.h is missing; it is needed to build fastecdsa." \
            "libgmp-dev" "gmp-devel" "gmp" "brew install gmp" ;;
    esac
}

# is_set_up LOCK: the installed lock file is this one, and the interpreter is still there.
is_set_up() {
    [ -x "$python" ] && cmp -s "$root/scripts/$1" "$venv/$1"
}

# lock_out_others: one set-up at a time. The kernel lets go of the lock when the last holder of descriptor 9 ends,
# so a killed set-up blocks nobody, and a pip that outlives its shell still does.
lock_out_others() {
    exec 9<"$root/scripts/setup.sh"
    "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    say "another set-up of this checkout is running; waiting for it"
    "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

install() {
    if [ -e "$venv/.unfinished" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
        # A package may be half written; what was downloaded stays in pip's cache.
        "$base" -m venv --clear "$venv" || return
    fi
    : >"$venv/.unfinished"
    quiet=--quiet
    [ ! -t 2 ] || quiet=
    # The lock file is complete, so pip resolves nothing: it fetches, checks the hashes and unpacks.
    # shellcheck disable=SC2086
    "$python" -m pip install $quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        -r "$root/scripts/$1" >&2 || return
    cp "$root/scripts/$1" "$venv/$1.new" && mv "$venv/$1.new" "$venv/$1" && rm "$venv/.unfinished"
}

set_up() {
    is_set_up "$1" && return
    find_python
    lock_out_others
    if ! is_set_up "$1"; then
        check_prerequisites
        say "setting up .venv (this happens once and takes a minute or two)"
        if ! install "$1"; then
            say "the set-up did not finish; the reason stands above. Run the same command again: it goes on from there."
            exit 1
        fi
    fi
    exec 9<&-
}
