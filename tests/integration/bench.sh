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
python=$(command -v python3 || echo /usr/bin/python3)

# --kill-child: whoever kills this process with SIGKILL ends everything that runs inside.
enter='unshare --net --mount --pid --fork --kill-child --mount-proc'

# As root; --user makes one that owns these namespaces only, where the system allows it.
for as_root in '' '--user --map-root-user'; do
    if [ -n "$as_root" ] || [ "$(id -u)" -eq 0 ]; then
        # shellcheck disable=SC2086 # these are words, not one argument
        if $enter $as_root true 2>/dev/null; then
            exec $enter $as_root "$python" "$init" "$@"
        fi
    elif command -v sudo >/dev/null; then
        # Asks for a password only where somebody can answer.
        if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }; then
            # Bytecode written by root into the checkout could not be removed by its owner.
            # shellcheck disable=SC2086
            exec sudo -E env "PATH=$PATH" PYTHONDONTWRITEBYTECODE=1 \
                $enter "$python" "$init" "$@"
        fi
    fi
done

echo 'bench.sh: no right to make namespaces here (root, sudo or user namespaces)' >&2
exit 77
