#!/usr/bin/env bats
# Revocation as openssl sees it, and other identities: accounts that share, sessions that end.

setup_file() {
        load common
        load localpca
        sandbox_make
        cat >"$SANDBOX/identities.json" <<'END'
{"identities": [
  {"access_key_id": "AKIAOTHERACCOUNT", "secret_access_key": "secret", "account": "444455556666",
   "arn": "arn:aws:iam::444455556666:user/other", "organization": "o-example",
   "policy": {"Statement": {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}}},
  {"access_key_id": "ASIASESSION", "secret_access_key": "secret", "session_token": "token+/=",
   "arn": "arn:aws:sts::111122223333:assumed-role/Role/session", "expires": "2999-01-01T00:00:00Z",
   "policy": {"Statement": [{"Effect": "Allow", "Action": "acm-pca:List*", "Resource": "*"},
                            {"Effect": "Deny", "Action": "acm-pca:ListTags", "Resource": "*"}]}},
  {"access_key_id": "ASIAEXPIRED", "secret_access_key": "secret", "session_token": "token",
   "arn": "arn:aws:sts::111122223333:assumed-role/Role/session", "expires": "2020-01-01T00:00:00Z",
   "policy": {"Statement": []}}]}
END
        identities=$SANDBOX/identities.json
        sandbox_make() { :; }
        localpca_file --identities "$identities"
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

# The keys of one of the identities above, for one command.
as_other() {
        AWS_ACCESS_KEY_ID=AKIAOTHERACCOUNT AWS_SECRET_ACCESS_KEY=secret "$@"
}

@test "OCSP and CRL: where the certificate says they are, good before and revoked after" {
        pca update-certificate-authority "${of[@]}" --revocation-configuration \
                'CrlConfiguration={Enabled=true,ExpirationInDays=7,S3BucketName=bucket},OcspConfiguration={Enabled=true}'
        arn=$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")
        certificate_of "$CA_ARN" "$arn" "$SANDBOX/leaf.pem"
        pca get-certificate-authority-certificate "${of[@]}" --query Certificate --output text >"$SANDBOX/ca.pem"
        ocsp=$(openssl x509 -in "$SANDBOX/leaf.pem" -noout -ocsp_uri)
        crl=$(openssl x509 -in "$SANDBOX/leaf.pem" -noout -ext crlDistributionPoints | grep -o 'http.*crl')
        asking=(openssl ocsp -issuer "$SANDBOX/ca.pem" -cert "$SANDBOX/leaf.pem" -url "$ocsp"
                -CAfile "$ROOT_CA" -verify_other "$SANDBOX/ca.pem")
        run "${asking[@]}"
        [[ $output == *'Response verify OK'* && $output == *': good'* ]]
        fetch_crl() {
                curl -sf "$crl" | openssl crl -inform DER -out "$SANDBOX/crl.pem"
        }
        checking=(openssl verify -CAfile "$ROOT_CA" -untrusted "$SANDBOX/ca.pem" -crl_check
                -CRLfile "$SANDBOX/crl.pem" "$SANDBOX/leaf.pem")
        fetch_crl
        "${checking[@]}"
        pca revoke-certificate "${of[@]}" --certificate-serial "${arn##*/}" --revocation-reason KEY_COMPROMISE
        run "${asking[@]}"
        [[ $output == *'Response verify OK'* && $output == *': revoked'* && $output == *keyCompromise* ]]
        fetch_crl
        run "${checking[@]}"
        [[ $output == *'certificate revoked'* ]]
        openssl crl -in "$SANDBOX/crl.pem" -noout -text | grep -qi 'Key Compromise'
        openssl crl -in "$SANDBOX/crl.pem" -CAfile "$SANDBOX/ca.pem" -noout 2>&1 | grep -q 'verify OK'
        # By GET, too (RFC 6960, A.1), and for a serial number that was never issued.
        "${asking[@]}" -reqout "$SANDBOX/ocsp.req" >/dev/null 2>&1
        curl -sf "$ocsp/$(base64 -w0 "$SANDBOX/ocsp.req" | sed 's,+,%2B,g; s,/,%2F,g; s,=,%3D,g')" \
                -o "$SANDBOX/ocsp.resp"
        openssl ocsp -respin "$SANDBOX/ocsp.resp" -noverify -resp_text | grep -q 'Cert Status: revoked'
        openssl ocsp -issuer "$SANDBOX/ca.pem" -serial 0x1234 -url "$ocsp" -CAfile "$ROOT_CA" \
                -verify_other "$SANDBOX/ca.pem" | grep -q ': unknown'
        # Of a CA that is not ours it says nothing.
        openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=x -out "$SANDBOX/x.pem" 2>/dev/null
        openssl ocsp -issuer "$SANDBOX/x.pem" -serial 1 -url "$ocsp" 2>&1 | grep -q unauthorized
}

@test "names of CRL and OCSP as the configuration says" {
        pca update-certificate-authority "${of[@]}" --revocation-configuration \
                'CrlConfiguration={Enabled=true,ExpirationInDays=7,S3BucketName=bucket,CustomCname=crl.example},OcspConfiguration={Enabled=true,OcspCustomCname=ocsp.example}'
        certificate_of "$CA_ARN" "$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")" "$SANDBOX/leaf.pem"
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
        [[ $output == *"http://crl.example/crl/${CA_ARN##*/}.crl"* && $output == *'http://ocsp.example'* ]]
        pca update-certificate-authority "${of[@]}" --revocation-configuration \
                'CrlConfiguration={Enabled=false},OcspConfiguration={Enabled=false}'
        certificate_of "$CA_ARN" "$(issue_for "$CA_ARN" "$SANDBOX/csr.pem")" "$SANDBOX/leaf.pem"
        run openssl x509 -in "$SANDBOX/leaf.pem" -noout -text
        [[ $output != *'CRL Distribution'* && $output != *OCSP* ]]
}

@test "another account may do what the resource policy shares, with the template it names" {
        describing=(describe-certificate-authority "${of[@]}")
        issuing=(issue-certificate "${of[@]}" --csr "fileb://$SANDBOX/csr.pem"
                --signing-algorithm SHA256WITHECDSA --validity "Value=30,Type=DAYS" --template-arn)
        as_other refuses AccessDeniedException "no resource-based policy allows the acm-pca:DescribeCertificateAuthority" \
                "${describing[@]}"
        [ "$(as_other pca list-certificate-authorities --resource-owner OTHER_ACCOUNTS | jq '.[] | length')" = 0 ]
        pca put-policy --resource-arn "$CA_ARN" --policy "{\"Version\":\"2012-10-17\",\"Statement\":[
                {\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"444455556666\"},\"Resource\":\"$CA_ARN\",
                 \"Action\":[\"acm-pca:DescribeCertificateAuthority\",\"acm-pca:GetCertificate\"]},
                {\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"$CA_ARN\",\"Action\":[\"acm-pca:IssueCertificate\"],
                 \"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-example\",
                 \"acm-pca:TemplateArn\":\"$TEMPLATE/EndEntityCertificate/V1\"}}}]}"
        as_other pca "${describing[@]}" >/dev/null
        as_other pca "${issuing[@]}" "$TEMPLATE/EndEntityCertificate/V1" >/dev/null
        as_other refuses AccessDeniedException "no resource-based policy" "${issuing[@]}" \
                "$TEMPLATE/CodeSigningCertificate/V1"
        as_other refuses AccessDeniedException "no resource-based policy" list-tags "${of[@]}"
        [ "$(as_other pca list-certificate-authorities --resource-owner OTHER_ACCOUNTS | jq '.[] | length')" = 1 ]
        [ "$(as_other pca list-certificate-authorities | jq '.[] | length')" = 0 ]
        # The other account's p11cert tells what the default share covers, and refuses nothing itself.
        done_well as_other p11cert ca show "$CA_ARN" --endpoint-url "$ENDPOINT" --output json
        is '.shared == true and .account == "444455556666" and .templates == ["EndEntityCertificate/V1"]'
        is '.templates_warned | length == 60 and (map(select(.why | test("managed RAM permission"))) | length == 5)'
        done_well as_other p11cert ca list --other-accounts --region us-east-1 --endpoint-url "$ENDPOINT" --output json
        is '.authorities[0] | .shared and .templates == ["EndEntityCertificate/V1"]'
        done_well as_other p11cert plan --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --csr "$SANDBOX/csr.pem" \
                --store files --name shared --template code-signing --output json
        is '.plan.warnings | any(test("default share .* a permission that the CA.s owner writes"))'
        done_well as_other p11cert plan --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --csr "$SANDBOX/csr.pem" \
                --store files --name shared --output json
        is '.plan.warnings | any(test("default share")) | not'
        pca delete-policy --resource-arn "$CA_ARN"
        as_other refuses AccessDeniedException "no resource-based policy" "${describing[@]}"
}

@test "a session needs its token, ends at its time, and an explicit deny beats its allow" {
        export AWS_ACCESS_KEY_ID=ASIASESSION AWS_SECRET_ACCESS_KEY=secret
        refuses UnrecognizedClientException "invalid" list-certificate-authorities
        AWS_SESSION_TOKEN=another refuses UnrecognizedClientException "invalid" list-certificate-authorities
        export AWS_SESSION_TOKEN=token+/=
        pca list-certificate-authorities >/dev/null
        refuses AccessDeniedException "assumed-role/Role/session is not authorized to perform: acm-pca:ListTags on resource: $CA_ARN with an explicit deny in an identity-based policy" \
                list-tags "${of[@]}"
        AWS_ACCESS_KEY_ID=ASIAEXPIRED AWS_SESSION_TOKEN=token refuses ExpiredTokenException "is expired" \
                list-certificate-authorities
}

@test "STS says who is calling, in XML, with its own errors and its window of 15 minutes" {
        sts() {
                aws --endpoint-url "$ENDPOINT" sts get-caller-identity "$@"
        }
        [ "$(sts --query Arn --output text)" = arn:aws:iam::111122223333:user/localpca-admin ]
        [ "$(as_other sts --query Account --output text)" = 444455556666 ]
        AWS_SECRET_ACCESS_KEY=wrong run sts
        [[ $output == *'(SignatureDoesNotMatch)'* ]]
        AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE run sts
        [[ $output == *'(InvalidClientTokenId)'* ]]
        run aws --endpoint-url "$ENDPOINT" sts decode-authorization-message --encoded-message x
        [[ $output == *'(InvalidAction)'* ]]
        curl -s -d clock-offset=14m "$ENDPOINT/_localpca/settings" >/dev/null
        sts >/dev/null
        curl -s -d clock-offset=16m "$ENDPOINT/_localpca/settings" >/dev/null
        run sts
        curl -s -d clock-offset=0s "$ENDPOINT/_localpca/settings" >/dev/null
        [[ $output == *'(SignatureDoesNotMatch)'*'Signature expired'*'- 15 min.)'* ]]
}

@test "files of identities that make no sense are refused" {
        while IFS='|' read -r words text; do
                printf '%s' "$text" >"$SANDBOX/bad.json"
                run timeout 10 "$BUILD/localpca/localpca" --state "$SANDBOX/bad" --identities "$SANDBOX/bad.json"
                [ "$status" = 2 ] || { echo "$text: $status"; false; }
                [[ $output == *"$words"* ]] || { echo "$output"; false; }
        done <<'END'
no list|[]
needs access_key_id|{"identities":[{}]}
not an ARN|{"identities":[{"access_key_id":"a","secret_access_key":"b","arn":"c","policy":{}}]}
not a time|{"identities":[{"access_key_id":"a","secret_access_key":"b","arn":"arn:c","policy":{},"expires":"soon"}]}
twice|{"identities":[{"access_key_id":"a","secret_access_key":"b","arn":"arn:c","policy":{}},{"access_key_id":"a","secret_access_key":"b","arn":"arn:c","policy":{}}]}
END
}
