# The first two frames of AMQP 0-9-1, enough to know that a broker answers and which version it is.
# shellcheck shell=bash

# amqp_version HOST PORT: prints the server's version; fails when no broker answers within two seconds.
# A port that takes a connection is not enough: a port mapping does that before there is anyone behind it.
amqp_version() {
    local greeting
    # shellcheck disable=SC2016 # the inner shell's $0 and $1
    greeting=$(timeout 2 bash -c '
        exec 3<>"/dev/tcp/$0/$1" || exit 1
        printf "AMQP\0\0\11\1" >&3
        dd bs=4096 count=1 status=none <&3 | tr -c "[:print:]" "\n"
    ' "$1" "$2" 2>/dev/null) || return 1
    awk '$0 == "versionS" { found = 1; next } found && NF { print; exit }' <<<"$greeting" | grep .
}

# wait_for_amqp HOST PORT SECONDS ALIVE…: until a broker answers; gives up when the command ALIVE fails.
wait_for_amqp() {
    local host=$1 port=$2 until=$((SECONDS + $3))
    shift 3
    until amqp_version "$host" "$port" >/dev/null; do
        "$@" || return 1
        ((SECONDS < until)) || return 1
        sleep 0.2
    done
}
