#!/bin/bash
# Builds a Windows Python 3.11 that runs under Debian's Wine, in a folder of its own.
#   build.sh DIR           builds, or returns at once when DIR is up to date
#   build.sh --check DIR   says by its exit code whether DIR is up to date
#   build.sh --packages    names the Debian packages that are needed
# PYTHON names the interpreter (3.11, with pip) whose Lib and pip are used; python3 without it.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")" && pwd)
python=$(realpath -s "$(command -v "${PYTHON:-python3}")")  # its links make a venv what it is
packages=(wine wine64 gcc-mingw-w64-x86-64-win32      # Wine, and what makes python.exe
          wine64-tools libwine-dev g++ libc6-dev libpcsclite1)  # what makes winscard.dll

say() { printf 'wine: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

install_packages() {
    local -a missing as_root=()
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "as root, please: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${as_root[@]}" apt-get update -q >/dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# Everything the result depends on, in one line.
inputs() {
    (
        cd "$source_dir"
        sha256sum build.sh assemble.py environment winpy wine8_shims.py requirements*.txt native/*
        "$python" -c 'import sys; print(sys.version)'
        dpkg-query -W -f '${Version}\n' wine64 libwine-dev
    ) 2>/dev/null | sha256sum | cut -d' ' -f1
}

# What a run that was killed had laid out (layout.py) would stay: the prefix is made anew.
up_to_date() {
    [ ! -e "$dir/prefix/drive_c/laid-out" ] &&
        [ -f "$dir/cps_pkcs11.dll" ] && [ -f "$dir/lying_pkcs11.dll" ] &&
        [ -f "$dir/stamp" ] && [ "$(cat "$dir/stamp")" = "$(inputs)" ]
}

# pip of this machine, for the other one.
pip_for_windows() {
    "$python" -m pip "$1" -q --no-input --disable-pip-version-check --no-deps --require-hashes \
        --only-binary=:all: --platform win_amd64 --python-version 3.11 --implementation cp "${@:2}"
}

end_prefix() (
    here=$dir
    . "$source_dir/environment"
    wineserver --kill || true  # it fails where none runs
    wineserver --wait
)

make_prefix() {
    local here=$dir
    . "$source_dir/environment"
    mkdir -p "$HOME"
    wineboot --init
    # Debian's Wine begins as Windows 7, which no Python 3.11 supports.
    wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f
    wineserver --wait
} >/dev/null 2>&1 </dev/null

make_python_files() {
    local target=$1 native=$source_dir/native cc='x86_64-w64-mingw32-gcc -O2 -s' work
    work=$(mktemp -d "$dir/native.XXXXXX")
    (cd "$native" && x86_64-w64-mingw32-windres launcher.rc -O coff -o "$work/launcher.res")
    $cc -municode "$native/launcher.c" "$work/launcher.res" "$target/python311.dll" \
        -o "$target/python.exe"
    # python3.dll, which the wheels of the stable ABI import, is not in the wheel of DLLs.
    {
        printf 'LIBRARY python3.dll\nEXPORTS\n'
        x86_64-w64-mingw32-objdump -p "$target/python311.dll" |
            awk '/Name Pointer. Table/ {on = 1; next} on && /^\t\[/ {print $NF} on && /^$/ {on = 0}' |
            sed -nE 's/^_?Py.*/  & = python311.&/p'
    } >"$work/python3.def"
    $cc -shared -nostdlib -nostartfiles -e DllMainCRTStartup "$native/forwarder.c" \
        "$work/python3.def" -o "$target/python3.dll"
    $cc -shared "$native/prng.c" -o "$target/bcryptprimitives.dll" -ladvapi32
    rm -r "$work"
}

# The same Python with another winscard.dll beside python.exe, where Windows looks first.
make_pcscd_twin() {
    local twin=$1
    mkdir "$twin"
    ln -s ../python/{Lib,DLLs,python.exe,python3.dll,python311.dll,vcruntime140.dll} "$twin"
    ln -s ../python/bcryptprimitives.dll "$twin"
    (cd "$source_dir/native" && winegcc -shared -O2 -o "$twin/bridge.dll.so" winscard.spec \
        winscard.c -ldl)
    mv "$twin/bridge.dll.so" "$twin/winscard.dll"
}

# Libraries by which a test uses the codes of a simulated card: one does, one says that it did.
make_pkcs11_libraries() {
    local cc='x86_64-w64-mingw32-gcc -O2 -s -Wall -shared' source=$source_dir/native/cps_pkcs11.c
    $cc "$source" -o "$1/cps_pkcs11.dll" -lwinscard
    $cc -DLYING "$source" -o "$1/lying_pkcs11.dll" -lwinscard
}

build() {
    local prefix_job wheels
    [ ! -d "$dir/prefix" ] || end_prefix
    # Only what an earlier build made is removed, never a folder given by mistake.
    rm -rf "$dir"/{stamp,python,python-pcscd,prefix,home,winpy,environment} "$dir"/*_pkcs11.dll \
        "$dir"/{wheels,native}.*
    say "building in $dir"
    trap wait EXIT  # a failed step leaves no wineboot behind
    make_prefix & prefix_job=$!
    wheels=$(mktemp -d "$dir/wheels.XXXXXX")
    pip_for_windows download -r "$source_dir/requirements-runtime.txt" -d "$wheels"
    "$python" "$source_dir/assemble.py" "$wheels"/panda3d-*.whl "$dir/python"
    rm -r "$wheels"
    pip_for_windows install -r "$source_dir/requirements.txt" --root-user-action=ignore \
        --target "$dir/python/Lib/site-packages"
    cp "$source_dir/wine8_shims.py" "$dir/python/Lib/site-packages/"
    echo 'import wine8_shims' >"$dir/python/Lib/site-packages/wine8_shims.pth"
    # Same minor version, same byte code; some files of Lib are for other versions and fail.
    env -u PYTHONDONTWRITEBYTECODE "$python" -m compileall -q -j0 "$dir/python/Lib" \
        >/dev/null || true
    make_python_files "$dir/python"
    make_pcscd_twin "$dir/python-pcscd"
    make_pkcs11_libraries "$dir"
    cp "$source_dir/winpy" "$source_dir/environment" "$dir/"
    wait "$prefix_job" || fail "wineboot could not make a prefix"
}

prove() {
    local program='import sys, aiohttp, colorama, cryptography.x509, distro, hypothesis, jinja2
import platformdirs, psutil, pytest, pytest_aiohttp, pytest_timeout, smartcard.System, winreg
import importlib; importlib.invalidate_caches()
print("wine: Python", sys.version.split()[0], "on", sys.platform, sys.getwindowsversion()[:3])'
    timeout 120 "$dir/winpy" -c "$program" </dev/null | cat >&2
    timeout 120 "$dir/winpy" --pcscd -c 'import smartcard.scard' </dev/null | cat >&2
}

main() {
    case ${1-} in
        --packages) printf '%s\n' "${packages[@]}"; return ;;
        --check) dir=$(realpath -m "${2:?which folder?}"); up_to_date; return ;;
        '' | -*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    esac
    dir=$(realpath -m "$1")
    "$python" -c 'import sys, pip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
        fail "$python is not a Python 3.11 with pip (PYTHON=… names another)"
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
        fail 'only Debian and Ubuntu on amd64 are known to work'
    install_packages
    mkdir -p "$dir"
    exec 9>"$dir/lock"
    flock 9
    ! up_to_date || return 0
    build 9>&-
    prove 9>&-
    inputs >"$dir/stamp"
}

main "$@"
