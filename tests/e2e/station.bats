#!/usr/bin/env bats
# The station: tokens come and go, each gets its certificate once, and the operator sees what to do.
# Tokens are inserted and pulled by the rules of the breakable module.
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

@test "three tokens are inserted and pulled, and the screen says what to do" {
        inserted
        on_screen
        shows 'no token yet'
        shows '▶ Insert a token'
        inserted alpha
        shows '▶ Take out 1$'
        shows '1 good'
        shows ' device-alpha'
        inserted alpha beta gamma
        shows '3 good'
        shows '▶ Take out 1, 2 and 3'
        shows "$BIG_OK.*$BIG_OK.*$BIG_OK"
        shows 'OK    device-alpha +delivered in'
        # Green from one edge of a card to the other.
        screen -e | grep -q '42m.*device-beta'
        inserted gamma
        shows '▶ Take out [23]; insert a token into reader 1 and [23]'
        inserted alpha gamma
        shows 'done already: device-alp'
        shows '1 done before'
        [ "$(issued)" = 3 ]
        tmux -S "$SANDBOX/tmux" resize-window -x 132 -y 40
        shows '▶ Take out [23]; take out 1 \(done before\)'
        tmux -S "$SANDBOX/tmux" send-keys C-c
        shows '3 good, 0 failed, 1 done before'
        shows 'status 0'
        cmp "$SANDBOX/before" "$SANDBOX/after"
        run ! screen_has '▶'
}

@test "a token that is pulled half-way goes on where it stopped, and is issued once" {
        localpca_again --issue-delay 2500ms
        inserted alpha
        on_screen
        shows 'waits for its certificate'
        inserted
        shows 'Put the token back into reader 1'
        shows "$BIG_BACK"
        # Another one does not take its place.
        inserted beta
        shows 'device-beta'
        inserted alpha beta
        shows '2 good'
        [ "$(issued)" = 2 ]
        tmux -S "$SANDBOX/tmux" send-keys C-c
        shows 'status 0'
        done_well show device-alpha
        TOKEN_LABEL=alpha
        delivered
        one_of_each "$(fact .key.id)"
}

@test "a token that is pulled in whatever phase goes on when it is back" {
        local -A phases=([C_GenerateKeyPair]=removed [C_SignInit]=opensc [C_CreateObject]=ykcs11)
        local phase n=0
        inserted
        SUBJECT='CN=unit-{token.serial}' station_start
        for phase in "${!phases[@]}"; do
                n=$((n + 1))
                BROKEN=("change-serial=00000000000000A$n token=alpha")
                break_with "${BROKEN[@]}" 'vanish token=beta' 'vanish token=gamma' \
                        "vanish=${phases[$phase]} token=alpha on=$phase"
                says "unit-00000000000000A$n stands still: its token was taken out"
                inserted alpha
                says "OK +unit-00000000000000A$n"
                inserted
                soon counted_lines "taken out" "$((3 * n))"
        done
        kill -INT "$STATION_PID"
        station_ends 0
        [ "$(issued)" = 3 ]
        p11cert list --output json | jq -e '[.orders[] | .state == "delivered" and (.maybe_duplicate | not)] | all'
}

@test "Ctrl-C once finishes, twice leaves at once, and nothing that ends it keeps the terminal" {
        localpca_again --issue-delay 5s
        inserted alpha
        on_screen
        shows 'waits for its certificate'
        tmux -S "$SANDBOX/tmux" send-keys C-c
        shows 'FINISHING'
        shows 'waits for its certificate'
        tmux -S "$SANDBOX/tmux" send-keys C-c
        shows '1 unit.s. left half-way'
        shows 'status 4'
        cmp "$SANDBOX/before" "$SANDBOX/after"
        tmux -S "$SANDBOX/tmux" kill-server
        localpca_again
        inserted
        on_screen
        shows 'Insert a token'
        # Typed blindly, and not for the shell.
        tmux -S "$SANDBOX/tmux" send-keys 'echo typed >typed' Enter
        pkill -QUIT -P "$(tmux -S "$SANDBOX/tmux" display -p '#{pane_pid}')" p11cert
        shows 'status 131'
        cmp "$SANDBOX/before" "$SANDBOX/after"
        [ "$(tmux -S "$SANDBOX/tmux" display -p '#{alternate_on} #{cursor_flag}')" = '0 1' ]
        # What the first one left goes on.
        inserted alpha
        station_start --once
        station_ends 0
        logged 'device-alpha goes on, from submitted'
        [ "$(issued)" = 1 ]
}

@test "a log has a line an event, a token is known again on another day, and the quota ends the shift" {
        inserted alpha
        station_start --output json --quota 2
        says 'reader 1 +OK +device-alpha: delivered'
        inserted
        says "reader 1 +out +'alpha'"
        inserted alpha beta
        says 'reader 1 +DONE +done already: device-alpha'
        says 'OK +device-beta'
        says 'the quota is used up'
        station_ends 0
        [ "$(jq -c '[.orders[].name]' "$SANDBOX/answer")" = '["device-alpha","device-beta"]' ]
        run ! grep -q $'\033' "$SANDBOX/log" "$SANDBOX/answer"
        [ "$(grep -c 'device-alpha' "$SANDBOX/log")" -lt 6 ]

        inserted beta
        station_start --once
        station_ends 3
        logged 'DONE +done already: device-beta'
        [ "$(issued)" = 2 ]
        # A terminal that cannot be drawn on gets lines, too.
        inserted gamma
        LC_ALL=C SCREEN_TERM=dumb on_screen --once
        shows 'OK +device-gamma: delivered'
        shows '1 good, 0 failed, 0 done before'
}

@test "a token that hangs, one that is locked and one that has another PIN keep nobody else waiting" {
        softhsm2-util --init-token --free --label delta --pin 98765 --so-pin 5678 >/dev/null
        BROKEN=('C_GenerateKeyPair hang token=alpha' 'set-flag=CKF_USER_PIN_LOCKED token=beta')
        inserted alpha beta
        station_start --token-timeout 2s
        says 'FAIL +.*the token.s PIN is locked'
        says 'FAIL +.*the token refused the PIN'
        inserted alpha beta gamma
        says 'OK +device-gamma: delivered'
        says 'FAIL +device-alpha: .*does not answer'
        # The one with the wrong PIN is not asked a second time by itself.
        [ "$(grep -c 'the token refused the PIN' "$SANDBOX/log")" = 1 ]
        kill -INT "$STATION_PID"
        station_ends 10
        # What the hanging one had begun goes on later.
        BROKEN=()
        inserted alpha
        station_start --token pkcs11:token=alpha --once
        station_ends 0
        logged 'OK +device-alpha: delivered'
}

@test "what is not for this station is left alone" {
        local serial
        serial=$(token_serial beta)
        BROKEN=("C_GetTokenInfo rv=CKR_TOKEN_NOT_RECOGNIZED token=gamma" "change-serial=$serial token=alpha")
        inserted beta gamma
        station_start --token 'pkcs11:manufacturer=Nobody'
        says 'beta: not a token for this station'
        says 'FAIL +.*does not answer'
        kill -INT "$STATION_PID"
        station_ends 1
        [ "$(counted C_Login)" = 0 ]
        # Two that cannot be told apart: the second has to wait for the first one's leaving.
        inserted alpha
        station_start
        says 'OK +device-alpha'
        inserted alpha beta
        says 'beta: another reader has a token with the same serial number'
        kill -INT "$STATION_PID"
        station_ends 0
        inserted
        station_start --until 2020-01-01T00:00:00Z
        says 'the time is up'
        station_ends 3
}

@test "AWS out of reach: orders wait, and it is said until when" {
        inserted
        station_start
        localpca_stop
        inserted alpha
        says 'trouble .*; next try at [0-9:]+'
        LOCALPCA_PORT=${ENDPOINT##*:} localpca_start
        says 'OK +device-alpha: delivered'
        logged 'AWS answers again'
        kill -INT "$STATION_PID"
        station_ends 0
        [ "$(issued)" = 1 ]
}

@test "a module in an error state is started anew" {
        BROKEN=('C_GetSlotList rv=CKR_DEVICE_ERROR')
        inserted alpha
        station_start
        says 'trouble .*it is started anew'
        soon counted_at_least C_Finalize 1
        BROKEN=()
        inserted alpha
        says 'answers again'
        says 'OK +device-alpha: delivered'
        kill -INT "$STATION_PID"
        station_ends 0
}

counted_at_least() {
        [ "$(counted "$1")" -ge "$2" ]
}

@test "the hooks are told the facts, and one that fails is run again, and nothing else" {
        cat >"$SANDBOX/pre" <<'END'
#!/bin/sh
echo "pre $P11CERT_NAME $P11CERT_TOKEN_LABEL order=$P11CERT_ORDER $P11CERT_ATTR_LINE." >>"$SANDBOX/hooks"
END
        cat >"$SANDBOX/post" <<'END'
#!/bin/sh
echo "post $P11CERT_NAME $P11CERT_SERIAL$AWS_SECRET_ACCESS_KEY." >>"$SANDBOX/hooks"
[ -f "$P11CERT_CERTIFICATE_FILE" ] && [ -f "$SANDBOX/paper" ] || { echo "no paper"; exit 1; }
END
        chmod 700 "$SANDBOX/pre" "$SANDBOX/post"
        inserted alpha
        station_start --pre-hook "$SANDBOX/pre" --post-hook "$SANDBOX/post" --attribute line=7
        says 'FAIL +device-alpha: the hook failed \(exit status 1\)'
        logged 'it said: no paper'
        [ "$(issued)" = 1 ]
        touch "$SANDBOX/paper"
        inserted
        says "out +'alpha'"
        inserted alpha
        says 'OK +device-alpha'
        inserted
        soon counted_lines ' out ' 2
        inserted alpha
        says 'DONE +done already: device-alpha'
        kill -INT "$STATION_PID"
        station_ends 10
        [ "$(issued)" = 1 ]
        done_well show device-alpha
        [ "$(cat "$SANDBOX/hooks")" = "pre device-alpha alpha order= 7.
post device-alpha $(fact .serial).
post device-alpha $(fact .serial)." ]
}

@test "a row of the manifest: the token's own, the one that is scanned, or the next; none twice" {
        cat >"$SANDBOX/rows.csv" <<END
name,subject,token,attr.line
d-1,CN={name} {token.serial},,1
d-2,CN={name},pkcs11:serial=$(token_serial beta),2
d-3,CN={name},,3
d-4,CN={name},,4
END
        inserted beta
        station_start --manifest "$SANDBOX/rows.csv" --quota 2
        says 'OK +d-2'
        inserted alpha beta
        says 'OK +d-1'
        station_ends 0
        done_well show d-1
        is ".subject == \"CN=d-1 $(token_serial alpha)\""
        p11cert show d-1 | grep -q 'attributes *line=1'
        # On another day the rows that have their certificates are passed over.
        inserted beta gamma
        station_start --manifest "$SANDBOX/rows.csv" --scan --quota 1
        says 'DONE +done already: d-2'
        echo 'D-2' >&7
        says 'FAIL +gamma: no row of the manifest has the scanned name'
        inserted beta
        soon counted_lines ' out ' 1
        echo 'd-1' >&7
        inserted beta gamma
        says 'FAIL +gamma: the scanned name has its certificate already'
        inserted beta
        soon counted_lines ' out ' 2
        inserted beta gamma
        echo ' d-4' >&7
        says 'OK +d-4'
        station_ends 10
        [ "$(issued)" = 3 ]
        printf 'name,subjcet\nd-1,CN=d-1\n' >"$SANDBOX/rows.csv"
        refused input 2 p11cert station --output json --ca "$CA_ARN" --pin-source "file:$SANDBOX/pin" \
                --manifest "$SANDBOX/rows.csv"
}

@test "blank tokens are initialised, others never, and each waits for its label to be scanned" {
        cat >"$SANDBOX/vault" <<'END'
#!/bin/sh
umask 077
cat >"$SANDBOX/$P11CERT_TOKEN_LABEL.pins"
END
        chmod 700 "$SANDBOX/vault"
        inserted
        SUBJECT='CN={attr.scan}' station_start --init --token-label 'unit-{row}' \
                --pin-hook "$SANDBOX/vault" --scan --quota 2
        echo 'SN 0001 ' >&7
        says 'OK +SN-0001|FAIL'
        echo 'SN-0002' >&7
        says 'OK +SN-0002'
        station_ends 0
        for label in unit-1 unit-2; do
                sed -n 's/^user-pin=//p' "$SANDBOX/$label.pins" >"$SANDBOX/pin"
                done_well p11cert token check-pin --output json --module "$SOFTHSM" \
                        --pin-source "file:$SANDBOX/pin" "pkcs11:token=$label"
        done
        [ "$(counted C_InitToken)" = 2 ]
        [ "$(issued)" = 2 ]
}

@test "hours of it leave nothing behind" {
        local i rounds=${P11CERT_STATION_ROUNDS:-12} fds=0
        inserted
        SUBJECT='CN=unit-{token.serial}' station_start
        for ((i = 1; i <= rounds; i++)); do
                BROKEN=("change-serial=$(printf '%016X' "$i") token=alpha")
                inserted alpha
                says "OK +unit-$(printf '%016X' "$i"):"
                BROKEN=()
                inserted
                soon counted_lines " out " "$i"
                [ "$i" != 5 ] || fds=$(find "/proc/$STATION_PID/fd" -mindepth 1 | wc -l)
        done
        [ "$(find "/proc/$STATION_PID/fd" -mindepth 1 | wc -l)" -le "$fds" ]
        kill -INT "$STATION_PID"
        station_ends 0
        [ "$(issued)" = "$rounds" ]
}

counted_lines() {
        [ "$(grep -c -- "$1" "$SANDBOX/log")" -ge "$2" ]
}
