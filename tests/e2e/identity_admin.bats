#!/usr/bin/env bats
# The limited identity at AWS IAM: made, checked, rotated and deleted by an administrator; it may issue
# and nothing else, and what is unknown of an identity is never taken for good.
load common
load iam

TEMPLATE=arn:aws:acm-pca:::template

setup() {
        sandbox_make
        localpca_start
        as_admin
        export AWS_ENDPOINT_URL=$ENDPOINT AWS_DEFAULT_REGION=us-east-1
        CREDENTIALS=$HOME/.aws/credentials
}

teardown() {
        sandbox_clear
}

# Debian's aws does not know AWS_ENDPOINT_URL.
aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }

identity() { p11cert identity "$1" --output json "${@:2}"; }

# as_profile NAME COMMAND…: with the profile's keys and no others.
as_profile() {
        (
                unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
                export AWS_PROFILE=$1
                "${@:2}"
        )
}

keys_of() {
        iam ListAccessKeys UserName="$1" | all AccessKeyId | sort
}

key_in_file() {
        awk -v profile="[$1]" '$0 == profile { inside = 1; next } /^\[/ { inside = 0 }
                inside && $1 == "aws_access_key_id" { print $3 }' "$CREDENTIALS"
}

denied() {
        run --separate-stderr -- as_profile "$@"
        [ "$status" != 0 ] && [[ $stderr == *AccessDenied* ]] && return 0
        printf 'not denied: %s\n%s %s\n' "$*" "$output" "$stderr" >&2
        return 1
}

@test "the aws CLI with the identity that was made issues from its template, and everything else is denied" {
        local csr=$SANDBOX/csr.pem other
        done_well identity create station-7 "$CA_ARN"
        is '.result == "created" and .kind == "user" and (.limits[0] | contains("cannot restrict names"))'
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SANDBOX/key.pem" \
                -subj /CN=device-1 -out "$csr" 2>/dev/null
        local issue=(aws acm-pca issue-certificate --csr "fileb://$csr" --signing-algorithm SHA256WITHECDSA
                --validity "Value=30,Type=DAYS")
        run as_profile station-7 "${issue[@]}" --certificate-authority-arn "$CA_ARN" \
                --template-arn $TEMPLATE/EndEntityCertificate/V1 --query CertificateArn --output text
        [ "$status" = 0 ] && [[ $output == "$CA_ARN"/certificate/* ]]
        as_profile station-7 aws acm-pca get-certificate --certificate-authority-arn "$CA_ARN" \
                --certificate-arn "$output" >/dev/null
        other=$(aws acm-pca list-certificate-authorities \
                --query "CertificateAuthorities[?Arn!='$CA_ARN'].Arn | [0]" --output text)
        denied station-7 "${issue[@]}" --certificate-authority-arn "$other" \
                --template-arn $TEMPLATE/EndEntityCertificate/V1
        denied station-7 "${issue[@]}" --certificate-authority-arn "$CA_ARN" \
                --template-arn $TEMPLATE/SubordinateCACertificate_PathLen0/V1
        denied station-7 "${issue[@]}" --certificate-authority-arn "$CA_ARN" \
                --template-arn $TEMPLATE/EndEntityClientAuthCertificate/V1
        denied station-7 aws acm-pca create-certificate-authority --certificate-authority-type ROOT \
                --certificate-authority-configuration \
                'KeyAlgorithm=EC_prime256v1,SigningAlgorithm=SHA256WITHECDSA,Subject={CommonName=x}'
        denied station-7 aws acm-pca revoke-certificate --certificate-authority-arn "$CA_ARN" \
                --certificate-serial 0a --revocation-reason SUPERSEDED
        denied station-7 aws iam list-access-keys --user-name station-7
}

@test "the key is in the profile, 0600, nowhere else, and what else is in the file stays" {
        mkdir -p "$HOME/.aws"
        printf '# mine\n[default]\naws_access_key_id = AKIAOTHER00000000000\naws_secret_access_key = x/y+z\n\n; end\n' \
                >"$CREDENTIALS"
        cp "$CREDENTIALS" "$SANDBOX/before"
        done_well p11cert identity create station-7 "$CA_ARN" --to-profile st -v -v
        [ "$(stat -c %a "$CREDENTIALS")" = 600 ]
        head -c "$(stat -c %s "$SANDBOX/before")" "$CREDENTIALS" | cmp - "$SANDBOX/before"
        local secret
        secret=$(awk '$1 == "aws_secret_access_key" { s = $3 } END { print s }' "$CREDENTIALS")
        [ ${#secret} -ge 30 ]
        [[ $output$stderr != *"$secret"* ]]
        [ "$(grep -rlF -- "$secret" "$HOME" "$P11CERT_STATE" 2>/dev/null)" = "$CREDENTIALS" ]
        done_well identity create station-7 "$CA_ARN" --to-profile st
        is '.result == "unchanged"'
        [ "$(keys_of station-7)" = "$(key_in_file st)" ]
        done_well identity delete station-7 --to-profile st --yes
        cmp "$CREDENTIALS" "$SANDBOX/before"
        refused nothing-to-do 3 identity delete station-7 --yes
}

@test "only what bears the path and the tag is changed or deleted" {
        iam CreateUser UserName=bare
        iam CreateUser UserName=pathed Path=/p11cert/
        iam CreateUser UserName=tagged Tags.member.1.Key=p11cert Tags.member.1.Value=identity
        for name in bare pathed tagged; do
                refused object-exists 1 identity create $name "$CA_ARN"
                refused object-exists 1 identity rotate $name
                refused object-exists 1 identity delete $name --yes
                [ -z "$(keys_of $name)" ]
                [ -z "$(iam ListUserPolicies UserName=$name | all member)" ]
        done
}

@test "create again mends a policy that somebody changed, and says what else hangs on the user" {
        done_well identity create station-7 "$CA_ARN"
        iam PutUserPolicy UserName=station-7 PolicyName=p11cert PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
        iam PutUserPolicy UserName=station-7 PolicyName=extra PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
        done_well identity create station-7 "$CA_ARN"
        is '.result == "updated"'
        [[ $stderr == *"policy extra hangs on it, too"* ]]
        iam GetUserPolicy UserName=station-7 PolicyName=p11cert | grep -q 'Action%22%3A%22acm-pca%3AIssueCertificate'
}

@test "a policy that is too long for a user is refused before anything is made" {
        local many
        many=$(for i in $(seq 40); do printf '%s/Some%sCertificate/V1,' $TEMPLATE "$i"; done)
        refused input 2 identity create station-7 "$CA_ARN" --template "$many"
        run ! iam GetUser UserName=station-7
        done_well identity create station-7 "$CA_ARN" --template "$many" --role-trust 111122223333
        is '.kind == "role" and .arn == "arn:aws:iam::111122223333:role/p11cert/station-7"'
        done_well identity delete station-7 --yes
}

@test "rotate: one key at the end, another one than before, and it works" {
        done_well identity create station-7 "$CA_ARN"
        local old
        old=$(key_in_file station-7)
        done_well identity rotate station-7
        is '.result == "rotated"'
        [ "$(keys_of station-7)" = "$(key_in_file station-7)" ] && [ "$(key_in_file station-7)" != "$old" ]
        done_well as_profile station-7 identity whoami
        is '.arn == "arn:aws:iam::111122223333:user/p11cert/station-7" and .kind == "user"'
        # One whose secret nobody has is in the way, and goes.
        iam CreateAccessKey UserName=station-7 >/dev/null
        done_well identity rotate station-7
        [ "$(keys_of station-7)" = "$(key_in_file station-7)" ]
        # The file is lost: the next one takes the place of all that there were.
        rm "$CREDENTIALS"
        done_well identity rotate station-7
        [ "$(keys_of station-7)" = "$(key_in_file station-7)" ]
}

@test "killed at any point, create and rotate are mended by running them again" {
        local point n=0
        for point in wanted made written; do
                P11CERT_FAILPOINT=identity-key-$point run identity create "s-$point" "$CA_ARN"
                [ "$status" = 137 ]
                done_well identity create "s-$point" "$CA_ARN"
                [ "$(keys_of "s-$point")" = "$(key_in_file "s-$point")" ]
        done
        for point in wanted made written old-deleted; do
                P11CERT_FAILPOINT=identity-key-$point run identity rotate s-made
                [ "$status" = 137 ]
                # Whatever happened, the profile has a key that works.
                as_profile s-made identity whoami >/dev/null
                done_well identity rotate s-made
                [ "$(keys_of s-made)" = "$(key_in_file s-made)" ]
        done
        [ -z "$(ls "$P11CERT_STATE/identities")" ]
}

@test "a key that somebody else has used is not deleted without being asked" {
        done_well identity create station-7 "$CA_ARN"
        local pair
        pair=$(iam CreateAccessKey UserName=station-7)
        AWS_ACCESS_KEY_ID=$(all AccessKeyId <<<"$pair") AWS_SECRET_ACCESS_KEY=$(all SecretAccessKey <<<"$pair") \
                p11cert ca show "$CA_ARN" >/dev/null
        refused usage 2 identity rotate station-7
        [ "$(keys_of station-7 | wc -l)" = 2 ]
        done_well identity rotate station-7 --yes
        [ "$(keys_of station-7)" = "$(key_in_file station-7)" ]
}

@test "check tells a limited identity from a powerful one, one that lacks something, and the unknown" {
        done_well identity create station-7 "$CA_ARN"
        done_well identity check station-7 --ca "$CA_ARN"
        is '.verdict == "limited" and .recorded and (.policy_sha256 | length) == 64 and .may == []'
        is '.source == "simulation"'
        is '(.should_not | length) > 30 and all(.should_not[]; .result != "allowed" and .result != "unknown")'
        # Of another template it knows nothing good.
        refused access-denied 5 identity check station-7 --ca "$CA_ARN" --template server,EndEntityCertificate/V1
        is '.verdict == "insufficient" and (.error.next | contains("EndEntityServerAuthCertificate"))'
        refused identity-not-limited 9 identity check --ca "$CA_ARN"
        is '.may | index("make certificate authorities") and index("issue a subordinate CA")'
        refused identity-unknown 1 as_profile station-7 identity check --ca "$CA_ARN"
        is '.source == "reads" and (.recorded | not)'
        is '[.needs[] | select(.action == "acm-pca:GetCertificate").result] == ["allowed"]'
        is '[.needs[] | select(.action == "acm-pca:IssueCertificate").result] == ["unknown"]'
        # A second policy that hangs on it is seen, a Deny in its way, too.
        iam PutUserPolicy UserName=station-7 PolicyName=extra PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}}'
        refused identity-not-limited 9 identity check station-7 --ca "$CA_ARN"
        # Nothing forbidden was tried, and nothing was issued.
        [ "$(issued)" = 0 ]
        [ "$(curl -s "$ENDPOINT/_localpca/stats" | jq '.requests | has("CreateCertificateAuthority") or
                has("RevokeCertificate") or has("IssueCertificate") or has("DeleteCertificateAuthority")')" = false ]
}

@test "who may read policies but not simulate has them judged: inline, managed, of a role, and the boundary" {
        local boundary
        done_well identity create station-7 "$CA_ARN"
        done_well identity create role-7 "$CA_ARN" --role-trust 111122223333
        iam CreateUser UserName=auditor >/dev/null
        iam PutUserPolicy UserName=auditor PolicyName=p PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow",
                "Action":["iam:Get*","iam:List*"],"Resource":"*"}}' >/dev/null
        iam CreateAccessKey UserName=auditor >"$SANDBOX/auditor.xml"
        boundary=$(iam CreatePolicy PolicyName=bound PolicyDocument="$(allowing s3:* '*')" | all Arn)
        auditor() {
                AWS_ACCESS_KEY_ID=$(all AccessKeyId <"$SANDBOX/auditor.xml") \
                        AWS_SECRET_ACCESS_KEY=$(all SecretAccessKey <"$SANDBOX/auditor.xml") identity check "$@" --ca "$CA_ARN"
        }
        done_well auditor station-7
        is '.verdict == "limited" and .source == "policies" and .recorded'
        done_well auditor role-7
        is '.principal == "arn:aws:iam::111122223333:role/p11cert/role-7" and .source == "policies"'
        iam AttachUserPolicy UserName=station-7 PolicyArn=arn:aws:iam::aws:policy/AWSPrivateCAFullAccess >/dev/null
        refused identity-not-limited 9 auditor station-7
        iam PutUserPermissionsBoundary UserName=station-7 PermissionsBoundary="$boundary" >/dev/null
        refused access-denied 5 auditor station-7
        is '.verdict == "insufficient"'
        refused nothing-to-do 3 auditor nobody
}

@test "policies in files are judged without AWS, other CAs and templates that they name as well" {
        p11cert identity policy "$CA_ARN" -q >"$SANDBOX/good.json"
        localpca_stop
        done_well identity check --ca "$CA_ARN" --policy "$SANDBOX/good.json"
        is '.verdict == "limited" and .source == "file" and (.recorded | not)'
        jq '.Statement[0].Resource = [.Statement[0].Resource, "arn:aws:acm-pca:eu-west-1:444455556666:certificate-authority/9"]' \
                "$SANDBOX/good.json" >"$SANDBOX/other.json"
        refused identity-not-limited 9 identity check --ca "$CA_ARN" --policy "$SANDBOX/other.json"
        is '.may == ["issue from another CA"]'
        jq '.Statement[0].Condition.ArnEquals["acm-pca:TemplateArn"] = ["'$TEMPLATE'/EndEntityCertificate/V1", "'$TEMPLATE'/Odd/V1"]' \
                "$SANDBOX/good.json" >"$SANDBOX/odd.json"
        refused identity-not-limited 9 identity check --ca "$CA_ARN" --policy "$SANDBOX/odd.json"
        jq 'del(.Statement[0])' "$SANDBOX/good.json" >"$SANDBOX/less.json"
        refused access-denied 5 identity check --ca "$CA_ARN" --policy "$SANDBOX/less.json"
        jq '.Statement[0].Condition.DateSomething = {"aws:CurrentTime": "x"}' "$SANDBOX/good.json" >"$SANDBOX/strange.json"
        refused identity-unknown 1 identity check --ca "$CA_ARN" --policy "$SANDBOX/strange.json"
        echo '{' >"$SANDBOX/broken.json"
        refused input 2 identity check --ca "$CA_ARN" --policy "$SANDBOX/broken.json"
}

@test "--require-limited wants a recorded check, for this CA and template, and takes nothing else" {
        token_make
        done_well identity create station-7 "$CA_ARN"
        export AWS_SHARED_CREDENTIALS_FILE=$CREDENTIALS
        refused identity-not-limited 9 issue --profile station-7 --subject CN=d-1 --require-limited
        is '.order == null and (.error.what | contains("not known"))'
        # What to do next is a command: the administrator runs it as it stands.
        local advice
        advice=$(fact .error.next | sed -nE 's/.*: p11cert (identity check [^;]*);.*/\1/p')
        # shellcheck disable=SC2086
        done_well p11cert $advice --output json
        is '.recorded == true'
        done_well issue --profile station-7 --subject CN=d-1 --require-limited
        delivered
        [[ $stderr == *"found to be limited"* ]]
        refused identity-not-limited 9 issue --profile station-7 --subject CN=d-2 --template server --require-limited
        # A check is of its day: here it is made older, then younger than now.
        sqlite3 "$P11CERT_STATE/ledger.db" 'UPDATE identities SET at = at - 25 * 3600'
        refused identity-not-limited 9 issue --profile station-7 --subject CN=d-2 --require-limited
        is '.order == null and (.error.what | contains("not within --limited-within (24h)")) and
                (.error.next | contains("identity check"))'
        run --separate-stderr p11cert doctor --profile station-7 --endpoint-url "$ENDPOINT" --ca "$CA_ARN" --output json
        is '.checks[] | select(.name == "limits") | .result == "warn" and (.detail | contains("too old"))'
        done_well issue --profile station-7 --subject CN=d-2 --require-limited --limited-within 2d
        refused usage 2 issue --profile station-7 --subject CN=d-2 --require-limited --limited-within 0
        sqlite3 "$P11CERT_STATE/ledger.db" 'UPDATE identities SET at = at + 49 * 3600'
        refused identity-not-limited 9 issue --profile station-7 --subject CN=d-4 --require-limited --limited-within 2d
        sqlite3 "$P11CERT_STATE/ledger.db" 'UPDATE identities SET at = at - 24 * 3600'
        # A user's own keys: what they can do is said.
        done_well issue --profile station-7 --subject CN=d-3
        [[ $stderr == *"long-term keys"*"no more than issue"* ]]
        # The administrator is known to be too powerful.
        refused identity-not-limited 9 identity check --ca "$CA_ARN"
        refused identity-not-limited 9 issue --subject CN=d-4 --require-limited
        is '.error.what | contains("too-powerful")'
        # Who was deleted and made anew is another.
        done_well identity delete station-7 --yes
        done_well identity create station-7 "$CA_ARN"
        refused identity-not-limited 9 issue --profile station-7 --subject CN=d-5 --require-limited
        done_well p11cert audit verify
}
