#!/usr/bin/env bats
# The main job: from a key that is made on the token to the certificate beside it.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        sandbox_clear
}

# subject_of FILE, text_of FILE
subject_of() { openssl x509 -in "$1" -noout -subject -nameopt RFC2253 | sed 's/^subject=//'; }
text_of() { openssl x509 -in "$1" -noout -text; }

@test "one certificate, by the defaults" {
        done_well issue --subject CN=device-1 --san dns:device-1.example
        delivered
        is '.order == 1 and .name == "device-1" and .maybe_duplicate == false and .replaces == null'
        is ".ca_arn == \"$CA_ARN\" and (.certificate_arn | startswith(\"$CA_ARN/certificate/\"))"
        is '.subject == "CN=device-1" and .sans == ["dns:device-1.example"]'
        is '.template_arn == "arn:aws:acm-pca:::template/EndEntityCertificate/V1"'
        is '.key.type == "ec:p256" and (.key.id | test("^[0-9a-f]{40}$"))'
        is '.key.evidence.local and .key.evidence.always_sensitive and .key.evidence.never_extractable'
        is ".token.label == \"first\" and .token.serial == \"$(token_serial)\""
        is '(.not_after | fromdateiso8601) - (.not_before | fromdateiso8601) | . >= 365*86400 and . <= 365*86400 + 7200'
        is '[.files[] | startswith("/")] | all'
        one_of_each "$(fact .key.id)"
        [ "$(openssl x509 -in "$(fact .files.certificate)" -outform DER | sha256sum | cut -d' ' -f1)" = \
                "$(fact .fingerprint_sha256)" ]
}

@test "the answer is one JSON object on stdout, and talk goes to stderr" {
        done_well issue --subject CN=device-1
        [ "$(jq -s length <<<"$output")" = 1 ]
        done_well issue --subject CN=device-2 --quiet
        [ -z "$stderr" ]
}

@test "every key type goes all the way" {
        local type
        for type in ec:p256 ec:p384 ec:p521 rsa:2048 rsa:3072 rsa:4096; do
                [ "$type" != rsa:4096 ] || [ -z "$SHORT" ] || continue
                done_well issue --subject "CN=${type/:/-}" --key-type $type
                delivered
                is ".key.type == \"$type\""
        done
}

@test "a CA with an RSA key issues for EC and RSA keys" {
        localpca_stop
        rm -rf "$SANDBOX/ca"
        localpca_start --key-type rsa:2048
        done_well issue --subject CN=device-1
        delivered
        done_well issue --subject CN=device-2 --key-type rsa:2048
        delivered
}

@test "subject and all kinds of names come back as they were asked for" {
        done_well issue --subject 'CN=Gerät 7,OU=Tests\, odd,O=Example,C=DE' --name geraet-7 \
                --san dns:a.example --san ip:192.0.2.7 --san ip:2001:db8::7 --san email:who@example.org \
                --san uri:https://example.org/7
        delivered
        is '.name == "geraet-7"'
        is '.sans | index("dns:a.example") and index("ip:192.0.2.7") and index("ip:2001:db8::7")
                and index("email:who@example.org") and index("uri:https://example.org/7")'
        text_of "$(fact .files.certificate)" >"$SANDBOX/text"
        grep -q 'DNS:a.example' "$SANDBOX/text"
        grep -q 'IP Address:192.0.2.7' "$SANDBOX/text"
        grep -q 'URI:https://example.org/7' "$SANDBOX/text"
}

@test "a label and an id given by hand are those of key and certificate" {
        done_well issue --subject CN=device-1 --label mine --id 0a0b0c
        delivered
        is '.key.id == "0a0b0c"'
        one_of_each 0a0b0c
        [ "$(on_token --list-objects | grep -c 'label: *mine$')" = 3 ]
}

@test "an existing key is used and no other is made" {
        on_token --keypairgen --key-type EC:prime256v1 --id 77 --label existing >/dev/null
        done_well issue --subject CN=device-1 --key 'pkcs11:token=first;object=existing'
        delivered
        one_of_each 77
}

@test "of two keys that share an id the one with the given label is used" {
        for label in one two three; do
                on_token --keypairgen --key-type EC:prime256v1 --id 0c --label $label >/dev/null
        done
        local options=(--output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" --pin-source "file:$SANDBOX/pin")
        for label in one two three; do
                done_well p11cert issue "${options[@]}" --key "$TOKEN;object=$label" --subject "CN=$label"
                is '.state == "delivered"'
                on_token --read-object --type pubkey --label $label --output-file "$SANDBOX/spki"
                cmp "$SANDBOX/spki" <(openssl x509 -in "$(fact .files.certificate)" -noout -pubkey | openssl pkey -pubin -outform der)
        done
}

@test "a CSR that exists goes out as it is, and its key is found on the token" {
        on_token --keypairgen --key-type EC:prime256v1 --id 77 --label existing >/dev/null
        on_token --keypairgen --key-type EC:prime256v1 --id 78 --label another >/dev/null
        PKCS11_MODULE_PATH=$SOFTHSM openssl req -new -engine pkcs11 -keyform engine -sha256 \
                -key "pkcs11:token=first;object=existing;type=private;pin-value=$PIN" \
                -subj /CN=from-file -addext subjectAltName=DNS:from-file.example \
                -out "$SANDBOX/csr.pem" 2>/dev/null
        done_well issue --csr "$SANDBOX/csr.pem"
        delivered
        is '.key.id == "77" and .name == "from-file" and .subject == "CN=from-file"'
        is '.sans == ["dns:from-file.example"]'
        [ "$(ids_of privkey | sort | tr '\n' ' ')" = "77 78 " ]
}

@test "a CSR in DER is read, too; one whose key is not on the token is refused before AWS hears of it" {
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/soft.key" \
                -subj /CN=software -outform DER -out "$SANDBOX/csr.der" 2>/dev/null
        refused key-absent 1 issue --csr "$SANDBOX/csr.der"
        [ "$(issued)" = 0 ]
}

@test "delivery to the token only, or to files only" {
        done_well issue --subject CN=device-1 --store token
        is '.state == "delivered" and .files.certificate == null'
        one_of_each "$(fact .key.id)"
        done_well issue --subject CN=device-2 --store files
        is '.state == "delivered" and .files.certificate != null'
        [ "$(ids_of cert | wc -l)" = 1 ]
}

@test "files: certificate, chain, fullchain and root, for their owner's eyes, with a README" {
        local folder
        done_well issue --subject CN=device-1 --out "$SANDBOX/out"
        folder=$SANDBOX/out/device-1
        is ".files.certificate | startswith(\"$folder/\")"
        [ "$(stat -c %a "$folder")" = 700 ]
        [ "$(stat -c %a "$folder"/* | sort -u)" = 600 ]
        [ "$(grep -c BEGIN "$(fact .files.certificate)")" = 1 ]
        [ "$(grep -c BEGIN "$(fact .files.chain)")" = 1 ]
        [ "$(grep -c BEGIN "$(fact .files.fullchain)")" = 2 ]
        cat "$(fact .files.certificate)" "$(fact .files.chain)" | cmp - "$(fact .files.fullchain)"
        cmp <(openssl x509 -in "$(fact .files.root)") <(openssl x509 -in "$ROOT_CA")
        grep -q 'pkcs11:' "$folder/README.txt"
}

@test "DER and PKCS#7 beside PEM" {
        done_well issue --subject CN=device-1 --format pem --format der --format p7b
        local folder
        folder=$(dirname "$(fact .files.certificate)")
        openssl x509 -inform DER -in "$folder"/*.der -noout
        [ "$(openssl pkcs7 -inform DER -in "$folder"/*.p7b -print_certs | grep -c BEGIN)" -ge 2 ]
}

@test "validity in days, months, years, until a date and to the CA's end" {
        local validity least most
        while read -r validity least most; do
                done_well issue --subject "CN=v-${validity//[^0-9a-z]/-}" --validity "$validity"
                delivered
                is "((.not_after | fromdateiso8601) - now) / 86400 | . > $least and . < $most"
        done <<END
1d 0.9 1.1
13mo 390 400
2y 729 733
end:$(date -u -d '+40 days' +%Y-%m-%d) 38 42
absolute:$(date -d '+20 days' +%s) 19.9 20.1
END
}

@test "other templates give other usages" {
        done_well issue --subject CN=server --template EndEntityServerAuthCertificate/V1
        text_of "$(fact .files.certificate)" | grep -q 'TLS Web Server Authentication'
        run ! grep -q 'Client Authentication' <(text_of "$(fact .files.certificate)")
        done_well issue --subject CN=client \
                --template arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1
        run ! grep -q 'Server Authentication' <(text_of "$(fact .files.certificate)")
}

@test "the key may sign and nothing else, and never leaves the token" {
        done_well issue --subject CN=device-1
        run on_token --list-objects --type privkey
        grep -qE 'Usage: +sign$' <<<"$output"
        grep -q 'Access:.*sensitive' <<<"$output"
        grep -q 'never extractable' <<<"$output"
}

@test "the same name again: delivered is shown, other wishes are an error" {
        done_well issue --subject CN=device-1
        local serial
        serial=$(fact .serial)
        run -3 --separate-stderr issue --subject CN=device-1
        is ".serial == \"$serial\" and .state == \"delivered\""
        [ "$(issued)" = 1 ]
}

@test "an order that is taken up again is answered once, as it stands in the end" {
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        done_well issue --subject CN=device-1 --output text
        [ "$(grep -c '^order ' <<<"$output")" = 1 ]
        grep -qE '^state +delivered$' <<<"$output"
}

@test "--no-wait stops at SUBMITTED; fetch goes on" {
        localpca_again --issue-delay 300ms
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        is '.state == "submitted" and .error.kind == "pending" and .certificate_arn != null'
        # The other wishes of the same name, as long as it is open, are an error.
        refused order-differs 2 issue --subject CN=device-1 --validity 90d
        done_well p11cert fetch device-1 --output json --pin-source "file:$SANDBOX/pin"
        delivered
        [ "$(issued)" = 1 ]
}

@test "a slow CA is waited for" {
        localpca_again --issue-delay 1500ms --latency 40ms
        done_well issue --subject CN=device-1
        delivered
        [ "$(issued)" = 1 ]
}

@test "a dry run shows the request and touches neither token nor CA" {
        done_well issue --subject CN=device-1 --dry-run
        [ -z "$(ids_of privkey)" ]
        [ "$(issued)" = 0 ]
        run ! show device-1
}

@test "the CA over TLS, trusted by --ca-bundle only" {
        localpca_stop
        rm -rf "$SANDBOX/ca"
        localpca_start --tls
        refused tls 11 issue --subject CN=device-1
        done_well issue --subject CN=device-1 --ca-bundle "$ROOT_CA"
        done_well show device-1
        delivered
}

@test "the text form names the defaults that were used and where the files are" {
        local options
        mapfile -t options < <(token_options)
        done_well p11cert issue --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" --subject CN=device-1
        grep -q 'EndEntityCertificate/V1' <<<"$output$stderr"
        grep -q 'ec:p256' <<<"$output$stderr"
        grep -q '365d' <<<"$output$stderr"
        grep -q "$SANDBOX/state/certificates/device-1" <<<"$output"
}

@test "no secret is kept or shown: neither the PIN nor the AWS key" {
        PIN=s3cr3t-pin-9137
        softhsm2-util --init-token --free --label guarded --pin $PIN --so-pin 5678 >/dev/null
        (umask 077 && printf '%s\n' $PIN >"$SANDBOX/pin")
        TOKEN=pkcs11:token=guarded
        done_well issue --subject CN=device-1 --verbose
        printf '%s%s' "$output" "$stderr" >"$SANDBOX/state/shown"
        run ! grep -rqF "$PIN" "$SANDBOX/state"
        run ! grep -rqF "$AWS_SECRET_ACCESS_KEY" "$SANDBOX/state"
}

@test "PINs from a file, a variable, a descriptor and a command" {
        local source
        export SOME_PIN=$PIN
        for source in "file:$SANDBOX/pin" "$SANDBOX/pin" env:SOME_PIN "cmd:cat $SANDBOX/pin"; do
                done_well p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                        --token "$TOKEN" --pin-source "$source" --subject "CN=pin-${source%%:*}" \
                        --name "pin-$((count += 1))"
                delivered
        done
        p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" --token "$TOKEN" \
                --pin-source fd:7 --subject CN=pin-fd 7<"$SANDBOX/pin" >"$SANDBOX/answer"
        jq -e '.state == "delivered"' "$SANDBOX/answer"
}

@test "the pin-source of the token's URI serves, too" {
        done_well p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --token "$TOKEN?pin-source=file:$SANDBOX/pin" --subject CN=device-1
        delivered
}

@test "options from variables and from the configuration; the command line wins" {
        mkdir -p "$HOME/.config/p11cert"
        cat >"$HOME/.config/p11cert/config" <<END
ca = $CA_ARN
module = $MODULE
token = $TOKEN
endpoint-url = $ENDPOINT
pin-source = file:$SANDBOX/pin
[profile short]
validity = 7d
key-type = ec:p384
END
        done_well p11cert issue --output json --subject CN=device-1 -p short
        delivered
        is '.key.type == "ec:p384" and (((.not_after | fromdateiso8601) - now) / 86400 | . > 6.9 and . < 7.1)'
        done_well p11cert issue --output json --subject CN=device-2 -p short --key-type ec:p256
        is '.key.type == "ec:p256"'
}

@test "credentials from a profile of AWS's shared files, and from a credential process" {
        mkdir -m 700 "$HOME/.aws"
        cat >"$HOME/.aws/config" <<END
[profile maker]
region = us-east-1
credential_process = cat $SANDBOX/process.json
END
        jq '{Version: 1, AccessKeyId: .access_key_id, SecretAccessKey: .secret_access_key}' "$SANDBOX/ca.json" \
                >"$SANDBOX/process.json"
        jq -r '"[plain]\naws_access_key_id = " + .access_key_id + "\naws_secret_access_key = " + .secret_access_key' \
                "$SANDBOX/ca.json" >"$HOME/.aws/credentials"
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        done_well issue --subject CN=device-1 --profile plain
        delivered
        done_well issue --subject CN=device-2 --profile maker
        delivered
}

@test "an identity that may only issue and get is enough with --signing-algorithm and --root" {
        localpca_again --fault DescribeCertificateAuthority:denied \
                --fault GetCertificateAuthorityCertificate:denied
        done_well issue --subject CN=device-1 --signing-algorithm SHA256WITHECDSA --root "$ROOT_CA"
        delivered
}
