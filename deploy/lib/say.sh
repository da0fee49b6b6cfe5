# Calm output for the scripts here: everything goes to stderr, so that stdout stays what a caller can read.
# shellcheck shell=bash

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' red='' plain=''
fi

# say TEXT: one line of progress.
say() { printf '  %s\n' "$*" >&2; }

# title TEXT: the header of a phase.
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain" >&2; }

# fail WHAT [HINT…]: what is wrong on the first line, what to do about it below.
fail() {
    printf '\n%s%s%s\n' "$red" "$1" "$plain" >&2
    shift
    (($# == 0)) || printf '  %s\n' "$@" >&2
    exit 1
}
