# What the tests of the station share.  Tokens are inserted and pulled by the rules of the breakable
# module.
# shellcheck shell=bash disable=SC2034,SC2120,SC2154
load common

setup() {
        sandbox_make
        token_make alpha
        token_make beta
        token_make gamma
        localpca_start
        STATION_PID=
}

teardown() {
        tmux -S "$SANDBOX/tmux" kill-server 2>/dev/null || true
        [ -z "$STATION_PID" ] || kill -9 "$STATION_PID" 2>/dev/null || true
        sandbox_clear
}

# inserted LABEL…: these tokens are in their readers, and no others.
inserted() {
        local label rules=()
        for label in alpha beta gamma; do
                case " $* " in *" $label "*) ;; *) rules+=("vanish token=$label") ;; esac
        done
        break_with "${rules[@]}" "${BROKEN[@]}"
}

# station_words OPTION…: the command, a word a line.
station_words() {
        printf '%s\n' "$BUILD/p11cert" --no-prompt station --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$BREAKABLE" --pin-source "file:$SANDBOX/pin" "$@"
        [[ " $* " == *" --manifest "* ]] ||
                printf '%s\n' --subject "${SUBJECT:-CN=device-{token.label\}}"
}

# station_start OPTION…: in the background, its words in $SANDBOX/log, its answer in $SANDBOX/answer,
# and what is scanned through descriptor 7.
station_start() {
        local words
        mapfile -t words < <(station_words "$@")
        [ -p "$SANDBOX/scans" ] || mkfifo "$SANDBOX/scans"
        exec 7<>"$SANDBOX/scans"
        "${words[@]}" >"$SANDBOX/answer" 2>"$SANDBOX/log" <"$SANDBOX/scans" 3>&- 7>&- &
        STATION_PID=$!
}

# station_ends STATUS
station_ends() {
        local status=0
        wait "$STATION_PID" || status=$?
        STATION_PID=
        [ "$status" = "$1" ] && return 0
        echo "exit status $status, not $1" >&2
        cat "$SANDBOX/log" "$SANDBOX/answer" >&2
        return 1
}

# soon COMMAND…: it is so within half a minute.
soon() {
        local tries=0
        until "$@"; do
                tries=$((tries + 1))
                [ $tries -lt 300 ] || return 1
                sleep 0.1
        done
}

logged() {
        grep -qE -- "$1" "$SANDBOX/log"
}

# says PATTERN: the log has it, soon.
says() {
        soon logged "$1" && return 0
        printf 'never said: %s\n' "$1" >&2
        cat "$SANDBOX/log" >&2
        return 1
}

# on_screen OPTION…: in a terminal of 80 by 24.
on_screen() {
        local words
        mapfile -t words < <(station_words "$@")
        {
                export -p
                printf 'export TERM=%q\n' "${SCREEN_TERM:-screen}"
                printf 'unset NO_COLOR\nstty -g >%q/before\n' "$SANDBOX"
                printf '%q ' "${words[@]}"
                printf '\necho "status $?"\nstty -g >%q/after\nsleep 600\n' "$SANDBOX"
        } >"$SANDBOX/go"
        tmux -S "$SANDBOX/tmux" -f /dev/null new-session -d -x 80 -y 24 "bash $SANDBOX/go" 3>&-
}

screen() {
        tmux -S "$SANDBOX/tmux" capture-pane -p "$@"
}

screen_has() {
        screen | grep -qE -- "$1"
}

# shows PATTERN: on the screen, soon.
shows() {
        soon screen_has "$1" && return 0
        printf 'never shown: %s\n' "$1" >&2
        screen >&2
        return 1
}

# A row of the big letters.
BIG_OK='███  █   █'
BIG_BACK='████████    ██████████  ██          ██████'

counted_at_least() {
        [ "$(counted "$1")" -ge "$2" ]
}

counted_lines() {
        [ "$(grep -c -- "$1" "$SANDBOX/log")" -ge "$2" ]
}
