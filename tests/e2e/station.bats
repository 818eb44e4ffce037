#!/usr/bin/env bats
# The station: tokens come and go, each gets its certificate once, and the operator sees what to do.
load station

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
        # What is cut says so in the terminal's last column, too.
        shows ' 3 +SoftHSM slot ID 0x[0-9a-f]+…$'
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
        localpca_again --issue-delay 1500ms
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
        done_well p11cert station --dry-run --output json --ca "$CA_ARN" --manifest "$SANDBOX/rows.csv"
        is '.orders == []'
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

@test "a blank token that the quota leaves out is told of, though it has no name" {
        inserted alpha
        station_start --init --token-label 'unit-{row}' --so-pin-source "file:$SANDBOX/pin" --once --quota 1
        says 'trouble +\(without a label\): the quota is used up'
        station_ends 0
        [ "$(issued)" = 1 ]
        [ -z "$(counted C_InitToken)" ] || [ "$(counted C_InitToken)" = 0 ]
}

@test "a token that the quota left out gets the place of one that came to nothing" {
        cat >"$SANDBOX/gate" <<'END'
#!/bin/sh
[ "$P11CERT_TOKEN_LABEL" = alpha ] || exit 0
until [ -e "$SANDBOX/go" ]; do sleep 0.05; done
echo 'not this one'
exit 1
END
        chmod 700 "$SANDBOX/gate"
        inserted alpha
        station_start --once --quota 1 --pre-hook "$SANDBOX/gate"
        says 'begun +device-alpha'
        inserted alpha beta
        says 'trouble +beta: the quota is used up'
        touch "$SANDBOX/go"
        says 'FAIL +device-alpha'
        says 'OK +device-beta: delivered'
        # One of two failed, and the round was not over with it.
        station_ends 10
        logged 'the quota is used up: finishing'
        [ "$(issued)" = 1 ]
}
