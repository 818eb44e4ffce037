#!/usr/bin/env bats
# The command line itself: what it says, where it says it, and what it understands.
load common

setup() {
        sandbox_make
}

teardown() {
        sandbox_clear
}

# typed TEXT COMMAND…: on a terminal of its own, TEXT is typed once COMMAND has asked something; what
# was shown is in $SANDBOX/shown.
typed() {
        local text=$1 pid status=0
        shift
        rm -f "$SANDBOX/shown" # the prompt that is waited for is this one's
        mkfifo "$SANDBOX/keyboard"
        script -qefc "$*" "$SANDBOX/shown" <"$SANDBOX/keyboard" >/dev/null 2>&1 3>&- &
        pid=$!
        exec 8>"$SANDBOX/keyboard"
        for _ in $(seq 200); do
                ! grep -qE 'PIN of|\[y/N\]' "$SANDBOX/shown" 2>/dev/null || break
                sleep 0.05
        done
        printf '%s\n' "$text" >&8
        wait $pid || status=$?
        exec 8>&-
        rm "$SANDBOX/keyboard"
        return $status
}

@test "whatever goes wrong, there is exactly one JSON document on stdout" {
        local words
        printf 'nonsense\n' >"$SANDBOX/bad.conf"
        for words in isue 'issue --subjet x' 'issue --ca x' 'show nobody' 'list --in-state lost' 'ca' 'ca show' \
                'token info pkcs11:token=none' 'revoke 00' 'verify' 'resume' 'due' 'batch x' "list -c $SANDBOX/bad.conf" \
                'fetch' 'completion tcsh' 'version --output' 'renew x y --due' 'import x y' 'config show -p none'; do
                # shellcheck disable=SC2086
                run --separate-stderr p11cert --output json $words
                [ "$status" != 0 ] || { echo "no error: $words" >&2; false; }
                [ "$(jq -s length <<<"$output")" = 1 ] || { echo "$words: $output" >&2; false; }
        done
}

@test "an error before there is an order has all members of an order, and null for its number" {
        run -2 --separate-stderr p11cert issue --output json --subject CN=a
        is '.order == null and .error.kind == "usage" and (has("files") and has("token") and has("key"))'
        is '.error | (.what | length > 0) and (.about | length > 0) and (.next | length > 0)'
}

@test "an error is three lines on stderr, and nothing on stdout" {
        run -1 --separate-stderr p11cert show nobody
        [ -z "$output" ]
        [ "$(grep -c '^p11cert: ' <<<"$stderr")" = 1 ]
        grep -q '^  on: ' <<<"$stderr"
        grep -q '^  next: ' <<<"$stderr"
}

@test "-q leaves the error of the text form and nothing else; with JSON not even that" {
        run -3 --separate-stderr p11cert -q resume
        [ "$(wc -l <<<"$stderr")" -le 3 ]
        run -3 --separate-stderr p11cert -q resume --output json
        [ -z "$stderr" ]
}

@test "an option beats its variable, and the variable beats the configuration" {
        printf 'module = /from/file\nlock-wait = 1s\noutput = json\n' >"$SANDBOX/config"
        P11CERT_MODULE=/from/variable P11CERT_CONFIG=$SANDBOX/config done_well p11cert config show
        is '.values[] | select(.key == "module") | .values == ["/from/variable"] and .from == "P11CERT_MODULE"'
        is '.values[] | select(.key == "lock-wait") | .values == ["1s"] and (.from | endswith("config:2"))'
        P11CERT_CA=arn:from:variable done_well p11cert -c "$SANDBOX/config" config show
        is '.values[] | select(.key == "ca") | .from == "P11CERT_CA"'
        P11CERT_MODULE=/from/variable done_well p11cert -c "$SANDBOX/config" config show --module /from/line
        is '.values[] | select(.key == "module") | .values == ["/from/line"]'
}

@test "a mistake in the configuration is named with its line" {
        printf 'ca = x\n\nmodul = y\n' >"$SANDBOX/config"
        run -2 --separate-stderr p11cert -c "$SANDBOX/config" config check
        grep -q 'line 3' <<<"$stderr"
        grep -q "did you mean 'module'" <<<"$stderr"
}

@test "what comes with a later version says so" {
        run -2 --separate-stderr p11cert reconcile
        grep -q 'not in this version' <<<"$stderr"
        run -2 --separate-stderr p11cert token probe
        grep -q 'not in this version' <<<"$stderr"
}

@test "a PIN on the command line is refused, and not repeated" {
        run -2 --separate-stderr p11cert key list --token 'pkcs11:token=first?pin-value=97531' --module "$MODULE"
        run ! grep -q 97531 <<<"$output$stderr"
        run -2 --separate-stderr p11cert key list --token pkcs11:token=first --pin-source 97531 --module "$MODULE"
        run ! grep -q 97531 <<<"$output$stderr"
        printf 'token = pkcs11:token=first?pin-value=97531\n' >"$SANDBOX/config"
        run --separate-stderr p11cert -c "$SANDBOX/config" config show
        run ! grep -q 97531 <<<"$output$stderr"
        # Also not where it is held against an order's recorded token, nor kept there.
        token_make
        localpca_start
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        local name
        for name in pin-value PIN-VALUE; do
                refused usage 2 p11cert fetch device-1 --output json --override \
                        --token "pkcs11:token=first?$name=97531"
                refused usage 2 p11cert fetch device-1 --output json --token "pkcs11:token=first?$name=97531"
                run ! grep -q 97531 <<<"$output$stderr"
        done
        run ! grep -rq 97531 "$P11CERT_STATE"
}

@test "an answer that cannot be written is an error; a reader that had enough is none worth a word" {
        run -1 --separate-stderr bash -c '"$0" version >/dev/full' "$BUILD/p11cert"
        grep -q 'could not be written' <<<"$stderr"
        run --separate-stderr bash -c '"$0" --help | head -n 1 >/dev/null' "$BUILD/p11cert"
        [ -z "$stderr" ]
}

@test "a standard descriptor that came closed is not given to another file" {
        command -v strace >/dev/null || skip "strace is not here"
        token_make
        localpca_start
        local options
        mapfile -t options < <(token_options)
        # Whatever is opened as 0, 1 or 2 would be written into by talk, or read as input.
        for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&- 2>&-'; do
                ASAN_OPTIONS=detect_leaks=0 run -- strace -f -e trace=openat,socket,eventfd2,memfd_create,pipe2,accept4 \
                        -o "$SANDBOX/trace" bash -c "exec \"\$@\" $closed" - "$BUILD/p11cert" --no-prompt issue \
                        --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" --subject "CN=d$RANDOM$RANDOM"
                run ! grep -E '(ledger|certificates|tokens|socket|eventfd|memfd|pipe).*= [012]$' "$SANDBOX/trace"
        done
        [ "$(p11cert list --output json | jq '[.orders[] | select(.state == "delivered")] | length')" = 4 ]
}

@test "bash completes verbs, options and their values" {
        # shellcheck disable=SC1090
        . <("$BUILD/p11cert" completion bash)
        complete_words() {
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
                _p11cert
                printf '%s\n' "${COMPREPLY[@]}"
        }
        [ "$(complete_words p11cert iss)" = issue ]
        complete_words p11cert ca '' | grep -qx trust
        complete_words p11cert --output json issue --sub | grep -qx -- --subject
        complete_words p11cert issue --name list --pro | grep -qx -- --prove
        run ! grep -qx -- --prove < <(complete_words p11cert list --pro)
        complete_words p11cert issue --key-type rsa | grep -qx rsa:3072
        "$BUILD/p11cert" completion bash | bash -n
}

@test "fish completes global options in front of the verb, too" {
        "$BUILD/p11cert" completion fish >"$SANDBOX/p11cert.fish"
        grep -q "^complete -c p11cert -n __fish_use_subcommand -l output -x -a 'text json jsonl' " \
                "$SANDBOX/p11cert.fish"
        command -v fish >/dev/null || return 0
        fish --no-config -c "source $SANDBOX/p11cert.fish; complete -C 'p11cert --output '" |
                cut -f1 | grep -qx jsonl
}

@test "the PIN is asked for on the terminal, and not shown" {
        token_make
        typed "$PIN" "$BUILD/p11cert" key list --module "$MODULE" --token "$TOKEN"
        grep -q 'PIN of' "$SANDBOX/shown"
        run ! grep -q "$PIN" "$SANDBOX/shown"
        run typed 0000 "$BUILD/p11cert" key list --module "$MODULE" --token "$TOKEN"
        [ "$status" = 7 ]
}

@test "revoke asks first: no is no, and where nobody can be asked it is an error" {
        token_make
        localpca_start
        done_well issue --subject CN=device-1
        as_admin
        refused usage 2 p11cert revoke device-1 --reason superseded --output json
        run typed n "$BUILD/p11cert" revoke device-1 --reason superseded
        [ "$status" = 3 ]
        done_well p11cert list
        run ! grep -q revoked <<<"$output"
        typed y "$BUILD/p11cert" revoke device-1 --reason superseded
        done_well p11cert list
        grep -q revoked <<<"$output"
}

@test "a recorded option may not change in a resume, unless it is overridden" {
        token_make
        localpca_start
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        refused order-differs 2 resume --module /some/other.so
        refused order-differs 2 resume --endpoint-url http://127.0.0.1:1
        run -11 --separate-stderr resume --endpoint-url http://127.0.0.1:1 --override
        done_well resume --endpoint-url "$ENDPOINT" --override
        is '.orders[0].state == "delivered"'
}

@test "resume takes up orders of several endpoints, each where it was made" {
        token_make
        localpca_start
        run -4 --separate-stderr issue --subject CN=a --no-wait
        run -4 --separate-stderr issue --subject CN=b --no-wait --endpoint-url "http://localhost:${ENDPOINT##*:}"
        run -4 --separate-stderr issue --subject CN=c --no-wait
        done_well resume
        is '[.orders[] | .name + " " + .state] == ["a delivered", "b delivered", "c delivered"]'
        run -3 --separate-stderr resume
}

@test "a module that hangs is left behind by every verb that asks a token" {
        local call verb
        token_make
        for call in C_Initialize C_GetSlotList C_OpenSession; do
                break_with "$call hang"
                for verb in "token info" "key list" "cert list" "doctor --no-prompt"; do
                        # shellcheck disable=SC2086
                        run --separate-stderr timeout 20 "$BUILD/p11cert" $verb --output json --token-timeout 1s \
                                --module "$MODULE" --token "$TOKEN" --pin-source "file:$SANDBOX/pin"
                        [ "$status" = 6 ] || { echo "$call, $verb: $status $output" >&2; false; }
                        [ "$(jq -r .error.kind <<<"$output")" = token-hangs ]
                done
        done
}

@test "a held order is not issued, a delivered one not submitted, and each says what would do" {
        token_make
        localpca_start
        local options
        mapfile -t options < <(token_options)
        done_well p11cert csr "${options[@]}" --subject CN=held "$SANDBOX/held.csr"
        refused held 4 issue --subject CN=held
        grep -q 'p11cert submit held' <<<"$stderr"
        done_well issue --subject CN=ready
        refused order-state 1 p11cert submit ready --output json
        run -3 --separate-stderr p11cert fetch ready
        refused order-differs 2 p11cert csr --output json "${options[@]}" --subject CN=held,O=Other
        local verb
        for verb in verify installed renew; do
                refused order-state 1 p11cert $verb held --output json
                is '.error.next | contains("p11cert submit held")'
        done
        refused input 2 issue --csr "file://$SANDBOX/held.csr"
        is ".error.next | contains(\"leave 'file://' out\")"
}

@test "advice about an order whose name is a number, or looks like an option, means just that order" {
        token_make
        localpca_start
        done_well issue --subject CN=device-1
        run -4 --separate-stderr issue --subject CN=1 --no-wait
        is '.order == 2 and (.error.next | endswith(": p11cert fetch name:1"))'
        done_well p11cert fetch name:1 --output json --pin-source "file:$SANDBOX/pin"
        is '.order == 2 and .name == "1"'
        grep -q 'p11cert renew name:1\.$' "$(dirname "$(fact .files.certificate)")/README.txt"
        done_well issue --subject 'CN=*.example'
        run -3 --separate-stderr issue --subject 'CN=*.example'
        is '.error.next | startswith("p11cert renew name:-.example ")'
}

@test "fetch without the token stops at verified, and goes on with it" {
        token_make
        localpca_start
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        mv "$SANDBOX/tokens" "$SANDBOX/away"
        mkdir "$SANDBOX/tokens"
        refused pending 4 p11cert fetch device-1 --output json --pin-source "file:$SANDBOX/pin"
        is '.state == "verified"'
        rmdir "$SANDBOX/tokens"
        mv "$SANDBOX/away" "$SANDBOX/tokens"
        done_well p11cert fetch device-1 --output json --pin-source "file:$SANDBOX/pin"
        delivered
}

@test "a CSR needs no AWS, however wrong its configuration is" {
        token_make
        local options
        mapfile -t options < <(token_options)
        AWS_PROFILE=nobody done_well p11cert csr "${options[@]}" --subject CN=device-1 "$SANDBOX/device-1.csr"
        openssl req -in "$SANDBOX/device-1.csr" -verify -noout
        # Not even where it is known already which CA it is for.
        done_well p11cert csr "${options[@]}" --subject CN=device-2 "$SANDBOX/device-2.csr" --output json \
                --ca arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/8593d35d-b7f8-4a55-9600-6bdc17c50b4f \
                --endpoint-url http://127.0.0.1:1
        is '.state == "keyed" and .error == null'
}

@test "renew --due renews what is due, once; the rest of a batch goes on when one fails" {
        token_make
        localpca_start
        done_well issue --subject CN=short --validity 10d
        done_well issue --subject CN=long --validity 300d
        run -3 --separate-stderr p11cert renew --due --within 5d --output json --pin-source "file:$SANDBOX/pin"
        is '.orders == []'
        done_well p11cert renew --due --output json --pin-source "file:$SANDBOX/pin"
        is '[.orders[] | .name + " " + .state] == ["short delivered"] and .orders[0].replaces == 1'
        done_well p11cert renew --due --within 3650d --validity 20d --output json --pin-source "file:$SANDBOX/pin"
        is '[.orders[].replaces] == [2, 3]'
}

@test "--output jsonl is a line an order" {
        token_make
        localpca_start
        done_well issue --subject CN=a
        done_well issue --subject CN=b
        done_well p11cert list --output jsonl
        [ "$(wc -l <<<"$output")" = 2 ]
        [ "$(jq -r .name <<<"$output" | tr '\n' ' ')" = 'a b ' ]
}
