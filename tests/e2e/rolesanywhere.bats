#!/usr/bin/env bats
# Roles Anywhere: a station logs in to AWS by a key on its token.
load common

STATION=pkcs11:token=first
HERE=arn:aws:rolesanywhere:us-east-1:111122223333

aws_() {
        aws --endpoint-url "$ENDPOINT" --cli-connect-timeout 5 --cli-read-timeout 30 "$@"
}

# The administrator's side of it, with the real aws CLI.
admin() {
        (as_admin && aws_ "$@")
}

# sign NAME ISSUER EXTENSIONS [OPTION…]: a certificate for a CSR on stdin, by a software CA.
sign() {
        local name=$1 issuer=$2 extensions=$3
        shift 3
        openssl x509 -req -CA "$SANDBOX/pki/$issuer.pem" -CAkey "$SANDBOX/pki/$issuer.key" \
                -extfile <(printf '%s\n' "$extensions") -set_serial "0x$(openssl rand -hex 19)01" -sha256 \
                -days 30 "$@" -out "$SANDBOX/pki/$name.pem" 2>/dev/null
}

CA_EXTENSIONS=$'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash'
END_EXTENSIONS=$'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid'

# The stations' own CA: a root, and an intermediate one that issues.
pki_make() {
        mkdir "$SANDBOX/pki"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Stations root" \
                -days 90 -keyout "$SANDBOX/pki/root.key" -out "$SANDBOX/pki/root.pem" \
                -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Stations CA" \
                -keyout "$SANDBOX/pki/middle.key" 2>/dev/null | sign middle root "$CA_EXTENSIONS"
}

# station_key LABEL TYPE CN: a key on the token, and its certificate beside it.
station_key() {
        local options id
        mapfile -t options < <(token_options)
        p11cert csr --name "$1" --label "$1" --key-type "$2" --subject "CN=$3" "${options[@]}" 2>/dev/null |
                tee "$SANDBOX/$1.csr" | sign "$1" middle "$END_EXTENSIONS"
        id=$(show "$1" | jq -r .key.id)
        openssl x509 -in "$SANDBOX/pki/$1.pem" -outform DER -out "$SANDBOX/pki/$1.der"
        on_token --write-object "$SANDBOX/pki/$1.der" --type cert --id "$id" --label "$1" >/dev/null
}

# configure KEY=VALUE…: the station's configuration, which holds no secret.
configure() {
        mkdir -p "$HOME/.config/p11cert"
        (umask 077 && cat >"$HOME/.config/p11cert/config") <<END
module = $MODULE
token = $TOKEN
pin-source = file:$SANDBOX/pin
ca = $CA_ARN
endpoint-url = $ENDPOINT
rolesanywhere-trust-anchor = $ANCHOR
rolesanywhere-profile = $PROFILE
rolesanywhere-role = $ROLE
rolesanywhere-key = $STATION;object=login
rolesanywhere-chain = $SANDBOX/pki/middle.pem
$(printf '%s\n' "$@")
END
}

# anchor_make NAME PEM-FILE: its ARN.
anchor_make() {
        admin rolesanywhere create-trust-anchor --name "$1" --enabled --source \
                "$(jq -n --rawfile pem "$2" '{sourceType: "CERTIFICATE_BUNDLE",
                        sourceData: {x509CertificateData: $pem}}')" \
                --query trustAnchor.trustAnchorArn --output text
}

# role_make NAME CN…: a role that trusts certificates with these names, and may issue; its ARN.
role_make() {
        local name=$1 names=()
        shift
        for cn in "$@"; do names+=(--common-name "$cn"); done
        admin iam create-role --role-name "$name" --path /p11cert/ --query Role.Arn --output text \
                --assume-role-policy-document \
                "$(p11cert identity policy --role-trust "$ANCHOR" "${names[@]}" 2>/dev/null)"
        admin iam put-role-policy --role-name "$name" --policy-name issue --policy-document \
                "$(p11cert identity policy "$CA_ARN" 2>/dev/null)"
}

setup_file() {
        sandbox_make
        token_make
        localpca_start
        pki_make
        station_key login ec:p256 station-7
        station_key rsa rsa:2048 station-8
        ANCHOR=$(anchor_make stations "$SANDBOX/pki/root.pem")
        ROLE=$(role_make station station-7 station-8)
        PROFILE=$(admin rolesanywhere create-profile --name stations --enabled --role-arns "$ROLE" \
                --session-policy "$(p11cert identity policy "$CA_ARN" --session 2>/dev/null)" \
                --query profile.profileArn --output text)
        # Nothing of the environment, from here on, is a credential.
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        configure
        export SANDBOX ENDPOINT CA_ARN ROOT_CA LOCALPCA_PID ANCHOR ROLE PROFILE MODULE TOKEN
}

teardown_file() {
        sandbox_clear
}

stats() {
        curl -sS "$ENDPOINT/_localpca/stats" | jq -r "$1"
}

# setting NAME=VALUE: change the service while it runs.
setting() {
        curl -sS -X POST "$ENDPOINT/_localpca/settings" -d "$1" >/dev/null
}

# secrets: all that AWS handed out so far, a line each, out of the service's own books.
secrets() {
        sqlite3 "$SANDBOX/ca/localpca.db" "SELECT json FROM document WHERE kind = 'identity'" |
                jq -r '.secret_access_key, .session_token | select(. != null)' | sort -u
}

# nowhere OPTION…: what grep is asked for is in no file of the station.
nowhere() {
        local places=("$HOME" "$P11CERT_STATE" "$XDG_RUNTIME_DIR" "$TMPDIR" "$SANDBOX/talk" "$SANDBOX/tokens")
        [ -s "$P11CERT_STATE/ledger.db" ] || return 2
        if grep -ra "$@" "${places[@]}"; then
                return 1
        fi
}

@test "a station issues and keeps no AWS secret in home, state or run-time folder" {
        export XDG_RUNTIME_DIR=$SANDBOX/run TMPDIR=$SANDBOX/tmp
        mkdir -m 700 "$XDG_RUNTIME_DIR" "$TMPDIR"
        before=$(stats '.requests["rolesanywhere.CreateSession"] // 0')
        setting issue-delay=1500ms
        p11cert issue --output json --subject CN=device-1 >"$SANDBOX/issued" 2>"$SANDBOX/talk" &
        pid=$!
        # In the middle of it, and once more at its end.
        until [ -s "$P11CERT_STATE/ledger.db" ] && [ "$(stats .issued)" != 0 ] || ! kill -0 $pid; do sleep 0.05; done
        secrets >"$SANDBOX/secrets"
        [ "$(wc -l <"$SANDBOX/secrets")" -ge 3 ]
        nowhere -Ff "$SANDBOX/secrets"
        wait $pid
        setting issue-delay=300ms
        output=$(cat "$SANDBOX/issued")
        delivered
        [ "$(stats '.requests["rolesanywhere.CreateSession"]')" = $((before + 1)) ]
        secrets >"$SANDBOX/secrets"
        nowhere -Ff "$SANDBOX/secrets"
        # Nor anything that looks like one.
        nowhere -E 'A[KS]IA[A-Z0-9]{16}|[Ss]ecret_?[Aa]ccess_?[Kk]ey|[Ss]ession_?[Tt]oken *[=:]'
        # The search would have found one.
        head -n 1 "$SANDBOX/secrets" >"$XDG_RUNTIME_DIR/planted"
        run nowhere -Ff "$SANDBOX/secrets"
        [ "$status" = 1 ] && [[ $output == *planted* ]]
}

@test "the aws CLI uses identity credential-process, and may no more than the role" {
        mkdir -p "$HOME/.aws"
        cat >"$HOME/.aws/config" <<END
[profile station]
credential_process = $BUILD/p11cert --no-prompt identity credential-process
END
        done_well p11cert identity credential-process
        is '.Version == 1 and (.AccessKeyId | startswith("ASIA")) and (.SecretAccessKey | length > 20)
                and (.SessionToken | length > 20) and (.Expiration | test("^20.*Z$"))'
        [ -z "$stderr" ]
        # AWS_PROFILE must not lead back to ourselves.
        export AWS_PROFILE=station
        done_well aws_ sts get-caller-identity --query Arn --output text
        [[ $output == arn:aws:sts::111122223333:assumed-role/station/* ]]
        done_well aws_ acm-pca describe-certificate-authority --certificate-authority-arn "$CA_ARN"
        run aws_ acm-pca revoke-certificate --certificate-authority-arn "$CA_ARN" \
                --certificate-serial 01 --revocation-reason SUPERSEDED
        [[ $output == *AccessDenied* ]]
        run aws_ acm-pca list-certificate-authorities
        [[ $output == *AccessDenied* ]]
        # A wrong configuration is told on stderr alone.
        run --separate-stderr p11cert identity credential-process --rolesanywhere-key pkcs11:token=none\;object=x
        [ "$status" = 6 ] && [ -z "$output" ] && [[ $stderr == *"token"* ]]
}

@test "doctor judges the station's certificate and says how it is shut out" {
        done_well p11cert doctor --output json
        is '[.checks[] | select(.name == "station")][0] | .result == "ok" and (.detail | contains("CN=station-7"))'
        is "[.checks[] | select(.name == \"shut out\")][0].detail | contains(\"import-crl\") and
                contains(\"disable-profile --profile-id ${PROFILE##*/}\")"
        is '[.checks[] | select(.name == "anchor")][0].result == "ok"'
        is '[.checks[] | select(.name == "identity")][0].detail | contains("Roles Anywhere")'
        # One that is of no use to Roles Anywhere is found before AWS is asked.
        openssl x509 -req -in "$SANDBOX/login.csr" -CA "$SANDBOX/pki/middle.pem" \
                -CAkey "$SANDBOX/pki/middle.key" -days 2 -set_serial 99 -extfile \
                <(printf 'basicConstraints=CA:FALSE\nkeyUsage=keyEncipherment\n') -out "$SANDBOX/pki/bad.pem" 2>/dev/null
        refused config 2 p11cert doctor --output json --rolesanywhere-certificate "$SANDBOX/pki/bad.pem"
        is '[.checks[] | select(.name == "station")][0] | .result == "fail" and (.detail | contains("digitalSignature"))'
}

@test "an RSA key logs in, with a session of its own length" {
        done_well p11cert identity credential-process --rolesanywhere-key "$STATION;object=rsa" \
                --rolesanywhere-duration 15m
        end=$(date -d "$(fact .Expiration)" +%s)
        [ $((end - $(date +%s))) -le 900 ] && [ $((end - $(date +%s))) -gt 700 ]
}

@test "the PIN is fetched once for station and device; a module that hangs is left behind in time" {
        printf '#!/bin/sh\necho fetched >>%s/fetched\ncat %s/pin\n' "$SANDBOX" "$SANDBOX" >"$SANDBOX/pin.sh"
        chmod 700 "$SANDBOX/pin.sh"
        sed "s|^pin-source = .*|pin-source = cmd:$SANDBOX/pin.sh|" "$HOME/.config/p11cert/config" >"$SANDBOX/cmd.conf"
        chmod 600 "$SANDBOX/cmd.conf"
        done_well p11cert --config "$SANDBOX/cmd.conf" issue --output json --subject CN=device-5
        delivered
        [ "$(wc -l <"$SANDBOX/fetched")" = 1 ]

        break_with "C_Sign hang"
        sed "s|^module = .*|module = $BREAKABLE\ntoken-timeout = 2s|" "$HOME/.config/p11cert/config" >"$SANDBOX/hang.conf"
        chmod 600 "$SANDBOX/hang.conf"
        refused token-hangs 6 p11cert --config "$SANDBOX/hang.conf" ca show --output json
}

@test "a batch asks for one session, whatever the number of its rows" {
        printf 'name,subject\n' >"$SANDBOX/rows.csv"
        for i in 1 2 3 4 5; do printf 'row-%s,CN=row-%s\n' $i $i; done >>"$SANDBOX/rows.csv"
        before=$(stats '.requests["rolesanywhere.CreateSession"]')
        issued_before=$(issued)
        done_well p11cert batch "$SANDBOX/rows.csv" --output json
        [ "$(issued)" = $((issued_before + 5)) ]
        [ "$(stats '.requests["rolesanywhere.CreateSession"]')" = $((before + 1)) ]
}

@test "what AWS refuses is told with what mends it, and nothing is issued" {
        issued_before=$(issued)
        # A chain that does not reach the anchor.
        refused access-denied 5 p11cert issue --output json --subject CN=device-2 --rolesanywhere-chain none
        is '.error.aws.message | startswith("Untrusted signing certificate")'
        is '.error.next | contains("--rolesanywhere-chain")'
        # An anchor of somebody else.
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Stations root" \
                -days 90 -keyout /dev/null -out "$SANDBOX/pki/foreign.pem" 2>/dev/null
        foreign=$(anchor_make foreign "$SANDBOX/pki/foreign.pem")
        refused access-denied 5 p11cert issue --output json --subject CN=device-2 \
                --rolesanywhere-trust-anchor "$foreign"
        is '.error.aws.message | startswith("Untrusted signing certificate")'
        # Another common name than the role trusts.
        role=$(role_make other station-9)
        admin rolesanywhere update-profile --profile-id "${PROFILE##*/}" --role-arns "$ROLE" "$role" >/dev/null
        refused access-denied 5 p11cert issue --output json --subject CN=device-2 --rolesanywhere-role "$role"
        is '.error.aws.message | startswith("Unable to assume role")'
        is '.error.next | contains("--role-trust")'
        # A role that the profile does not list, an anchor that is not there.
        refused access-denied 5 p11cert issue --output json --subject CN=device-2 \
                --rolesanywhere-role arn:aws:iam::111122223333:role/p11cert/none
        refused config 2 p11cert issue --output json --subject CN=device-2 --rolesanywhere-trust-anchor \
                "$HERE:trust-anchor/00000000-0000-4000-8000-000000000000"
        [ "$(issued)" = "$issued_before" ]
}

@test "a station is shut out by disabling the profile, or by a CRL; each can be undone" {
        admin rolesanywhere disable-profile --profile-id "${PROFILE##*/}" >/dev/null
        refused access-denied 5 p11cert ca show --output json
        is '.error.aws.message | contains("disabled")'
        admin rolesanywhere enable-profile --profile-id "${PROFILE##*/}" >/dev/null
        done_well p11cert ca show --output json

        # A CRL of the intermediate CA that names the certificate.
        : >"$SANDBOX/pki/index.txt"
        printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\ndefault_crl_days=30\n' \
                "$SANDBOX/pki/index.txt" >"$SANDBOX/pki/ca.conf"
        openssl ca -config "$SANDBOX/pki/ca.conf" -cert "$SANDBOX/pki/middle.pem" -keyfile \
                "$SANDBOX/pki/middle.key" -revoke "$SANDBOX/pki/login.pem" 2>/dev/null
        openssl ca -config "$SANDBOX/pki/ca.conf" -cert "$SANDBOX/pki/middle.pem" -keyfile \
                "$SANDBOX/pki/middle.key" -gencrl -out "$SANDBOX/pki/crl.pem" 2>/dev/null
        crl=$(admin rolesanywhere import-crl --name stations --enabled --trust-anchor-arn "$ANCHOR" \
                --crl-data "fileb://$SANDBOX/pki/crl.pem" --query crl.crlId --output text)
        refused access-denied 5 p11cert ca show --output json
        is '.error.aws.message | contains("revoked")'
        # The other one is not in it.
        done_well p11cert ca show --output json --rolesanywhere-key "$STATION;object=rsa"
        admin rolesanywhere disable-crl --crl-id "$crl" >/dev/null
        done_well p11cert ca show --output json
        [ "$(admin rolesanywhere list-crls --query 'crls[].enabled' --output json | jq -c .)" = '[false]' ]
}

@test "a CA below the anchor is refused; with --allow-self-renew the station renews its own certificate" {
        # The station's certificate comes from the very CA that it issues from; a day of 61 is left.
        as_limited
        done_well issue --subject CN=station-1 --name own --validity 1d \
                --not-before "$(date -u -d '60 days ago' +%FT%TZ)"
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        ANCHOR=$(admin rolesanywhere create-trust-anchor --name devices --enabled --source \
                "sourceType=AWS_ACM_PCA,sourceData={acmPcaArn=$CA_ARN}" \
                --query trustAnchor.trustAnchorArn --output text)
        ROLE=$(role_make self station-1)
        PROFILE=$(admin rolesanywhere create-profile --name self --enabled --role-arns "$ROLE" \
                --query profile.profileArn --output text)
        self=(--rolesanywhere-trust-anchor "$ANCHOR" --rolesanywhere-profile "$PROFILE" --rolesanywhere-role "$ROLE"
                --rolesanywhere-key "$STATION;object=own" --rolesanywhere-chain none)
        issued_before=$(issued)
        refused anchor-shared 2 p11cert issue --output json --subject CN=device-3 "${self[@]}"
        [ "$(issued)" = "$issued_before" ]

        refused anchor-shared 2 p11cert doctor --output json "${self[@]}"
        is '[.checks[] | select(.result == "fail")] | length == 1 and .[0].name == "anchor"'

        first=$(show own | jq -r .serial)
        done_well p11cert issue --output json --subject CN=device-3 "${self[@]}" --allow-self-renew
        delivered
        [[ $stderr == *"its own certificate was renewed"* ]]
        output=$(show own)
        is ".state == \"delivered\" and .serial != \"$first\""
        # It logs in with the new one, and does not renew that again.
        serial=$(fact .serial)
        done_well p11cert ca show --output json "${self[@]}"
        sqlite3 "$SANDBOX/ca/localpca.db" "SELECT json FROM document WHERE kind = 'identity'" |
                jq -r '.arn // empty' | grep -q "assumed-role/self/$serial\$"
        issued_before=$(issued)
        done_well p11cert issue --output json --subject CN=device-4 "${self[@]}" --allow-self-renew
        [ "$(issued)" = $((issued_before + 1)) ]
}

@test "a station that runs on renews its own certificate beside its units, and logs in with the new one" {
        local began took now tries=0 first status=0
        token_make second
        ANCHOR=$(admin rolesanywhere create-trust-anchor --name lasting --enabled --source \
                "sourceType=AWS_ACM_PCA,sourceData={acmPcaArn=$CA_ARN}" \
                --query trustAnchor.trustAnchorArn --output text)
        ROLE=$(role_make lasting station-2)
        PROFILE=$(admin rolesanywhere create-profile --name lasting --enabled --role-arns "$ROLE" \
                --query profile.profileArn --output text)
        began=$(date +%s%N)
        done_well p11cert ca show --output json
        took=$((($(date +%s%N) - began) / 1000000))
        # A third of its time is left soon, but not before the station has begun.
        now=$(date +%s)
        as_limited
        done_well issue --subject CN=station-2 --name lasting --validity 1d \
                --not-before "$(date -u -d "@$((now - 2 * 86400 + 3 * (4 + took / 100)))" +%FT%TZ)"
        first=$(fact .serial)
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
        local self=(--rolesanywhere-trust-anchor "$ANCHOR" --rolesanywhere-profile "$PROFILE"
                --rolesanywhere-role "$ROLE" --rolesanywhere-key "$STATION;object=lasting"
                --rolesanywhere-chain none --rolesanywhere-pin-source "file:$SANDBOX/pin")
        issued_before=$(issued)
        "$BUILD/p11cert" --no-prompt station --token pkcs11:token=second --subject CN=unit-2 "${self[@]}" --allow-self-renew \
                >/dev/null 2>"$SANDBOX/log" </dev/null 3>&- &
        STATION_PID=$!
        until grep -q 'station .*own certificate was renewed' "$SANDBOX/log" && grep -q 'OK .*unit-2' "$SANDBOX/log"; do
                tries=$((tries + 1))
                [ $tries -lt 600 ] || { cat "$SANDBOX/log"; return 1; }
                sleep 0.1
        done
        kill -INT $STATION_PID
        wait $STATION_PID || status=$?
        [ $status = 0 ] || { cat "$SANDBOX/log"; return 1; }
        # While it ran, and once.
        grep -q 'Z  station   note     the station.s own certificate was renewed' "$SANDBOX/log"
        [ "$(issued)" = $((issued_before + 2)) ]
        output=$(show lasting)
        is ".state == \"delivered\" and .serial != \"$first\""
        done_well p11cert ca show --output json "${self[@]}"
        sqlite3 "$SANDBOX/ca/localpca.db" "SELECT json FROM document WHERE kind = 'identity'" |
                jq -r '.arn // empty' | grep -q "assumed-role/lasting/$(show lasting | jq -r .serial)\$"
}

@test "a request that no certificate signed is refused before its body is looked at" {
        done_well curl -sS -X POST "$ENDPOINT/sessions" -d 'nonsense'
        is '.message == "Missing Authentication Token"'
        # A CRL that is downloaded is no request of Roles Anywhere.
        [ "$(curl -sS -o /dev/null -w '%{http_code}' "$ENDPOINT/crl/${CA_ARN##*/}.crl")" = 200 ]
}

@test "config check refuses ARNs that do not go together, and half of the options" {
        done_well p11cert config check --output json
        sed "s|^rolesanywhere-profile = .*|rolesanywhere-profile = ${PROFILE/us-east-1/eu-west-1}|" \
                "$HOME/.config/p11cert/config" >"$SANDBOX/other.conf"
        chmod 600 "$SANDBOX/other.conf"
        refused config 2 p11cert --config "$SANDBOX/other.conf" config check --output json
        is '.error.what | contains("Regions")'
        sed '/^rolesanywhere-role/d' "$HOME/.config/p11cert/config" >"$SANDBOX/other.conf"
        refused config 2 p11cert --config "$SANDBOX/other.conf" config check --output json
        is '.error.what | contains("rolesanywhere-role")'
        refused config 2 p11cert --config "$SANDBOX/other.conf" ca show --output json
}

@test "a clock that is 20 minutes off is corrected, and the session is got all the same" {
        setting clock-offset=20m
        done_well p11cert ca show --output json
        setting clock-offset=0s
}
