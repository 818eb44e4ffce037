#!/usr/bin/env bats
# Every operation of the API, driven by the real aws CLI, and what comes of it read by openssl.

setup_file() {
        load common
        load localpca
        localpca_file
}

teardown_file() {
        load common
        sandbox_clear
}

setup() {
        load common
        load localpca
}

@test "IssueCertificate, GetCertificate: a certificate that openssl verifies, as the template says" {
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        [[ $arn =~ ^$CA_ARN/certificate/[0-9a-f]{32}$ ]]
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        pca get-certificate --certificate-authority-arn "$CA_ARN" --certificate-arn "$arn" \
                --query CertificateChain --output text >"$SANDBOX/chain.pem"
        openssl verify -CAfile "$ROOT_CA" -untrusted "$SANDBOX/chain.pem" "$SANDBOX/leaf.pem"
        # Issuer first, root last; the serial number is the ARN's end.
        [ "$(grep -c BEGIN "$SANDBOX/chain.pem")" = 2 ]
        openssl x509 -in "$SANDBOX/chain.pem" -noout -subject | grep -q 'issuing CA'
        serial=$(openssl x509 -in "$SANDBOX/leaf.pem" -noout -serial | cut -d= -f2 | tr A-F a-f)
        [ "$((16#${serial:0:8}))" = "$((16#${arn: -32:8}))" ]
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -ext \
                basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,authorityKeyIdentifier
        [[ $output == *CA:FALSE* && $output == *'critical'*'Digital Signature, Key Encipherment'* ]]
        [[ $output == *'TLS Web Server Authentication, TLS Web Client Authentication'* ]]
        [[ $output == *DNS:device-1.example* && $output == *'Authority Key Identifier'* ]]
}

@test "GetCertificate: leaf and chain end without a newline, as AWS has it" {
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        body="{\"CertificateAuthorityArn\":\"$CA_ARN\",\"CertificateArn\":\"$arn\"}"
        raw GetCertificate "$body" >"$SANDBOX/answer"
        head -n 1 "$SANDBOX/answer" | jq -e '.Certificate | endswith("-----END CERTIFICATE-----")'
        head -n 1 "$SANDBOX/answer" | jq -e '.CertificateChain | endswith("-----END CERTIFICATE-----")'
}

@test "IssueCertificate: NotBefore is an hour ago, NotAfter counts from now" {
        now=$(date +%s)
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --validity Value=10,Type=DAYS)
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        before=$(date -d "$(openssl x509 -in "$SANDBOX/leaf.pem" -noout -startdate | cut -d= -f2)" +%s)
        after=$(date -d "$(openssl x509 -in "$SANDBOX/leaf.pem" -noout -enddate | cut -d= -f2)" +%s)
        [ $((before - now + 3600)) -ge 0 ]
        [ $((before - now + 3600)) -le 20 ]
        [ $((after - now - 864000)) -ge 0 ]
        [ $((after - now - 864000)) -le 20 ]
}

@test "IssueCertificate: absolute dates are taken to the second" {
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --validity Value=20301231235958,Type=END_DATE \
                --validity-not-before Value=1800000000,Type=ABSOLUTE)
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -dates
        [[ $output == *'Jan 15 08:00:00 2027 GMT'*'Dec 31 23:59:58 2030 GMT'* ]]
}

@test "IssueCertificate: every base template puts in what it promises" {
        openssl req -in "$SANDBOX/csr.pem" -pubkey -noout >"$SANDBOX/pub.pem"
        while IFS='|' read -r template ca usage extended; do
                arn=$(issue_for "$ROOT_ARN" "$SANDBOX/csr.pem" --template-arn "$TEMPLATE/$template/V1")
                certificate_of "$ROOT_ARN" "$arn" "$SANDBOX/leaf.pem"
                run openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
                [[ $output == *"$ca"* ]] || { echo "$template: no $ca"; false; }
                [[ $output == *"$usage"* ]] || { echo "$template: no $usage"; false; }
                if [ -n "$extended" ]; then
                        [[ $output == *"$extended"* ]] || { echo "$template: no $extended"; false; }
                else
                        [[ $output != *"Extended Key Usage"* ]]
                fi
                [[ $output == *DNS:device-1.example* ]]
        done <<'END'
EndEntityClientAuthCertificate|CA:FALSE|Digital Signature, Key Encipherment|TLS Web Client Authentication
EndEntityServerAuthCertificate|CA:FALSE|Digital Signature, Key Encipherment|TLS Web Server Authentication
CodeSigningCertificate|CA:FALSE|Digital Signature|Code Signing
OCSPSigningCertificate|CA:FALSE|Digital Signature|OCSP Signing
SubordinateCACertificate_PathLen0|CA:TRUE, pathlen:0|Digital Signature, Certificate Sign, CRL Sign|
SubordinateCACertificate_PathLen3|CA:TRUE, pathlen:3|Digital Signature, Certificate Sign, CRL Sign|
BlankEndEntityCertificate_CSRPassthrough|CA:FALSE||
BlankEndEntityCertificate_CriticalBasicConstraints_CSRPassthrough|CA:FALSE||
BlankSubordinateCACertificate_PathLen0_CSRPassthrough|CA:TRUE, pathlen:0||
BlankSubordinateCACertificate_PathLen3_CSRPassthrough|CA:TRUE, pathlen:3||
END
}

@test "IssueCertificate: a base template drops what the CSR asks for; CSRPassthrough keeps it" {
        openssl req -new -key "$SANDBOX/device-1.key" -subj /CN=device-2 -addext extendedKeyUsage=1.2.3.4 \
                -addext basicConstraints=CA:TRUE -addext subjectAltName=IP:192.0.2.1 >"$SANDBOX/own.pem"
        arn=$(issue_for "$CA_ARN" "$SANDBOX/own.pem")
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
        [[ $output != *1.2.3.4* && $output == *CA:FALSE* && $output == *192.0.2.1* ]]
        arn=$(issue_for "$CA_ARN" "$SANDBOX/own.pem" \
                --template-arn "$TEMPLATE/BlankEndEntityCertificate_CSRPassthrough/V1")
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
        [[ $output == *1.2.3.4* && $output == *CA:FALSE* && $output == *192.0.2.1* ]]
}

@test "IssueCertificate: the same token gives the same certificate, another token another one" {
        one=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token same)
        two=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token same)
        three=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem" --idempotency-token other)
        [ "$one" = "$two" ]
        [ "$one" != "$three" ]
}

@test "GetCertificateAuthorityCertificate: the CA with its chain, a root without" {
        pca get-certificate-authority-certificate --certificate-authority-arn "$CA_ARN" \
                >"$SANDBOX/answer"
        jq -r .Certificate "$SANDBOX/answer" >"$SANDBOX/ca.pem"
        jq -r .CertificateChain "$SANDBOX/answer" >"$SANDBOX/chain.pem"
        openssl verify -CAfile "$SANDBOX/chain.pem" "$SANDBOX/ca.pem"
        cmp "$SANDBOX/chain.pem" "$ROOT_CA"
        pca get-certificate-authority-certificate --certificate-authority-arn "$ROOT_ARN" |
                jq -e 'has("CertificateChain") | not'
}

@test "DescribeCertificateAuthority, ListCertificateAuthorities" {
        run --separate-stderr pca describe-certificate-authority --certificate-authority-arn "$CA_ARN"
        is '.CertificateAuthority | .Status == "ACTIVE" and .Type == "SUBORDINATE" and
                .OwnerAccount == "111122223333" and .UsageMode == "GENERAL_PURPOSE" and
                .CertificateAuthorityConfiguration.KeyAlgorithm == "EC_prime256v1"'
        run --separate-stderr pca list-certificate-authorities
        is '[.CertificateAuthorities[].Arn] | contains([$ENV.CA_ARN, $ENV.ROOT_ARN])'
        [ "$(pca list-certificate-authorities --resource-owner OTHER_ACCOUNTS | jq '.[] | length')" = 0 ]
        # Page by page it is the same list.
        all=$(pca list-certificate-authorities --query 'CertificateAuthorities[].Arn')
        [ "$(pca list-certificate-authorities --page-size 1 --query 'CertificateAuthorities[].Arn')" = "$all" ]
}

@test "CreateCertificateAuthority to RevokeCertificate: a new root and a subordinate of its own" {
        root=$(ca_make ROOT RSA_2048 SHA256WITHRSA 'New Root' --tags Key=a,Value=b)
        [ "$(status_of "$root")" = PENDING_CERTIFICATE ]
        openssl req -in "$SANDBOX/${root##*/}.csr" -noout -verify -subject
        root_activate "$root" SHA256WITHRSA
        [ "$(status_of "$root")" = ACTIVE ]
        sub=$(ca_make SUBORDINATE EC_secp384r1 SHA384WITHECDSA 'New Issuer')
        arn=$(pca issue-certificate --certificate-authority-arn "$root" --signing-algorithm SHA512WITHRSA \
                --csr "fileb://$SANDBOX/${sub##*/}.csr" --validity Value=5,Type=YEARS \
                --template-arn "$TEMPLATE/SubordinateCACertificate_PathLen0/V1" \
                --query CertificateArn --output text)
        certificate_of "$root" "$arn" "$SANDBOX/sub.pem"
        pca import-certificate-authority-certificate --certificate-authority-arn "$sub" \
                --certificate "fileb://$SANDBOX/sub.pem" --certificate-chain "fileb://$SANDBOX/${root##*/}.pem"
        arn=$(issue_for "$sub" "$SANDBOX/csr.pem")
        certificate_of "$sub" "$arn" "$SANDBOX/leaf.pem"
        openssl verify -CAfile "$SANDBOX/${root##*/}.pem" -untrusted "$SANDBOX/sub.pem" "$SANDBOX/leaf.pem"
        serial=$(sed 's/../&:/g; s/:$//' <<<"${arn##*/}")
        pca revoke-certificate --certificate-authority-arn "$sub" --certificate-serial "$serial" \
                --revocation-reason SUPERSEDED
}

@test "every kind of CA key and signature makes certificates that openssl verifies" {
        while read -r key signing others; do
                root=$(ca_make ROOT "$key" "$signing" "Root $key")
                root_activate "$root" "$signing"
                for algorithm in $signing $others; do
                        arn=$(issue_for "$root" "$SANDBOX/csr.pem" --signing-algorithm "$algorithm")
                        certificate_of "$root" "$arn" "$SANDBOX/leaf.pem"
                        openssl verify -CAfile "$SANDBOX/${root##*/}.pem" "$SANDBOX/leaf.pem"
                done
        done <<'END'
RSA_3072 SHA384WITHRSA SHA256WITHRSA_PSS SHA512WITHRSA_PSS
EC_secp521r1 SHA512WITHECDSA SHA256WITHECDSA
END
}

@test "UpdateCertificateAuthority, DeleteCertificateAuthority, RestoreCertificateAuthority" {
        root=$(ca_make ROOT EC_prime256v1 SHA256WITHECDSA 'Short Life')
        root_activate "$root" SHA256WITHECDSA
        pca update-certificate-authority --certificate-authority-arn "$root" --status DISABLED
        [ "$(status_of "$root")" = DISABLED ]
        pca delete-certificate-authority --certificate-authority-arn "$root" \
                --permanent-deletion-time-in-days 7
        run --separate-stderr pca describe-certificate-authority --certificate-authority-arn "$root"
        is '.CertificateAuthority | .Status == "DELETED" and has("RestorableUntil")'
        pca restore-certificate-authority --certificate-authority-arn "$root"
        [ "$(status_of "$root")" = DISABLED ]
        pca update-certificate-authority --certificate-authority-arn "$root" --status ACTIVE
        issue_for "$root" "$SANDBOX/csr.pem"
}

@test "CreatePermission, ListPermissions, DeletePermission" {
        pca create-permission --certificate-authority-arn "$CA_ARN" --principal acm.amazonaws.com \
                --actions IssueCertificate GetCertificate ListPermissions
        run --separate-stderr pca list-permissions --certificate-authority-arn "$CA_ARN"
        is '.Permissions | length == 1 and .[0].Principal == "acm.amazonaws.com" and
                .[0].SourceAccount == "111122223333" and (.[0].Actions | length == 3) and
                (.[0].Policy | fromjson | .Statement[0].Effect == "Allow")'
        pca delete-permission --certificate-authority-arn "$CA_ARN" --principal acm.amazonaws.com
        run --separate-stderr pca list-permissions --certificate-authority-arn "$CA_ARN"
        is '.Permissions == []'
}

@test "TagCertificateAuthority, ListTags, UntagCertificateAuthority" {
        pca tag-certificate-authority --certificate-authority-arn "$CA_ARN" \
                --tags Key=a,Value=1 Key=b,Value=2 Key=c,Value=3
        pca tag-certificate-authority --certificate-authority-arn "$CA_ARN" --tags Key=b,Value=4
        pca untag-certificate-authority --certificate-authority-arn "$CA_ARN" --tags Key=a Key=c,Value=9
        run --separate-stderr pca list-tags --certificate-authority-arn "$CA_ARN" --page-size 1
        is '[.Tags[] | .Key + .Value] | sort == ["b4", "c3"]'
}

@test "PutPolicy, GetPolicy, DeletePolicy" {
        policy="{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Action\":\"acm-pca:DescribeCertificateAuthority\",\"Resource\":\"$CA_ARN\"}]}"
        pca put-policy --resource-arn "$CA_ARN" --policy "$policy"
        [ "$(pca get-policy --resource-arn "$CA_ARN" --query Policy --output text)" = "$policy" ]
        pca delete-policy --resource-arn "$CA_ARN"
        refuses ResourceNotFoundException policy get-policy --resource-arn "$CA_ARN"
}

@test "CreateCertificateAuthorityAuditReport, Describe…: JSON and CSV with every certificate" {
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        pca revoke-certificate --certificate-authority-arn "$CA_ARN" --certificate-serial "${arn##*/}" \
                --revocation-reason KEY_COMPROMISE
        for format in JSON CSV; do
                id=$(pca create-certificate-authority-audit-report --certificate-authority-arn "$CA_ARN" \
                        --s3-bucket-name a-bucket --audit-report-response-format $format \
                        --query AuditReportId --output text)
                for _ in 1 2 3 4 5; do
                        run --separate-stderr pca describe-certificate-authority-audit-report \
                                --certificate-authority-arn "$CA_ARN" --audit-report-id "$id"
                        [ "$(fact .AuditReportStatus)" = CREATING ] || break
                done
                is '.AuditReportStatus == "SUCCESS" and .S3BucketName == "a-bucket"'
                cp "$SANDBOX/ca/s3/a-bucket/$(fact .S3Key)" "$SANDBOX/report.$format"
        done
        [ "$(jq length "$SANDBOX/report.JSON")" = $(($(wc -l <"$SANDBOX/report.CSV") - 1)) ]
        jq -e --arg arn "$arn" '.[] | select(.certificateArn == $arn) | .revocationReason == "KEY_COMPROMISE"
                and .subject == "CN=device-1" and (.serial | length == 47)
                and (.notBefore | test("^2[0-9]{3}-[0-9-]+T[0-9:]+[+]0000$"))' "$SANDBOX/report.JSON"
        head -n 1 "$SANDBOX/report.CSV" | grep -qx 'awsAccountId,requestedByServicePrincipal,certificateArn,serial,subject,notBefore,notAfter,issuedAt,revokedAt,revocationReason,templateArn'
}

@test "boto3's waiters wait for what is in progress, and no longer" {
        localpca_stop
        localpca_start --issue-delay 1500ms
        as_admin
        cat >"$SANDBOX/wait.py" <<'END'
import boto3, os, time
pca = boto3.client("acm-pca", endpoint_url=os.environ["ENDPOINT"], region_name="us-east-1")
ca = os.environ["CA_ARN"]
arn = pca.issue_certificate(CertificateAuthorityArn=ca, Csr=open(os.environ["SANDBOX"] + "/csr.pem", "rb").read(),
    SigningAlgorithm="SHA256WITHECDSA", Validity={"Value": 1, "Type": "DAYS"})["CertificateArn"]
try:
    pca.get_certificate(CertificateAuthorityArn=ca, CertificateArn=arn)
    raise SystemExit("too early")
except pca.exceptions.RequestInProgressException as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error.response["ResponseMetadata"]["RequestId"]
start = time.time()
pca.get_waiter("certificate_issued").wait(CertificateAuthorityArn=ca, CertificateArn=arn,
    WaiterConfig={"Delay": 1, "MaxAttempts": 5})
assert time.time() - start > 0.9
new = pca.create_certificate_authority(CertificateAuthorityType="ROOT", CertificateAuthorityConfiguration={
    "KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": {"CommonName": "Waited"}})
pca.get_waiter("certificate_authority_csr_created").wait(
    CertificateAuthorityArn=new["CertificateAuthorityArn"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
report = pca.create_certificate_authority_audit_report(CertificateAuthorityArn=ca, S3BucketName="bucket",
    AuditReportResponseFormat="JSON")
pca.get_waiter("audit_report_created").wait(CertificateAuthorityArn=ca, AuditReportId=report["AuditReportId"],
    WaiterConfig={"Delay": 1, "MaxAttempts": 10})
END
        export ENDPOINT
        AWS_CONFIG_FILE=/dev/null /usr/bin/python3 "$SANDBOX/wait.py"
}
