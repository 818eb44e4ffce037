#!/bin/sh
# What people do today (A): a key with pkcs11-tool, a CSR with OpenSSL's pkcs11 engine, three calls
# of the aws CLI, openssl verify, and the certificate back onto the token.
# From the environment: MODULE TOKEN PIN NAME OUT CA_ARN ENDPOINT ROOT_CA, and AWS_…
set -eu
export PKCS11_MODULE_PATH="$MODULE"
id=$(openssl rand -hex 8)
template=arn:aws:acm-pca:::template/EndEntityCertificate/V1
tool() {
        pkcs11-tool --module "$MODULE" --token-label "$TOKEN" --login --pin "$PIN" "$@" >/dev/null 2>&1
}
pca() {
        "${AWS:-aws}" acm-pca "$@" --certificate-authority-arn "$CA_ARN" --endpoint-url "$ENDPOINT"
}

tool --keypairgen --key-type EC:prime256v1 --id "$id" --label "$NAME"
openssl req -new -engine pkcs11 -keyform engine -sha256 -subj "/CN=$NAME" \
        -key "pkcs11:token=$TOKEN;object=$NAME;type=private;pin-value=$PIN" \
        -out "$OUT/csr.pem" 2>"$OUT/openssl.log"
arn=$(pca issue-certificate --csr "fileb://$OUT/csr.pem" --signing-algorithm "${ALGORITHM:-SHA256WITHECDSA}" \
        --template-arn "$template" --validity Value=365,Type=DAYS --query CertificateArn --output text)
pca wait certificate-issued --certificate-arn "$arn"
pca get-certificate --certificate-arn "$arn" --output json >"$OUT/answer.json"
jq -r .Certificate "$OUT/answer.json" >"$OUT/certificate.pem"
jq -r .CertificateChain "$OUT/answer.json" >"$OUT/chain.pem"
openssl verify -CAfile "$ROOT_CA" -untrusted "$OUT/chain.pem" "$OUT/certificate.pem" >/dev/null
openssl x509 -in "$OUT/certificate.pem" -outform DER -out "$OUT/certificate.der"
tool --write-object "$OUT/certificate.der" --type cert --id "$id" --label "$NAME"
