#!/usr/bin/env bats
# scripts/bench runs to its end.  Whether its bounds hold is for a quiet machine to say.

load common

setup() { sandbox_make; }
teardown() { sandbox_clear; }

@test "the bench measures every bound" {
        [ -z "$SHORT" ] || skip "sanitizers are not what is to be measured"
        unset P11CERT_STATE SOFTHSM2_CONF
        run --separate-stderr "$ROOT/scripts/bench" --quick "$BUILD"
        printf '%s\n' "$output" "$stderr"
        [ "$status" -le 1 ]
        [ "$(grep -cE ' (ok|MISSED)$' <<<"$output")" = 17 ]
}
