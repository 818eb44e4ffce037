#!/usr/bin/env bats
# What localpca does to clients on request: each fault as a client sees it, throttling, delays, clocks.

setup_file() {
        load common
        load localpca
        localpca_file --seed 1
        export AWS_MAX_ATTEMPTS=1
}

teardown_file() {
        load common
        sandbox_clear
}

setup() {
        load common
        load localpca
        of=(--certificate-authority-arn "$CA_ARN")
}

teardown() {
        curl -s -X DELETE "$ENDPOINT/_localpca/faults" >/dev/null
        curl -s -d 'latency=0ms' "$ENDPOINT/_localpca/settings" >/dev/null
}

# with_fault RULE…: from now on, while it runs.
with_fault() {
        curl -s -X DELETE "$ENDPOINT/_localpca/faults" >/dev/null
        printf '%s\n' "$@" | curl -s --data-binary @- "$ENDPOINT/_localpca/faults" | jq -e "length == $#" >/dev/null
}

set_to() {
        curl -s -d "$1" "$ENDPOINT/_localpca/settings" | jq -e .latency_ms >/dev/null
}

# What curl makes of a describe: its exit status, or the HTTP status.
describe_status() {
        run raw DescribeCertificateAuthority "{\"CertificateAuthorityArn\":\"$CA_ARN\"}"
        if [ "$status" != 0 ]; then
                printf 'curl %s' "$status"
        else
                printf '%s' "${lines[-1]}"
        fi
}

@test "errors by name: throttled, denied, expired, a clock that is off, any code" {
        describing=(describe-certificate-authority "${of[@]}")
        while IFS='|' read -r fault code words; do
                with_fault "DescribeCertificateAuthority:$fault"
                refuses "$code" "$words" "${describing[@]}"
        done <<'END'
throttle|ThrottlingException|Rate exceeded
denied|AccessDeniedException|no identity-based policy allows
expired-token|ExpiredTokenException|is expired
clock|InvalidSignatureException|Signature expired
error=ConcurrentModificationException|ConcurrentModificationException|
END
        # Other operations are as ever.
        pca list-certificate-authorities >/dev/null
}

@test "failures of the service: HTTP 500 and 503" {
        with_fault 'DescribeCertificateAuthority:http=500'
        [ "$(describe_status)" = 500 ]
        with_fault 'DescribeCertificateAuthority:http=503'
        [ "$(describe_status)" = 503 ]
}

@test "resets, before and after the deed" {
        before=$(stat_of .issued)
        with_fault 'IssueCertificate:reset=before'
        run issue_for "$CA_ARN" "$SANDBOX/csr.pem"
        [ "$status" != 0 ]
        [ "$(stat_of .issued)" = "$before" ]
        with_fault 'IssueCertificate:reset=after'
        run issue_for "$CA_ARN" "$SANDBOX/csr.pem"
        [ "$status" != 0 ]
        [ "$(stat_of .issued)" = $((before + 1)) ]
        with_fault 'DescribeCertificateAuthority:reset=after'
        # 52: nothing came back; 56: reset.
        [[ $(describe_status) == 'curl 5'[26] ]]
}

@test "bodies that are cut, no JSON, slow, and late" {
        with_fault 'DescribeCertificateAuthority:truncate'
        [ "$(describe_status)" = 'curl 18' ]
        with_fault 'DescribeCertificateAuthority:garbage'
        raw DescribeCertificateAuthority "{\"CertificateAuthorityArn\":\"$CA_ARN\"}" | head -n 1 | grep -q '<html>'
        for fault in slow=600 delay=600; do
                with_fault "DescribeCertificateAuthority:$fault"
                start=$(date +%s%N)
                [ "$(describe_status)" = 200 ]
                [ $((($(date +%s%N) - start) / 1000000)) -ge 550 ]
        done
}

@test "certificates that are not what was asked for, on one answer and for good" {
        openssl req -in "$SANDBOX/csr.pem" -noout -pubkey >"$SANDBOX/asked.pub"
        pca get-certificate-authority-certificate "${of[@]}" --query Certificate --output text >"$SANDBOX/ca.pem"
        good=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        for fault in wrong-key wrong-subject expired foreign; do
                with_fault "GetCertificate:$fault"
                certificate_of "$CA_ARN" "$good" "$SANDBOX/once.pem"
                with_fault "IssueCertificate:$fault"
                bad=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
                with_fault "ListTags:throttle"
                certificate_of "$CA_ARN" "$bad" "$SANDBOX/ever.pem"
                for file in once ever; do
                        openssl x509 -in "$SANDBOX/$file.pem" -noout -pubkey >"$SANDBOX/got.pub"
                        same_key=$(cmp -s "$SANDBOX/asked.pub" "$SANDBOX/got.pub" && echo yes || echo no)
                        subject=$(openssl x509 -in "$SANDBOX/$file.pem" -noout -subject)
                        verified=$(openssl verify -CAfile "$ROOT_CA" -untrusted "$SANDBOX/ca.pem" \
                                "$SANDBOX/$file.pem" 2>&1 || true)
                        case $fault in
                        wrong-key) [[ $same_key == no && $verified == *OK ]] ;;
                        wrong-subject) [[ $same_key == yes && $subject == *'somebody else' ]] ;;
                        expired) [[ $verified == *'has expired'* ]] ;;
                        foreign) [[ $verified == *'signature failure'* ]] ;;
                        esac
                done
                certificate_of "$CA_ARN" "$good" "$SANDBOX/good.pem"
                openssl verify -CAfile "$ROOT_CA" -untrusted "$SANDBOX/ca.pem" "$SANDBOX/good.pem"
        done
}

@test "each of the 49 deviations can be asked for while it runs" {
        # The words as the manual has them; a unit test holds what each does.
        words=$(sed -n '/^\.BR wrong/,/^\.B chain=garbage/s/^\.BR //p' "$E2E/../../doc/localpca.1" | tr -d ',"\\')
        count=0
        for word in $words; do
                with_fault "GetCertificate:$word"
                count=$((count + 1))
        done
        [ "$count" = 49 ]
        good=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        fetch="{\"CertificateAuthorityArn\":\"$CA_ARN\",\"CertificateArn\":\"$good\"}"
        with_fault GetCertificate:san-less GetCertificate:usage-more GetCertificate:policy-more
        text=$(raw GetCertificate "$fetch" | head -n 1 | jq -r .Certificate | openssl x509 -noout -text)
        [[ $text != *DNS:* && $text == *'Non Repudiation'* && $text == *'X509v3 Any Policy'* ]]
}

@test "issuing that fails for good, and a chain that is none" {
        with_fault 'IssueCertificate:fail'
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        with_fault 'GetCertificate:chain=garbage'
        refuses RequestFailedException "$arn" get-certificate "${of[@]}" --certificate-arn "$arn"
        good=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        pca get-certificate "${of[@]}" --certificate-arn "$good" --query CertificateChain --output text \
                >"$SANDBOX/chain.pem"
        run openssl x509 -in "$SANDBOX/chain.pem" -noout
        [ "$status" != 0 ]
}

@test "rates: the burst of a second passes, the rest is throttled, until it is lifted" {
        set_to rate=ListTags=5/s
        throttled=0
        for _ in 1 2 3 4 5 6 7 8 9 10; do
                [[ $(raw ListTags "{\"CertificateAuthorityArn\":\"$CA_ARN\"}") == *ThrottlingException*400* ]] &&
                        throttled=$((throttled + 1))
        done
        [ "$throttled" -ge 3 ]
        [ "$throttled" -le 5 ]
        set_to rate=ListTags=off
        [[ $(raw ListTags "{\"CertificateAuthorityArn\":\"$CA_ARN\"}") != *Throttling* ]]
}

@test "a certificate is in progress for the issue delay, and not longer" {
        set_to issue-delay=700ms
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        body="{\"CertificateAuthorityArn\":\"$CA_ARN\",\"CertificateArn\":\"$arn\"}"
        set_to issue-delay=0ms
        until [[ $(raw GetCertificate "$body") == *'BEGIN CERTIFICATE'*200* ]]; do
                seen=$(raw GetCertificate "$body")
                [[ $seen == *RequestInProgressException*'Try again later'*400* || $seen == *'BEGIN CERTIFICATE'* ]]
                sleep 0.1
        done
        set_to issue-delay=1h
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        refuses RequestInProgressException "$arn" get-certificate "${of[@]}" --certificate-arn "$arn"
        set_to issue-delay=0ms
}

@test "an idempotency token is forgotten after the window" {
        one=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token window)
        set_to idempotency-window=1ms
        two=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token window)
        set_to idempotency-window=5m
        [ "$one" != "$two" ]
        [ "$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token window)" = "$two" ]
}

@test "a clock that is off refuses signatures either way, and its Date says by how much" {
        set_to clock-offset=-20m
        refuses InvalidSignatureException "Signature not yet current" list-certificate-authorities
        off=$(($(date +%s) - $(date -d "$(curl -s -D - -o /dev/null "$ENDPOINT/" | sed -n 's/^Date: //p' |
                tr -d '\r')" +%s)))
        [ "$off" -ge 1199 ]
        [ "$off" -le 1202 ]
        set_to clock-offset=20m
        refuses InvalidSignatureException "Signature expired" list-certificate-authorities
        set_to clock-offset=0s
        pca list-certificate-authorities >/dev/null
}

@test "rules and settings that make no sense are refused while it runs, and the others stay" {
        for line in 'GetCertificate' 'GetCertificate:what' 'GetCertificate:script=/etc/passwd'; do
                [ "$(curl -s -o /dev/null -w '%{http_code}' -d "$line" "$ENDPOINT/_localpca/faults")" = 400 ]
        done
        for line in 'latency' 'latency=x' 'nothing=1ms' 'rate=Nothing=1/s'; do
                [ "$(curl -s -o /dev/null -w '%{http_code}' -d "$line" "$ENDPOINT/_localpca/settings")" = 400 ]
        done
        [ "$(curl -s "$ENDPOINT/_localpca/faults")" = '[]' ]
}
