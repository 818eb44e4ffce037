# What the end-to-end tests share: a folder of their own, tokens, a CA, and assertions on JSON.
# The programs are those of the build in P11CERT_BUILD (scripts/check sets it; else build/check).
#
#     setup() { sandbox_make; token_make; localpca_start; }
#     teardown() { sandbox_clear; }
# shellcheck shell=bash disable=SC2034,SC2154

bats_require_minimum_version 1.5.0

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
BUILD=${P11CERT_BUILD:-$ROOT/build/check}
SOFTHSM=/usr/lib/softhsm/libsofthsm2.so
BREAKABLE=$BUILD/tests/token/.libs/breakable.so
PIN=1234
# How long the long ones are; read before sandbox_make clears the environment.
SHORT=${P11CERT_SHORT:-} SOAK=${P11CERT_SOAK:-} ROUNDS=${P11CERT_STATION_ROUNDS:-} KILLS=${P11CERT_KILLS:-}
export LC_ALL=C.UTF-8 SOFTHSM

# -- the sandbox ---------------------------------------------------------------------------------

# A folder in memory where that can be had, and an environment in which nothing of the caller's is.
sandbox_make() {
        local base=/dev/shm
        [ -w "$base" ] || base=${TMPDIR:-/tmp}
        SANDBOX=$(mktemp -d -p "$base" p11cert-e2e-XXXXXX)
        unset "${!AWS_@}" "${!P11CERT_@}" "${!BREAKABLE_@}" "${!XDG_@}" 2>/dev/null || true
        export SANDBOX HOME=$SANDBOX/home P11CERT_STATE=$SANDBOX/state
        # Debian's own aws and python3, whatever else the caller has installed.
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        export AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true NO_COLOR=1
        export SOFTHSM2_CONF=$SANDBOX/softhsm.conf
        export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 LSAN_OPTIONS=suppressions=$ROOT/tests/lsan.supp:print_suppressions=0
        mkdir -m 700 "$HOME" "$SANDBOX/tokens"
        cat >"$SOFTHSM2_CONF" <<END
directories.tokendir = $SANDBOX/tokens
objectstore.backend = file
log.level = ERROR
END
        (umask 077 && printf '%s\n' "$PIN" >"$SANDBOX/pin")
        MODULE=$SOFTHSM
        TOKEN=pkcs11:token=first
        LOCALPCA_PID=
}

sandbox_clear() {
        localpca_stop
        [ -z "${SANDBOX:-}" ] || rm -rf "$SANDBOX"
}

# -- tokens --------------------------------------------------------------------------------------

# token_make [LABEL]: a SoftHSM token whose PIN is 1234.
token_make() {
        softhsm2-util --init-token --free --label "${1:-first}" --pin "$PIN" --so-pin 5678 >/dev/null
}

# token_serial [LABEL]
token_serial() {
        softhsm2-util --show-slots | awk -v label="${1:-first}" '
                /Serial number:/ { serial = $3 }
                /Label:/ && $2 == label { print serial; exit }'
}

# break_with RULE…: use the breakable module with these rules (tests/token/rules.h), a line each.
break_with() {
        MODULE=$BREAKABLE
        export BREAKABLE_RULES=$SANDBOX/rules BREAKABLE_COUNTS=$SANDBOX/counts
        printf '%s\n' "$@" >"$SANDBOX/rules.new"
        mv "$SANDBOX/rules.new" "$SANDBOX/rules"
}

mend() {
        break_with ""
}

# counted FUNCTION: how often it was called since break_with.
counted() {
        awk -v name="$1" '$1 == name { print $2 }' "$SANDBOX/counts"
}

# On a sanitized build pkcs11-tool cannot load the breakable module; SoftHSM shows the same objects.
on_token() {
        pkcs11-tool --module "$SOFTHSM" --token-label "${TOKEN_LABEL:-first}" --login --pin "$PIN" "$@" \
                2>/dev/null
}

# ids_of privkey|pubkey|cert: CKA_ID of every such object, a line each ("-" where there is none).
ids_of() {
        on_token --list-objects --type "$1" | awk '
                /^(Private|Public) Key Object|^Certificate Object/ { if (open) print id; open = 1; id = "-" }
                /^  ID:/ { id = $2 }
                END { if (open) print id }'
}

# -- the CA --------------------------------------------------------------------------------------

# localpca_start [OPTION…]: start it (again), read its line, take the limited identity.
localpca_start() {
        local tries=0
        mkdir -p "$SANDBOX/ca"
        rm -f "$SANDBOX/ca.json"
        # It dies with this test, whatever ends the test.
        setpriv --pdeathsig KILL "$BUILD/localpca/localpca" --listen "127.0.0.1:${LOCALPCA_PORT:-0}" \
                --state "$SANDBOX/ca" "$@" >"$SANDBOX/ca.json" 2>"$SANDBOX/ca.log" </dev/null 3>&- &
        LOCALPCA_PID=$!
        until [ -s "$SANDBOX/ca.json" ] && jq -e .endpoint "$SANDBOX/ca.json" >/dev/null 2>&1; do
                tries=$((tries + 1))
                if [ $tries -gt 500 ] || ! kill -0 "$LOCALPCA_PID" 2>/dev/null; then
                        cat "$SANDBOX/ca.log" >&2
                        return 1
                fi
                sleep 0.02
        done
        ENDPOINT=$(jq -r .endpoint "$SANDBOX/ca.json")
        CA_ARN=$(jq -r .ca_arn "$SANDBOX/ca.json")
        ROOT_CA=$(jq -r .root_ca "$SANDBOX/ca.json")
        as_limited
}

localpca_stop() {
        [ -n "${LOCALPCA_PID:-}" ] || return 0
        kill "$LOCALPCA_PID" 2>/dev/null || true
        wait "$LOCALPCA_PID" 2>/dev/null || true
        LOCALPCA_PID=
}

# localpca_again [OPTION…]: the same CA on the same port with other options (faults, above all).
localpca_again() {
        localpca_stop
        LOCALPCA_PORT=${ENDPOINT##*:} localpca_start "$@"
}

as_limited() {
        AWS_ACCESS_KEY_ID=$(jq -r .access_key_id "$SANDBOX/ca.json")
        AWS_SECRET_ACCESS_KEY=$(jq -r .secret_access_key "$SANDBOX/ca.json")
        export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

as_admin() {
        AWS_ACCESS_KEY_ID=$(jq -r .admin_access_key_id "$SANDBOX/ca.json")
        AWS_SECRET_ACCESS_KEY=$(jq -r .admin_secret_access_key "$SANDBOX/ca.json")
        export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

# issued: how many certificates the CA has issued, by its own books.
issued() {
        sqlite3 "$SANDBOX/ca/localpca.db" 'SELECT count(*) FROM issued WHERE service = 0'
}

# -- the program ---------------------------------------------------------------------------------

p11cert() {
        # shellcheck disable=SC2086
        ${WRAP:-} "$BUILD/p11cert" --no-prompt "$@"
}

# Options that every command with a token, or with the CA, is given here.
token_options() {
        printf '%s\n' --module "$MODULE" --token "$TOKEN" --pin-source "file:$SANDBOX/pin"
}

# issue OPTION…: with token, CA and JSON.
issue() {
        local options
        mapfile -t options < <(token_options)
        p11cert issue --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" "${options[@]}" "$@"
}

# resume OPTION…: what was interrupted; the token's options are the order's own.
resume() {
        p11cert resume --output json --pin-source "file:$SANDBOX/pin" "$@"
}

show() {
        p11cert show --output json "$@"
}

# -- assertions ----------------------------------------------------------------------------------

# is FILTER: it is true of the JSON in $output.
is() {
        # jq -e calls it true when there is no JSON at all.
        [ -n "$output" ] && jq -e "$1" <<<"$output" >/dev/null && return 0
        printf 'not so: %s\nin: %s\n' "$1" "$(brief)" >&2
        return 1
}

# brief: what matters of $output, for the log of a test that failed.
brief() {
        jq -c 'if has("order") then {order, state, serial, maybe_duplicate, key: .key.id, error} else . end' \
                <<<"$output" 2>/dev/null || printf '%s' "$output"
}

# fact FILTER: a value out of the JSON in $output.
fact() {
        jq -r "$1" <<<"$output"
}

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

# refused KIND STATUS COMMAND…: it fails with this error.kind and exit status, and says in three
# sentences what happened, to which object, and what to do next.
refused() {
        local kind=$1 expected=$2
        shift 2
        run --separate-stderr -- "$@"
        if [ "$status" != "$expected" ]; then
                printf 'exit status %s, not %s\nstdout: %s\nstderr: %s\n' "$status" "$expected" "$(brief)" \
                        "$stderr" >&2
                return 1
        fi
        is ".error.kind == \"$kind\"" || return 1
        # A usage error is about the command line itself.
        is '.error | (.what | length > 0) and (.about or .kind == "usage" or .kind == "config") and
                (.next | length > 0)'
}

# done_well COMMAND…: exit status 0; its stdout is in $output.
done_well() {
        run --separate-stderr -- "$@"
        [ "$status" = 0 ] && return 0
        printf 'exit status %s\nstdout: %s\nstderr: %s\n' "$status" "$(brief)" "$stderr" >&2
        return 1
}

# delivered: the JSON in $output is a delivered order whose certificate is what the token's key and
# the CA's root say it is.
delivered() {
        is '.state == "delivered" and .error == null' || return 1
        openssl verify -CAfile "$(fact .files.root)" -untrusted "$(fact .files.chain)" \
                "$(fact .files.certificate)" >/dev/null || return 1
        [ "$(fact .serial)" = "$(openssl x509 -in "$(fact .files.certificate)" -noout -serial |
                sed 's/serial=//' | tr A-F a-f)" ] || return 1
        same_key_on_token "$(fact .key.id)" "$(fact .files.certificate)"
}

# same_key_on_token ID CERTIFICATE: the private key with this id signs what the certificate verifies.
same_key_on_token() {
        local mechanism=ECDSA format=(--signature-format openssl)
        openssl x509 -in "$2" -noout -pubkey >"$SANDBOX/proof.pub"
        if openssl rsa -pubin -in "$SANDBOX/proof.pub" -noout 2>/dev/null; then
                mechanism=RSA-PKCS format=()
        fi
        head -c 32 /dev/urandom >"$SANDBOX/proof"
        on_token --sign --id "$1" --mechanism "$mechanism" "${format[@]}" --input-file "$SANDBOX/proof" \
                --output-file "$SANDBOX/proof.sig" >/dev/null || return 1
        openssl pkeyutl -verify -pubin -inkey "$SANDBOX/proof.pub" -in "$SANDBOX/proof" \
                -sigfile "$SANDBOX/proof.sig" >/dev/null
}

# one_of_each ID [-]: exactly one private key, public key and certificate on the token, all with ID;
# with "-", objects that have no id at all are overlooked.
one_of_each() {
        local type ids
        for type in privkey pubkey cert; do
                ids=$(ids_of $type | grep -vxFe "${2:-none}" || true)
                [ "$ids" = "$1" ] && continue
                printf '%s objects: %s; expected: %s\n' "$type" "$(tr '\n' ' ' <<<"$ids")" "$1" >&2
                return 1
        done
}
