#!/usr/bin/env bats
# A batch over three tokens is killed again and again, with the CA, the tokens or the disk failing
# meanwhile, and resumed each time: in the end there is one usable key pair, one certificate and one
# delivered order for each row.  scripts/soak runs it at full length.
load common

setup() {
        sandbox_make
        rows=18 kills=6 pace=40
        [ -z "$SHORT" ] || { rows=9 kills=3; }
        [ -z "$SOAK" ] || { rows=300 kills=200 pace=10; }
        for label in first second third; do token_make $label; done
        manifest
        localpca_start
}

teardown() {
        [ -z "${meanwhile:-}" ] || kill "$meanwhile" 2>/dev/null || true
        ! mountpoint -q "$SANDBOX/small" || umount "$SANDBOX/small"
        sandbox_clear
}

manifest() {
        local i labels=(first second third)
        echo name,subject,token >"$SANDBOX/manifest.csv"
        for ((i = 0; i < rows; i++)); do
                echo "unit-$i,CN=unit-$i,pkcs11:token=${labels[i % 3]}"
        done >>"$SANDBOX/manifest.csv"
}

# batch OPTION…: the manifest from where it stands.
batch() {
        # shellcheck disable=SC2086
        ${WRAP:-} "$BUILD/p11cert" --no-prompt --output json batch "$SANDBOX/manifest.csv" --resume \
                --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --pin-source "file:$SANDBOX/pin" "$@"
}

delivered_rows() {
        p11cert list --in-state delivered --output json 2>/dev/null | jq '.orders | length'
}

# Kill it so many times, each time at another moment of its first 0.3 seconds, and go on.
kill_and_resume() {
        local round pid
        for ((round = 1; round <= kills; round++)); do
                batch --rate "$pace/s" >"$SANDBOX/answer" 2>&1 3>&- &
                pid=$!
                sleep "$(printf '0.%03d' $((RANDOM % 300 + 20)))"
                kill -9 $pid 2>/dev/null || true
                wait $pid 2>/dev/null || true
        done
}

# Let it run to its end: whatever was in the way comes back in the end.
run_to_the_end() {
        local tries
        for ((tries = 0; tries < 20; tries++)); do
                run --separate-stderr batch --rate none
                [ "$status" != 0 ] && [ "$status" != 3 ] || return 0
        done
        printf 'exit status %s\n%s\n%s\n' "$status" "$output" "$stderr" >&2
        return 1
}

# exactly_once [EXTRA]: one of everything for each row, and at most EXTRA certificates more, which
# have to be admitted.
exactly_once() {
        local label ids type extra=${1:-0} admitted
        run --separate-stderr p11cert list --output json
        is ".orders | length == $rows"
        is '.orders | all(.state == "delivered" and .error == null)'
        admitted=$(fact '[.orders[] | select(.maybe_duplicate)] | length')
        [ "$admitted" -le "$extra" ]
        [ "$(issued)" -ge "$rows" ]
        [ "$(issued)" -le "$((rows + admitted))" ]
        [ "$(curl -s "$ENDPOINT/_localpca/stats" | jq .repeats_of_key)" -le "$admitted" ]
        for label in first second third; do
                ids=$(fact ".orders[] | select(.token.label == \"$label\") | .key.id" | sort)
                [ "$(wc -l <<<"$ids")" = $((rows / 3)) ]
                # SoftHSM leaves objects without CKA_ID when it dies in the middle of a write.
                for type in privkey pubkey cert; do
                        TOKEN_LABEL=$label ids_of $type | grep -vx -e - | sort >"$SANDBOX/on-token"
                        diff "$SANDBOX/on-token" - <<<"$ids"
                done
        done
        # Every key signs, and its certificate verifies what it signed.
        run --separate-stderr p11cert verify --output json --pin-source "file:$SANDBOX/pin"
        [ "$status" = 0 ] || { echo "$output" "$stderr" >&2; false; }
}

@test "killed at random moments, a batch over three tokens ends with one of everything for each row" {
        kill_and_resume
        run_to_the_end
        exactly_once
}

@test "killed while replies get lost after the CA has issued, it still issues each once" {
        localpca_again --fault IssueCertificate:p=0.05:reset=after
        kill_and_resume
        run_to_the_end
        exactly_once
}

@test "killed while the CA throttles, it still issues each once" {
        localpca_again --rate IssueCertificate=20/s
        kill_and_resume
        run_to_the_end
        exactly_once
}

@test "killed while a token vanishes every twenty orders and comes back, it still issues each once" {
        break_with ""
        { every_so_often & } 3>&-
        meanwhile=$!
        kill_and_resume
        kill $meanwhile
        meanwhile=
        mend
        run_to_the_end
        exactly_once
}

# The second token is pulled whenever twenty more were issued (a few, in the short form).
every_so_often() {
        local before=0 now step=20
        [ "$rows" -ge 100 ] || step=3
        while sleep 0.05; do
                now=$(issued 2>/dev/null) || continue
                [ $((now - before)) -ge $step ] || continue
                before=$now
                break_with "vanish token=second"
                sleep 0.4
                mend
        done
}

@test "killed while the disk is full for a while, it still issues each once" {
        mkdir "$SANDBOX/small"
        mount -t tmpfs -o size=64M,mode=700 none "$SANDBOX/small"
        export P11CERT_STATE=$SANDBOX/small/state
        { disk_fills_up & } 3>&-
        meanwhile=$!
        kill_and_resume
        kill $meanwhile
        meanwhile=
        rm -f "$SANDBOX/small/filler"
        run_to_the_end
        exactly_once "$rows"
}

disk_fills_up() {
        while sleep 0.7; do
                head -c 64M /dev/zero >"$SANDBOX/small/filler" 2>/dev/null || true
                sleep 0.3
                rm -f "$SANDBOX/small/filler"
        done
}
