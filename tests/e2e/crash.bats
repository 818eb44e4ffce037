#!/usr/bin/env bats
# The program dies, at every failpoint and at any moment, and nothing is lost: resumed, there is one
# key pair, one certificate and one delivered order.
load common

setup() {
        sandbox_make
        localpca_start
        # A sanitized build takes every fifth failpoint in the loops after the first one.
        step=1
        [ -z "$SHORT" ] || step=5
}

teardown() {
        sandbox_clear
}

# afresh: an empty token and an empty ledger, and a CA that keeps what it has issued.
afresh() {
        rm -rf "$SANDBOX/tokens" "$P11CERT_STATE"
        mkdir "$SANDBOX/tokens"
        token_make
        before=$(issued)
}

# all_is_well WHERE: after a resume.  A crash before PLANNED was recorded leaves nothing to resume.
all_is_well() {
        local certificates=$(($(issued) - before))
        run --separate-stderr show device-1
        if [ "$status" != 0 ]; then
                [ "$certificates" = 0 ] && [ -z "$(ids_of privkey)$(ids_of pubkey)$(ids_of cert)" ] && return 0
                echo "$1: no order, but $certificates certificates" >&2
                return 1
        fi
        delivered && one_of_each "$(fact .key.id)" "${leftovers:-}" || { echo "$1" >&2; return 1; }
        if [ "$(fact .maybe_duplicate)" = true ]; then
                [ "$certificates" -le 2 ]
        else
                [ "$certificates" = 1 ]
        fi || { echo "$1: $certificates certificates" >&2; return 1; }
        [ "$(p11cert list --output json | jq '.orders | length')" = 1 ]
}

# resumed: exit status 0, or 3 when the crash came after the last record.
resumed() {
        run --separate-stderr resume "$@"
        [ "$status" = 0 ] || [ "$status" = 3 ] || { echo "resume: $status $output $stderr" >&2; false; }
}

# dies_everywhere OPTION…: issue dies at its n-th failpoint, n = 1, 2, … until it no longer dies.
dies_everywhere() {
        local n status
        for ((n = 1; ; n += step)); do
                afresh
                status=0
                P11CERT_FAILPOINT=$n P11CERT_FAILPOINT_LOG=$SANDBOX/failpoints \
                        issue --subject CN=device-1 "$@" >"$SANDBOX/answer" 2>"$SANDBOX/talk" || status=$?
                [ "$status" = 137 ] || break
                resumed
                all_is_well "failpoint $n ($(tail -n 1 "$SANDBOX/failpoints"))"
        done
        [ "$status" = 0 ] || { cat "$SANDBOX/answer" "$SANDBOX/talk" >&2; false; }
        all_is_well "no failpoint"
        [ "$n" -gt 10 ]
}

@test "dies at every failpoint of an issue, one after the other" {
        step=1
        dies_everywhere
        # Every boundary between a deed and its record was among them.
        local name
        for name in key-about-to-be-made key-made csr-signed about-to-send issue-answered \
                certificate-fetched certificate-written-to-token file-written before-commit after-commit; do
                grep -qx $name "$SANDBOX/failpoints" || { echo "never passed: $name" >&2; false; }
        done
}

@test "dies at every failpoint while answers are slow and get lost" {
        localpca_again --issue-delay 100ms --fault IssueCertificate:every=2:reset=after
        dies_everywhere
}

@test "dies at every failpoint of the resume of a crash" {
        local n status
        for ((n = 1; ; n += step)); do
                afresh
                P11CERT_FAILPOINT=key-made issue --subject CN=device-1 >/dev/null 2>&1 || true
                status=0
                P11CERT_FAILPOINT=$n resume >"$SANDBOX/answer" 2>&1 || status=$?
                [ "$status" = 137 ] || break
                resumed
                all_is_well "failpoint $n of resume"
        done
        [ "$status" = 0 ]
        all_is_well "resume"
        [ "$n" -gt 8 ]
}

@test "the window of the idempotency token is shut: another certificate at most, and it is admitted" {
        afresh
        P11CERT_FAILPOINT=issue-answered issue --subject CN=device-1 >/dev/null 2>&1 || true
        localpca_again --idempotency-window 1ms
        sqlite3 "$P11CERT_STATE/ledger.db" 'UPDATE orders SET first_sent_at = first_sent_at - 600'
        resumed
        done_well show device-1
        delivered
        is '.maybe_duplicate == true'
        one_of_each "$(fact .key.id)"
        [ "$(($(issued) - before))" = 2 ]
}

@test "killed at any moment, 200 times" {
        # SoftHSM writes an object attribute by attribute: cut short, one without CKA_ID may be left,
        # which nobody can tell from somebody else's.
        local leftovers=-
        local round=0 rounds=200 took pid status delay
        [ -z "$SHORT" ] || rounds=15
        local options
        mapfile -t options < <(token_options)
        afresh
        # How long one takes, so that the moments lie within it.
        took=$(date +%s%N)
        done_well issue --subject CN=device-1
        took=$((($(date +%s%N) - took) / 1000))
        while [ $round -lt $rounds ]; do
                round=$((round + 1))
                afresh
                "$BUILD/p11cert" --no-prompt issue --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" \
                        --subject CN=device-1 >/dev/null 2>&1 3>&- &
                pid=$!
                delay=$(((RANDOM * 32768 + RANDOM) % (took + took / 4)))
                sleep "$(printf '0.%06d' $((delay % 1000000)))"
                kill -9 $pid 2>/dev/null || true
                wait $pid 2>/dev/null || true
                resumed
                all_is_well "round $round, killed after $delay us"
        done
}

@test "a renewal dies at every failpoint: one successor, the same key, one certificate on the token" {
        local n status
        for ((n = 1; ; n += step)); do
                afresh
                done_well issue --subject CN=device-1
                local id
                id=$(fact .key.id)
                status=0
                P11CERT_FAILPOINT=$n p11cert renew device-1 --output json --pin-source "file:$SANDBOX/pin" \
                        >"$SANDBOX/answer" 2>&1 || status=$?
                [ "$status" = 137 ] || break
                resumed
                [ "$(ids_of privkey)" = "$id" ]
                [ "$(ids_of cert)" = "$id" ]
                [ "$(($(issued) - before))" -le 2 ]
                done_well show device-1
                is '.state == "delivered" and .error == null'
        done
        [ "$status" = 0 ]
        [ "$n" -gt 8 ]
}
