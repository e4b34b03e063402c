# Functions of scripts/run and scripts/test: what is missing is named, then installed. POSIX sh.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv="$top/.venv"

say() { printf 'diagcps: %s\n' "$*" >&2; }

# The first Python that is new enough, by name.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say 'Python 3.11 or newer is needed; Debian 12 and Ubuntu 24.04 have one.'
    exit 1
}

# need_packages NAME...: installs the Debian packages that are not there. Returns 1 if it cannot.
need_packages() {
    command -v dpkg-query >/dev/null || { say 'not a Debian or Ubuntu system: install by hand' "$@"; return 1; }
    missing=''
    for name in "$@"; do
        status=$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null || true)
        [ "$status" = 'install ok installed' ] || missing="$missing $name"
    done
    [ -n "$missing" ] || return 0
    root=''
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { say "ask an administrator to install:$missing"; return 1; }
        root=sudo
    fi
    say "installs the system packages:$missing"
    # shellcheck disable=SC2086 # a list of words
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
        >/dev/null 2>&1 || {
        $root apt-get update -q >/dev/null 2>&1 || say 'the list of packages could not be brought up to date'
        # shellcheck disable=SC2086
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2 ||
            { say "could not install:$missing"; return 1; }
    }
}

# What the agent needs from the system: the smart-card service, and what compiles pyscard, which
# has no wheel for Linux.
need_system() {
    need_packages pcscd libccid libpcsclite-dev gcc libc6-dev pkg-config ca-certificates || true
}

# need_venv GROUP...: the environment in .venv, with those dependency groups of pyproject.toml.
need_venv() {
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    stamp="$venv/installed"
    wanted=$(cksum <"$top/pyproject.toml")" $version $*"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    case $("$python" -c 'import sys; print(sys.base_prefix)') in
    /usr) need_packages "python$version-venv" "python$version-dev" || true ;;
    esac
    say "installs the Python packages of pyproject.toml into $(basename "$venv") ($*)"
    "$python" -m venv "$venv"
    pip --upgrade 'pip>=25.1' || { cat "$venv/pip.log" >&2; exit 1; }
    groups=''
    for group in "$@"; do
        groups="$groups --group $group"
    done
    # shellcheck disable=SC2086
    if ! pip -e . $groups; then
        say 'pyscard could not be compiled: the agent starts without it and says so'
        without_pyscard "$groups" || { cat "$venv/pip.log" >&2; exit 1; }
    fi
    printf '%s' "$wanted" >"$stamp"
}

# All but pyscard, which alone needs a compiler: the rest of the tool is useful without it.
without_pyscard() {
    "$venv/bin/python" - "$top/pyproject.toml" >"$venv/requirements" <<'END'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    for line in tomllib.load(file)["project"]["dependencies"]:
        if not line.startswith("pyscard"):
            print(line)
END
    # shellcheck disable=SC2086
    pip -r "$venv/requirements" $1 && pip --no-deps -e .
}

# pip ARGUMENTS...: installs into the environment, from the top of the project; what it says is kept.
pip() {
    (cd "$top" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@") \
        >"$venv/pip.log" 2>&1
}
