#!/usr/bin/env bats
# token init, check-pin, change-pin: a token is brought into service, and none is ever erased.
load common

setup() {
        sandbox_make
        token_make
}

teardown() {
        sandbox_clear
}

# init OPTION…: another token, its PINs from files.
init() {
        (umask 077 && printf 87654321 >"$SANDBOX/so-pin")
        p11cert token init --output json --module "$MODULE" --so-pin-source "file:$SANDBOX/so-pin" \
                --pin-source "file:$SANDBOX/pin" "$@"
}

check_pin() {
        p11cert token check-pin --output json --module "$MODULE" --pin-source "file:$SANDBOX/pin" "$@"
}

# shows LABEL: how many tokens have it.
shows() {
        softhsm2-util --show-slots | grep -cE "Label: +$1 *\$" || true
}

@test "token init makes a token that issues, and refuses one that is not blank" {
        refused token-not-blank 1 init --token-label other pkcs11:token=first
        done_well check_pin pkcs11:token=first

        done_well init --token-label second --dry-run
        is '.initialized == false'
        [ "$(shows second)" = 0 ]
        done_well init --token-label second
        is '.initialized and .pin_initialized and .label == "second" and (.serial | length > 0)'
        done_well check_pin pkcs11:token=second
        is '.pin == "right"'
        localpca_start
        TOKEN=pkcs11:token=second TOKEN_LABEL=second
        done_well issue --subject CN=device-1
        delivered
}

@test "token init goes on where it was interrupted" {
        break_with 'C_InitPIN kill'
        run -137 init --token-label second
        mend
        [ "$(shows second)" = 1 ]
        done_well init --token-label second
        is '.label == "second" and .pin_initialized'
        [ "$(shows second)" = 1 ]
        done_well check_pin pkcs11:token=second
}

@test "token init with a hook: random PINs that the hook alone gets, before anything is written" {
        cat >"$SANDBOX/vault" <<'END'
#!/bin/sh
[ -z "$REFUSE" ] || { echo "the vault is closed" >&2; exit 1; }
umask 077
cat >"$SANDBOX/$P11CERT_TOKEN_LABEL.pins"
END
        chmod 700 "$SANDBOX/vault"
        vault() {
                p11cert token init --output json --module "$MODULE" --pin-hook "$SANDBOX/vault" \
                        --token-label random "$@"
        }
        refused usage 2 vault --pin-source "file:$SANDBOX/pin"
        REFUSE=1 refused hook-failed 1 vault
        is '.error.about | contains("the vault is closed")'
        [ "$(shows random)" = 0 ]
        done_well vault
        # Its serial number may look like anything; the PINs are nowhere.
        for pin in $(sed -n 's/^[a-z-]*pin=//p' "$SANDBOX/random.pins"); do
                [ "${#pin}" -ge 8 ]
                run ! grep -qF "$pin" <<<"$output$stderr"
        done
        sed -n 's/^user-pin=//p' "$SANDBOX/random.pins" >"$SANDBOX/pin"
        done_well check_pin pkcs11:token=random
}

@test "token check-pin tries once, and never the last time" {
        printf 9999 >"$SANDBOX/pin"
        refused pin-wrong 7 check_pin pkcs11:token=first
        refused pin-refused 7 check_pin pkcs11:token=first
        printf 1234 >"$SANDBOX/pin"
        break_with 'set-flag=CKF_USER_PIN_FINAL_TRY'
        refused pin-last-try 8 check_pin pkcs11:token=first
        break_with 'set-flag=CKF_USER_PIN_LOCKED'
        refused pin-locked 8 check_pin pkcs11:token=first
        [ "$(counted C_Login)" = 0 ]
        mend
        done_well check_pin pkcs11:token=first
}

@test "token change-pin: the new one logs in, the old one does not" {
        (umask 077 && printf 1 >"$SANDBOX/short" && printf 87654321 >"$SANDBOX/new")
        change() {
                p11cert token change-pin --output json --module "$MODULE" --pin-source \
                        "file:$SANDBOX/pin" pkcs11:token=first --new-pin-source "$@"
        }
        refused pin-wrong 7 change "file:$SANDBOX/short"
        done_well change "file:$SANDBOX/new" --dry-run
        done_well check_pin pkcs11:token=first
        done_well change "file:$SANDBOX/new"
        is '.pin == "changed"'
        refused pin-wrong 7 check_pin pkcs11:token=first
        mv "$SANDBOX/new" "$SANDBOX/pin"
        done_well check_pin pkcs11:token=first
}

@test "a PIN command knows which token is meant" {
        cat >"$SANDBOX/pins" <<'END'
#!/bin/sh
[ "$P11CERT_TOKEN_LABEL" = first ] && [ -n "$P11CERT_TOKEN_SERIAL" ] && echo 1234
END
        chmod 700 "$SANDBOX/pins"
        done_well p11cert token check-pin --output json --module "$MODULE" \
                --pin-source "cmd:$SANDBOX/pins" pkcs11:token=first
}
