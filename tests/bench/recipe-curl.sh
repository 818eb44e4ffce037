#!/bin/sh
# What people do today (B): as recipe-aws.sh, with curl's own signatures in place of the aws CLI.
# No retries, no roles, no credential chain.
# From the environment: MODULE TOKEN PIN NAME OUT CA_ARN ENDPOINT ROOT_CA, and AWS_…
set -eu
export PKCS11_MODULE_PATH="$MODULE"
id=$(openssl rand -hex 8)
template=arn:aws:acm-pca:::template/EndEntityCertificate/V1
tool() {
        pkcs11-tool --module "$MODULE" --token-label "$TOKEN" --login --pin "$PIN" "$@" >/dev/null 2>&1
}
pca() {
        curl -s --aws-sigv4 "aws:amz:us-east-1:acm-pca" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
                -H "Content-Type: application/x-amz-json-1.1" -H "X-Amz-Target: ACMPrivateCA.$1" \
                --data-binary "$2" "$ENDPOINT/"
}

tool --keypairgen --key-type EC:prime256v1 --id "$id" --label "$NAME"
openssl req -new -engine pkcs11 -keyform engine -sha256 -subj "/CN=$NAME" \
        -key "pkcs11:token=$TOKEN;object=$NAME;type=private;pin-value=$PIN" \
        -out "$OUT/csr.pem" 2>"$OUT/openssl.log"
csr=$(base64 -w0 "$OUT/csr.pem")
arn=$(pca IssueCertificate "{\"CertificateAuthorityArn\":\"$CA_ARN\",\"Csr\":\"$csr\",
        \"SigningAlgorithm\":\"${ALGORITHM:-SHA256WITHECDSA}\",\"TemplateArn\":\"$template\",
        \"Validity\":{\"Value\":365,\"Type\":\"DAYS\"}}" | jq -er .CertificateArn)
until pca GetCertificate "{\"CertificateAuthorityArn\":\"$CA_ARN\",\"CertificateArn\":\"$arn\"}" \
        >"$OUT/answer.json" && jq -e .Certificate "$OUT/answer.json" >/dev/null; do
        sleep 0.2
done
jq -r .Certificate "$OUT/answer.json" >"$OUT/certificate.pem"
jq -r .CertificateChain "$OUT/answer.json" >"$OUT/chain.pem"
openssl verify -CAfile "$ROOT_CA" -untrusted "$OUT/chain.pem" "$OUT/certificate.pem" >/dev/null
openssl x509 -in "$OUT/certificate.pem" -outform DER -out "$OUT/certificate.der"
tool --write-object "$OUT/certificate.der" --type cert --id "$id" --label "$NAME"
