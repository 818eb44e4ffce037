#!/usr/bin/env bats
# localpca against clients that mean harm: it lives, answers others meanwhile, and stays small.

setup() {
        load common
        load localpca
        localpca_file
}

teardown() {
        sandbox_clear
}

rss_kib() {
        awk '/^VmRSS:/ { print $2 }' "/proc/$LOCALPCA_PID/status"
}

@test "fuzzed bytes, huge bodies, slow clients, thousands of connections: it lives and stays small" {
        local before after
        before=$(rss_kib)
        run /usr/bin/python3 "$ROOT/tests/fuzz/localpca_hostile.py" "${ENDPOINT#http://}" \
                "${P11CERT_FUZZ_SECONDS:-2}" "${P11CERT_SEED:-1}"
        echo "$output"
        [ "$status" = 0 ]
        after=$(rss_kib)
        echo "resident: $before KiB before, $after KiB after"
        # 3000 connections have 32 KiB each while they are open; the sanitizers keep what was freed.
        grep -q libasan "/proc/$LOCALPCA_PID/maps" || [ "$after" -lt 300000 ]
        # It ends in order, and a sanitizer has nothing to say.
        kill "$LOCALPCA_PID"
        wait "$LOCALPCA_PID"
        LOCALPCA_PID=
        [ ! -s "$SANDBOX/ca.log" ]
}
