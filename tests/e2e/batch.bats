#!/usr/bin/env bats
# batch: many orders from a manifest, none of them twice, whatever happens in between.

load common.bash

setup() {
        sandbox_make
        COUNT=${SHORT:+6}
        COUNT=${COUNT:-24}
}

teardown() {
        sandbox_clear
}

# three_tokens: first, second and third.
three_tokens() {
        local label
        for label in first second third; do token_make $label; done
}

# manifest_of COUNT [LABEL…]: rows device-1 … on these tokens in turn.
manifest_of() {
        local i count=$1 labels
        shift
        labels=("${@:-first}")
        echo 'name,subject,san,token,attr.lot' >"$SANDBOX/rows.csv"
        for ((i = 1; i <= count; i++)); do
                printf 'device-%d,"CN=device-%d,O=Example",dns:device-%d.example,pkcs11:token=%s,7\n' \
                        $i $i $i "${labels[i % ${#labels[@]}]}" >>"$SANDBOX/rows.csv"
        done
}

# batch OPTION…: of the manifest, with JSON.
batch() {
        p11cert batch "$SANDBOX/rows.csv" --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$MODULE" --pin-source "file:$SANDBOX/pin" "$@"
}

# batch_in_background OPTION…: the same; $BATCH is the process itself.
batch_in_background() {
        "$BUILD/p11cert" --no-prompt batch "$SANDBOX/rows.csv" --output json --ca "$CA_ARN" \
                --endpoint-url "$ENDPOINT" --module "$MODULE" --pin-source "file:$SANDBOX/pin" "$@" \
                >"$SANDBOX/out" 2>"$SANDBOX/err" 3>&- &
        BATCH=$!
}

# until_issued COUNT: by the CA.
until_issued() {
        local tries=0
        until [ "$(issued)" -ge "$1" ]; do
                sleep 0.05
                tries=$((tries + 1))
                [ $tries -lt 600 ] || { cat "$SANDBOX/err" >&2; return 1; }
        done
}

# all_once COUNT: that many keys and certificates on the three tokens, each with an id of its own,
# and as many certificates issued by the CA.
all_once() {
        local label keys=0 ids certs
        for label in first second third; do
                # SoftHSM, killed in the middle of a key, leaves objects without an id behind.
                ids=$(TOKEN_LABEL=$label ids_of privkey | grep -vx -e - | sort)
                certs=$(TOKEN_LABEL=$label ids_of cert | sort)
                [ "$ids" = "$(sort -u <<<"$ids")" ] || return 1
                [ "$ids" = "$certs" ] || { printf 'on %s: keys\n%s\ncertificates\n%s\n' $label "$ids" "$certs" >&2; return 1; }
                keys=$((keys + $(wc -l <<<"$ids")))
        done
        [ $keys = "$1" ] || { echo "$keys keys, not $1" >&2; return 1; }
        [ "$(issued)" = "$1" ] || { echo "$(issued) issued, not $1" >&2; return 1; }
}

@test "three tokens, a folder for each unit, a report of every row, and the same again does nothing" {
        three_tokens
        localpca_start
        manifest_of "$COUNT" first second third
        done_well batch --report "$SANDBOX/report.csv"
        is ".summary.delivered == $COUNT and (.orders | length) == $COUNT and .error == null"
        is '[.orders[].state] | all(. == "delivered")'
        all_once "$COUNT"
        [ "$(ls "$P11CERT_STATE/certificates" | wc -l)" = "$COUNT" ]
        [ "$(grep -c ',delivered,' "$SANDBOX/report.csv")" = "$COUNT" ]
        [ "$(head -1 "$SANDBOX/report.csv" | cut -d, -f1-4)" = row,line,name,result ]
        done_well show device-2
        TOKEN_LABEL=third delivered

        run --separate-stderr -- batch --report "$SANDBOX/report.jsonl"
        [ "$status" = 3 ]
        is ".summary.skipped == $COUNT and .summary.delivered == 0"
        [ "$(jq -r .result "$SANDBOX/report.jsonl" | sort -u)" = skipped ]
        [ "$(issued)" = "$COUNT" ]
        done_well p11cert audit verify
}

@test "a mistake anywhere in the manifest is told with line and column before the first key" {
        token_make
        localpca_start
        manifest_of 3
        {
                echo 'device-9,CN=device-9,dns:*.*.bad,pkcs11:token=first,7'
                echo 'device-2,CN=device-2,,pkcs11:token=first,7'
                echo 'device-8,CN=device-8;;,,pkcs11:token=first,7'
        } >>"$SANDBOX/rows.csv"
        refused input 2 batch
        is '.error.about | contains("line 5, column 3 (san)")'
        is '.mistakes | length == 2 or length == 3'
        is '[.mistakes[] | select(.what | contains("lines 3 and 6"))] | length == 1'
        [ "$(issued)" = 0 ]
        [ -z "$(ids_of privkey)" ]

        # A row with too many or too few fields, or a line that is not JSON, does not hide the next one.
        printf 'name,subject\na,CN=a,b\nc\n.d,CN=d\n' >"$SANDBOX/rows.csv"
        refused input 2 batch
        is '[.mistakes[].about | match("line [0-9]").string] == ["line 2", "line 3", "line 4"]'
        printf '%s\n' '{"name":"a",' '7' '{"name":".d","subject":"CN=d"}' >"$SANDBOX/rows.csv"
        refused input 2 batch
        is '[.mistakes[].about | match("line [0-9]").string] == ["line 1", "line 2", "line 3"]'

        printf 'name,subjekt\na,CN=a\n' >"$SANDBOX/rows.csv"
        refused input 2 batch
        is '.error.next | contains("subject")'
        is '.error.about | contains("line 1, column 2")'
}

@test "a report is not written over the manifest, whatever it is called there" {
        token_make
        localpca_start
        manifest_of 1
        cp "$SANDBOX/rows.csv" "$SANDBOX/as-it-was"
        ln "$SANDBOX/rows.csv" "$SANDBOX/other-name.csv"
        refused usage 2 batch --report "$SANDBOX/other-name.csv"
        cmp "$SANDBOX/rows.csv" "$SANDBOX/as-it-was"
        [ "$(issued)" = 0 ]
}

@test "killed at any moment and repeated, every row is there once" {
        three_tokens
        localpca_start --issue-delay 20ms
        manifest_of "$COUNT" first second third
        local i
        for ((i = 0; i < ${KILLS:-6}; i++)); do
                timeout -s KILL "0.$((RANDOM % 50 + 10))" "$BUILD/p11cert" --no-prompt batch \
                        "$SANDBOX/rows.csv" --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                        --pin-source "file:$SANDBOX/pin" --resume >/dev/null 2>&1 || true
        done
        run --separate-stderr -- batch --resume
        [ "$status" = 0 ] || [ "$status" = 3 ]
        is ".summary.delivered + .summary.skipped == $COUNT"
        all_once "$COUNT"
        done_well p11cert list --output json
        is "[.orders[] | select(.state == \"delivered\" and .maybe_duplicate == false)] | length == $COUNT"
}

@test "interrupted once, what was asked for is brought home and nothing new is begun" {
        token_make
        localpca_start
        manifest_of 200
        batch_in_background --rate 10/s
        until_issued 3
        kill -INT $BATCH
        local status=0
        wait $BATCH || status=$?
        [ $status = 4 ] || { echo "status $status"; cat "$SANDBOX/err"; return 1; }
        output=$(cat "$SANDBOX/out")
        is '.error.kind == "interrupted" and .summary.failed == 0'
        is ".summary.delivered == $(issued)"
        done_well p11cert list --output json
        is '[.orders[] | select(.state == "submitted" or .state == "issued")] | length == 0'

        done_well batch --limit 1 --rate none
        is '.summary.delivered == 1'
}

@test "only named rows, a limit, and a plan that asks for nothing" {
        token_make
        localpca_start
        manifest_of 5
        done_well batch --plan --rate 2/s
        is '.rows == 5 and .to_issue == 5 and .seconds == 2.5 and .ca_lifetime == 1000000'
        [ "$(issued)" = 0 ]
        [ ! -e "$P11CERT_STATE/ledger.db" ]

        # What would be refused later is refused at once, by the plan too.
        refused usage 2 batch --plan --sessions 0
        refused usage 2 batch --plan --limit -1
        refused usage 2 batch --plan --rate fast
        # The plan is of what that run would do.
        done_well batch --plan --rate 2/s --limit 3
        is '.rows == 5 and .to_issue == 3 and .seconds == 1.5'
        done_well batch --plan --rate 2/s --only device-4 device-2
        is '.rows == 2 and .tokens == 1 and .to_issue == 2 and .seconds == 1'
        done_well batch --only device-4 device-2
        is '[.orders[].name] | sort == ["device-2", "device-4"]'
        refused usage 2 batch --only device-44
        is '.error.next | contains("device-4")'
        done_well batch --limit 2
        is '.summary.delivered == 2 and .summary.skipped <= 2'
        done_well batch
        is '.summary.delivered == 1'
        [ "$(issued)" = 5 ]
}

@test "with AWS out of reach, counts are of the rows that the run was to deliver, and one line says so" {
        token_make
        localpca_start
        manifest_of 12
        done_well batch --only device-12
        localpca_stop
        export AWS_MAX_ATTEMPTS=1

        refused batch-partial 10 batch --limit 2 --outage-wait 0s
        is '.error.what | startswith("2 of the 2 rows of this run were not delivered; the first: ")'
        is '.summary | .rows == 12 and .failed == 2 and .not_begun == 0 and .left + .skipped == 10'
        refused batch-partial 10 batch --only device-3 device-12 device-4 --outage-wait 0s
        is '.error.what | startswith("2 of the 2 rows")'
        is '.summary | .rows == 3 and .skipped == 1 and .failed + .not_begun == 2 and .left == 0'
        # What could not be begun was not delivered; what was delivered before needed nothing.
        refused batch-partial 10 batch --outage-wait 2s
        is '.error.what | startswith("11 of the 11 rows")'
        is '.summary | .skipped == 1 and .failed + .not_begun == 11 and .left == 0'
        [ "$(grep -c '^waiting ' <<<"$stderr")" = 1 ] || { echo "$stderr"; return 1; }
        grep -q '^waiting .*until 20' <<<"$stderr"

        batch_in_background --outage-wait 5m
        until grep -q '^waiting ' "$SANDBOX/err"; do sleep 0.1; done
        localpca_again
        wait $BATCH
        output=$(cat "$SANDBOX/out")
        is '.summary | .delivered == 11 and .skipped == 1 and .left == 0'
        [ "$(grep -c '^waiting ' "$SANDBOX/err")" = 1 ]
        [ "$(grep -c '^again  *AWS answers again' "$SANDBOX/err")" = 1 ]
}

@test "several sessions work on one token at the same time, where its module lets them" {
        local rule
        token_make
        localpca_start
        manifest_of 16
        TOKEN_LABEL=first
        # Long enough for calls to meet, however busy the machine is.
        for rule in '' cant-lock; do
                rm -f "$SANDBOX/counts"
                break_with "${rule:-# as it is}" 'C_GenerateKeyPair delay_ms=50' 'C_Sign delay_ms=20'
                done_well batch --sessions 4 --limit 8
                is '.summary.delivered == 8'
                [ "$(counted C_GenerateKeyPair)" = 8 ]
                if [ -n "$rule" ]; then
                        [ "$(counted concurrent)" = 0 ]
                else
                        [ "$(counted concurrent)" -ge 8 ] || { cat "$SANDBOX/counts"; return 1; }
                fi
        done
        # Each order has its own key and certificate, and each key signs for its certificate.
        [ "$(ids_of privkey | sort -u | wc -l)" = 16 ]
        [ "$(ids_of privkey | sort)" = "$(ids_of cert | sort)" ]
        [ "$(issued)" = 16 ]
        mend
        done_well p11cert verify --output json --pin-source "file:$SANDBOX/pin"
        is '.orders | length == 16'
}

@test "JSON lines through a pipe, with a pattern for what the rows do not say" {
        token_make
        localpca_start
        run --separate-stderr -- bash -c '
                printf "%s\n" "{\"name\":\"a-1\",\"attr\":{\"lot\":9}}" "{\"name\":\"a-2\",\"san\":[\"dns:x.example\",\"dns:y.example\"]}" |
                "$0" --no-prompt batch - --output jsonl --ca "$1" --endpoint-url "$2" --module "$3" \
                        --token pkcs11:token=first --pin-source "file:$4" --subject "CN={name},OU={row}"' \
                "$BUILD/p11cert" "$CA_ARN" "$ENDPOINT" "$MODULE" "$SANDBOX/pin"
        [ "$status" = 0 ] || { echo "$output$stderr"; return 1; }
        [ "$(jq -r 'select(.summary) | .summary.delivered' <<<"$output")" = 2 ]
        done_well show a-2
        is '.subject == "CN=a-2,OU=2" and .sans == ["dns:x.example", "dns:y.example"]'
}

@test "a CA that throttles slows the batch down and fails nothing" {
        token_make
        localpca_start --rate IssueCertificate=25/s
        manifest_of 60
        done_well batch
        is '.summary.delivered == 60'
        [ "$(issued)" = 60 ]
        # The quota was met once, by the few calls that were under way.
        [ "$(curl -s "$ENDPOINT/_localpca/stats" | jq '.errors | add // 0')" -le 12 ]
}

@test "what failed is told, left alone, and ordered again only when asked, and never beside a certificate" {
        token_make
        localpca_start
        manifest_of 3
        echo 'device-4,CN=device-4,dns:device-4.example,pkcs11:token=absent,7' >>"$SANDBOX/rows.csv"
        localpca_again --fault IssueCertificate:first=1:wrong-key
        refused batch-partial 10 batch --report "$SANDBOX/report.csv"
        is '.summary.delivered == 2 and .summary.failed == 2'
        grep -q '^4,5,device-4,failed,.*token-absent' "$SANDBOX/report.csv"
        [ "$(grep -c 'not-as-asked' "$SANDBOX/report.csv")" = 1 ]
        [ "$(issued)" = 3 ]
        refused batch-partial 10 batch --retry-failed
        is '.summary.skipped == 2 and .summary.failed == 2'
        is '[.orders[] | select(.state == "failed")] | length == 1'
        [ "$(issued)" = 3 ]
}

@test "a token that is pulled keeps only its own orders" {
        token_make first
        token_make second
        localpca_start
        manifest_of 12 first second
        break_with "vanish token=second on=C_GenerateKeyPair after=2"
        run --separate-stderr -- batch
        [ "$status" = 10 ]
        is '.summary.delivered >= 6 and .summary.failed + .summary.not_begun >= 3'
        is '[.orders[] | select(.state == "delivered" and .token.label == "first")] | length == 6'
        is '[.orders[].error | select(.) | .kind] | unique - ["token-removed", "token-absent"] == []'
        mend
        done_well batch
        is '.summary.delivered + .summary.skipped == 12'
        [ "$(issued)" = 12 ]
}

@test "while a batch runs, a second one waits and is told who runs; list and installed work" {
        token_make
        localpca_start
        manifest_of 100
        done_well batch --limit 1
        batch_in_background --rate 8/s
        until_issued 4
        refused ledger-locked 12 batch --lock-wait 0s
        is '.error.what | contains("batch")'
        done_well p11cert list --output json
        is '(.orders | length) >= 2'
        done_well p11cert due --within 700d --output json
        done_well p11cert installed device-1 --by 'A. Smith' --where rack-3 --output json
        is '.state == "installed" and (.installed_at | length == 20) and .attributes["installed-where"] == "rack-3"'
        as_admin
        done_well p11cert revoke device-1 --yes --reason superseded --endpoint-url "$ENDPOINT" --output json
        done_well p11cert show device-1
        grep -q 'revoked .*superseded' <<<"${output,,}"
        kill -INT $BATCH
        wait $BATCH || true
        done_well p11cert audit verify
}
