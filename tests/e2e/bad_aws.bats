#!/usr/bin/env bats
# A CA that is wrong, closed, busy or unreachable, and identities that may not: each has its
# error.kind and exit status, and what was begun can be resumed afterwards.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        sandbox_clear
}

# resumes: the one order goes on to a delivery, with one key pair and one certificate in the world.
resumes() {
        done_well resume "$@"
        done_well show device-1
        delivered
        is '.maybe_duplicate == false'
        one_of_each "$(fact .key.id)"
        [ "$(issued)" = 1 ]
}

# pca OPERATION OPTION…: as the administrator, with Debian's AWS client, on $CA_ARN.
pca() {
        (as_admin && aws --region us-east-1 --endpoint-url "$ENDPOINT" acm-pca "$1" \
                --certificate-authority-arn "$CA_ARN" "${@:2}")
}

# says_aws CODE: AWS's own words are kept, its request id with them.
says_aws() {
        is ".error.aws.code == \"$1\" and (.error.aws.message | length > 0) and (.error.aws.request_id | length > 0)"
}

@test "a CA that nobody knows" {
        CA_ARN=${CA_ARN%/*}/00000000-0000-4000-8000-000000000000
        as_admin # who may ask for any; AWS tells others no more than that they may not
        refused ca-unknown 1 issue --subject CN=device-1
        says_aws ResourceNotFoundException
}

@test "what is not the ARN of a CA" {
        CA_ARN=arn:aws:s3:::bucket refused usage 2 issue --subject CN=device-1
        CA_ARN=nonsense refused usage 2 issue --subject CN=device-1
        [ -z "$(ids_of privkey)" ]
}

@test "a CA in another Region: --region is a usage error, a variable is ignored with a note" {
        refused usage 2 issue --subject CN=device-1 --region eu-west-1
        local note='AWS_REGION=eu-west-1 is not used: the CA is in us-east-1' verb
        AWS_REGION=eu-west-1 done_well issue --subject CN=device-1
        delivered
        [ "$(grep -c "$note" <<<"$stderr")" = 1 ]
        printf 'name,subject,token\ndevice-2,CN=device-2,pkcs11:token=first\n' >"$SANDBOX/rows"
        for verb in 'ca show' 'ca chain --out /dev/null/x' 'renew device-1' \
                'revoke device-1 --reason superseded -y' 'batch /dev/stdin'; do
                # shellcheck disable=SC2086
                AWS_REGION=eu-west-1 P11CERT_MODULE=$MODULE P11CERT_PIN_SOURCE=file:$SANDBOX/pin \
                        run --separate-stderr p11cert $verb --ca "$CA_ARN" \
                        --endpoint-url "$ENDPOINT" <"$SANDBOX/rows"
                [ "$(grep -c "$note" <<<"$stderr")" = 1 ] || { echo "$verb: $stderr" >&2; return 1; }
        done
}

@test "a CA that is not active, until it is" {
        pca update-certificate-authority --status DISABLED
        refused ca-not-active 1 issue --subject CN=device-1
        pca update-certificate-authority --status ACTIVE
        done_well issue --subject CN=device-1
        delivered
}

# short_lived SECONDS: a root CA of its own that ends so soon; false when that was too soon for AWS's
# client, which takes its time.
short_lived() {
        local arn
        CA_ARN=$(as_admin && aws --region us-east-1 --endpoint-url "$ENDPOINT" acm-pca \
                create-certificate-authority --certificate-authority-type ROOT --output text \
                --certificate-authority-configuration \
                'KeyAlgorithm=EC_prime256v1,SigningAlgorithm=SHA256WITHECDSA,Subject={CommonName=Short}')
        pca get-certificate-authority-csr --output text >"$SANDBOX/ca.csr"
        end=$(($(date +%s) + $1))
        arn=$(pca issue-certificate --csr "fileb://$SANDBOX/ca.csr" --signing-algorithm SHA256WITHECDSA \
                --template-arn arn:aws:acm-pca:::template/RootCACertificate/V1 \
                --validity "Type=ABSOLUTE,Value=$end" --output text)
        pca get-certificate --certificate-arn "$arn" --query Certificate --output text >"$SANDBOX/ca.crt"
        pca import-certificate-authority-certificate --certificate "fileb://$SANDBOX/ca.crt"
}

@test "a CA that has expired" {
        local end
        short_lived 5 || short_lived 20 || short_lived 60
        while [ "$(date +%s)" -le $end ]; do sleep 0.2; done
        as_admin
        refused ca-expired 1 issue --subject CN=device-1
        [ -z "$(ids_of privkey)" ]
}

@test "a validity beyond the CA's own end is refused, and ca-end is what was meant" {
        refused usage 2 issue --subject CN=device-1 --validity 50y
        is '.order == null and (.error.what | test("the CA itself ends"))'
        [ -z "$(ids_of privkey)" ]
        done_well issue --subject CN=device-1 --validity ca-end
        delivered
}

@test "a template that the identity may not use" {
        refused access-denied 5 issue --subject CN=device-1 --template CodeSigningCertificate/V1
        says_aws AccessDeniedException
        [ "$(issued)" = 0 ]
}

@test "credentials that are missing, wrong, or expired" {
        local secret=$AWS_SECRET_ACCESS_KEY
        AWS_SECRET_ACCESS_KEY=${secret/?/x}x refused credentials-refused 5 issue --subject CN=device-1
        AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE refused credentials-refused 5 issue --subject CN=device-1
        localpca_again --fault '*:expired-token'
        refused credentials-expired 5 issue --subject CN=device-1
        localpca_again
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        refused credentials-missing 2 issue --subject CN=device-1
        as_limited
        done_well issue --subject CN=device-1
        delivered
}

@test "denied in the middle: the order waits where it is" {
        localpca_again --fault GetCertificate:denied
        refused access-denied 5 issue --subject CN=device-1
        done_well show device-1
        is '.state == "submitted" and .error.kind == "access-denied"'
        localpca_again
        resumes
}

@test "throttled now and then is not noticed; throttled for ever is an error that can be resumed" {
        localpca_again --fault IssueCertificate:first=2:throttle
        done_well issue --subject CN=device-0
        delivered
        localpca_again --fault '*:throttle'
        refused throttled 11 issue --subject CN=device-1
        localpca_again
        done_well issue --subject CN=device-1
        delivered
        [ "$(issued)" = 2 ]
}

@test "the service fails now and then, and for good" {
        localpca_again --fault IssueCertificate:first=2:http=500 --fault GetCertificate:first=1:http=503
        done_well issue --subject CN=device-0
        delivered
        localpca_again --fault IssueCertificate:http=500
        run --separate-stderr issue --subject CN=device-1
        [ "$status" = 11 ]
        is '.error.kind | IN("aws-unavailable", "network")'
        localpca_again
        done_well resume
        done_well show device-1
        delivered
}

@test "the network is gone before the request" {
        localpca_stop
        refused network 11 issue --subject CN=device-1
        localpca_again
        done_well issue --subject CN=device-1
        delivered
        [ "$(issued)" = 1 ]
}

@test "the network goes between key and request" {
        localpca_again --fault IssueCertificate:reset=before
        refused network 11 issue --subject CN=device-1
        localpca_again
        resumes
}

@test "the network goes after the request: it is repeated with its token, in time" {
        localpca_again --fault IssueCertificate:first=1:reset=after
        done_well issue --subject CN=device-0
        is '.maybe_duplicate == false'
        localpca_again --fault IssueCertificate:reset=after
        refused network 11 issue --subject CN=device-1
        localpca_again
        done_well resume
        done_well show device-1
        delivered
        is '.maybe_duplicate == false'
        [ "$(issued)" = 2 ]
}

@test "the network was gone for ten minutes after the request: a new token, and the doubt is admitted" {
        localpca_again --fault IssueCertificate:reset=after
        refused network 11 issue --subject CN=device-1
        # As if that had been ten minutes ago, for both sides.
        localpca_again --idempotency-window 1ms
        sqlite3 "$P11CERT_STATE/ledger.db" 'UPDATE orders SET first_sent_at = first_sent_at - 600'
        done_well resume
        done_well show device-1
        delivered
        is '.maybe_duplicate == true'
        one_of_each "$(fact .key.id)"
        [ "$(issued)" -ge 2 ]
}

@test "answers that are cut, slow or no JSON" {
        localpca_again --fault GetCertificate:first=1:truncate --fault IssueCertificate:slow=300
        done_well issue --subject CN=device-0
        delivered
        localpca_again --fault IssueCertificate:garbage
        refused aws-answer 11 issue --subject CN=device-1
        localpca_again
        done_well resume
        done_well show device-1
        delivered
}

@test "a certificate that is not what was asked for is never delivered" {
        local fault n=0
        for fault in wrong-key wrong-subject expired foreign; do
                n=$((n + 1))
                localpca_again --fault "GetCertificate:$fault" --fault "IssueCertificate:$fault"
                refused not-as-asked 9 issue --subject "CN=device-$n"
                is '.state == "failed" and .certificate_arn != null'
                [ -z "$(ids_of cert)" ]
        done
        localpca_again --fault GetCertificate:chain=garbage
        run --separate-stderr issue --subject CN=device-9
        is '.state != "delivered" and (.error.kind | IN("not-as-asked", "aws-answer"))'
        [ -z "$(ids_of cert)" ]
}

@test "another root than the pinned one" {
        done_well issue --subject CN=device-0
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 30 \
                -subj '/CN=Another Root' -out "$SANDBOX/other.pem" 2>/dev/null
        run --separate-stderr issue --subject CN=device-1 --root "$SANDBOX/other.pem"
        [ "$status" = 9 ]
        is '.error.kind | IN("root-changed", "not-as-asked")'
}

@test "a request that fails for good twice is a verdict" {
        localpca_again --fault GetCertificate:fail --fault IssueCertificate:fail
        refused issue-failed 1 issue --subject CN=device-1
        is '.state == "failed"'
}

@test "a clock that is twenty minutes wrong, either way, is measured and allowed for" {
        localpca_again --clock-offset -20m
        done_well issue --subject CN=device-1 --validity 30d
        is '.state == "delivered"'
        localpca_again --clock-offset 20m
        done_well issue --subject CN=device-2 --validity 30d
        is '.state == "delivered"'
}

@test "plain http is for loopback only, and the credentials are not sent" {
        ENDPOINT=http://ca.invalid:9 refused usage 2 issue --subject CN=device-1
        ENDPOINT=ftp://127.0.0.1 refused usage 2 issue --subject CN=device-1
}

@test "control-C leaves an order that goes on" {
        localpca_again --issue-delay 4s
        # Not by way of issue(): the signal is for the program itself.
        local options pid status=0
        mapfile -t options < <(token_options)
        setsid -w "$BUILD/p11cert" --no-prompt issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" \
                --subject CN=device-1 >"$SANDBOX/answer" 2>"$SANDBOX/talk" 3>&- &
        pid=$!
        for _ in $(seq 100); do
                [ "$(p11cert show device-1 --output json 2>/dev/null | jq -r .state)" != submitted ] || break
                sleep 0.05
        done
        kill -INT "$(pgrep -P $pid || echo $pid)"
        wait $pid || status=$?
        [ "$status" = 4 ]
        jq -e '.error.kind == "interrupted" and .state == "submitted"' "$SANDBOX/answer"
        resumes
}
