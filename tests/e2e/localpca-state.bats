#!/usr/bin/env bats
# localpca's state, start and end: what was answered is kept, whatever happens to the process.

setup() {
        load common
        load localpca
        localpca_file
}

teardown() {
        sandbox_clear
}

@test "what was answered survives kill -9: certificates, tokens, revocations, CAs, keys" {
        pca tag-certificate-authority --certificate-authority-arn "$CA_ARN" --tags Key=kept,Value=yes
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token once)
        gone=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        pca revoke-certificate --certificate-authority-arn "$CA_ARN" --certificate-serial "${gone##*/}" \
                --revocation-reason SUPERSEDED
        kill -9 "$LOCALPCA_PID"
        wait "$LOCALPCA_PID" || true
        before=$CA_ARN
        LOCALPCA_PORT=${ENDPOINT##*:} localpca_start
        [ "$CA_ARN" = "$before" ]
        as_admin
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        openssl x509 -in "$SANDBOX/leaf.pem" -noout
        [ "$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token once)" = "$arn" ]
        refuses RequestAlreadyProcessedException already revoke-certificate --certificate-authority-arn "$CA_ARN" \
                --certificate-serial "${gone##*/}" --revocation-reason SUPERSEDED
        [ "$(pca list-tags --certificate-authority-arn "$CA_ARN" --query 'Tags[0].Key' --output text)" = kept ]
        [ "$(stat_of .issued)" = 2 ]
        [ "$(stat_of .revoked)" = 1 ]
}

@test "under load, no answered certificate is lost at kill -9" {
        local n known
        for n in 1 2 3; do
                "$BUILD/tests/bench/localpca_load" "$SANDBOX/ca.json" "$SANDBOX/csr.pem" 4 100000 \
                        >"$SANDBOX/load.json" 2>"$SANDBOX/load.err" &
                load=$!
                sleep 0.7
                # Answered before the kill is a lower bound of what has to be there after it.
                known=$(stat_of .issued)
                kill -9 "$LOCALPCA_PID"
                wait "$LOCALPCA_PID" "$load" || true
                localpca_start
                [ "$(sqlite3 "$SANDBOX/ca/localpca.db" 'SELECT count(*) FROM issued')" -ge "$known" ]
                [ "$(sqlite3 "$SANDBOX/ca/localpca.db" 'PRAGMA integrity_check')" = ok ]
                [ "$(stat_of .issued)" = "$(sqlite3 "$SANDBOX/ca/localpca.db" 'SELECT count(*) FROM issued')" ]
        done
}

@test "a key that was being made when it died is made after the next start" {
        configuration='{"KeyAlgorithm":"RSA_4096","SigningAlgorithm":"SHA256WITHRSA","Subject":{"CommonName":"a"}}'
        arn=$(pca create-certificate-authority --certificate-authority-type ROOT --query CertificateAuthorityArn \
                --output text --certificate-authority-configuration "$configuration")
        kill -9 "$LOCALPCA_PID"
        wait "$LOCALPCA_PID" || true
        localpca_start
        as_admin
        AWS_CONFIG_FILE=/dev/null pca wait certificate-authority-csr-created --certificate-authority-arn "$arn"
        [ "$(status_of "$arn")" = PENDING_CERTIFICATE ]
}

@test "a full disk refuses with 500 and undoes the turn; with room again it goes on where it was" {
        issue_for "$CA_ARN" "$SANDBOX/csr.pem"
        prlimit --pid "$LOCALPCA_PID" --fsize=1024:unlimited
        AWS_MAX_ATTEMPTS=1 refuses InternalFailure localpca issue-certificate --certificate-authority-arn "$CA_ARN" \
                --csr "fileb://$SANDBOX/csr.pem" --signing-algorithm SHA256WITHECDSA --validity Value=1,Type=DAYS
        AWS_MAX_ATTEMPTS=1 refuses InternalFailure localpca update-certificate-authority \
                --certificate-authority-arn "$CA_ARN" --status DISABLED
        # What could not be kept is not believed either.
        [ "$(status_of "$CA_ARN")" = ACTIVE ]
        [ "$(stat_of .issued)" = 1 ]
        prlimit --pid "$LOCALPCA_PID" --fsize=unlimited
        issue_for "$CA_ARN" "$SANDBOX/csr.pem"
        [ "$(stat_of .issued)" = 2 ]
}

@test "two servers on one state, or on one port: the second says so and leaves" {
        run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/ca"
        [ "$status" = 12 ]
        [[ $output == *'another localpca uses this state'* ]]
        run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/other" --listen "127.0.0.1:${ENDPOINT##*:}"
        [ "$status" = 11 ]
        [[ $output == *'cannot listen'* ]]
}

@test "a state by a newer version, or one that cannot be written, is refused" {
        localpca_stop
        sqlite3 "$SANDBOX/ca/localpca.db" 'PRAGMA user_version = 99'
        run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/ca"
        [ "$status" = 12 ]
        [[ $output == *'newer localpca'* ]]
        run timeout 10 "$BUILD/localpca/localpca" --state /proc/nowhere
        [ "$status" = 1 ]
        sqlite3 "$SANDBOX/ca/localpca.db" 'PRAGMA user_version = 1'
        run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/ca" --region eu-west-1
        [ "$status" = 2 ]
        [[ $output == *'another Region or account'* ]]
}

@test "secrets and keys lie in files that only their owner reads" {
        (umask 022 && timeout 1 "$BUILD/localpca/localpca" --state "$SANDBOX/new/ca" >/dev/null) || true
        [ "$(stat -c %a "$SANDBOX/new/ca")" = 700 ]
        for file in "$SANDBOX"/ca/* "$SANDBOX"/new/ca/*; do
                [ -d "$file" ] || [ "$(stat -c %a "$file")" = 600 ]
        done
}

@test "it listens where others can reach it only when told that this is not AWS" {
        run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/other" --listen 0.0.0.0:0
        [ "$status" = 2 ]
        [[ $output == *--i-know-this-is-not-aws* ]]
}

@test "it answers on IPv6, over TLS, too" {
        localpca_stop
        timeout 20 "$BUILD/localpca/localpca" --state "$SANDBOX/ca" --listen '[::1]:0' --tls >"$SANDBOX/six.json" 3>&- &
        until [ -s "$SANDBOX/six.json" ]; do sleep 0.05; done
        ENDPOINT=$(jq -r .endpoint "$SANDBOX/six.json")
        [[ $ENDPOINT == 'https://[::1]:'* ]]
        curl -s --cacert "$ROOT_CA" "$ENDPOINT/_localpca/stats" | jq -e .requests
        kill %%
}

@test "options that make no sense are named, with what may have been meant" {
        while IFS='|' read -r words option value; do
                run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/other" "$option" ${value:+"$value"}
                [ "$status" = 2 ] || { echo "$option $value: $status"; false; }
                [[ $output == *"$words"* ]] || { echo "$output"; false; }
        done <<'END'
did you mean --latency|--latenci|1ms
needs SPAN|--latency|
not a span|--latency|soon
not a span|--latency|-1ms
not ADDRESS:PORT|--listen|127.0.0.1
not ADDRESS:PORT|--listen|127.0.0.1:65536
not an IP address|--listen|127.0.0.x:1
stands in brackets|--listen|::1:0
12 digits|--account|123
not a Region|--region|US EAST
key type|--key-type|ec:p192
a seed|--seed|0
no operation|--rate|Nothing=1/s
when nor what|--fault|IssueCertificate:sometimes
not an option|state|
END
}

@test "the manual page has the options of --help, and no others" {
        "$BUILD/localpca/localpca" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | sort >"$SANDBOX/help"
        sed -nE '/^\.SH OPTIONS/,/^\.SH FAULTS/s/^\.BI? "?(\\-\\-[a-z\\-]+).*/\1/p' "$ROOT/doc/localpca.1" |
                tr -d '\\' | sort >"$SANDBOX/page"
        diff "$SANDBOX/help" "$SANDBOX/page"
}

@test "over TLS the aws CLI trusts it by its root, and nothing else" {
        localpca_stop
        localpca_start --tls
        as_admin
        AWS_CA_BUNDLE=$ROOT_CA pca list-certificate-authorities >/dev/null
        openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=other -out "$SANDBOX/other.pem" 2>/dev/null
        AWS_CA_BUNDLE=$SANDBOX/other.pem run pca list-certificate-authorities
        [ "$status" != 0 ]
        curl -s --cacert "$ROOT_CA" "${ENDPOINT/127.0.0.1/localhost}/_localpca/stats" | jq -e .requests
}

@test "--aws-config prints profiles that the aws CLI can use" {
        "$BUILD/localpca/localpca" --state "$SANDBOX/ca" --aws-config >"$SANDBOX/profiles"
        sed -n '/credentials$/,/^$/p' "$SANDBOX/profiles" | grep -v '^#\|endpoint_url\|\[profile' >"$SANDBOX/credentials"
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        export AWS_SHARED_CREDENTIALS_FILE=$SANDBOX/credentials AWS_CONFIG_FILE=/dev/null
        [ "$(AWS_PROFILE=localpca-admin pca list-certificate-authorities | jq '.[] | length')" = 2 ]
        AWS_PROFILE=localpca refuses AccessDeniedException localpca-issuer list-certificate-authorities
}

@test "hundreds of slow answers do not hold up a quick one" {
        localpca_stop
        localpca_start --latency 1500ms
        for _ in $(seq 300); do
                curl -s -o /dev/null -H 'X-Amz-Target: ACMPrivateCA.ListTags' \
                        -H 'Content-Type: application/x-amz-json-1.1' -d '{}' "$ENDPOINT" &
        done
        sleep 0.5
        start=$(date +%s%N)
        curl -s "$ENDPOINT/_localpca/stats" >/dev/null
        [ $((($(date +%s%N) - start) / 1000000)) -lt 500 ]
        start=$(date +%s%N)
        jobs -p | grep -vx "$LOCALPCA_PID" | while read -r pid; do tail --pid="$pid" -f /dev/null; done
        [ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
        [ "$(stat_of '.requests.ListTags')" = 300 ]
}
