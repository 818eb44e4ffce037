#!/usr/bin/env bats
# Tokens that are absent, alike, locked, full, pulled, swapped or odd: each has its error.kind and
# exit status, and what was begun can be resumed afterwards.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        sandbox_clear
}

# stands STATE: where the order is, by the ledger.
stands() {
        done_well show device-1
        is ".state == \"$1\""
}

# resumes: the one order goes on to a delivery, with one key pair and one certificate in the world.
resumes() {
        mend
        done_well resume "$@"
        done_well show device-1
        delivered
        one_of_each "$(fact .key.id)"
        [ "$(issued)" = 1 ]
}

@test "no token: says which are there" {
        TOKEN=pkcs11:token=missing
        refused token-absent 6 issue --subject CN=device-1
        grep -q first <<<"$output"
        TOKEN=pkcs11:token=first
        done_well issue --subject CN=device-1
        delivered
}

@test "no module, and a module that is none" {
        MODULE=$SANDBOX/nothing.so
        refused module 2 issue --subject CN=device-1
        MODULE=/bin/true
        refused module 2 issue --subject CN=device-1
}

@test "two tokens alike: lists the URIs to choose from, and one of them serves" {
        token_make
        refused token-ambiguous 2 issue --subject CN=device-1
        [ "$(grep -o 'pkcs11:[^ ",\\]*serial=[0-9a-f]*' <<<"$(fact '.error | .what, .about, .next')" | sort -u | wc -l)" = 2 ]
        TOKEN=pkcs11:serial=$(token_serial)
        done_well issue --subject CN=device-1
        delivered
}

@test "a wrong PIN is tried once, then its unchanged source is refused until it is mended" {
        break_with ""
        (umask 077 && echo 9999 >"$SANDBOX/pin")
        refused pin-wrong 7 issue --subject CN=device-1
        [ "$(counted C_Login)" = 1 ]
        refused pin-refused 7 issue --subject CN=device-1
        refused pin-refused 7 issue --subject CN=device-1
        [ "$(counted C_Login)" = 1 ]
        refused pin-wrong 7 issue --subject CN=device-1 --retry-pin
        [ "$(counted C_Login)" = 2 ]
        (umask 077 && echo $PIN >"$SANDBOX/pin")
        done_well issue --subject CN=device-1
        delivered
}

@test "a locked PIN, by the flag and by the answer, is not tried" {
        break_with set-flag=CKF_USER_PIN_LOCKED
        refused pin-locked 8 issue --subject CN=device-1
        [ "$(counted C_Login)" = 0 ]
        break_with C_Login\ rv=CKR_PIN_LOCKED
        refused pin-locked 8 issue --subject CN=device-1
}

@test "the last try is never used" {
        break_with set-flag=CKF_USER_PIN_FINAL_TRY
        refused pin-last-try 8 issue --subject CN=device-1
        [ "$(counted C_Login)" = 0 ]
        mend
        done_well issue --subject CN=device-1
        delivered
}

@test "a PIN that nobody gives" {
        refused pin-missing 7 p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$MODULE" --token "$TOKEN" --subject CN=device-1
        chmod 646 "$SANDBOX/pin"
        refused config 2 issue --subject CN=device-1
}

@test "a PIN file that others may read is used, with a warning" {
        chmod 644 "$SANDBOX/pin"
        done_well issue --subject CN=device-1
        delivered
        [[ $stderr == *"'$SANDBOX/pin' holds a PIN and others may get at it: chmod 600 it"* ]]
        done_well p11cert key list "pkcs11:token=first?pin-source=file:$SANDBOX/pin" --module "$MODULE"
}

@test "a token that is write-protected" {
        break_with set-flag=CKF_WRITE_PROTECTED
        refused token-read-only 1 issue --subject CN=device-1
        break_with 'C_GenerateKeyPair rv=CKR_TOKEN_WRITE_PROTECTED'
        refused token-read-only 1 issue --subject CN=device-1
        resumes
}

@test "a token without room for the key, or for the certificate" {
        break_with 'C_GenerateKeyPair rv=CKR_DEVICE_MEMORY'
        refused token-full 1 issue --subject CN=device-1
        stands planned
        break_with 'C_CreateObject rv=CKR_DEVICE_MEMORY'
        refused token-full 1 issue --subject CN=device-1
        stands verified
        resumes
}

@test "a missing mechanism" {
        break_with hide-mechanism=CKM_EC_KEY_PAIR_GEN
        refused mechanism-missing 1 issue --subject CN=device-1
        mend
        done_well issue --subject CN=device-2 --key-type rsa:2048
        delivered
}

@test "an id that is taken is an error unless it may be replaced" {
        on_token --keypairgen --key-type EC:prime256v1 --id 0a --label old >/dev/null
        refused object-exists 1 issue --subject CN=device-1 --id 0a
        grep -q 'pkcs11:' <<<"$(fact '.error | .what, .about, .next')"
        [ "$(issued)" = 0 ]
        on_token --read-object --type pubkey --id 0a --output-file "$SANDBOX/old.spki"
        done_well issue --subject CN=device-1 --id 0a --replace
        delivered
        on_token --read-object --type pubkey --id 0a --output-file "$SANDBOX/new.spki"
        run ! cmp -s "$SANDBOX/old.spki" "$SANDBOX/new.spki"
        one_of_each 0a
}

@test "what is replaced leaves nothing under its id: neither its certificate nor a key of another kind" {
        done_well issue --subject CN=device-1 --id 0a
        done_well issue --subject CN=device-2 --id 0a --replace
        delivered
        one_of_each 0a
        on_token --keypairgen --key-type EC:edwards25519 --id 0b --label other >/dev/null
        done_well issue --subject CN=device-3 --id 0b --replace
        delivered
        [ "$(ids_of privkey | sort | tr '\n' ' ')" = "0a 0b " ]
        [ "$(ids_of cert | sort | tr '\n' ' ')" = "0a 0b " ]
}

@test "several keys under one id, or a label under another id, are not replaced" {
        on_token --keypairgen --key-type EC:prime256v1 --id 0a --label one >/dev/null
        on_token --keypairgen --key-type EC:prime256v1 --id 0b --label two >/dev/null
        refused object-exists 1 issue --subject CN=device-1 --id 0a --label two --replace
        on_token --keypairgen --key-type EC:prime256v1 --id 0a --label three >/dev/null
        refused key-ambiguous 2 issue --subject CN=device-1 --id 0a --replace
        [ "$(ids_of privkey | sort | tr '\n' ' ')" = "0a 0a 0b " ]
}

@test "pulled at any moment, told in any module's way: the order waits, and goes on" {
        local style call
        for style in removed opensc ykcs11; do
                for call in C_Login C_GenerateKeyPair C_SignInit C_Sign C_CreateObject; do
                        [ $style != opensc ] || [ $call != C_Login ] || continue
                        break_with "vanish=$style on=$call"
                        run --separate-stderr issue --subject "CN=device-$style-$call" --name device-1
                        [ "$status" = 6 ] || { echo "$style $call: $status $output" >&2; false; }
                        is '.error.kind | IN("token-removed", "token-absent")'
                        if [ $call = C_Login ]; then
                                mend
                                done_well issue --subject "CN=device-$style-$call" --name device-1
                        else
                                mend
                                done_well resume
                        fi
                        done_well show device-1
                        delivered
                        one_of_each "$(fact .key.id)"
                        [ "$(issued)" = 1 ]
                        sandbox_clear
                        setup
                done
        done
}

swapped_during() {
        break_with "change-serial=0123456789ABCDEF $1"
        run --separate-stderr issue --subject CN=device-1
        [ "$status" = 6 ]
        is '.error.kind | IN("token-swapped", "token-removed")'
        [ -z "$(ids_of cert)" ]
        resumes
}

@test "a call that fails once is made again, and the order goes on as if nothing had been" {
        local rule
        for rule in 'C_SignInit rv=CKR_GENERAL_ERROR' 'C_Sign rv=CKR_SESSION_CLOSED' \
                'C_Sign rv=CKR_GENERAL_ERROR after=1' 'C_CreateObject rv=CKR_FUNCTION_FAILED'; do
                break_with "$rule count=1"
                done_well issue --subject CN=device-1 --name "device-$((++number))"
                delivered
        done
}

@test "a token that does not tell a new key's id keeps it under the recorded one" {
        local rule
        for rule in 'force-attribute=CKA_ID value=unreadable' 'C_GetAttributeValue rv=CKR_SESSION_CLOSED after=1'; do
                break_with "$rule"
                run --separate-stderr issue --subject CN=device-1
                is '.key.id | length == 40'
                mend
                run --separate-stderr resume
                done_well show device-1
                delivered
                one_of_each "$(fact .key.id)"
                sandbox_clear
                setup
        done
}

@test "another token in its place is noticed before anything is written to it" {
        swapped_during on=C_GenerateKeyPair
}

@test "another token in its place is noticed after the certificate was issued" {
        swapped_during 'on=C_Sign after=1'
}

batch_of_two() {
        printf '%s\n' name,subject device-2,CN=device-2 device-3,CN=device-3 >"$SANDBOX/units.csv"
        run --separate-stderr p11cert batch "$SANDBOX/units.csv" --ca "$CA_ARN" \
                --endpoint-url "$ENDPOINT" --token "$TOKEN" --module "$MODULE" \
                --pin-source "file:$SANDBOX/pin" "$@"
}

@test "a wrong signature by the token is told as that, also when it is the CA that finds it" {
        break_with wrong-signature
        refused key-lost 1 issue --subject CN=device-1
        # Of a batch the first request is verified here, the others by the CA.
        break_with 'wrong-signature on=C_Sign after=1 count=1'
        batch_of_two
        [ "$status" != 0 ]
        [[ $stderr == *"what the token signed: the certificate request's own signature is wrong"* ]]
        mend
        batch_of_two --retry-failed
        [ "$status" = 0 ]
        # A test signature is always verified.
        break_with 'wrong-signature on=C_Sign after=1'
        refused key-lost 1 issue --subject CN=device-4
        [ "$(ids_of cert | wc -l)" = 2 ]
}

@test "a token that was initialised again between two steps: the key is lost, and that is final" {
        break_with change-serial=AAAA000011112222 'C_Sign rv=CKR_DEVICE_ERROR'
        run issue --subject CN=device-1
        stands keyed
        softhsm2-util --delete-token --token first >/dev/null
        token_make
        break_with change-serial=AAAA000011112222
        refused key-lost 1 resume
        stands failed
        [ -z "$(ids_of privkey)" ]
        # A name means its newest order that has not failed: it can be asked for again.
        done_well issue --subject CN=device-1
        delivered
}

@test "the same between issuing and delivery: the certificate is not written to the empty token" {
        break_with change-serial=AAAA000011112222 'C_CreateObject rv=CKR_DEVICE_MEMORY'
        run issue --subject CN=device-1
        stands verified
        softhsm2-util --delete-token --token first >/dev/null
        token_make
        break_with change-serial=AAAA000011112222
        refused key-lost 1 resume
        stands failed
        is '.serial != null and .certificate_arn != null'
        [ -z "$(ids_of cert)" ]
}

@test "a module that hangs is left behind, and the order goes on later" {
        local call before
        for call in C_GenerateKeyPair C_Sign C_CreateObject; do
                break_with "$call hang"
                before=$SECONDS
                refused token-hangs 6 issue --subject CN=device-1 --token-timeout 1s
                [ $((SECONDS - before)) -lt 20 ]
        done
        resumes
}

@test "control-C twice leaves a module that hangs, and the answer still says which order it was" {
        break_with 'C_GenerateKeyPair hang'
        local options pid status=0
        mapfile -t options < <(token_options)
        "$BUILD/p11cert" --no-prompt issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                "${options[@]}" --subject CN=device-1 >"$SANDBOX/answer" 2>"$SANDBOX/talk" 3>&- &
        pid=$!
        for _ in $(seq 100); do
                [ "$(counted C_GenerateKeyPair)" != 1 ] || break
                sleep 0.05
        done
        kill -INT $pid
        sleep 0.5
        kill -INT $pid
        wait $pid || status=$?
        [ "$status" = 4 ]
        jq -e '.order == 1 and .state == "planned" and .error.kind == "interrupted"' "$SANDBOX/answer"
}

@test "a module that hangs from the start" {
        break_with 'C_Initialize hang'
        refused token-hangs 6 issue --subject CN=device-1 --token-timeout 1s
        break_with 'C_Login hang'
        refused token-hangs 6 issue --subject CN=device-1 --token-timeout 1s
        mend
        done_well issue --subject CN=device-1
        delivered
}

@test "what is said while a module is loaded is not swallowed with the module's noise" {
        break_with 'C_Initialize delay_ms=500'
        run --separate-stderr p11cert issue --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --token "$TOKEN" --pin-source "file:$SANDBOX/pin" --subject CN=device-1
        [ "$status" = 0 ]
        grep -q '^CA ' <<<"$stderr"
        grep -q '^token ' <<<"$stderr"
}

@test "a slow token is only slow" {
        break_with 'C_GenerateKeyPair delay_ms=700' 'C_Sign delay_ms=300'
        done_well issue --subject CN=device-1 --token-timeout 10s
        delivered
}

@test "a module that cannot lock is used by one thread at a time" {
        break_with cant-lock
        done_well issue --subject CN=device-1
        delivered
        [ "$(counted concurrent)" = 0 ]
}

@test "a key that wants the PIN for each signature gets it" {
        break_with always-authenticate
        done_well issue --subject CN=device-1
        delivered
        # The module does not tell, and only refuses.
        break_with always-authenticate 'force-attribute=CKA_ALWAYS_AUTHENTICATE value=unreadable'
        done_well issue --subject CN=device-2
        delivered
}

@test "a PIN pad is asked without a PIN" {
        break_with set-flag=CKF_PROTECTED_AUTHENTICATION_PATH
        export BREAKABLE_PAD_PIN=$PIN
        done_well p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --token "$TOKEN" --subject CN=device-1
        delivered
}

@test "attributes that a module refuses are left out, whatever it says" {
        local n=0 rule
        for rule in 'refuse-attribute=CKA_EXTRACTABLE in=private' \
                'refuse-attribute=CKA_EXTRACTABLE in=private rv=CKR_ATTRIBUTE_VALUE_INVALID' \
                'refuse-attribute=CKA_EXTRACTABLE in=private rv=CKR_TEMPLATE_INCONSISTENT' \
                'refuse-attribute=CKA_EXTRACTABLE in=private rv=CKR_GENERAL_ERROR' \
                'refuse-attribute=CKA_EXTRACTABLE in=private rv=CKR_FUNCTION_FAILED' \
                'refuse-attribute=CKA_DERIVE' 'refuse-attribute=CKA_SENSITIVE' 'refuse-attribute=CKA_LABEL in=private'; do
                n=$((n + 1))
                break_with "$rule"
                done_well issue --subject "CN=device-$n"
                is '.state == "delivered"'
        done
        [ "$(ids_of privkey | sort -u | wc -l)" = $n ]
}

@test "no attributes are left out because a token is full, gone or logged out" {
        local answer
        for answer in CKR_DEVICE_MEMORY CKR_USER_NOT_LOGGED_IN CKR_DEVICE_REMOVED; do
                break_with "C_GenerateKeyPair rv=$answer"
                rm -f "$BREAKABLE_COUNTS"
                run issue --subject CN=device-1
                [ "$status" != 0 ]
                [ "$(counted C_GenerateKeyPair)" = 1 ]
        done
        resumes
}

@test "a key that could leave the token is destroyed, and that is final" {
        break_with 'force-attribute=CKA_EXTRACTABLE value=01'
        refused key-weak 1 issue --subject CN=device-1
        stands failed
        [ -z "$(ids_of privkey)$(ids_of pubkey)" ]
        [ "$(issued)" = 0 ]
}

@test "a module that misreports a key's birth gets a warning; what it does not tell is null" {
        break_with 'force-attribute=CKA_LOCAL value=00' 'force-attribute=CKA_NEVER_EXTRACTABLE value=unreadable'
        done_well issue --subject CN=device-1
        delivered
        is '.key.evidence.local == false and .key.evidence.never_extractable == null'
        grep -qi 'local' <<<"$stderr"
}

@test "a public point without its OCTET STRING is read, too" {
        break_with bare-point
        local curve
        for curve in p256 p384 p521; do
                done_well issue --subject "CN=device-$curve" --key-type ec:$curve
                delivered
        done
}

@test "a token that only hashes by itself signs, too" {
        break_with hide-mechanism=CKM_RSA_PKCS
        done_well issue --subject CN=device-1 --key-type rsa:2048
        delivered
}

@test "what a killed key generation left is adopted if it can sign, and cleared away if not" {
        break_with 'C_GenerateKeyPair kill=after'
        run issue --subject CN=device-1
        [ "$status" = 137 ]
        [ "$(ids_of privkey | wc -l)" = 1 ]
        resumes
}

@test "half a pair under the recorded id is destroyed, and another id is recorded" {
        break_with 'C_GenerateKeyPair kill=after'
        run issue --subject CN=device-1
        local id
        id=$(ids_of privkey)
        on_token --delete-object --type privkey --id "$id"
        [ "$(ids_of pubkey)" = "$id" ]
        resumes
        is ".key.id != \"$id\""
}
