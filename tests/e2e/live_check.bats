#!/usr/bin/env bats
# scripts/live-check, pointed at the local CA: what it will do with AWS when it is told to.

load common

setup() {
        sandbox_make
        localpca_start
        export AWS_ENDPOINT_URL=$ENDPOINT TMPDIR=$SANDBOX
        unset P11CERT_STATE SOFTHSM2_CONF
}
teardown() { sandbox_clear; }

live_check() {
        run --separate-stderr "$ROOT/scripts/live-check" --ca "$CA_ARN" --build "$BUILD" "$@"
}

@test "live-check does nothing without being told that it costs money" {
        as_admin
        live_check
        [ "$status" = 2 ]
        [[ "$stderr" == *"IssueCertificate"*"charges"*"nothing was done"* ]]
        [ "$(issued)" = 0 ]
}

@test "live-check issues, verifies and revokes one certificate, and leaves nothing behind" {
        as_admin
        live_check --yes-this-costs-money
        printf '%s\n' "$output" "$stderr"
        [ "$status" = 0 ]
        [[ "$output" == *"ok      issue"*"ok      openssl"*"ok      revoke"*"works with this CA"* ]]
        [ "$(issued)" = 1 ]
        [ -z "$(find "$SANDBOX" -maxdepth 1 -name 'p11cert-live-*')" ]
}

@test "live-check says what is left to do when it may not revoke" {
        as_limited
        live_check --yes-this-costs-money
        [ "$status" = 1 ]
        [[ "$output" == *"FAILED  revoke"* ]]
        [[ "$stderr" == *"aws acm-pca revoke-certificate"*"--certificate-serial "[0-9a-f]* ]]
        [ -n "$(find "$SANDBOX" -maxdepth 1 -name 'p11cert-live-*')" ]
}
