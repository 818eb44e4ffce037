#!/usr/bin/env bats
# Profiles: texts that are filled in, and the ready ones of doc/examples from plan to certificate.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
        as_admin
}

teardown() {
        sandbox_clear
}

# subject_of FILE
subject_of() { openssl x509 -in "$1" -noout -subject -nameopt RFC2253 | sed 's/^subject=//'; }

@test "a subject is filled with the token's serial number, which names the order, too" {
        local serial
        serial=$(token_serial)
        done_well issue --subject 'CN={token.serial},O={attr.maker}' --attribute maker='Example, Inc.' \
                --san 'dns:{name}.example' --san 'uri:urn:dev:{token.label}' --label 'key of {token.label}' \
                --holder '{token.serial}' --place '{date.compact}' --out "$SANDBOX/{attr.maker}"
        delivered
        is ".name == \"$serial\" and .token.serial == \"$serial\" and .holder == \"$serial\""
        is ".sans == [\"dns:$serial.example\", \"uri:urn:dev:first\"]"
        is ".place == \"$(date -u +%Y%m%d)\""
        is ".files.certificate | startswith(\"$SANDBOX/Example%2C%20Inc./$serial/\")"
        [ "$(subject_of "$(fact .files.certificate)")" = "CN=$serial,O=Example\\, Inc." ]
        on_token --list-objects --type privkey | grep -q 'label: *key of first$'
}

@test "an order that was interrupted is the same one when its command is repeated" {
        local words=(--name dev --subject 'CN={token.serial},OU={time.compact}' --san 'dns:{name}.example')
        refused network 11 p11cert issue --output json --ca "$CA_ARN" --endpoint-url http://127.0.0.1:9 \
                --module "$MODULE" --token "$TOKEN" --pin-source "file:$SANDBOX/pin" "${words[@]}"
        refused token-absent 6 p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$MODULE" --token pkcs11:token=other --subject 'CN={token.serial}'
        [ "$(p11cert list --output json | jq '.orders | length')" = 0 ]
        localpca_again --fault IssueCertificate:p=1:http=500
        as_admin
        refused aws-unavailable 11 issue "${words[@]}"
        is '.order == 1 and .state == "requested"'
        localpca_again
        as_admin
        sleep 1.1
        done_well issue "${words[@]}"
        delivered
        is ".order == 1 and .subject == (\"CN=$(token_serial),OU=\" + (.subject | split(\"OU=\")[1]))"
        refused nothing-to-do 3 issue "${words[@]}"
}

@test "plan and csr fill in what issue would" {
        local serial
        serial=$(token_serial)
        done_well p11cert plan --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$MODULE" \
                --token "$TOKEN" --subject 'CN={token.serial}'
        is ".name == \"$serial\" and .subject == \"CN=$serial\" and (.plan.folder | endswith(\"/$serial\"))"
        done_well p11cert csr --output json --module "$MODULE" --token "$TOKEN" \
                --pin-source "file:$SANDBOX/pin" --subject 'CN={token.serial}' "$SANDBOX/csr.pem"
        openssl req -in "$SANDBOX/csr.pem" -noout -subject | grep -q "CN *= *$serial"
        [ "$(issued)" = 0 ]
}

@test "a profile issues what it says and inherits; config show says where each value is from" {
        cat >"$SANDBOX/config" <<END
ca = $CA_ARN
endpoint-url = $ENDPOINT
module = $MODULE
token = $TOKEN
pin-source = file:$SANDBOX/pin

[profile base]
key-type = ec:p384
validity = 90d
san = dns:base.example

[profile device]
extends = base
subject = CN={token.serial}
san = dns:{name}.example
san = dns:{attr.site}.example
END
        export P11CERT_CONFIG=$SANDBOX/config
        done_well p11cert config check
        done_well p11cert config show -p device --origin --output json
        is '.values[] | select(.key == "key-type") | .values == ["ec:p384"] and .origin == "profile" and (.from | endswith("config:8"))'
        is '.values[] | select(.key == "san") | [.origins[] | split(":")[1]] == ["15", "16"]'
        is '.values[] | select(.key == "template") | .origin == "default"'
        is '.values[] | select(.key == "cert-profile") | .origin == "option" and .from == "--cert-profile"'
        done_well p11cert issue -p device --attribute site=berlin --output json
        delivered
        is ".key.type == \"ec:p384\" and .sans == [\"dns:$(token_serial).example\", \"dns:berlin.example\"]"
        is '((.not_after | fromdateiso8601) - (.not_before | fromdateiso8601)) / 86400 | . >= 90 and . < 90.1'
        is '.wishes.profile == "device"'
        printf '[profile lost]\nextends = devise\next-key-usage = x\nkeytype = y\n' >>"$SANDBOX/config"
        refused config 2 p11cert config check --output json
        is '.result == "bad" and [.problems[].line] == [18, 19, 20]'
        is '.problems[0].next | contains("device")'
        is '.problems[2].next | contains("key-type")'
}

# hook NAME: a program that keeps what it was told, and does what its standard input here says.
hook() {
        { printf '#!/bin/sh\nenv | grep ^P11CERT_ | sort >>"%s"\n' "$SANDBOX/told"; cat; } >"$SANDBOX/$1"
        chmod 700 "$SANDBOX/$1"
}

@test "files have the formats, the mode and the owner that were asked for, and the hook is told of them" {
        local folder=$SANDBOX/out/device-1
        hook hook <<<'openssl x509 -in "$P11CERT_CERTIFICATE_FILE" -noout -checkend 60'
        done_well issue --subject CN=device-1 --out "$SANDBOX/out" --format der,p7b,p7b-pem,bundle --file-mode 0640 \
                --file-owner ":$(id -gn)" --deploy-hook "$SANDBOX/hook" --holder 'Line 3' --renew-before 33%
        delivered
        [ "$(stat -c %a "$folder")" = 750 ]
        [ "$(stat -c %a "$folder"/* | sort -u)" = 640 ]
        [ "$(find "$folder" -type f | wc -l)" = 9 ]
        openssl pkcs7 -in "$folder/certificate.p7b.pem" -print_certs | grep -c BEGIN | grep -qx 2
        [ "$(grep -c BEGIN "$folder/bundle.pem")" = 3 ]
        cmp <(openssl x509 -in "$folder/certificate.der" -inform DER) "$folder/certificate.pem"
        grep -qx "P11CERT_CERTIFICATE_FILE=$folder/certificate.pem" "$SANDBOX/told"
        grep -qx 'P11CERT_HOLDER=Line 3' "$SANDBOX/told"
        grep -qx "P11CERT_SERIAL=$(fact .serial)" "$SANDBOX/told"
        run ! grep -q AWS_ "$SANDBOX/told"
}

@test "a deploy hook that fails leaves the order before delivered, and resume runs it again" {
        hook hook <<<'echo no reload today >&2; exit 3'
        refused hook-failed 1 issue --subject CN=device-1 --deploy-hook "$SANDBOX/hook"
        is '.state == "verified" and (.error.what + .error.about | contains("no reload today"))'
        refused hook-failed 1 resume
        hook hook <<<'exit 0'
        done_well resume
        is '.orders[0].state == "delivered" and .orders[0].error == null'
        [ "$(grep -cx P11CERT_NAME=device-1 "$SANDBOX/told")" = 3 ]
        [ "$(issued)" = 1 ]
        hook hook <<<'sleep 60'
        refused hook-failed 1 issue --subject CN=device-2 --deploy-hook "$SANDBOX/hook" --hook-timeout 1s
        chmod 777 "$SANDBOX/hook"
        refused config 2 issue --subject CN=device-3 --deploy-hook "$SANDBOX/hook"
        refused usage 2 issue --subject CN=device-3 --deploy-hook 'sh -c true'
        refused usage 2 issue --subject CN=device-3 --file-mode 0666
        refused usage 2 issue --subject CN=device-3 --file-owner nobody-of-that-name
        refused usage 2 issue --subject CN=device-3 --renew-before 100%
}

@test "a certificate is due by its own window, unless --within says otherwise" {
        done_well issue --subject CN=long --validity 365d --renew-before 400d
        is '.wishes.renew_before == "400d"'
        done_well issue --subject CN=part --validity 365d --renew-before 99%
        done_well issue --subject CN=plain --validity 20d
        done_well issue --subject CN=short --validity 20d --renew-before 2d
        due() { p11cert due --output json "$@" | jq -r '[.orders[].name] | join(" ")'; }
        [ "$(due)" = "long plain" ]
        [ "$(due --within 30d)" = "plain short" ]
        [ "$(due --within 364d)" = "plain short" ]
        done_well p11cert renew --due --dry-run --output json
        is '[.orders[].name] == ["long", "plain"]'
}

@test "check speaks Nagios: ok, warning, critical, unknown" {
        run -3 p11cert check
        [[ ${lines[0]} == "P11CERT UNKNOWN - "* ]]
        done_well issue --subject CN=long --validity 365d
        run -0 p11cert check
        [ "$output" = "P11CERT OK - nothing is due and nothing was interrupted | expired=0;;0 critical=0;;0 due=0;0 interrupted=0;0" ]
        done_well issue --subject CN=soon --validity 20d
        run -1 p11cert check
        [[ ${lines[0]} == "P11CERT WARNING - 1 due (soon) | "* ]]
        run -2 p11cert check --critical 21d
        [[ ${lines[0]} == "P11CERT CRITICAL - 1 about to expire (soon) | expired=0;;0 critical=1;;0 "* ]]
        run -0 p11cert check --within 10d
        localpca_again --fault IssueCertificate:p=1:http=500
        as_admin
        refused aws-unavailable 11 issue --subject CN=stopped
        run -1 p11cert check --within 10d --output json
        is '.status == "warning" and .exit_status == 1 and .interrupted == 1 and .due == 0 and .error == null'
        run -3 --separate-stderr p11cert check --critical soon --output json
        is '.error.kind == "usage"'
        printf broken >"$P11CERT_STATE/ledger.db"
        run -3 p11cert check
}
