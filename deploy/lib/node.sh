# A private RabbitMQ node. One directory holds all that it has: data, log, cookie, configuration, ports.
# Every process of a node carries the directory's name in its environment, which children inherit: that is how it is
# found, signalled and cleaned up without a pid file that may lie, and without ever touching another node.
# shellcheck shell=bash

rabbitmq_server=/usr/lib/rabbitmq/bin/rabbitmq-server
rabbitmqctl=/usr/lib/rabbitmq/bin/rabbitmqctl

# node_dir DIR: the absolute name, which is the node's identity.
node_dir() {
    [[ $1 != *[[:space:]]* ]] || fail "A private broker's directory must have no blanks in its name: $1"
    realpath -m -- "$1"
}

node_pids() {
    { grep -lzsxF -- "CXCHAIN_DEV_BROKER=$1" /proc/[0-9]*/environ || true; } | cut -d/ -f3
}

node_runs() { [[ -n $(node_pids "$1") ]]; }

# The Erlang machine itself: the one that takes SIGTERM as a request to shut down in order.
node_beam() {
    local pid
    for pid in $(node_pids "$1"); do
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) != beam.smp ]] || printf '%s\n' "$pid"
    done
}

node_signal() {
    local pid
    for pid in $(node_pids "$2"); do kill "-$1" "$pid" 2>/dev/null || true; done
}

# node_pause DIR: SIGSTOP; when this returns, none of its threads runs any more. A signal alone takes its time on a busy machine.
node_pause() {
    local until=$((SECONDS + 10)) pid
    node_signal STOP "$1"
    for pid in $(node_pids "$1"); do
        while grep -qsE '^State:\s+[^TtZX]' "/proc/$pid/task"/*/status; do
            ((SECONDS < until)) || return 1
            sleep 0.05
        done
    done
}

# node_gone DIR SECONDS: waits until no process is left.
node_gone() {
    local until=$((SECONDS + $2))
    while node_runs "$1"; do
        ((SECONDS < until)) || return 1
        sleep 0.1
    done
}

node_kill() {
    while node_runs "$1"; do
        node_signal KILL "$1"
        sleep 0.05
    done
}

# node_kill_for_test DIR: RabbitMQ finds a quorum queue's data again through names.dets, which it writes half a second late
# (3.10.8 and 4.0.5 do; rabbitmq/ra#443). Killed in between, it starts the queue empty, confirmed messages or not. So with
# what coordinates the streams: killed in its first second, they are "down or inaccessible" for good. Such faults of a first
# second are not what our tests look for: the kill waits until all of that is registered on disk.
node_kill_for_test() {
    local try
    for try in {1..50}; do
        ! node_queues_registered "$1" || break
        sleep 0.1
    done
    : "$try"
    node_kill "$1"
}

node_queues_registered() {
    local queue
    for queue in "$1"/data/*/{quorum,coordination}/*/*/; do
        [[ ! -d $queue ]] || grep -qsF -- "$(basename "$queue")" "$(dirname "$queue")/names.dets" || return 1
    done
}

node_stop() {
    local pid
    node_signal CONT "$1" # a paused node would not hear the request
    for pid in $(node_beam "$1"); do kill -TERM "$pid" 2>/dev/null || true; done
    node_gone "$1" 30 || node_kill "$1"
}

# A port that nobody listens on, below the range from which the kernel serves outgoing connections. Somebody may take it
# before the node does: then the node fails to start, and node_start draws again.
free_port() {
    local port
    while true; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# node_configure DIR PORT: what stays the same over restarts. The name is in the paths of the data, so it has to.
node_configure() {
    local dir=$1 port=$2 dist
    until dist=$(free_port) && ((dist != port)); do :; done
    echo "cxchain$RANDOM$RANDOM@localhost $port $dist" >"$dir/node"
    echo '[].' >"$dir/enabled_plugins"
    echo '[].' >"$dir/advanced.config"
    : >"$dir/rabbitmq-env.conf"
    # No look-ups in DNS: a machine whose own name does not resolve starts a node just as well.
    printf '%s\n' '{lookup, [file]}.' '{host, {127,0,0,1}, ["localhost"]}.' >"$dir/inetrc"
    cat >"$dir/rabbitmq.conf" <<-CONF
		listeners.tcp.loopback = 127.0.0.1:$port
		log.console = true
		log.console.level = info
		log.file = false
		disk_free_limit.absolute = 50MB
		vm_memory_high_watermark.relative = 0.5
	CONF
    printf 'CXCHAIN__BROKER__URL=%s\n' "$(node_url "$dir")" >"$dir/env"
}

node_port() { cut -d' ' -f2 "$1/node"; }

node_url() { echo "amqp://guest:guest@127.0.0.1:$(node_port "$1")/%2f"; }

# RabbitMQ never runs as root. Its package's user must be able to reach the directory.
node_user() {
    ((EUID == 0)) || return 0
    echo setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups
}

# node_launch DIR: in a session of its own, so that Ctrl-C in a terminal is not the broker's; with an environment of its
# own, so that nothing of the machine's node (or of the caller's shell) leaks in.
# No epmd: the node's name is given to Erlang itself, and so is the port under which others would find it.
node_launch() {
    local dir=$1 name dist vm as=()
    read -r name _ dist <"$dir/node"
    read -r -a as <<<"$(node_user)" || true
    vm="-sname $name -kernel inet_dist_use_interface {127,0,0,1}"
    vm+=" -kernel inet_dist_listen_min $dist -kernel inet_dist_listen_max $dist"
    (
        cd "$dir" || exit
        limit_open_files
        umask 077
        exec setsid "${as[@]}" env -i CXCHAIN_DEV_BROKER="$dir" PATH="$PATH" HOME="$dir" LANG=C.UTF-8 \
            RABBITMQ_NODENAME="$name" RABBITMQ_DIST_PORT="$dist" \
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="$vm" \
            ERL_FLAGS="-start_epmd false -erl_epmd_port $dist" ERL_EPMD_PORT=1 ERL_INETRC="$dir/inetrc" \
            RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" \
            RABBITMQ_CONFIG_FILES="$dir/conf.d/*.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config" \
            RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_MNESIA_BASE="$dir/data" \
            RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$dir/pid" \
            ERL_CRASH_DUMP="$dir/erl_crash.dump" "$rabbitmq_server"
    ) </dev/null >>"$dir/broker.log" 2>&1 9>&- &
    disown
}

# node_ctl DIR ARGS…: rabbitmqctl. Without epmd it has to be told the node's port, and would then listen on that very port
# itself, unless it listens on none.
node_ctl() {
    local dir=$1 name dist as=()
    read -r name _ dist <"$dir/node"
    read -r -a as <<<"$(node_user)" || true
    shift
    (
        cd "$dir" || exit
        exec "${as[@]}" env -i PATH="$PATH" HOME="$dir" LANG=C.UTF-8 RABBITMQ_NODENAME="$name" \
            RABBITMQ_CTL_ERL_ARGS="-dist_listen false -start_epmd false -erl_epmd_port $dist" ERL_EPMD_PORT=1 \
            ERL_INETRC="$dir/inetrc" RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" "$rabbitmqctl" --quiet "$@"
    )
}

# With no limit at all Erlang makes tables for a thousand million files, which takes minutes.
limit_open_files() {
    local hard
    hard=$(ulimit -Hn)
    if [[ $hard == unlimited ]] || ((hard > 65536)); then hard=65536; fi
    ulimit -Sn "$hard" || true
}

# node_start DIR [PORT]: starts the node, or finds it running, and waits until it serves.
node_start() {
    local dir=$1 port=${2:-} try
    node_possible || fail "No private broker can run here: $rabbitmq_server is missing." "deploy/dev-broker need  installs it"
    mkdir -p "$dir"
    for try in 1 2 3; do
        [[ -f $dir/node ]] || node_configure "$dir" "${port:-$(free_port)}"
        node_own "$dir"
        node_runs "$dir" || node_launch "$dir"
        if wait_for_amqp 127.0.0.1 "$(node_port "$dir")" 60 node_launched "$dir"; then return; fi
        node_kill "$dir"
        [[ -z $port && ! -d $dir/data ]] || break # its ports are fixed
        grep -qiE 'eaddrinuse|already in use' "$dir/broker.log" || break
        rm -f "$dir/node"
    done
    fail "The private broker in $dir does not start. The end of its log:" "$(tail -n 20 "$dir/broker.log")"
}

node_possible() { [[ -x $rabbitmq_server ]]; }

# node_launched DIR: whether there is still something to wait for.
node_launched() {
    local try
    for try in {1..20}; do # a moment may pass before the new process carries its mark
        ! node_runs "$1" || return 0
        sleep 0.1
    done
    : "$try"
    return 1
}

# node_own DIR: gives the directory to whom the node runs as, and sees that it is within reach.
node_own() {
    local as=()
    read -r -a as <<<"$(node_user)" || true
    chmod 700 "$1"
    ((EUID != 0)) || chown -R rabbitmq:rabbitmq "$1"
    "${as[@]}" test -w "$1" || fail "The user rabbitmq cannot reach $1." "choose a directory below /tmp"
}

# node_restart DIR: only what was started before, and only while it is there: a test that was killed takes its node's
# directory with it, and nothing may bring that back.
node_restart() {
    [[ -f $1/node ]] || fail "There is no private broker in $1 to restart."
    node_start "$1"
}

node_remove() {
    node_kill "$1"
    rm -rf -- "$1"
}

# node_status DIR: one line; fails unless the broker serves.
node_status() {
    local dir=$1 version
    if ! node_runs "$dir"; then
        echo stopped
    elif version=$(amqp_version 127.0.0.1 "$(node_port "$dir")"); then
        echo "running RabbitMQ $version $(node_url "$dir")"
        return
    else
        echo "silent (paused, or on its way up)"
    fi
    return 3
}
