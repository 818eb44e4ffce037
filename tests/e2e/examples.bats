#!/usr/bin/env bats
# The ready profiles of doc/examples: each is good by itself, and issues what its plan foretold.
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

EXAMPLES=$ROOT/doc/examples

# with_profile VERB NAME OPTION…: the profile of that example.
with_profile() {
        local verb=$1 name=$2
        shift 2
        p11cert -c "$EXAMPLES/$name.conf" "$verb" --output json -p "$name" --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$MODULE" --token "$TOKEN" --pin-source "file:$SANDBOX/pin" "$@"
}

# example NAME OPTION…: plan it, issue it, and hold the certificate against the plan.
example() {
        local name=$1 certificate field extension
        done_well with_profile plan "$@"
        printf '%s' "$output" >"$SANDBOX/plan.json"
        done_well with_profile issue "$@"
        delivered
        certificate=$(fact .files.certificate)
        openssl x509 -in "$certificate" -noout -text -nameopt RFC2253 >"$SANDBOX/text"
        cp <(printf '%s' "$output") "$SANDBOX/order.json"
        output=$(cat "$SANDBOX/plan.json")
        is "(.plan.dropped == []) and (.subject == $(jq .subject "$SANDBOX/order.json"))"
        while read -r field extension; do
                [ "$(foretold_extension "${field//_/ }")" = "$(got_extension "$certificate" "$extension")" ] && continue
                printf '%s, %s: foretold %s, got %s\n' "$name" "$field" "$(foretold_extension "${field//_/ }")" \
                        "$(got_extension "$certificate" "$extension")" >&2
                return 1
        done <<END
key_usage keyUsage
extended_key_usage extendedKeyUsage
basic_constraints basicConstraints
policies certificatePolicies
END
        output=$(cat "$SANDBOX/order.json")
}

# says LINE…: openssl's text of the certificate has each.
says() {
        local line
        for line in "$@"; do
                grep -qF -- "$line" "$SANDBOX/text" && continue
                printf 'no %s in\n' "$line" >&2
                cat "$SANDBOX/text" >&2
                return 1
        done
}

@test "every example is a good configuration by itself, and each is issued by a test" {
        local file name
        for file in "$EXAMPLES"/*.conf; do
                name=$(basename "$file" .conf)
                done_well p11cert -c "$file" config check
                grep -q "^\[profile $name\]$" "$file"
                grep -q "^ *example $name " "$BATS_TEST_FILENAME"
        done
}

@test "TLS server and client, code signing and OCSP signing" {
        example tls-server --name www.example.org
        says 'Subject: CN=www.example.org' 'DNS:www.example.org' 'TLS Web Server Authentication'
        is '.wishes.renew_before == "33%"'
        [ "$(stat -c %a "$(fact .files.certificate)")" = 640 ]
        example tls-client --name pump-17
        says 'Subject: CN=pump-17' 'DNS:pump-17.devices.example.com' 'TLS Web Client Authentication'
        example code-signing --name release-2026 --attribute 'publisher=Example, Corp'
        says 'Subject: CN=Example\, Corp release-2026,O=Example\, Corp,C=DE' 'Code Signing' 'Public-Key: (3072 bit)'
        example ocsp-signing --name ocsp-1
        says 'OCSP Signing' 'OCSP No Check'
}

@test "device identities: IDevID, Matter DAC, IoT device" {
        local serial
        serial=$(token_serial)
        example idevid --attribute 'model=Pump 3'
        is ".name == \"$serial\" and .holder == \"Pump 3 $serial\""
        says "Subject: serialNumber=$serial,CN=Pump 3 $serial,O=Example Corp" 'Digital Signature'
        [ "$(openssl x509 -in "$(fact .files.certificate)" -noout -enddate)" = \
                "$(openssl x509 -in "$(fact .files.chain)" -noout -enddate)" ]
        token_make second
        TOKEN=pkcs11:token=second TOKEN_LABEL=second
        serial=$(token_serial second)
        example matter-dac --attribute vid=FFF1 --attribute pid=8000
        # Attributes without a name are written in hex (RFC 4514, 2.4): UTF8String FFF1 and 8000.
        says 'X509v3 Basic Constraints: critical' 'X509v3 Key Usage: critical' 'CA:FALSE' \
                "Subject: CN=Matter DAC $serial,1.3.6.1.4.1.37244.2.1=#0C0446464631,1.3.6.1.4.1.37244.2.2=#0C0438303030"
        run ! grep -q 'Extended Key Usage' "$SANDBOX/text"
        token_make third
        TOKEN=pkcs11:token=third TOKEN_LABEL=third
        serial=$(token_serial third)
        example iot-device --attribute line=3
        says "URI:urn:dev:example:$serial" "Subject: CN=$serial,OU=Line 3,O=Example Corp"
        is '.holder == "third" and .place == "line 3"'
}

@test "smart-card logon" {
        example smart-card-logon --name jdoe --attribute 'user=Jane Doe' --attribute upn=jdoe@corp.example
        says 'Subject: CN=Jane Doe,OU=Users,O=Example Corp' 'Microsoft Smartcard Login' 'UPN' 'jdoe@corp.example'
        is '.sans == ["upn:jdoe@corp.example"] and .key.type == "rsa:2048"'
}
