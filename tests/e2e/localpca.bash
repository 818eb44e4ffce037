# What the tests of localpca share: one server for a file, the real aws CLI, raw signed requests.
# shellcheck shell=bash disable=SC2034,SC2154

# localpca_file OPTION…: for setup_file: a sandbox, a server, the administrator's keys.
localpca_file() {
        sandbox_make
        localpca_start "$@"
        as_admin
        export SANDBOX ENDPOINT CA_ARN ROOT_CA LOCALPCA_PID AWS_DEFAULT_REGION=us-east-1 P11CERT_BUILD=$BUILD
        ROOT_ARN=$(pca list-certificate-authorities --query \
                "CertificateAuthorities[?Type=='ROOT'].Arn | [0]" --output text)
        export ROOT_ARN
        csr_make device-1 >"$SANDBOX/csr.pem"
        # The server is the judge of what is sent, not the client.
        printf '[default]\nparameter_validation = false\n' >"$SANDBOX/aws-config"
        export AWS_CONFIG_FILE=$SANDBOX/aws-config
}

# csr_make CN: a CSR with that name, and its DNS name, for a new P-256 key.
csr_make() {
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/$1.key" \
                -subj "/CN=$1" -addext "subjectAltName=DNS:$1.example" 2>/dev/null
}

pca() {
        aws --endpoint-url "$ENDPOINT" --cli-connect-timeout 5 --cli-read-timeout 30 acm-pca "$@"
}

TEMPLATE=arn:aws:acm-pca:::template

# issue_for CA-ARN CSR-FILE OPTION…: the ARN of a new certificate, for 30 days unless told.
issue_for() {
        local ca=$1 csr=$2
        shift 2
        pca issue-certificate --certificate-authority-arn "$ca" --csr "fileb://$csr" \
                --signing-algorithm SHA256WITHECDSA --query CertificateArn --output text \
                --validity Value=30,Type=DAYS "$@"
}

# certificate_of CA-ARN CERTIFICATE-ARN FILE: fetch it, with the newline that AWS leaves out.
certificate_of() {
        pca get-certificate --certificate-authority-arn "$1" --certificate-arn "$2" \
                --query Certificate --output text >"$3"
}

# refuses CODE WORDS ARGUMENT…: the operation fails with that error, and these words in its message.
refuses() {
        local code=$1 words=$2
        shift 2
        run --separate-stderr pca "$@"
        [ "$status" != 0 ] && [[ $stderr == *"($code)"* ]] && [[ $stderr == *"$words"* ]] && return 0
        printf 'not %s with "%s"\n%s\nstatus %s: %s %s\n' "$code" "$words" "$*" "$status" "$output" \
                "$stderr" >&2
        return 1
}

# raw OPERATION BODY OPTION…: a signed request with just this body; prints the answer and its status.
raw() {
        local operation=$1 body=$2
        shift 2
        # curl signs the last content type it was given.
        local header=(-H 'Content-Type: application/x-amz-json-1.1')
        [[ $* != *Content-Type* ]] || header=()
        curl -s --max-time 20 --aws-sigv4 aws:amz:us-east-1:acm-pca \
                --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -w '\n%{http_code}\n' \
                -H "X-Amz-Target: ACMPrivateCA.$operation" "${header[@]}" \
                --data-binary "$body" "$@" "$ENDPOINT/"
}

# ca_make TYPE KEY-ALGORITHM SIGNING-ALGORITHM NAME OPTION…: the ARN of a new CA with its CSR ready.
ca_make() {
        local arn type=$1 configuration
        configuration="{\"KeyAlgorithm\":\"$2\",\"SigningAlgorithm\":\"$3\",\"Subject\":{\"CommonName\":\"$4\"}}"
        shift 4
        arn=$(pca create-certificate-authority --certificate-authority-type "$type" \
                --certificate-authority-configuration "$configuration" \
                --query CertificateAuthorityArn --output text "$@") || return 1
        until pca get-certificate-authority-csr --certificate-authority-arn "$arn" --output text \
                >"$SANDBOX/${arn##*/}.csr" 2>"$SANDBOX/wait.log"; do
                grep -q RequestInProgressException "$SANDBOX/wait.log" || return 1
                sleep 0.1
        done
        printf '%s\n' "$arn"
}

# root_activate CA-ARN SIGNING-ALGORITHM: the root signs itself and gets its certificate.
root_activate() {
        local issued
        issued=$(pca issue-certificate --certificate-authority-arn "$1" --signing-algorithm "$2" \
                --csr "fileb://$SANDBOX/${1##*/}.csr" --validity Value=10,Type=YEARS \
                --template-arn "$TEMPLATE/RootCACertificate/V1" --query CertificateArn --output text)
        certificate_of "$1" "$issued" "$SANDBOX/${1##*/}.pem"
        pca import-certificate-authority-certificate --certificate-authority-arn "$1" \
                --certificate "fileb://$SANDBOX/${1##*/}.pem"
}

# status_of CA-ARN
status_of() {
        pca describe-certificate-authority --certificate-authority-arn "$1" \
                --query CertificateAuthority.Status --output text
}

# stat_of FILTER: a figure of the server's own statistics.
stat_of() {
        curl -s --max-time 10 "$ENDPOINT/_localpca/stats" | jq -r "$1"
}
