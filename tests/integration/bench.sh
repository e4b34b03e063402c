#!/bin/sh
# bench.sh COMMAND ARGS...
#
# Runs COMMAND where a smart-card service of its own may be started: in new network, mount and
# process namespaces that hold nothing but the loopback interface, an empty /run, and processes
# that end with the command. The exit code is the command's; 64 without a command, 77 when this
# machine lets nobody make the namespaces.
set -eu

if [ $# -eq 0 ]; then
    echo 'usage: bench.sh COMMAND ARGS...' >&2
    exit 64
fi

# Called from inside: the namespaces are there already.
if [ "${DIAGCPS_BENCH-}" = 1 ] && ! grep : /proc/net/dev | grep -qv '^ *lo:'; then
    exec "$@"
fi

init=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/bench_init.py
# The program itself: a version manager's wrapper forks before it becomes Python, and its first
# child would be the first process of the new namespace.
python=$(python3 -c 'import sys; print(sys.executable)')
enter='unshare --net --mount --pid'
user='--user --map-root-user'

# shellcheck disable=SC2086 # $enter and $user are words, not one argument
if [ "$(id -u)" -eq 0 ]; then
    if $enter true 2>/dev/null; then
        exec $enter "$python" "$init" "$@"
    fi
elif command -v sudo >/dev/null; then
    # Asks for a password only where somebody can answer.
    if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }; then
        # Bytecode written by root into the checkout could not be removed by its owner.
        exec sudo -E env "PATH=$PATH" PYTHONDONTWRITEBYTECODE=1 $enter "$python" "$init" "$@"
    fi
fi

# Root over these namespaces only, where the system gives it to everyone; a system that gives
# the namespaces but not the rights over them (AppArmor) refuses the mount.
# shellcheck disable=SC2086
if $enter $user --fork --mount-proc true 2>/dev/null; then
    exec $enter $user "$python" "$init" "$@"
fi

echo 'bench.sh: no right to make namespaces here (root, sudo or user namespaces)' >&2
exit 77
