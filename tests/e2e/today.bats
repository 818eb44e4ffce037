#!/usr/bin/env bats
# What hurts those who do it with shell recipes today: each is a test that it does not hurt here.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        sandbox_clear
}

@test "a wrong PIN is an error, not a crash" {
        (umask 077 && echo 9999 >"$SANDBOX/pin")
        refused pin-wrong 7 issue --subject CN=device-1
}

@test "a key that does not exist is an error, not a crash" {
        refused key-absent 1 issue --subject CN=device-1 --key 'pkcs11:token=first;object=nobody'
}

@test "a newline at the end of the PIN file does no harm, and neither does its absence" {
        (umask 077 && printf '%s\n' $PIN >"$SANDBOX/pin")
        done_well issue --subject CN=with-newline
        (umask 077 && printf '%s' $PIN >"$SANDBOX/pin")
        done_well issue --subject CN=without
        (umask 077 && printf '%s\r\n' $PIN >"$SANDBOX/pin")
        done_well issue --subject CN=dos
        delivered
}

@test "an Ed25519 key on the token is in nobody's way" {
        on_token --keypairgen --key-type EC:edwards25519 --id 77 --label odd >/dev/null
        done_well issue --subject CN=device-1
        delivered
        done_well p11cert key list --output json --module "$MODULE" --token "$TOKEN" --pin-source "file:$SANDBOX/pin"
        is '[.. | .label? // empty] | index("odd")'
}

@test "eight of them side by side on one token: every one delivers" {
        local i failed=0 pids=()
        for i in 1 2 3 4 5 6 7 8; do
                P11CERT_STATE=$SANDBOX/state-$i issue --subject "CN=device-$i" >"$SANDBOX/answer-$i" 2>&1 3>&- &
                pids+=($!)
        done
        for i in "${pids[@]}"; do wait "$i" || failed=1; done
        [ $failed = 0 ] || cat "$SANDBOX"/answer-* >&2
        [ $failed = 0 ]
        [ "$(ids_of privkey | sort -u | wc -l)" = 8 ]
        [ "$(ids_of cert | sort -u | wc -l)" = 8 ]
}

@test "a label that exists is not given to a second key" {
        done_well issue --subject CN=device-1 --label shared
        refused object-exists 1 issue --subject CN=device-2 --label shared
        [ "$(ids_of privkey | wc -l)" = 1 ]
        done_well issue --subject CN=device-2 --label another
}

@test "a certificate that is delivered again is one object" {
        done_well issue --subject CN=device-1
        done_well p11cert verify device-1 --output json --pin-source "file:$SANDBOX/pin"
        run issue --subject CN=device-1
        [ "$(ids_of cert | wc -l)" = 1 ]
}

@test "an EC key may neither decrypt nor unwrap nor derive" {
        done_well issue --subject CN=device-1
        run on_token --list-objects --type privkey
        run ! grep -qE 'Usage:.*(decrypt|unwrap|derive)' <<<"$output"
}

@test "a PIN in a URI is refused, and not quoted back" {
        TOKEN='pkcs11:token=first;pin-value=1357'
        run --separate-stderr issue --subject CN=device-1
        [ "$status" = 2 ]
        is '.error.kind == "usage"'
        run ! grep -q 1357 <<<"$output$stderr"
        TOKEN='pkcs11:token=first?pin-value=1357'
        run -2 --separate-stderr issue --subject CN=device-1
        run ! grep -q 1357 <<<"$output$stderr"
}

@test "without a module the registry's are asked, and their noise stays out of the output" {
        done_well p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --token "$TOKEN" \
                --pin-source "file:$SANDBOX/pin" --subject CN=device-1
        delivered
        [ "$(jq -s length <<<"$output")" = 1 ]
}

@test "what is not a CSR never leaves the machine" {
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/soft.key" \
                -subj /CN=software -out "$SANDBOX/csr.pem" 2>/dev/null
        local file
        printf 'MIIB' >"$SANDBOX/cut.pem"
        base64 -w0 "$SANDBOX/csr.pem" >"$SANDBOX/twice.pem"
        sed 's/^\(MII..\)./\1A/' "$SANDBOX/csr.pem" >"$SANDBOX/damaged.pem"
        for file in "file://$SANDBOX/csr.pem" "fileb://$SANDBOX/csr.pem" "$SANDBOX/cut.pem" "$SANDBOX/twice.pem" \
                "$SANDBOX/damaged.pem" "$SANDBOX/pin" /dev/null; do
                run --separate-stderr issue --csr "$file"
                [ "$status" = 1 ] || [ "$status" = 2 ]
                is '.error.kind | IN("input", "usage", "key-absent")'
        done
        [ "$(issued)" = 0 ]
}

@test "a certificate for another key is neither verified nor stored" {
        localpca_again --fault IssueCertificate:wrong-key
        refused not-as-asked 9 issue --subject CN=device-1
        is '.state == "failed" and .certificate_arn != null'
        [ -z "$(ids_of cert)" ]
        [ ! -e "$SANDBOX/state/certificates/device-1/certificate.pem" ]
}

@test "answers that get lost never make a second certificate for a key" {
        local i
        localpca_again --fault IssueCertificate:every=2:reset=after
        for i in 1 2 3 4 5 6; do
                done_well issue --subject "CN=device-$i"
                delivered
                is '.maybe_duplicate == false'
        done
        [ "$(issued)" = 6 ]
}

@test "an order on a full token costs no more calls than on an empty one" {
        local i searches calls
        break_with ""
        rm -f "$BREAKABLE_COUNTS"
        done_well issue --subject CN=on-empty
        searches=$(counted C_FindObjectsInit)
        calls=$(awk '{ n += $2 } END { print n }' "$BREAKABLE_COUNTS")
        for i in $(seq 1 30); do
                on_token --keypairgen --key-type EC:prime256v1 --id "$(printf '%04x' "$i")" --label "old $i" >/dev/null
        done
        rm -f "$BREAKABLE_COUNTS"
        done_well issue --subject CN=on-full
        [ "$(counted C_FindObjectsInit)" = "$searches" ]
        [ "$searches" = 0 ]
        [ "$(awk '{ n += $2 } END { print n }' "$BREAKABLE_COUNTS")" = "$calls" ]
        [ "$(counted C_Login)" = 1 ]
        [ "$(counted C_GenerateKeyPair)" = 1 ]
        [ "$(counted C_OpenSession)" = 1 ]
        [ "$(counted C_CloseSession)" = 1 ]
}
