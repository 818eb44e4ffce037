#!/usr/bin/env bats
# IAM and STS of localpca, as the aws CLI sees them; every answer is held against the service models.

setup_file() {
        load common
        load localpca
        sandbox_make
        cat >"$SANDBOX/identities.json" <<'END'
{"identities": [{"access_key_id": "AKIAOTHERACCOUNT", "secret_access_key": "secret", "account": "444455556666",
  "arn": "arn:aws:iam::444455556666:user/administrator",
  "policy": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}]}
END
        sandbox_make() { :; }
        localpca_file --identities "$SANDBOX/identities.json"
}

teardown_file() {
        load common
        sandbox_clear
}

setup() {
        load common
        load localpca
}

# scene NAME…: scenes of localpca_iam.py; the operations that they met are kept.
scene() {
        run /usr/bin/python3 "$BATS_TEST_DIRNAME/localpca_iam.py" "$@"
        echo "$output"
        [ "$status" = 0 ]
        tr ' ' '\n' <<<"$output" >>"$SANDBOX/operations"
}

@test "users, their access keys and policies: made, listed, changed, deleted, and AWS's refusals" {
        scene users keys
}

@test "roles and managed policies, with limits of size and documents that are none" {
        scene roles managed
}

@test "AssumeRole: trust, durations, session policies, tags, and the condition keys of its sessions" {
        scene assumed conditions
}

@test "a second factor, and tokens of an identity provider" {
        scene mfa web_identity
}

@test "the simulator says what the service does" {
        scene simulated
}

@test "another account has users and roles of its own; both sides have to allow" {
        scene accounts
}

@test "a name that was deleted and made anew is somebody else; faults and rates strike here, too" {
        scene renewed
}

@test "users, roles, keys and sessions survive kill -9" {
        scene before
        kill -9 "$LOCALPCA_PID"
        until ! kill -0 "$LOCALPCA_PID" 2>/dev/null; do sleep 0.05; done
        localpca_start --identities "$SANDBOX/identities.json"
        as_admin
        export ENDPOINT
        scene after
        localpca_stop
}

@test "every operation of IAM and STS that the table of facts has was driven" {
        sed -nE 's/^ *\{ "([A-Za-z]+)", &.*/\1/p' "$BATS_TEST_DIRNAME/../../localpca/facts_iam.c" \
                "$BATS_TEST_DIRNAME/../../localpca/facts_sts.c" | sort -u >"$SANDBOX/known"
        sed -E 's/^(iam|sts)\.//' "$SANDBOX/operations" | sort -u >"$SANDBOX/driven"
        run comm -23 "$SANDBOX/known" "$SANDBOX/driven"
        echo "$output"
        [ -z "$output" ]
}
