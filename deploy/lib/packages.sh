# What the distribution's packages can give us: who may install them, and how it is told.
# shellcheck shell=bash

# as_root COMMAND…: as we are, else through sudo; it asks for a password only where somebody can answer.
as_root() {
    local proxies=()
    local name
    for name in http_proxy https_proxy no_proxy; do
        [[ -z ${!name:-} ]] || proxies+=("$name=${!name}")
    done
    if ((EUID == 0)); then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n env "${proxies[@]}" "$@"
    else
        sudo env "${proxies[@]}" "$@"
    fi
}

# Why packages cannot be installed here, or nothing when they can.
why_no_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "this is no Debian or Ubuntu: there is no apt-get"
    elif ((EUID == 0)); then
        return
    elif ! command -v sudo >/dev/null; then
        echo "installing needs root, and there is no sudo"
    elif ! sudo -n true 2>/dev/null && ! [[ -t 0 && -t 2 ]]; then
        echo "installing needs root; sudo wants a password, and there is no terminal to type it in"
    fi
}

# install_packages PACKAGE…: quiet when it works, apt's own words when it does not. Answers with apt's success.
install_packages() {
    local log status=0 began=$SECONDS
    log=$(mktemp)
    as_root "${lib:?}/apt-install" "$@" >"$log" 2>&1 || status=$?
    if ((status == 0)); then
        say "installed in $((SECONDS - began)) s"
    else
        say "apt could not install $*; its last words:"
        tail -n 12 "$log" | sed 's/^/    /' >&2
    fi
    rm -f "$log"
    return "$status"
}
