#!/usr/bin/env bats
# The table of facts, walked over real HTTP.

setup_file() {
        load common
        load localpca
        localpca_file
}

teardown_file() {
        load common
        sandbox_clear
}

setup() {
        load common
        load localpca
}

@test "for every constrained member a value inside passes the form and one outside is refused by name" {
        LOCALPCA_WALK=$SANDBOX/walk.jsonl "$P11CERT_BUILD/tests/unit/test_localpca_facts"
        as_limited
        run /usr/bin/python3 "$BATS_TEST_DIRNAME/localpca_walk.py" "$SANDBOX/walk.jsonl" "$ENDPOINT"
        echo "$output"
        [ "$status" = 0 ]
}
