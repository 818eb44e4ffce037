#!/usr/bin/env bats
# What AWS refuses is refused: code and words, as the real aws CLI reads them.

setup_file() {
        load common
        load localpca
        localpca_file
        # A root that waits for its certificate.
        PENDING_ARN=$(ca_make ROOT EC_prime256v1 SHA256WITHECDSA Pending)
        OTHER=arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555
        export PENDING_ARN OTHER
}

teardown_file() {
        load common
        sandbox_clear
}

setup() {
        load common
        load localpca
        of=(--certificate-authority-arn "$CA_ARN")
        issuing=(issue-certificate "${of[@]}" --csr "fileb://$SANDBOX/csr.pem"
                --signing-algorithm SHA256WITHECDSA --validity "Value=30,Type=DAYS")
}

@test "members that break a constraint are named with their value and the constraint" {
        refuses ValidationException "at 'certificateAuthorityArn' failed to satisfy constraint: Member must satisfy regular expression pattern" \
                describe-certificate-authority --certificate-authority-arn not-an-arn
        refuses ValidationException "Member must have length less than or equal to 200" \
                describe-certificate-authority --certificate-authority-arn "$OTHER$(printf 'a%.0s' {1..150})"
        refuses ValidationException "Value 'MD5' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [SHA256WITHECDSA" \
                "${issuing[@]}" --signing-algorithm MD5
        refuses ValidationException "Value '0' at 'validity.value' failed to satisfy constraint: Member must have value greater than or equal to 1" \
                "${issuing[@]}" --validity Value=0,Type=DAYS
        refuses ValidationException "Value null at 'validity.type' failed to satisfy constraint: Member must not be null" \
                "${issuing[@]}" --validity Value=1
        refuses ValidationException "idempotencyToken" "${issuing[@]}" --idempotency-token "$(printf 't%.0s' {1..37})"
        refuses ValidationException "2 validation errors detected" \
                "${issuing[@]}" --validity Value=0,Type=WEEKS
        refuses ValidationException "templateArn" "${issuing[@]}" --template-arn x
        refuses ValidationException "at 'maxResults'" list-certificate-authorities --max-results 1001
        refuses ValidationException "at 'revocationReason'" revoke-certificate "${of[@]}" \
                --certificate-serial 00 --revocation-reason BORED
        refuses ValidationException "tags.1.member.key" tag-certificate-authority "${of[@]}" --tags Key=a!,Value=b
        refuses ValidationException "at 'auditReportId'" describe-certificate-authority-audit-report "${of[@]}" \
                --audit-report-id 1
        refuses ValidationException "at 'permanentDeletionTimeInDays'" delete-certificate-authority "${of[@]}" \
                --permanent-deletion-time-in-days 6
        refuses ValidationException "at 'principal'" create-permission "${of[@]}" --principal '*' --actions IssueCertificate
        refuses ValidationException "at 'actions'" create-permission "${of[@]}" --principal acm.amazonaws.com --actions \
                IssueCertificate GetCertificate ListPermissions IssueCertificate
        refuses ValidationException "at 'sourceAccount'" create-permission "${of[@]}" --source-account 1 \
                --principal acm.amazonaws.com --actions IssueCertificate
}

@test "CSRs that are none" {
        printf 'no PEM' >"$SANDBOX/bad.pem"
        refuses MalformedCSRException "not a PEM" "${issuing[@]}" --csr "fileb://$SANDBOX/bad.pem"
        refuses MalformedCSRException "not a PEM" "${issuing[@]}" --csr "fileb://$ROOT_CA"
        # One flipped bit in the signature.
        openssl req -in "$SANDBOX/csr.pem" -outform DER | python3 -c \
                'import sys; d = bytearray(sys.stdin.buffer.read()); d[-1] ^= 1; sys.stdout.buffer.write(d)' |
                openssl req -inform DER -out "$SANDBOX/bad.pem"
        refuses MalformedCSRException "signature does not verify" "${issuing[@]}" --csr "fileb://$SANDBOX/bad.pem"
        openssl req -new -key "$SANDBOX/device-1.key" -subj / -out "$SANDBOX/bad.pem"
        refuses MalformedCSRException "neither a subject" "${issuing[@]}" --csr "fileb://$SANDBOX/bad.pem"
        head -c 40000 /dev/zero >"$SANDBOX/bad.pem"
        refuses ValidationException "at 'csr'" "${issuing[@]}" --csr "fileb://$SANDBOX/bad.pem"
}

@test "algorithms, templates and validities that the CA cannot do" {
        refuses InvalidArgsException "cannot be used with key type EC_prime256v1. Valid signing algorithms are: SHA256WITHECDSA" \
                "${issuing[@]}" --signing-algorithm SHA256WITHRSA
        refuses InvalidArgsException "NoSuchTemplate" "${issuing[@]}" --template-arn "$TEMPLATE/NoSuchTemplate/V1"
        refuses InvalidArgsException "template" "${issuing[@]}" \
                --template-arn arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1
        refuses InvalidArgsException "path length" "${issuing[@]}" \
                --template-arn "$TEMPLATE/SubordinateCACertificate_PathLen0/V1"
        refuses InvalidArgsException "RootCACertificate" "${issuing[@]}" --template-arn "$TEMPLATE/RootCACertificate/V1"
        refuses ValidationException "exceeds the certificate authority validity" \
                "${issuing[@]}" --validity Value=50,Type=YEARS
        refuses ValidationException "in the past" "${issuing[@]}" --validity Value=1000,Type=ABSOLUTE
        refuses ValidationException "not a date" "${issuing[@]}" --validity Value=20301399000000,Type=END_DATE
        refuses ValidationException "9999" "${issuing[@]}" --validity Value=9000,Type=YEARS
        refuses InvalidArgsException "validityNotBefore" "${issuing[@]}" --validity-not-before Value=1,Type=DAYS
        refuses ValidationException "before it starts" "${issuing[@]}" \
                --validity-not-before Value=4102444800,Type=ABSOLUTE
}

@test "a token with other parameters" {
        pca "${issuing[@]}" --idempotency-token once
        refuses InvalidArgsException "idempotencyToken" "${issuing[@]}" --idempotency-token once \
                --validity Value=31,Type=DAYS
}

@test "resources that are not there, or are something else" {
        refuses ResourceNotFoundException "$OTHER" describe-certificate-authority --certificate-authority-arn "$OTHER"
        refuses ResourceNotFoundException "eu-west-1" describe-certificate-authority \
                --certificate-authority-arn "${CA_ARN/us-east-1/eu-west-1}"
        refuses InvalidArnException "not the ARN of a certificate authority" describe-certificate-authority \
                --certificate-authority-arn "$CA_ARN/certificate/00"
        refuses ResourceNotFoundException "Certificate" get-certificate "${of[@]}" \
                --certificate-arn "$CA_ARN/certificate/00112233445566778899aabbccddeeff"
        refuses InvalidArnException "certificate" get-certificate "${of[@]}" --certificate-arn "$CA_ARN"
        refuses ResourceNotFoundException "Certificate" get-certificate "${of[@]}" \
                --certificate-arn "$ROOT_ARN/certificate/00112233445566778899aabbccddeeff"
        refuses ResourceNotFoundException "audit report" describe-certificate-authority-audit-report "${of[@]}" \
                --audit-report-id 01234567-89ab-cdef-0123-456789abcdef
        refuses ResourceNotFoundException "permission" delete-permission "${of[@]}" --principal acm.amazonaws.com
        refuses ResourceNotFoundException "policy" delete-policy --resource-arn "$CA_ARN"
}

@test "revocations that cannot be" {
        arn=$(pca "${issuing[@]}" --query CertificateArn --output text)
        revoking=(revoke-certificate "${of[@]}" --revocation-reason UNSPECIFIED --certificate-serial)
        refuses InvalidRequestException "hexadecimal" "${revoking[@]}" xyz
        refuses ResourceNotFoundException "serial" "${revoking[@]}" 00:11:22
        pca "${revoking[@]}" "${arn##*/}"
        refuses RequestAlreadyProcessedException "already" "${revoking[@]}" "${arn##*/}"
}

@test "a CA in the wrong state" {
        at=(--certificate-authority-arn "$PENDING_ARN")
        refuses InvalidStateException "not in a valid state for issuing" "${issuing[@]}" "${at[@]}"
        refuses InvalidStateException "no certificate yet" get-certificate-authority-certificate "${at[@]}"
        refuses InvalidStateException "PENDING_CERTIFICATE" update-certificate-authority "${at[@]}" --status DISABLED
        refuses InvalidStateException "PENDING_CERTIFICATE" create-permission "${at[@]}" \
                --principal acm.amazonaws.com --actions IssueCertificate
        refuses InvalidStateException "PENDING_CERTIFICATE" create-certificate-authority-audit-report "${at[@]}" \
                --s3-bucket-name bucket --audit-report-response-format JSON
        refuses InvalidStateException "it is ACTIVE" delete-certificate-authority "${of[@]}"
        refuses InvalidStateException "it is ACTIVE" restore-certificate-authority "${of[@]}"
        refuses InvalidArgsException "FAILED" update-certificate-authority "${of[@]}" --status FAILED
        refuses InvalidStateException "revoking" revoke-certificate "${at[@]}" --certificate-serial 00 \
                --revocation-reason UNSPECIFIED
}

@test "certificates that a CA must not import" {
        importing=(import-certificate-authority-certificate --certificate-authority-arn "$PENDING_ARN")
        printf 'no PEM' >"$SANDBOX/bad.pem"
        refuses MalformedCertificateException "not one PEM" "${importing[@]}" --certificate "fileb://$SANDBOX/bad.pem"
        refuses CertificateMismatchException "public key" "${importing[@]}" --certificate "fileb://$ROOT_CA"
        refuses InvalidRequestException "without a certificateChain" "${importing[@]}" \
                --certificate "fileb://$ROOT_CA" --certificate-chain "fileb://$ROOT_CA"
        refuses MalformedCertificateException "certificateChain" "${importing[@]}" \
                --certificate "fileb://$ROOT_CA" --certificate-chain "fileb://$SANDBOX/bad.pem"
        pca get-certificate-authority-certificate "${of[@]}" --query Certificate --output text >"$SANDBOX/ca.pem"
        importing=(import-certificate-authority-certificate "${of[@]}" --certificate "fileb://$SANDBOX/ca.pem")
        refuses InvalidRequestException "needs its certificateChain" "${importing[@]}"
        refuses InvalidRequestException "itself" "${importing[@]}" --certificate-chain "fileb://$SANDBOX/ca.pem"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=other -out "$SANDBOX/bad.pem" 2>/dev/null
        refuses MalformedCertificateException "did not issue" "${importing[@]}" \
                --certificate-chain "fileb://$SANDBOX/bad.pem"
}

@test "CAs that cannot be created" {
        configuration() {
                printf '{"KeyAlgorithm":"%s","SigningAlgorithm":"%s","Subject":%s}' "$1" "$2" "$3"
        }
        creating=(create-certificate-authority --certificate-authority-type ROOT --certificate-authority-configuration)
        refuses InvalidArgsException "SM2" "${creating[@]}" "$(configuration SM2 SM3WITHSM2 '{"CommonName":"a"}')"
        refuses InvalidArgsException "key type RSA_2048" "${creating[@]}" \
                "$(configuration RSA_2048 SHA256WITHECDSA '{"CommonName":"a"}')"
        refuses InvalidArgsException "empty" "${creating[@]}" "$(configuration RSA_2048 SHA256WITHRSA '{}')"
        refuses InvalidArgsException "customAttributes" "${creating[@]}" "$(configuration RSA_2048 SHA256WITHRSA \
                '{"CommonName":"a","CustomAttributes":[{"ObjectIdentifier":"2.5.4.3","Value":"a"}]}')"
        good=$(configuration EC_prime256v1 SHA256WITHECDSA '{"CommonName":"a"}')
        refuses InvalidArgsException "expirationInDays" "${creating[@]}" "$good" \
                --revocation-configuration 'CrlConfiguration={Enabled=true}'
        refuses InvalidArgsException "protocol prefix" "${creating[@]}" "$good" \
                --revocation-configuration 'OcspConfiguration={Enabled=true,OcspCustomCname=http://a.example}'
        refuses InvalidArgsException "CCPC_LEVEL_1_OR_HIGHER" "${creating[@]}" "$good" \
                --key-storage-security-standard CCPC_LEVEL_1_OR_HIGHER
        refuses InvalidTagException "aws:" "${creating[@]}" "$good" --tags Key=aws:a,Value=b
        refuses InvalidTagException "twice" "${creating[@]}" "$good" --tags Key=a,Value=b Key=a,Value=c
        refuses ValidationException "commonName" "${creating[@]}" "$(configuration EC_prime256v1 SHA256WITHECDSA \
                "{\"CommonName\":\"$(printf 'a%.0s' {1..65})\"}")"
}

@test "permissions, policies, tags and pages that cannot be" {
        granting=(create-permission "${of[@]}" --actions IssueCertificate --principal)
        pca "${granting[@]}" acm.amazonaws.com
        refuses PermissionAlreadyExistsException "already exists" "${granting[@]}" acm.amazonaws.com
        refuses ValidationException "acm.amazonaws.com" "${granting[@]}" s3.amazonaws.com
        refuses InvalidPolicyException "JSON" put-policy --resource-arn "$CA_ARN" --policy 'no JSON'
        statement() {
                printf '{"Version":"2012-10-17","Statement":[{"Effect":"%s","Principal":%s,"Action":"%s","Resource":"%s"}]}' \
                        "$1" "$2" "$3" "$4"
        }
        putting=(put-policy --resource-arn "$CA_ARN" --policy)
        account='{"AWS":"444455556666"}'
        refuses InvalidPolicyException "must allow" "${putting[@]}" "$(statement Deny "$account" acm-pca:GetCertificate "$CA_ARN")"
        refuses InvalidPolicyException "cannot be shared" "${putting[@]}" "$(statement Allow "$account" acm-pca:PutPolicy "$CA_ARN")"
        refuses InvalidPolicyException "resource" "${putting[@]}" "$(statement Allow "$account" acm-pca:GetCertificate '*')"
        refuses InvalidPolicyException "PrincipalOrgID" "${putting[@]}" "$(statement Allow '"*"' acm-pca:GetCertificate "$CA_ARN")"
        refuses InvalidPolicyException "TemplateArn" "${putting[@]}" "$(statement Allow "$account" acm-pca:IssueCertificate "$CA_ARN")"
        # shellcheck disable=SC2046
        pca tag-certificate-authority "${of[@]}" --tags $(printf 'Key=k%d,Value=v ' {1..50})
        refuses TooManyTagsException "50" tag-certificate-authority "${of[@]}" --tags Key=one-more,Value=v
        refuses InvalidTagException "aws:" tag-certificate-authority "${of[@]}" --tags Key=AWS:x,Value=v
        refuses InvalidNextTokenException "nextToken" list-certificate-authorities --starting-token \
                "$(printf '{"NextToken": "bm90IG91cnM="}' | base64 -w0)"
        refuses InvalidArgsException "bucket" create-certificate-authority-audit-report "${of[@]}" \
                --s3-bucket-name ../../etc --audit-report-response-format JSON
}

@test "the limited issuer may do its four operations with its three templates, and nothing else" {
        as_limited
        pca "${issuing[@]}" --template-arn "$TEMPLATE/EndEntityCertificate/V1"
        denied="is not authorized to perform: acm-pca"
        refuses AccessDeniedException "User: arn:aws:iam::111122223333:user/localpca-issuer $denied:IssueCertificate on resource: $CA_ARN because no identity-based policy allows the acm-pca:IssueCertificate action" \
                "${issuing[@]}" --template-arn "$TEMPLATE/CodeSigningCertificate/V1"
        refuses AccessDeniedException "$denied:IssueCertificate" "${issuing[@]}"
        refuses AccessDeniedException "$denied:IssueCertificate" "${issuing[@]}" --certificate-authority-arn "$ROOT_ARN" \
                --template-arn "$TEMPLATE/EndEntityCertificate/V1"
        refuses AccessDeniedException "$denied:ListCertificateAuthorities" list-certificate-authorities
        refuses AccessDeniedException "$denied:RevokeCertificate" revoke-certificate "${of[@]}" \
                --certificate-serial 00 --revocation-reason UNSPECIFIED
        refuses AccessDeniedException "$denied:DescribeCertificateAuthority" describe-certificate-authority \
                --certificate-authority-arn "$ROOT_ARN"
}

@test "credentials and signatures that are wrong" {
        AWS_SECRET_ACCESS_KEY=wrong refuses InvalidSignatureException "does not match" list-certificate-authorities
        AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE refuses UnrecognizedClientException "security token" \
                list-certificate-authorities
        AWS_SESSION_TOKEN=token refuses UnrecognizedClientException "security token" list-certificate-authorities
        AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 refuses InvalidSignatureException "valid region" list-certificate-authorities
        run curl -s -X POST "$ENDPOINT" -H 'X-Amz-Target: ACMPrivateCA.ListCertificateAuthorities' \
                -H 'Content-Type: application/x-amz-json-1.1' -d '{}'
        is '.__type == "MissingAuthenticationTokenException"'
}

@test "bodies and targets that are wrong, by a raw signed request" {
        asked() { # asked CODE STATUS OPERATION BODY…
                run raw "${@:3}"
                [ "${lines[-1]}" = "$2" ] && jq -e --arg code "$1" '.__type == $code' <<<"${lines[0]}" >/dev/null && return 0
                printf 'not %s: %s\n' "$1" "$output" >&2
                return 1
        }
        asked UnknownOperationException 400 NoSuchOperation '{}'
        asked UnknownOperationException 400 ListCertificateAuthorities '{}' -H 'Content-Type: text/plain'
        asked SerializationException 400 ListCertificateAuthorities 'no JSON'
        asked SerializationException 400 ListCertificateAuthorities '[]'
        asked SerializationException 400 ListCertificateAuthorities '{"MaxResults":"1"}'
        asked SerializationException 400 ListCertificateAuthorities '{"MaxResults":1.5}'
        asked SerializationException 400 DescribeCertificateAuthority '{"CertificateAuthorityArn":1}'
        asked SerializationException 400 IssueCertificate '{"Csr":"!"}'
        asked ValidationException 400 DescribeCertificateAuthority '{}'
        asked ValidationException 400 DescribeCertificateAuthority '{"CertificateAuthorityArn":null}'
        # What it does not know, it ignores, as AWS does.
        run raw ListCertificateAuthorities '{"Unknown":{"a":[1]}}'
        [ "${lines[-1]}" = 200 ]
}
