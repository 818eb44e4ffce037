#!/usr/bin/env bats
# The other verbs, end to end: a held CSR, renewal, revocation, tracking, and looking at things.
load common
load iam

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        sandbox_clear
}

# pin VERB…: with the PIN and JSON.
pin() { p11cert "$@" --output json --pin-source "file:$SANDBOX/pin"; }

# csr OPTION…
csr() {
        local options
        mapfile -t options < <(token_options)
        p11cert csr --output json "${options[@]}" "$@"
}

@test "a CSR is held: resume leaves it alone, and submit moves it" {
        done_well csr --subject CN=device-1 --san dns:device-1.example
        is '.state == "requested" or .state == "keyed"'
        done_well show device-1
        run resume
        [ "$(issued)" = 0 ]
        done_well pin submit device-1 --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --validity 30d
        done_well show device-1
        delivered
        is '.sans == ["dns:device-1.example"]'
        is '((.not_after | fromdateiso8601) - now) / 86400 | . > 29 and . < 31'
}

@test "a CSR that is written to stdout is one that openssl verifies" {
        local options
        mapfile -t options < <(token_options)
        p11cert csr "${options[@]}" --subject CN=device-1 --san dns:device-1.example 2>/dev/null |
                openssl req -verify -noout -text >"$SANDBOX/text" 2>&1
        grep -qi 'verify OK' "$SANDBOX/text"
        grep -q 'DNS:device-1.example' "$SANDBOX/text"
}

@test "a certificate that came another way is imported, if it is for the key" {
        local options
        mapfile -t options < <(token_options)
        p11cert csr "${options[@]}" --subject CN=device-1 >"$SANDBOX/csr.pem" 2>/dev/null
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/ca.key" -days 30 \
                -subj '/CN=Another CA' -out "$SANDBOX/ca.pem" 2>/dev/null
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
                -subj /CN=device-1 -out "$SANDBOX/other.csr" 2>/dev/null
        echo 'basicConstraints = critical,CA:FALSE' >"$SANDBOX/extensions"
        openssl x509 -req -extfile "$SANDBOX/extensions" -in "$SANDBOX/other.csr" -CA "$SANDBOX/ca.pem" -CAkey "$SANDBOX/ca.key" -days 10 \
                -CAcreateserial -out "$SANDBOX/other.pem" 2>/dev/null
        openssl x509 -req -extfile "$SANDBOX/extensions" -in "$SANDBOX/csr.pem" -CA "$SANDBOX/ca.pem" -CAkey "$SANDBOX/ca.key" -days 10 \
                -CAcreateserial -out "$SANDBOX/right.pem" 2>/dev/null
        run --separate-stderr pin import device-1 "$SANDBOX/other.pem" --root "$SANDBOX/ca.pem"
        [ "$status" = 9 ]
        [ -z "$(ids_of cert)" ]
        done_well pin import device-1 "$SANDBOX/right.pem" --root "$SANDBOX/ca.pem"
        done_well show device-1
        is '.state == "delivered"'
        one_of_each "$(fact .key.id)"
}

@test "on a narrow terminal a row of list is one line, without the serial number" {
        done_well csr --subject CN=device-1
        done_well script -qefc "stty cols 80; '$BUILD/p11cert' list" /dev/null </dev/null
        grep -qE '^ORDER  NAME .* TOKEN' <<<"$output"
        run ! grep -q SERIAL <<<"$output"
        done_well script -qefc "stty cols 120; '$BUILD/p11cert' list" /dev/null </dev/null
        grep -qE '^ORDER  NAME .* SERIAL' <<<"$output"
        done_well p11cert list
        grep -qE '^ORDER  NAME .* SERIAL$' <<<"$output"
}

@test "what was imported is renewed by a CA that is named, and does not hold up what is due" {
        local options aws
        mapfile -t options < <(token_options)
        aws=(--endpoint-url "$ENDPOINT")
        done_well issue --subject CN=device-1 --validity 20d
        p11cert csr "${options[@]}" --subject CN=device-2 >"$SANDBOX/csr.pem" 2>/dev/null
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/ca.key" -days 30 \
                -subj '/CN=Another CA' -out "$SANDBOX/ca.pem" 2>/dev/null
        echo 'basicConstraints = critical,CA:FALSE' >"$SANDBOX/extensions"
        openssl x509 -req -extfile "$SANDBOX/extensions" -in "$SANDBOX/csr.pem" -CA "$SANDBOX/ca.pem" \
                -CAkey "$SANDBOX/ca.key" -days 10 -CAcreateserial -out "$SANDBOX/right.pem" 2>/dev/null
        done_well pin import device-2 "$SANDBOX/right.pem" --root "$SANDBOX/ca.pem"

        refused usage 2 pin renew device-2
        done_well pin renew --due
        is '[.orders[].name] == ["device-1"]'
        grep -q "'device-2' was imported" <<<"$stderr"
        run -3 --separate-stderr pin renew --due --within 15d
        is ".orders == []"
        done_well p11cert renew device-2 --ca "$CA_ARN" "${aws[@]}" --dry-run
        grep -qE '^- +device-2 +- ' <<<"$output"
        done_well env P11CERT_CA="$CA_ARN" "$BUILD/p11cert" --no-prompt renew device-2 "${aws[@]}" \
                --pin-source "file:$SANDBOX/pin" --output json
        is '.name == "device-2" and .state == "delivered" and .replaces != null'
        is ".ca_arn == \"$CA_ARN\""
}

@test "a certificate that is imported where another was asked for leaves a doubt" {
        run -4 --separate-stderr issue --subject CN=device-1 --no-wait
        on_token --read-object --type pubkey --id "$(fact .key.id)" --output-file "$SANDBOX/key.der"
        openssl pkey -pubin -inform der -in "$SANDBOX/key.der" -out "$SANDBOX/key.pub"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/ca.key" -days 400 \
                -subj '/CN=Another CA' -out "$SANDBOX/ca.pem" 2>/dev/null
        printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'extendedKeyUsage = serverAuth,clientAuth' \
                'keyUsage = critical,digitalSignature,keyEncipherment' >"$SANDBOX/extensions"
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=device-1 2>/dev/null |
                openssl x509 -req -force_pubkey "$SANDBOX/key.pub" -extfile "$SANDBOX/extensions" -CA "$SANDBOX/ca.pem" \
                        -CAkey "$SANDBOX/ca.key" -days 365 -CAcreateserial -out "$SANDBOX/right.pem" 2>/dev/null
        done_well pin import device-1 "$SANDBOX/right.pem" --root "$SANDBOX/ca.pem"
        done_well show device-1
        is '.state == "delivered" and .maybe_duplicate == true'
}

@test "resume takes up everything that was interrupted" {
        local i
        localpca_again --fault IssueCertificate:denied
        for i in 1 2 3 4 5; do
                run -5 issue --subject "CN=device-$i"
        done
        localpca_again
        done_well resume
        is '[.orders[].state] == ["delivered", "delivered", "delivered", "delivered", "delivered"]'
        [ "$(issued)" = 5 ]
        [ "$(ids_of cert | sort -u | wc -l)" = 5 ]
}

@test "renew: a successor with the same key takes the place of the old certificate" {
        done_well issue --subject CN=device-1 --validity 10d
        local id serial
        id=$(fact .key.id) serial=$(fact .serial)
        done_well pin renew device-1
        delivered
        is ".key.id == \"$id\" and .serial != \"$serial\" and .replaces == 1"
        one_of_each "$id"
        done_well show 1
        is '.state == "superseded"'
        [ "$(issued)" = 2 ]
        # Named twice, it is renewed once.
        done_well pin renew device-1 2 name:device-1
        is '[.orders[] | .order, .replaces] == [3, 2]'
        [ "$(issued)" = 3 ]
}

@test "list, show and due: by name, number, serial and ARN" {
        done_well issue --subject CN=device-1 --validity 10d --holder Ada
        local serial arn
        serial=$(fact .serial) arn=$(fact .certificate_arn)
        done_well issue --subject CN=device-2 --holder Grace
        done_well p11cert list --output json
        is '[.orders[].name] == ["device-1", "device-2"]'
        done_well p11cert list --holder Grace --output json
        is '[.orders[].name] == ["device-2"]'
        local token
        for token in first "$(token_serial)" pkcs11:token=first "$(p11cert token list --module "$MODULE" \
                --output json | jq -r '.tokens[0].uri')"; do
                done_well p11cert list --on-token "$token" --output json
                is '.orders | length == 2'
        done
        done_well p11cert list --on-token pkcs11:token=other --output json
        is '.orders == []'
        refused usage 2 p11cert list --on-token pkcs11:model=x --output json
        refused usage 2 p11cert list --on-token pkcs11:tokn=first --output json
        done_well p11cert due --within 30d --output json
        is '[.orders[].name] == ["device-1"]'
        for name in 1 device-1 "$serial" "$arn"; do
                done_well show "$name"
                is '.order == 1'
        done
        refused order-unknown 1 show nobody
        run -3 p11cert due --within 1d --output json
}

@test "revoke, by who may" {
        done_well issue --subject CN=device-1
        refused access-denied 5 p11cert revoke device-1 --reason key-compromise --yes --output json
        as_admin
        done_well p11cert revoke device-1 --reason key-compromise --yes --output json
        run -3 --separate-stderr p11cert due --within 4000d --output json
        is '.orders == []'
        done_well p11cert show device-1 --output json
        is '(.revoked_at | length == 20) and .revocation_reason == "KEY_COMPROMISE"'
        # Who asks for the name again is not sent to `renew`, which does not renew what was revoked.
        as_limited
        refused nothing-to-do 3 issue --subject CN=device-1
        is '.error | (.what | contains("revoked")) and (.next | contains("renew") | not)'
}

@test "a CA is shown, listed, and its chain written" {
        done_well p11cert ca show "$CA_ARN" --endpoint-url "$ENDPOINT" --output json
        is '.status == "ACTIVE" and .key_algorithm == "EC_prime256v1" and .usage_mode == "GENERAL_PURPOSE"'
        is '.shared == false and (.templates | length) == 54 and (.templates_warned | length) == 7'
        is '.templates | index("BlankSubordinateCACertificate_PathLen3_APICSRPassthrough/V1")'
        as_admin
        done_well p11cert ca list --endpoint-url "$ENDPOINT" --output json
        grep -q "$CA_ARN" <<<"$output"
        as_limited
        done_well p11cert ca chain "$CA_ARN" --endpoint-url "$ENDPOINT" --out "$SANDBOX/chain" --output json
        [ "$(grep -c BEGIN "$SANDBOX/chain/root.pem")" = 1 ]
        openssl verify -CAfile "$SANDBOX/chain/root.pem" "$SANDBOX/chain/root.pem" >/dev/null
        ! grep -qF "$(sed -n 2p "$SANDBOX/chain/root.pem")" "$SANDBOX/chain/chain.pem"
}

@test "the Region of a CA that is configured is the one that is asked, where nobody names another" {
        localpca_stop
        rm -rf "$SANDBOX/ca"
        localpca_start --region eu-west-1
        unset AWS_REGION AWS_DEFAULT_REGION
        as_admin
        refused usage 2 p11cert ca list --endpoint-url "$ENDPOINT" --output json
        mkdir -p "$HOME/.config/p11cert"
        printf 'ca = %s\nendpoint-url = %s\n' "$CA_ARN" "$ENDPOINT" >"$HOME/.config/p11cert/config"
        done_well p11cert ca list --output json
        is ".authorities | any(.arn == \"$CA_ARN\")"
        done_well p11cert ca show --output json
        is ".arn == \"$CA_ARN\" and .account == \"111122223333\""
        done_well p11cert ca chain --out "$SANDBOX/chain" --output json
        AWS_REGION=us-east-2 done_well p11cert ca list --ca "$CA_ARN" --output json
        refused usage 2 p11cert ca list --ca "$CA_ARN" --region us-east-2 --output json
        # A role's session is cut to listing all the same.
        role mighty "$(trusting arn:aws:iam::111122223333:user/localpca-admin)" "$(allowing '*' '*')"
        done_well p11cert ca list --role-arn arn:aws:iam::111122223333:role/mighty --output json
        is ".authorities | any(.arn == \"$CA_ARN\")"
        # What is named counts, here for a Region that this server has nothing of.
        run --separate-stderr p11cert ca list --region us-east-2 --output json
        [ "$status" != 0 ]
        AWS_REGION=us-east-2 run --separate-stderr p11cert ca list --output json
        [ "$status" != 0 ]
}

@test "tokens, keys and certificates are listed" {
        done_well issue --subject CN=device-1
        local id
        id=$(fact .key.id)
        done_well p11cert token list --module "$MODULE" --output json
        grep -q "$(token_serial)" <<<"$output"
        done_well p11cert token info --module "$MODULE" --token "$TOKEN" --output json
        done_well pin key list --module "$MODULE" --token "$TOKEN"
        grep -q "$id" <<<"$output"
        done_well pin cert list --module "$MODULE" --token "$TOKEN"
        grep -q "$id" <<<"$output"
        refused token-absent 6 p11cert cert list --module "$MODULE" --token pkcs11:token=other --id 01 \
                --label device-1 --output json
}

@test "doctor finds nothing wrong where nothing is, changes nothing, and says what to mend" {
        done_well pin doctor --module "$MODULE" --token "$TOKEN" --ca "$CA_ARN" --endpoint-url "$ENDPOINT"
        [ -z "$(ids_of privkey)" ]
        [ "$(issued)" = 0 ]
        localpca_stop
        run --separate-stderr pin doctor --module "$MODULE" --token "$TOKEN" --ca "$CA_ARN" --endpoint-url "$ENDPOINT"
        [ "$status" != 0 ]
        # The tokens to choose from are a line each.
        run --separate-stderr p11cert doctor --module "$MODULE" --token pkcs11:token=other
        grep -qE '^ {17}pkcs11:.*token=first$' <<<"$output"
}

@test "config init writes a configuration that the program reads" {
        done_well p11cert config init
        [ -s "$HOME/.config/p11cert/config" ]
        done_well issue --subject CN=device-1
        delivered
        run p11cert config init
        [ "$status" != 0 ]
        # What stands there as a default is one: without its '#' it changes nothing.
        sed -E '/^#rolesanywhere-/d; s/^#([a-z-]+ = .)/\1/' "$HOME/.config/p11cert/config" >"$SANDBOX/all"
        grep -q '^file-mode = 0600' "$SANDBOX/all"
        P11CERT_CONFIG=$SANDBOX/all done_well p11cert config check
}

@test "a configuration may name what is at home: paths begin with ~/ there as on the command line" {
        printf '%s\n' 'state = ~/orders' 'pin-source = file:~/pin' "module = $MODULE" >"$SANDBOX/config"
        cp "$SANDBOX/pin" "$HOME/pin"
        unset P11CERT_STATE
        done_well p11cert -c "$SANDBOX/config" issue --output json --subject CN=device-1 --token "$TOKEN" \
                --ca "$CA_ARN" --endpoint-url "$ENDPOINT"
        delivered
        is ".files.certificate == \"$HOME/orders/certificates/device-1/certificate.pem\""
}

@test "the hash chain holds, and shows what was changed behind its back" {
        done_well issue --subject CN=device-1
        done_well p11cert audit verify
        sqlite3 "$P11CERT_STATE/ledger.db" "UPDATE orders SET serial = '00' || serial"
        run ! p11cert audit verify
}

@test "what is not understood is a usage error that names the nearest word" {
        run -2 --separate-stderr p11cert isue
        grep -q issue <<<"$stderr"
        run -2 --separate-stderr p11cert issue --subjet CN=x
        grep -q -- --subject <<<"$stderr"
        run -2 --separate-stderr issue --subject CN=x --key-type ec:p265
        grep -q ec:p256 <<<"$output$stderr"
        run -2 p11cert
}

@test "every verb has a help that names its options, and version says which this is" {
        done_well p11cert --help
        local verb
        for verb in issue csr submit fetch import resume list show due verify renew revoke doctor; do
                grep -qw $verb <<<"$output" || { echo "not in --help: $verb" >&2; false; }
                "$BUILD/p11cert" $verb --help | grep -qE "p11cert.* $verb"
        done
        done_well p11cert version
        grep -q '[0-9]\.[0-9]' <<<"$output"
}
