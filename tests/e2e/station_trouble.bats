#!/usr/bin/env bats
# A station in trouble: tokens that break, readers, modules, the network, signals, and long days.
load station

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
        # However often it was tried in between.
        [ "$(grep -c 'next try at' "$SANDBOX/log")" = 1 ]
        kill -INT "$STATION_PID"
        station_ends 0
        [ "$(issued)" = 1 ]
}

@test "a module that hangs as a whole is told, and does not keep the station from ending" {
        inserted
        on_screen --token-timeout 1s
        shows 'no token yet'
        break_with 'C_GetSlotList hang'
        shows 'breakable.so does not answer: unplug its reader'
        tmux -S "$SANDBOX/tmux" send-keys C-c
        shows 'status 3'
        cmp "$SANDBOX/before" "$SANDBOX/after"
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

# some_of LABEL…: these tokens, each or not as chance has it.
some_of() {
        local label
        for label in "$@"; do [ $((RANDOM % 3)) = 0 ] || printf '%s ' "$label"; done
}

@test "killed at any moment while tokens come and go, each gets one key, one certificate and one order" {
        local i label kills=${ROUNDS:-$([ -z "$SHORT" ] && echo 8 || echo 6)} words
        localpca_again --latency 30ms --issue-delay 150ms
        # Time passes where it matters.
        BROKEN=('C_GenerateKeyPair delay_ms=150' 'C_Sign delay_ms=80' 'C_CreateObject delay_ms=150')
        mapfile -t words < <(station_words)
        for ((i = 0; i < kills; i++)); do
                # shellcheck disable=SC2046
                inserted $(some_of alpha beta gamma)
                "${words[@]}" >>"$SANDBOX/answer" 2>>"$SANDBOX/log" </dev/null 3>&- &
                STATION_PID=$!
                sleep "0.$((RANDOM % 30 + 15))"
                # shellcheck disable=SC2046
                inserted $(some_of alpha beta gamma)
                sleep "0.$((RANDOM % 30 + 10))"
                kill -9 "$STATION_PID"
                wait "$STATION_PID" 2>/dev/null || true
        done
        STATION_PID=
        BROKEN=()
        inserted alpha beta gamma
        mapfile -t words < <(station_words --once)
        run --separate-stderr "${words[@]}"
        [ "$status" = 0 ] || [ "$status" = 3 ] || { cat "$SANDBOX/log"; echo "$stderr"; return 1; }
        done_well p11cert list --output json
        is '[.orders[] | select(.state == "delivered" and .maybe_duplicate == false)] | length == 3'
        is '.orders | length == 3'
        [ "$(issued)" = 3 ]
        for label in alpha beta gamma; do
                output=$(show "device-$label")
                # SoftHSM, killed in the middle of a key, leaves objects without an id behind.
                TOKEN_LABEL=$label one_of_each "$(fact .key.id)" -
                TOKEN_LABEL=$label delivered
        done
}

@test "hours of it leave nothing behind" {
        local i rounds=${ROUNDS:-$([ -z "$SHORT" ] && echo 8 || echo 5)} fds=0
        inserted
        SUBJECT='CN=unit-{token.serial}' station_start
        for ((i = 1; i <= rounds; i++)); do
                BROKEN=("change-serial=$(printf '%016X' "$i") token=alpha")
                inserted alpha
                says "OK +unit-$(printf '%016X' "$i"):"
                BROKEN=()
                inserted
                soon counted_lines " out " "$i"
                [ "$i" != 3 ] || fds=$(find "/proc/$STATION_PID/fd" -mindepth 1 | wc -l)
        done
        [ "$(find "/proc/$STATION_PID/fd" -mindepth 1 | wc -l)" -le "$fds" ]
        kill -INT "$STATION_PID"
        station_ends 0
        [ "$(issued)" = "$rounds" ]
}
