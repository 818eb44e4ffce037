#!/usr/bin/env bats
# The certificate that is foretold, what is refused before anything is made, and what then comes.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
        # The limited identity may not use every template.
        as_admin
}

teardown() {
        sandbox_clear
}

BLANK=BlankEndEntityCertificate_CSRPassthrough

plan() {
        p11cert plan --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --token "$TOKEN" "$@"
}

# foretold FIELD: its value in the plan in $output; "" where there is no such row.
foretold() { jq -r --arg field "$1" '[.plan.rows[] | select(.field == $field) | .value] | first // ""' <<<"$output"; }

# foretold_extension FIELD: "critical: value", as it reads in openssl's words for usages.
foretold_extension() {
        jq -r --arg field "$1" '[.plan.rows[] | select(.field == $field) |
                (if .critical then "critical: " else "" end) + .value] | first // ""' <<<"$output"
}

# got_extension FILE NAME: the same of a certificate, with our short names.
got_extension() {
        openssl x509 -in "$1" -noout -ext "$2" 2>/dev/null | awk '
                NR == 1 { head = /critical/ ? "critical: " : "" }
                NR > 1 { sub(/^ +/, ""); sub(/ +$/, ""); text = text (text ? ", " : "") $0 }
                END { if (NR > 1) print head text }' | sed -e 's/Digital Signature/digitalSignature/' \
                -e 's/Non Repudiation/nonRepudiation/' -e 's/Key Encipherment/keyEncipherment/' \
                -e 's/Key Agreement/keyAgreement/' -e 's/TLS Web Server Authentication/serverAuth/' \
                -e 's/TLS Web Client Authentication/clientAuth/' -e 's/Code Signing/codeSigning/' \
                -e 's/OCSP Signing/OCSPSigning/' -e 's/E-mail Protection/emailProtection/' \
                -e 's/Microsoft Smartcard Login/smartCardLogin/' -e 's/DNS:/dns:/g' \
                -e 's/IP Address:/ip:/g' -e 's/Policy: //'
}

# nothing_made: neither a key, nor an order, nor a certificate.
nothing_made() {
        [ -z "$(ids_of privkey)" ] && [ "$(issued)" = 0 ] || return 1
        p11cert list --output json | jq -e '.orders == []' >/dev/null
}

@test "what is foretold comes, field by field, and openssl says so" {
        local count=0 line options kind name expected
        while IFS= read -r line; do
                read -ra options <<<"$line"
                count=$((count + 1))
                done_well plan --subject "CN=device-$count,O=Example" "${options[@]}"
                cp <(printf '%s' "$output") "$SANDBOX/plan.json"
                done_well issue --subject "CN=device-$count,O=Example" "${options[@]}"
                delivered
                name=$(fact .files.certificate)
                output=$(cat "$SANDBOX/plan.json")
                [ "$(foretold subject)" = "$(openssl x509 -in "$name" -noout -subject -nameopt RFC2253 |
                        sed 's/^subject=//')" ]
                while read -r kind expected; do
                        [ "$(foretold_extension "${kind//_/ }")" = "$(got_extension "$name" "$expected")" ] && continue
                        printf '%s: %s, foretold %s, got %s\n' "$line" "$kind" \
                                "$(foretold_extension "${kind//_/ }")" "$(got_extension "$name" "$expected")" >&2
                        return 1
                done <<END
key_usage keyUsage
extended_key_usage extendedKeyUsage
basic_constraints basicConstraints
alternative_names subjectAltName
policies certificatePolicies
END
                # Plan and issue are a moment apart.
                expected=$(date -d "$(foretold 'not after')" +%s)
                kind=$(date -d "$(openssl x509 -in "$name" -noout -enddate | cut -d= -f2)" +%s)
                [ $((kind - expected)) -ge 0 ] && [ $((kind - expected)) -lt 60 ]
        done <<END
--san dns:a.example --san ip:192.0.2.7
--template server --san dns:a.example --validity 30d
--template client --validity 2mo
--template code-signing --validity 1y
--template ocsp-signing
--template $BLANK
--template $BLANK --key-usage digitalSignature,nonRepudiation --ext-key-usage clientAuth,1.3.6.1.4.1.311.20.2.2
--template $BLANK --key-usage keyAgreement --policy-oid 1.3.6.1.4.1.99999.2
--template BlankEndEntityCertificate_CriticalBasicConstraints_CSRPassthrough --ext-key-usage emailProtection
--key-usage digitalSignature --ext-key-usage serverAuth --key-type rsa:2048
--validity ca-end
END
        [ "$(issued)" = $count ]
}

@test "a wish that the template would drop: foretold, refused by issue, and the advice is right" {
        local wish=(--subject CN=device-1 --key-usage nonRepudiation --ext-key-usage clientAuth)
        run -9 --separate-stderr plan "${wish[@]}"
        is '.error.kind == "wish-lost" and .order == null'
        is '.plan.dropped == [{ field: "key usage", value: "nonRepudiation", wished: true,
                rule: "the template sets its own" }]'
        is ".plan.carrying_template == \"$BLANK\""
        refused wish-lost 9 issue "${wish[@]}"
        is '.order == null and .state == null'
        nothing_made
        grep -q -- "--template $BLANK/V1" <<<"$stderr"
        done_well issue "${wish[@]}" --template $BLANK/V1
        delivered
        openssl x509 -in "$(fact .files.certificate)" -noout -ext keyUsage | grep -q 'Non Repudiation'
}

@test "what AWS would refuse for certain is refused before a key is made" {
        refused usage 2 plan --subject CN=device-1 --validity 50y
        is '.plan.rows | length > 5'
        refused usage 2 issue --subject CN=device-1 --validity 50y
        refused usage 2 issue --subject CN=device-1 --signing-algorithm SHA256WITHRSA
        refused usage 2 issue --subject CN=device-1 --validity "end:2020-01-01"
        nothing_made
}

@test "a held order whose wish would be lost stays held, and submit with the right template goes on" {
        local options
        mapfile -t options < <(token_options)
        done_well p11cert csr --output json "${options[@]}" --subject CN=device-1 \
                --ext-key-usage emailProtection "$SANDBOX/device-1.csr"
        refused wish-lost 9 p11cert submit device-1 --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --pin-source "file:$SANDBOX/pin"
        is '.state == "keyed"'
        [ "$(issued)" = 0 ]
        refused usage 2 p11cert submit device-1 --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --template $BLANK --validity 50y --pin-source "file:$SANDBOX/pin"
        done_well p11cert submit device-1 --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --template $BLANK --validity 30d --pin-source "file:$SANDBOX/pin"
        delivered
}

@test "the text form is a table with warnings and the statements that are needed" {
        local options
        mapfile -t options < <(token_options)
        done_well p11cert plan --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" --subject CN=device-1
        grep -qE '^key usage +template +critical, digitalSignature, keyEncipherment$' <<<"$output"
        grep -qE '^subject +CSR +CN=device-1$' <<<"$output"
        grep -q '^warning: keyEncipherment means nothing for an EC key' <<<"$output"
        grep -q '"Action":"acm-pca:IssueCertificate".*EndEntityCertificate/V1' <<<"$output"
        nothing_made
}

@test "the statements of the plan are what an identity needs, no less and no more" {
        done_well plan --subject CN=device-1 --template client
        is '[.plan.statement[].Action] == ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"]'
        is ".plan.statement[0].Resource == \"$CA_ARN\""
        is '.plan.statement[0].Condition.ArnEquals["acm-pca:TemplateArn"] ==
                "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"'
        is '.plan.quota | test("25")'
}

@test "plan and issue --dry-run say the same" {
        done_well plan --subject CN=device-1 --validity end:2027-06-01
        jq -S '.plan' <<<"$output" >"$SANDBOX/one"
        done_well issue --subject CN=device-1 --validity end:2027-06-01 --dry-run
        jq -S '.plan' <<<"$output" >"$SANDBOX/other"
        [ -s "$SANDBOX/one" ]
        diff "$SANDBOX/one" "$SANDBOX/other"
}
