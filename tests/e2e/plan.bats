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

# nothing_made: neither a key, nor an order, nor a certificate.
nothing_made() {
        [ -z "$(ids_of privkey)" ] && [ "$(issued)" = 0 ] || return 1
        p11cert list --output json | jq -e '.orders == []' >/dev/null
}

@test "what is foretold comes, field by field, and openssl says so" {
        local count=0 line options kind name expected
        local step=1 read=0
        [ -z "$SHORT" ] || step=3
        while IFS= read -r line; do
                read=$((read + 1))
                [ $((read % step)) = 0 ] || continue
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
--key-usage digitalSignature --ext-key-usage serverAuth --key-type rsa:2048 --hash sha384
--template BlankEndEntityCertificate_APIPassthrough --key-usage keyAgreement --ext-key-usage clientAuth,emailProtection
--template BlankEndEntityCertificate_APICSRPassthrough --ext-key-usage emailProtection --policy-oid 1.3.6.1.4.1.99999.2
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
        # The CA of this sandbox may have no CA below it.
        refused usage 2 plan --subject CN=device-1 --template subordinate-0
        refused usage 2 issue --subject CN=device-1 --template subordinate-0
        is '.error.what | test("path length")'
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

@test "everything that can be wished for comes by the CSR as by the API, and the proof says so" {
        local template wishes=(--subject 'CN=device-1,O=Example' --san dns:a.example --san ip:2001:db8::1
                --san email:a@b.example --san uri:https://a.example/ --san upn:a@realm --san rid:1.2.3
                --san dirname:CN=x --san 'othername:1.2.4;UTF8:y' --key-usage 'digitalSignature,nonRepudiation'
                --ext-key-usage 'clientAuth,smartCardLogin,1.2.5' --extension 1.3.6.1.4.1.99999.3:0500
                --extension '1.3.6.1.4.1.99999.4,critical:04020102'
                --policy-oid '1.3.6.1.4.1.99999.2,cps=https://pki.example/cps')
        for template in CSRPassthrough APIPassthrough APICSRPassthrough; do
                done_well plan --template BlankEndEntityCertificate_$template "${wishes[@]}" --name "$template"
                [ "$(foretold extension)" = "1.3.6.1.4.1.99999.3, value 0500" ]
                is '.plan.dropped == []'
                is '.plan.warnings | any(test("99999.4 is critical"))'
                done_well issue --template BlankEndEntityCertificate_$template "${wishes[@]}" --name "$template"
                is '.state == "delivered" and .differences == []'
                openssl x509 -in "$(fact .files.certificate)" -noout -text >"$SANDBOX/text"
                grep -A1 '1.3.6.1.4.1.99999.4: critical' "$SANDBOX/text" | grep -q '\.\.\.\.'
                grep -q '1.3.6.1.4.1.99999.3' "$SANDBOX/text"
                grep -q 'CPS: https://pki.example/cps' "$SANDBOX/text"
                grep -q 'Registered ID:1.2.3' "$SANDBOX/text"
                is '.wishes.policies == [{oid: "1.3.6.1.4.1.99999.2", cps: "https://pki.example/cps"}]'
        done
}

@test "what is asked for over somebody else's CSR goes through the API, where the template reads it" {
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/key" \
                -subj /O=Example/CN=theirs -addext subjectAltName=DNS:theirs.example -out "$SANDBOX/csr" 2>/dev/null
        local request=(p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --csr "$SANDBOX/csr"
                --store files --name theirs)
        refused usage 2 "${request[@]}" --subject CN=ours
        refused usage 2 "${request[@]}" --subject CN=ours --template BlankEndEntityCertificate_CSRPassthrough
        done_well "${request[@]}" --subject CN=ours,O=Example --ext-key-usage clientAuth \
                --template BlankEndEntityCertificate_APIPassthrough
        is '.state == "delivered" and .subject == "CN=ours,O=Example" and .sans == ["dns:theirs.example"]'
        openssl x509 -in "$(fact .files.certificate)" -noout -subject -nameopt RFC2253 |
                grep -qE '^subject=(CN=ours,O=Example|O=Example,CN=ours)$'
        openssl x509 -in "$(fact .files.certificate)" -noout -ext extendedKeyUsage | grep -q 'TLS Web Client'
}

@test "a template that this version does not know is sent as it is, with a warning" {
        local new=arn:aws:acm-pca:::template/NewerCertificate/V2
        done_well plan --subject CN=device-1 --template $new
        is '.plan.warnings | any(test("not one that this version knows"))'
        run --separate-stderr issue --subject CN=device-1 --template $new
        grep -q "warning .*NewerCertificate/V2 is not a template that this version knows" <<<"$stderr"
        # localpca does not know it either, and it is the one to say so.
        is '.error.aws.code != null and .template_arn == "'$new'"'
}
