# RabbitMQ in a Docker container, where a daemon of this machine answers.
# shellcheck shell=bash

container_image=${CXCHAIN_TEST_RABBITMQ_IMAGE:-rabbitmq:4.0}

# A daemon elsewhere maps its ports elsewhere.
container_possible() {
    command -v docker >/dev/null || return 1
    [[ -z ${DOCKER_HOST:-} || $DOCKER_HOST == unix:* ]] || return 1
    timeout 10 docker info >/dev/null 2>&1
}

container_image_here() { docker image inspect "$container_image" >/dev/null 2>&1; }

container_image_ready() {
    container_image_here && return
    say "pulling the Docker image $container_image (once)…"
    timeout 600 docker pull --quiet "$container_image" >/dev/null 2>&1 && return
    say "$container_image cannot be pulled"
    return 1
}

# container_start: prints id and port. `guest` may log in from loopback only, which a mapped port is not: hence a user.
container_start() {
    local id port
    id=$(docker run --rm --detach --publish 127.0.0.1::5672 \
        --env RABBITMQ_DEFAULT_USER=cxchain --env RABBITMQ_DEFAULT_PASS=cxchain "$container_image" 2>/dev/null) || return 1
    port=$(docker port "$id" 5672/tcp | sed -n '1s/.*://p')
    if [[ -n $port ]] && wait_for_amqp 127.0.0.1 "$port" 60 container_runs "$id"; then
        echo "$id $port"
        return
    fi
    container_remove "$id"
    return 1
}

container_runs() { [[ $(docker inspect --format '{{.State.Running}}' "$1" 2>/dev/null) == true ]]; }

container_url() { echo "amqp://cxchain:cxchain@127.0.0.1:$1/%2f"; }

container_remove() { docker rm --force --volumes "$1" >/dev/null 2>&1 || true; }
