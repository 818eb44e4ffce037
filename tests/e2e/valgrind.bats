#!/usr/bin/env bats
# The main job under valgrind: no byte that is not ours is touched, and none is lost.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
        WRAP="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
                --suppressions=$ROOT/tests/valgrind.supp --log-file=$SANDBOX/valgrind.%p"
}

teardown() {
        cat "$SANDBOX"/valgrind.* >&2 2>/dev/null || true
        sandbox_clear
}

@test "valgrind has nothing to say about issue, show, list and renew" {
        done_well issue --subject CN=device-1
        done_well show device-1
        done_well p11cert list
        done_well p11cert renew device-1 --output json --pin-source "file:$SANDBOX/pin"
}

@test "valgrind has nothing to say about errors and a resume" {
        TOKEN=pkcs11:token=nobody refused token-absent 6 issue --subject CN=device-1
        localpca_again --fault IssueCertificate:denied
        refused access-denied 5 issue --subject CN=device-1
        localpca_again
        done_well resume
}
