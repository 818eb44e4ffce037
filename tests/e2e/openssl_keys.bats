#!/usr/bin/env bats
# --key engine:ID:KEY and store:URI: keys that OpenSSL reaches.
load common

setup_file() {
        sandbox_make
        token_make
        localpca_start
        on_token --keypairgen --key-type EC:prime256v1 --label first --id 01 >/dev/null
        on_token --keypairgen --key-type rsa:2048 --label second --id 02 >/dev/null
        export SANDBOX ENDPOINT CA_ARN LOCALPCA_PID MODULE TOKEN
}

teardown_file() {
        sandbox_clear
}

issue_key() {
        p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --key "$@"
}

# certified PUBLIC-KEY-FILE: the order in $output has a certificate for that key, in files alone.
certified() {
        is '.state == "delivered" and .error == null and .token.serial == null and .key.id == null' || return 1
        is '.key.evidence.local == null' || return 1
        openssl verify -CAfile "$(fact .files.root)" -untrusted "$(fact .files.chain)" \
                "$(fact .files.certificate)" >/dev/null || return 1
        cmp <(openssl x509 -in "$(fact .files.certificate)" -noout -pubkey) "$1"
}

@test "a key behind the pkcs11 ENGINE is certified, verified and renewed" {
        for label in first second; do
                on_token --read-object --type pubkey --label $label -o "$SANDBOX/$label.der"
                openssl pkey -pubin -inform DER -in "$SANDBOX/$label.der" -out "$SANDBOX/$label.pub"
                done_well issue_key "engine:pkcs11:pkcs11:token=first;object=$label" --module "$SOFTHSM" \
                        --pin-source "file:$SANDBOX/pin" --subject "CN=$label" --name $label
                certified "$SANDBOX/$label.pub"
        done
        done_well p11cert verify first --output json --pin-source "file:$SANDBOX/pin"
        is '.orders[0].checks | map(select(.name == "test-signature"))[0].result == "passed"'
        done_well p11cert renew first --output json --pin-source "file:$SANDBOX/pin"
        certified "$SANDBOX/first.pub"
}

@test "a PIN that the ENGINE refuses is tried once, and its source not again" {
        (umask 077 && echo 9999 >"$SANDBOX/bad")
        local key=(--module "$SOFTHSM" --pin-source "file:$SANDBOX/bad" --subject CN=third --name third)
        refused pin-wrong 7 issue_key "engine:pkcs11:pkcs11:token=first;object=first" "${key[@]}"
        refused pin-refused 7 issue_key "engine:pkcs11:pkcs11:token=first;object=first" "${key[@]}"
        refused key-absent 1 issue_key "engine:pkcs11:pkcs11:token=first;object=none" --module "$SOFTHSM" \
                --pin-source "file:$SANDBOX/pin" --subject CN=third --name third
        is '.error.what | contains("object not found")'
        refused usage 2 issue_key "engine:pkcs11:pkcs11:token=first;object=first" --token "$TOKEN" --subject CN=third
        refused usage 2 issue_key "engine:pkcs11:x" --store token --subject CN=third
}

@test "a key in a TPM, by its provider's store" {
        command -v swtpm >/dev/null && [ -e "$(openssl version -m | cut -d'"' -f2)/tpm2.so" ] ||
                skip "swtpm and tpm2-openssl are not installed"
        mkdir "$SANDBOX/tpm"
        local tries=0 port
        # A pair of free ports, the second for control.
        while true; do
                tries=$((tries + 1))
                [ $tries -lt 10 ]
                port=$((20000 + RANDOM % 20000))
                setpriv --pdeathsig KILL swtpm socket --tpm2 --tpmstate "dir=$SANDBOX/tpm" \
                        --server "type=tcp,port=$port,bindaddr=127.0.0.1" \
                        --ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" \
                        --flags not-need-init,startup-clear >"$SANDBOX/tpm.log" 2>&1 3>&- &
                export TPM2OPENSSL_TCTI=swtpm:host=127.0.0.1,port=$port
                for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                        openssl genpkey -provider tpm2 -provider default -propquery '?provider=tpm2' -algorithm EC \
                                -pkeyopt group:P-256 -out "$SANDBOX/tpm.pem" 2>/dev/null && break 2
                        sleep 0.1
                done
        done
        grep -q 'TSS2 PRIVATE KEY' "$SANDBOX/tpm.pem"
        openssl pkey -provider tpm2 -provider default -in "$SANDBOX/tpm.pem" -pubout -out "$SANDBOX/tpm.pub"
        done_well issue_key "store:$SANDBOX/tpm.pem" --subject CN=tpm
        certified "$SANDBOX/tpm.pub"
        done_well p11cert verify tpm --output json
}

@test "a key that lies in a file is refused" {
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$SANDBOX/soft.pem" 2>/dev/null
        refused key-weak 1 issue_key "store:$SANDBOX/soft.pem" --subject CN=soft
}
