#!/usr/bin/env bats
# Templates and ApiPassthrough as the real aws CLI sends them; openssl reads what comes of it.

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

# fetch CA-ARN CERTIFICATE-ARN FILE: what certificate_of does, quicker.
fetch() {
        raw GetCertificate "{\"CertificateAuthorityArn\":\"$1\",\"CertificateArn\":\"$2\"}" |
                head -n 1 | jq -r .Certificate >"$3"
}

# issue_text TEMPLATE PASSTHROUGH [CSR]: the text of a new certificate.
issue_text() {
        local csr=${3:-$SANDBOX/csr.pem} arn
        arn=$(issue_for "$ROOT_ARN" "$csr" --template-arn "$TEMPLATE/$1/V1" --api-passthrough "$2")
        fetch "$ROOT_ARN" "$arn" "$SANDBOX/leaf.pem"
        openssl x509 -in "$SANDBOX/leaf.pem" -noout -text -nameopt RFC2253
}

# has TEXT…: $output has each of them, with any white space for a blank.
has() {
        local flat text
        flat=$(tr -s ' \n' ' ' <<<"$output")
        for text; do
                [[ $flat == *"$text"* ]] || { printf 'no "%s" in\n%s\n' "$text" "$output" >&2; return 1; }
        done
}

@test "a certificate for smart-card logon: subject, usages and UPN by the API, through a blank template" {
        run issue_text BlankEndEntityCertificate_APIPassthrough '{
                "Subject": {"CommonName": "Ada", "Organization": "Example", "SerialNumber": "0042"},
                "Extensions": {
                        "KeyUsage": {"DigitalSignature": true, "NonRepudiation": true, "KeyEncipherment": true},
                        "ExtendedKeyUsage": [{"ExtendedKeyUsageType": "CLIENT_AUTH"},
                                {"ExtendedKeyUsageType": "SMART_CARD_LOGIN"},
                                {"ExtendedKeyUsageObjectIdentifier": "1.2.3.4"}],
                        "CertificatePolicies": [{"CertPolicyId": "1.2.3.9", "PolicyQualifiers": [
                                {"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "http://cps.example"}}]}],
                        "SubjectAlternativeNames": [
                                {"OtherName": {"TypeId": "1.3.6.1.4.1.311.20.2.3", "Value": "ada@example.local"}},
                                {"DirectoryName": {"Country": "GB", "CommonName": "Ada"}},
                                {"IpAddress": "2001:db8::7"}, {"RegisteredId": "1.2.3.5"}]}}'
        has 'Subject: serialNumber=0042,CN=Ada,O=Example' 'X509v3 Basic Constraints: CA:FALSE' \
                'X509v3 Key Usage: Digital Signature, Non Repudiation, Key Encipherment' \
                'TLS Web Client Authentication, Microsoft Smartcard Login, 1.2.3.4' \
                'Policy: 1.2.3.9 CPS: http://cps.example' 'UPN::ada@example.local' \
                'DirName:/C=GB/CN=Ada' 'IP Address:2001:DB8:0:0:0:0:0:7' 'Registered ID:1.2.3.5'
        [[ $output != *device-1* && $output != *OCSP* ]]
}

@test "the template comes before the API, and the API before the CSR" {
        openssl req -new -key "$SANDBOX/device-1.key" -subj /CN=asked -addext extendedKeyUsage=codeSigning \
                -addext subjectAltName=DNS:csr.example -addext tlsfeature=status_request \
                -addext certificatePolicies=1.2.3.1 >"$SANDBOX/own.pem"
        passthrough='{"Extensions": {
                "ExtendedKeyUsage": [{"ExtendedKeyUsageType": "EMAIL_PROTECTION"}],
                "SubjectAlternativeNames": [{"DnsName": "api.example"}],
                "CertificatePolicies": [{"CertPolicyId": "1.2.3.2"}],
                "CustomExtensions": [{"ObjectIdentifier": "1.2.3.4.5", "Value": "BQA=", "Critical": true}]}}'
        run issue_text EndEntityClientAuthCertificate_APICSRPassthrough "$passthrough" "$SANDBOX/own.pem"
        has 'Subject: CN=asked' 'Extended Key Usage: TLS Web Client Authentication X509v3' \
                'DNS:api.example' 'Policy: 1.2.3.2' '1.2.3.4.5: critical' 'TLS Feature: status_request'
        [[ $output != *csr.example* && $output != *1.2.3.1$'\n'* && $output != *'Code Signing'* ]]
        # Without CSRPassthrough only names are taken from the CSR, and here the API has them.
        run issue_text EndEntityClientAuthCertificate_APIPassthrough "$passthrough" "$SANDBOX/own.pem"
        has 'DNS:api.example' 'Policy: 1.2.3.2'
        [[ $output != *'TLS Feature'* && $output != *csr.example* ]]
        # A template without APIPassthrough looks at its form only.
        run issue_text EndEntityClientAuthCertificate "$passthrough" "$SANDBOX/own.pem"
        has 'DNS:csr.example'
        [[ $output != *api.example* && $output != *1.2.3* ]]
}

@test "a Matter device attestation certificate, as the guide makes it: custom attributes, a critical key usage" {
        run issue_text BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough '{
                "Subject": {"CustomAttributes": [
                        {"ObjectIdentifier": "2.5.4.3", "Value": "ACME Matter DAC"},
                        {"ObjectIdentifier": "1.3.6.1.4.1.37244.2.1", "Value": "FFF1"},
                        {"ObjectIdentifier": "1.3.6.1.4.1.37244.2.2", "Value": "8000"}]},
                "Extensions": {"CustomExtensions": [
                        {"ObjectIdentifier": "2.5.29.15", "Value": "AwIHgA==", "Critical": true}]}}'
        has 'Subject: 1.3.6.1.4.1.37244.2.2=#0C0438303030,1.3.6.1.4.1.37244.2.1=#0C0446464631,CN=ACME Matter DAC' \
                'X509v3 Basic Constraints: critical CA:FALSE' 'X509v3 Key Usage: critical Digital Signature'
}

@test "a root of an mDL issuer, as AWS shows it: path length, key usage and CRL by the API" {
        root=$(ca_make ROOT EC_prime256v1 SHA256WITHECDSA 'IACA root')
        arn=$(pca issue-certificate --certificate-authority-arn "$root" --signing-algorithm SHA256WITHECDSA \
                --csr "fileb://$SANDBOX/${root##*/}.csr" --validity Value=3285,Type=DAYS \
                --template-arn "$TEMPLATE/BlankRootCACertificate_PathLen0_APIPassthrough/V1" \
                --query CertificateArn --output text --api-passthrough '{"Extensions": {
                        "KeyUsage": {"KeyCertSign": true, "CRLSign": true},
                        "CustomExtensions": [{"ObjectIdentifier": "2.5.29.31", "Value":
                                "MEgwRqBEoEKGQGh0dHA6Ly9leGFtcGxlLmNvbS9jcmwvMDExNnoxMjMtZHY3YS01OWIxLXg3YmUtMTIzMXY3MjU3MTEzNi5jcmw="}]}}')
        fetch "$root" "$arn" "$SANDBOX/root.pem"
        run openssl x509 -in "$SANDBOX/root.pem" -noout -text
        has 'critical CA:TRUE, pathlen:0' 'Key Usage: Certificate Sign, CRL Sign' \
                'URI:http://example.com/crl/0116z123-dv7a-59b1-x7be-1231v72571136.crl'
        [[ $output != *'Authority Key Identifier'* ]]
        pca import-certificate-authority-certificate --certificate-authority-arn "$root" \
                --certificate "fileb://$SANDBOX/root.pem"
        [ "$(status_of "$root")" = ACTIVE ]
        # Nobody else becomes a root.
        refuses InvalidArgsException 'only for the CSR of the root' issue-certificate \
                --certificate-authority-arn "$root" --csr "fileb://$SANDBOX/csr.pem" \
                --signing-algorithm SHA256WITHECDSA --validity Value=1,Type=DAYS \
                --template-arn "$TEMPLATE/BlankRootCACertificate_APIPassthrough/V1"
}

@test "what AWS refuses in a passthrough" {
        passing=(issue-certificate --certificate-authority-arn "$CA_ARN" --csr "fileb://$SANDBOX/csr.pem"
                --signing-algorithm SHA256WITHECDSA --validity "Value=1,Type=DAYS"
                --template-arn "$TEMPLATE/BlankEndEntityCertificate_APIPassthrough/V1" --api-passthrough)
        refuses InvalidArgsException 'not both' "${passing[@]}" '{"Subject": {"CommonName": "a",
                "CustomAttributes": [{"ObjectIdentifier": "2.5.4.10", "Value": "b"}]}}'
        refuses InvalidArgsException 'exactly one' "${passing[@]}" \
                '{"Extensions": {"SubjectAlternativeNames": [{"DnsName": "a", "IpAddress": "192.0.2.1"}]}}'
        refuses ValidationException "at 'apiPassthrough.extensions.customExtensions.1.member.value'" "${passing[@]}" \
                '{"Extensions": {"CustomExtensions": [{"ObjectIdentifier": "1.2.3", "Value": "no base64"}]}}'
}

@test "CRLs: partitioned, and left out of certificates" {
        configure() {
                [[ $(raw UpdateCertificateAuthority "{\"CertificateAuthorityArn\":\"$CA_ARN\",
                        \"RevocationConfiguration\":{\"CrlConfiguration\":{\"Enabled\":true,\"ExpirationInDays\":7,
                        \"S3BucketName\":\"bucket\"$1}}}") == *"$2" ]]
        }
        leaf() {
                local arn
                arn=$(raw IssueCertificate "{\"CertificateAuthorityArn\":\"$CA_ARN\",
                        \"Csr\":\"$(base64 -w0 "$SANDBOX/csr.pem")\",\"SigningAlgorithm\":\"SHA256WITHECDSA\",
                        \"Validity\":{\"Value\":1,\"Type\":\"DAYS\"}}" | head -n 1 | jq -r .CertificateArn)
                fetch "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
                openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
        }
        configure ',"CrlType":"PARTITIONED"' 200
        url=$(leaf | grep -o "http.*/crl/${CA_ARN##*/}/[0-9a-f-]\{36\}.crl")
        curl -sf "$url" | openssl crl -inform DER -noout -text >"$SANDBOX/crl.txt"
        output=$(cat "$SANDBOX/crl.txt")
        has "Issuing Distribution Point: critical Full Name: URI:$url"
        configure ',"CrlType":"PARTITIONED","CustomCname":"crl.example","CustomPath":"device/crls"' 200
        leaf | grep -q "URI:http://crl.example/device/crls/${url##*/}"
        configure ',"CrlDistributionPointExtensionConfiguration":{"OmitExtension":true}' 200
        run leaf
        [[ $output == *DNS:device-1.example* && $output != *'CRL Distribution'* ]]
        curl -sf "$ENDPOINT/crl/${CA_ARN##*/}.crl" | openssl crl -inform DER -noout -text >"$SANDBOX/crl.txt"
        [ "$(grep -c 'Issuing Distribution' "$SANDBOX/crl.txt")" = 0 ]
        configure ',"CustomCname":"a.example","CrlDistributionPointExtensionConfiguration":{"OmitExtension":true}' 400
}
