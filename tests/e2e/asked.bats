#!/usr/bin/env bats
# Asked and issued: what comes back is held against what was asked for, before it is delivered.
load common

setup() {
        sandbox_make
        token_make
}

teardown() {
        sandbox_clear
}

# start_with WORD…: a CA that makes one certificate after the other deviate so.
start_with() {
        printf '%s\n' "$@" >"$SANDBOX/script"
        localpca_start --fault "IssueCertificate:script=$SANDBOX/script"
        as_admin
}

# With one of everything that a deviation may take away.
WISHES=(--template BlankEndEntityCertificate_CSRPassthrough --san dns:a.example --san dns:b.example
        --key-usage 'digitalSignature,keyAgreement' --ext-key-usage 'clientAuth,emailProtection'
        --policy-oid 1.3.6.1.4.1.99999.2 --extension 1.3.6.1.4.1.99999.3:040101)

@test "a certificate with any one deviation is kept back: exit status 9, nothing delivered, show says why" {
        local word line n=0 words=(wrong-key wrong-subject expired foreign subject-more subject-less san-none
                san-less san-more san-other issuer-other begins-early begins-late ends-early ends-late
                basic-turned path-length usage-none usage-less usage-more purpose-none purpose-less purpose-more
                purpose-other policy-less policy-more extension-more extension-critical extension-less
                extension-other extension-twice aki-other crl-other ocsp-other serial-zero serial-negative
                serial-long version-1 sha1 broken-signature trailing)
        [ -z "$SHORT" ] || words=(san-more basic-turned usage-less purpose-less extension-more ends-late trailing)
        start_with "${words[@]}"
        for word in "${words[@]}"; do
                n=$((n + 1))
                run --separate-stderr issue --subject "CN=device-$n,O=Example" "${WISHES[@]}" --store files
                [ "$status" = 9 ] || { printf '%s: exit status %s\n' "$word" "$status" >&2; return 1; }
                is '.state == "failed" and .error.kind == "not-as-asked" and .files.certificate == null'
                is '.error.next | test("never will be") and test("p11cert revoke [0-9]+ --reason")'
        done
        [ -z "$(find "$P11CERT_STATE" -name '*.pem')" ]
        # Even one that is not a certificate is kept, and can be revoked by its serial number.
        is '.differences == ["form: it is not one X.509 certificate in DER"] and (.serial | length) > 8'
        # What it said stays with the order, in words and line by line.
        done_well show device-1
        is '.differences | length > 0'
        done_well p11cert show device-1
        line=$(grep '^not as asked' <<<"$output")
        [ -n "$line" ]
        done_well p11cert revoke device-1 --reason superseded --yes --output json
}

@test "a difference that is allowed by name is delivered and told; every other one is not" {
        local word allow
        start_with ends-late extension-more ends-late basic-turned
        while read -r word allow; do
                done_well issue --subject "CN=$word" --allow-difference "$allow"
                delivered
                is '.differences | length == 1'
                grep -q "$(fact '.differences[0]')" <<<"$stderr"
        done <<<'ends-late not-after
extension-more extension:1.3.6.1.4.1.99999.1'
        refused not-as-asked 9 issue --subject CN=other --allow-difference not-before
        refused not-as-asked 9 issue --subject CN=ca --allow-difference key-usage --allow-difference extension
        refused usage 2 issue --subject CN=never --allow-difference public-key
}

@test "what the CA's configuration explains is no difference, and what it does not is one" {
        localpca_start
        as_admin
        pca() {
                AWS_DEFAULT_REGION=us-east-1 /usr/bin/aws acm-pca --endpoint-url "$ENDPOINT" "$@"
        }
        pca update-certificate-authority --certificate-authority-arn "$CA_ARN" --revocation-configuration \
                'CrlConfiguration={Enabled=true,ExpirationInDays=7,S3BucketName=bucket,CustomCname=crl.example},OcspConfiguration={Enabled=true,OcspCustomCname=ocsp.example}'
        done_well issue --subject CN=device-1
        delivered
        is '.differences == []'
        openssl x509 -in "$(fact .files.certificate)" -noout -text | grep -q 'http://crl.example/'
        done_well issue --subject CN=device-2 --template BlankEndEntityCertificate_CSRPassthrough --dry-run
        is '.plan.warnings | any(test("OCSP on"))'
        localpca_again --fault IssueCertificate:crl-other
        refused not-as-asked 9 issue --subject CN=device-3
        is '.differences == ["CRL distribution points: asked crl.example, as the CA is configured, got another"]'
}

@test "bad input is refused before a key is made, each with the rule that it breaks" {
        local line words rule n=0 many=()
        localpca_start
        as_admin
        while IFS='|' read -r line rule; do
                n=$((n + 1))
                [ -z "$SHORT" ] || [ $((n % 4)) = 0 ] || continue
                eval "words=($line)"
                refused usage 2 issue --subject CN=device-1 "${words[@]}" || { echo "$line" >&2; return 1; }
                jq -r '.error | .what + " " + .about + " " + .next' <<<"$output" | grep -qF -- "$rule" && continue
                printf '%s: not a word of %s in %s\n' "$line" "$rule" "$(fact .error.what)" >&2
                return 1
        done <<'END'
--san ip:fe80::1%eth0|zone
--san dns:a.*.example|whole first label
--san 'dirname:C=DEU'|too long
--san krb5:a|name@REALM
--ext-key-usage serverauht|'serverAuth'
--ext-key-usage 1.40.3|extended key usage
--template BlankEndEntityCertificate_APIPassthrough --ext-key-usage 2.999.1|39 at most
--policy-oid 1.2.3,cps=pki|URI
--extension 1.2.3:3080|DER
--extension 2.5.29.17:3000|--san
--path-length 4|0, 1, 2 or 3
--validity 50y|the CA itself ends
--validity end:10000-01-01|year 9999
--validity absolute:253402300800|year 9999
--validity 101y|100 years
--validity end:2027-01-01 --not-before 2027-02-01T00:00:00Z|before it begins
--template NoSuchTemplate|certificate template
END
        mapfile -t many < <(printf -- '--san=dns:n%04d.a-device.example\n' {1..1300})
        refused usage 2 issue --subject CN=device-1 "${many[@]}"
        is '.error.what | test("32768")'
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/key" -subj /CN=a \
                -addext "subjectAltName=$(printf 'DNS:n%04d.a-device.example,' {1..1300})DNS:b.example" \
                -out "$SANDBOX/csr" 2>/dev/null
        refused usage 2 p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --csr "$SANDBOX/csr" \
                --store files --name large
        is '.error.what | test("32768")'
        [ -z "$(ids_of privkey)" ] && [ "$(issued)" = 0 ]
        # A thousand names that fit are no trouble.
        mapfile -t many < <(printf -- '--san=dns:n%04d.example\n' {1..1000})
        done_well issue --subject CN=device-1 "${many[@]}"
        is '.state == "delivered" and (.sans | length) == 1000'
}
