#!/usr/bin/env bats
# What it is all for: a program that does TLS with the key on the token.
load common

setup() {
        sandbox_make
        token_make
        localpca_start
}

teardown() {
        [ -z "${NGINX_PID:-}" ] || kill "$NGINX_PID" 2>/dev/null || true
        sandbox_clear
}

# nginx_start CERTIFICATE KEY-URI: on a free port, in $PORT.
nginx_start() {
        local tries
        mkdir -p "$SANDBOX/nginx"
        for tries in 1 2 3 4 5; do
                PORT=$((20000 + RANDOM % 20000))
                cat >"$SANDBOX/nginx/conf" <<END
daemon off;
worker_processes 1;
pid $SANDBOX/nginx/pid;
error_log $SANDBOX/nginx/error.log info;
env SOFTHSM2_CONF;
env PKCS11_MODULE_PATH;
$([ "$(id -u)" != 0 ] || echo 'user root;')
ssl_engine pkcs11;
events { }
http {
        access_log off;
        client_body_temp_path $SANDBOX/nginx/1; proxy_temp_path $SANDBOX/nginx/2;
        fastcgi_temp_path $SANDBOX/nginx/3; uwsgi_temp_path $SANDBOX/nginx/4;
        scgi_temp_path $SANDBOX/nginx/5;
        server {
                listen 127.0.0.1:$PORT ssl;
                ssl_certificate $1;
                ssl_certificate_key "engine:pkcs11:$2";
                location / { return 200 "hello from the token\n"; }
        }
}
END
                PKCS11_MODULE_PATH=$SOFTHSM setpriv --pdeathsig KILL /usr/sbin/nginx -c "$SANDBOX/nginx/conf" \
                        -e "$SANDBOX/nginx/error.log" >"$SANDBOX/nginx/out" 2>&1 </dev/null 3>&- &
                NGINX_PID=$!
                for _ in $(seq 100); do
                        kill -0 $NGINX_PID 2>/dev/null || break
                        ! (exec 9<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
                        sleep 0.05
                done
        done
        cat "$SANDBOX/nginx/error.log" "$SANDBOX/nginx/out" >&2
        return 1
}

@test "nginx serves TLS with the key on the token, and a client verifies it to the CA's root" {
        local type
        for type in ec:p256 rsa:2048; do
                done_well issue --subject CN=server.example --san dns:server.example --name "server-${type%:*}" \
                        --key-type $type --template EndEntityServerAuthCertificate/V1
                delivered
                local root uri
                root=$(fact .files.root)
                uri=$(fact .key.uri)
                nginx_start "$(fact .files.fullchain)" "$uri?pin-value=$PIN"
                openssl s_client -connect "127.0.0.1:$PORT" -servername server.example \
                        -verify_hostname server.example -CAfile "$root" -verify_return_error -brief \
                        </dev/null >"$SANDBOX/client" 2>&1
                grep -q 'Verification: OK' "$SANDBOX/client"
                curl -sS --cacert "$root" --resolve "server.example:$PORT:127.0.0.1" \
                        "https://server.example:$PORT/" | grep -q 'hello from the token'
                kill $NGINX_PID
                wait $NGINX_PID || true
        done
}

@test "nginx serves TLS when it is configured with the lines of README.txt" {
        local folder line
        done_well issue --subject CN=server.example --san dns:server.example
        folder=$(dirname "$(fact .files.certificate)")
        line=$(grep '^nginx: `ssl_engine pkcs11;`' "$folder/README.txt")
        [ "$(wc -l <"$folder/README.txt")" = 5 ]
        # The file's last byte belongs to the PIN, as README.txt says.
        (umask 077 && printf '%s' "$PIN" >"$SANDBOX/bare-pin")
        line=${line/PIN_FILE/$SANDBOX\/bare-pin}
        nginx_start "$(sed -E 's/.*`ssl_certificate ([^;]*);`.*/\1/' <<<"$line")" \
                "$(sed -E 's/.*`ssl_certificate_key "engine:pkcs11:([^"]*)";`.*/\1/' <<<"$line")"
        curl -sS --cacert "$folder/root.pem" --resolve "server.example:$PORT:127.0.0.1" \
                "https://server.example:$PORT/" | grep -q 'hello from the token'
}

@test "issue --prove, and verify: the application's view is looked at" {
        done_well issue --subject CN=device-1 --prove
        delivered
        done_well p11cert verify device-1 --output json --pin-source "file:$SANDBOX/pin"
        jq -e '[.. | strings] | index("application-view")' <<<"$output"
}

@test "verify says what is wrong: a file that was changed, a certificate or key that is gone" {
        verify() { p11cert verify device-1 --output json --pin-source "file:$SANDBOX/pin"; }
        done_well issue --subject CN=device-1
        local id certificate
        id=$(fact .key.id)
        certificate=$(fact .files.certificate)
        done_well verify
        mv "$certificate" "$SANDBOX/aside"
        run -9 --separate-stderr verify
        mv "$SANDBOX/aside" "$certificate"
        done_well verify
        on_token --delete-object --type cert --id "$id"
        run -9 --separate-stderr verify
        on_token --delete-object --type privkey --id "$id"
        run --separate-stderr verify
        [ "$status" = 9 ] || [ "$status" = 1 ]
}
