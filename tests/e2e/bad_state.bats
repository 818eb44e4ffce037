#!/usr/bin/env bats
# Disks that are full, folders that are read-only, ledgers that are locked, newer or damaged, and
# two at once.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        ! mountpoint -q "$SANDBOX/small" || umount "$SANDBOX/small"
        sandbox_clear
}

@test "two at once with two names: both deliver" {
        localpca_again --issue-delay 300ms
        issue --subject CN=device-1 >"$SANDBOX/one" 2>&1 3>&- &
        local other=$!
        done_well issue --subject CN=device-2 --lock-wait 30s
        delivered
        wait $other
        done_well show device-1
        delivered
        [ "$(issued)" = 2 ]
}

@test "two at once with one name: one certificate" {
        localpca_again --issue-delay 300ms
        issue --subject CN=device-1 >"$SANDBOX/one" 2>&1 3>&- &
        local other=$!
        run issue --subject CN=device-1 --lock-wait 30s
        [ "$status" = 0 ] || [ "$status" = 3 ]
        wait $other || [ $? = 3 ]
        [ "$(issued)" = 1 ]
        done_well show device-1
        delivered
        one_of_each "$(fact .key.id)"
}

@test "who does not want to wait is told who holds the ledger; readers never wait" {
        localpca_again --issue-delay 5s
        issue --subject CN=device-1 >"$SANDBOX/one" 2>&1 3>&- &
        local other=$!
        for _ in $(seq 100); do
                [ "$(p11cert show device-1 --output json 2>/dev/null | jq -r .state)" != submitted ] || break
                sleep 0.05
        done
        refused ledger-locked 12 issue --subject CN=device-2 --lock-wait 0s
        fact '.error | .what, .about, .next' | grep -qE '[0-9]{2,}'
        done_well p11cert list --output json
        is '.orders | length == 1'
        kill $other 2>/dev/null || true
        wait $other || true
}

@test "a lock does not outlive a killed holder" {
        localpca_again --issue-delay 5s
        local options
        mapfile -t options < <(token_options)
        "$BUILD/p11cert" --no-prompt issue --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" \
                --subject CN=device-1 >/dev/null 2>&1 3>&- &
        local other=$!
        for _ in $(seq 100); do
                [ "$(p11cert show device-1 --output json 2>/dev/null | jq -r .state)" != submitted ] || break
                sleep 0.05
        done
        kill -9 $other
        wait $other || true
        localpca_again
        done_well resume --lock-wait 0s
        done_well show device-1
        delivered
}

@test "a state folder that may not be written" {
        done_well issue --subject CN=device-0
        if [ "$(id -u)" = 0 ]; then
                mount --bind "$P11CERT_STATE" "$P11CERT_STATE"
                mount -o remount,ro,bind "$P11CERT_STATE"
        else
                chmod 500 "$P11CERT_STATE"
                chmod 400 "$P11CERT_STATE"/ledger.db*
        fi
        run --separate-stderr issue --subject CN=device-1
        local after=$status
        if [ "$(id -u)" = 0 ]; then
                umount "$P11CERT_STATE"
        else
                chmod 700 "$P11CERT_STATE"
                chmod 600 "$P11CERT_STATE"/ledger.db*
        fi
        [ "$after" = 12 ]
        is '.error.kind == "ledger-read-only" and .order == null'
        [ "$(issued)" = 1 ]
        done_well issue --subject CN=device-1
        delivered
}

@test "a state folder that may not be entered is an error, not an empty ledger" {
        done_well issue --subject CN=device-1 --validity 5d
        chmod 711 "$SANDBOX"
        local as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups "$BUILD/p11cert" --output json)
        # The program has to be one that nobody may start.
        "${as_nobody[@]}" version >/dev/null 2>&1 || skip "nobody may not start $BUILD/p11cert"
        for verb in list due 'show device-1'; do
                # shellcheck disable=SC2086
                run -12 --separate-stderr "${as_nobody[@]}" $verb
                is '.error.kind == "ledger"'
        done
        P11CERT_STATE=$SANDBOX/pin run -12 --separate-stderr p11cert due --output json
}

@test "a state folder that is not there is told, and no verb about orders makes it" {
        export P11CERT_STATE=$SANDBOX/nowhere
        local verb
        done_well p11cert list --output json
        is '.orders == []'
        [[ $stderr == *"there is no ledger in '$P11CERT_STATE'"* ]] || { echo "$stderr"; return 1; }
        run --separate-stderr p11cert due
        [ "$status" = 3 ]
        [[ $stderr == *"there is no ledger"* ]]
        for verb in show fetch submit installed verify renew 'import'; do
                local file=
                [ "$verb" != import ] || file=$ROOT_CA
                refused order-unknown 1 p11cert $verb --output json device-1 $file
        done
        refused order-unknown 1 p11cert revoke device-1 --reason superseded --yes --output json
        for verb in verify resume 'renew --due' 'ledger check' 'audit verify'; do
                run --separate-stderr p11cert $verb
                [ "$status" = 3 ] || { echo "$verb: $status"; return 1; }
        done
        [ ! -e "$P11CERT_STATE" ]
        # A certificate that no order knows is revoked and recorded all the same.
        as_admin
        done_well p11cert revoke 0a0b0c0d --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --reason superseded \
                --yes --dry-run --output json
        [ ! -e "$P11CERT_STATE" ]
}

@test "a disk that is full before anything is asked for" {
        mkdir "$SANDBOX/small"
        mount -t tmpfs -o size=256k,mode=700 none "$SANDBOX/small"
        head -c 1M /dev/zero >"$SANDBOX/small/filler" 2>/dev/null || true
        export P11CERT_STATE=$SANDBOX/small/state
        run --separate-stderr issue --subject CN=device-1
        is '.error.kind | IN("ledger-full", "disk-full")'
        [ "$status" = 12 ] || [ "$status" = 1 ]
        [ "$(issued)" = 0 ]
        umount "$SANDBOX/small"
        mount -t tmpfs -o size=64M,mode=700 none "$SANDBOX/small"
        done_well issue --subject CN=device-1
        delivered
}

@test "a disk that is full can be read: list, show, due and check answer" {
        mkdir "$SANDBOX/small"
        mount -t tmpfs -o size=8M,mode=700 none "$SANDBOX/small"
        export P11CERT_STATE=$SANDBOX/small/state
        done_well issue --subject CN=device-1
        head -c 16M /dev/zero >"$SANDBOX/small/filler" 2>/dev/null || true
        done_well p11cert list --output json
        is '[.orders[].name] == ["device-1"]'
        done_well show device-1
        delivered
        done_well p11cert due --within 400d --output json
        done_well p11cert check --output json
        refused ledger-full 12 p11cert installed device-1 --output json
}

@test "a disk that is full when the files are written: the certificate waits in the ledger" {
        mkdir "$SANDBOX/small"
        mount -t tmpfs -o size=64k,mode=700 none "$SANDBOX/small"
        head -c 1M /dev/zero >"$SANDBOX/small/filler" 2>/dev/null || true
        refused disk-full 1 issue --subject CN=device-1 --out "$SANDBOX/small"
        done_well show device-1
        is '.state == "verified" and .serial != null'
        rm "$SANDBOX/small/filler"
        done_well resume
        done_well show device-1
        delivered
        [ "$(issued)" = 1 ]
}

@test "a disk that fills up while the CA issues: the ARN that could not be recorded is told, however quietly" {
        mkdir "$SANDBOX/small"
        mount -t tmpfs -o size=3M,mode=700 none "$SANDBOX/small"
        export P11CERT_STATE=$SANDBOX/small/state
        localpca_again --latency 400ms
        local status=0
        issue -q --subject CN=device-1 >"$SANDBOX/answer" 2>"$SANDBOX/talk" 3>&- &
        until [ "$(issued)" = 1 ]; do sleep 0.01; done
        head -c 4M /dev/zero >"$SANDBOX/small/filler" 2>/dev/null || true
        wait $! || status=$?
        [ "$status" = 12 ]
        output=$(<"$SANDBOX/answer")
        is '.order == 1 and .error.kind == "ledger-full" and (.certificate_arn | length > 0)'
        is '.certificate_arn as $arn | .error.about | contains($arn)'
        rm "$SANDBOX/small/filler"
        done_well resume
        done_well show device-1
        delivered
        is '.maybe_duplicate == false'
        [ "$(issued)" = 1 ]
}

@test "a limit on the size of files is told as a full disk is, and nothing is lost by it" {
        small_files() (
                ulimit -f 64
                issue "$@"
        )
        run --separate-stderr small_files --subject CN=device-1
        is '.error.kind | IN("ledger-full", "disk-full")'
        [ "$status" = 12 ] || [ "$status" = 1 ]
        [ "$(issued)" = 0 ]
        done_well issue --subject CN=device-1
        delivered
}

@test "a folder for the files that is none, before anything is asked for" {
        echo >"$SANDBOX/file"
        refused file 1 issue --subject CN=device-1 --out "$SANDBOX/file"
        [ "$(issued)" = 0 ]
        [ -z "$(ids_of privkey)" ]
        rm -f "$SANDBOX/file"
        mkdir "$SANDBOX/file"
        run issue --subject CN=device-1 --out "$SANDBOX/file"
        done_well show device-1
        delivered
        [ "$(issued)" = 1 ]
}

@test "a ledger made by a newer version is left alone" {
        done_well issue --subject CN=device-0
        sqlite3 "$P11CERT_STATE/ledger.db" 'PRAGMA user_version = 9999'
        refused ledger-newer 12 issue --subject CN=device-1
        refused ledger-newer 12 p11cert list --output json
        [ "$(sqlite3 "$P11CERT_STATE/ledger.db" 'PRAGMA user_version')" = 9999 ]
}

@test "a ledger that is none" {
        done_well issue --subject CN=device-0
        rm -f "$P11CERT_STATE"/ledger.db-*
        head -c 100000 /dev/zero | tr '\0' x >"$P11CERT_STATE/ledger.db"
        refused ledger-corrupt 12 issue --subject CN=device-1
        [ "$(issued)" = 1 ]
        # What is no file at all is not even opened: a pipe would be waited for.
        rm "$P11CERT_STATE/ledger.db"
        mkfifo "$P11CERT_STATE/ledger.db"
        WRAP='timeout 60' refused config 2 p11cert list --output json
        WRAP='timeout 60' refused config 2 issue --subject CN=device-1
        rm "$P11CERT_STATE/ledger.db"
        mkdir "$P11CERT_STATE/ledger.db"
        refused config 2 p11cert list --output json
}

@test "the folders and files of the state are their owner's alone" {
        done_well issue --subject CN=device-1
        [ -z "$(find "$P11CERT_STATE" -type d ! -perm 700)" ]
        [ -z "$(find "$P11CERT_STATE" -type f ! -perm 600)" ]
}
