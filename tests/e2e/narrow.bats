#!/usr/bin/env bats
# A role's session is cut to what is asked for, whatever the role may do; what cannot be cut is said.
load common
load iam

ROLE=arn:aws:iam::111122223333:role

setup() {
        sandbox_make
        token_make
        localpca_start
        as_admin
        export AWS_ENDPOINT_URL=$ENDPOINT
        role mighty "$(trusting arn:aws:iam::111122223333:user/localpca-admin)" "$(allowing '*' '*')"
}

teardown() {
        sandbox_clear
}

# take_session ROLE PARAMETER…: its session in the environment, made by somebody else.
take_session() {
        sts AssumeRole RoleArn=$ROLE/"$1" RoleSessionName=by-hand "${@:2}" >"$SANDBOX/session.xml"
        AWS_ACCESS_KEY_ID=$(all AccessKeyId <"$SANDBOX/session.xml")
        AWS_SECRET_ACCESS_KEY=$(all SecretAccessKey <"$SANDBOX/session.xml")
        AWS_SESSION_TOKEN=$(all SessionToken <"$SANDBOX/session.xml")
        export AWS_SESSION_TOKEN
}

@test "with a mighty role p11cert may do what the verb takes, on this CA, and nothing else" {
        done_well issue --subject CN=device-1 --role-arn $ROLE/mighty --require-limited
        delivered
        [ "$(counted_by_ca sts.AssumeRole)" = 1 ]
        [[ $stderr != *"long-term"* && $stderr != *"not cut"* ]]
        # A revocation by it is cut to revoking, a look at the CA to looking.
        done_well p11cert revoke device-1 --reason superseded --yes --role-arn $ROLE/mighty
        done_well p11cert ca show "$CA_ARN" --role-arn $ROLE/mighty
}

@test "the session policy that is sent is the one that 'identity policy --session' prints" {
        p11cert identity policy "$CA_ARN" --template server --session --quiet >"$SANDBOX/expected"
        done_well issue --subject CN=device-1 --template server --role-arn $ROLE/mighty
        strings -n 60 "$SANDBOX"/ca/localpca.db* >"$SANDBOX/strings"
        grep -qF "$(cat "$SANDBOX/expected")" "$SANDBOX/strings"
}

@test "a session that somebody else made is assumed anew where the role trusts itself, else it is said" {
        take_session mighty
        done_well issue --subject CN=device-1
        delivered
        [[ $stderr == *"role mighty does not trust itself"* ]]
        refused identity-not-limited 9 issue --subject CN=device-2 --require-limited
        done_well issue --subject CN=device-2 --no-narrow
        [[ $stderr != *"does not trust itself"* ]]
        unset AWS_SESSION_TOKEN
        as_admin
        iam UpdateAssumeRolePolicy RoleName=mighty PolicyDocument="$(jq -cn --arg role $ROLE/mighty '{Version: "2012-10-17",
                Statement: {Effect: "Allow", Principal: {AWS: ["111122223333", $role]}, Action: "sts:AssumeRole"}}')" >/dev/null
        take_session mighty
        done_well issue --subject CN=device-3 --require-limited
        delivered
        [[ $stderr != *"note"*"session"* ]]
}

@test "a session policy that STS cannot pack beside the session's tags is told, and ends no order" {
        role tagged "$(trusting arn:aws:iam::111122223333:user/localpca-admin |
                jq -c '.Statement.Action = ["sts:AssumeRole", "sts:TagSession"]')" "$(allowing '*' '*')"
        role inner "$(trusting $ROLE/tagged)" "$(allowing '*' '*')"
        local tags=() i
        for i in {1..28}; do
                tags+=("Tags.member.$i.Key=tag-$i" "Tags.member.$i.Value=$(printf '%060d' "$i")"
                        "TransitiveTagKeys.member.$i=tag-$i")
        done
        take_session tagged "${tags[@]}"
        refused config 2 issue --subject CN=device-1 --role-arn $ROLE/inner
        is '.error.aws.code == "PackedPolicyTooLarge" and (.error.next | contains("--no-narrow"))'
        is '.order == null'
        done_well issue --subject CN=device-1 --role-arn $ROLE/inner --no-narrow
        delivered
}

@test "a role that may not be assumed, and one that there is not, are said with what has to be mended" {
        role guarded "$(trusting 444455556666)" "$(allowing '*' '*')"
        refused role-denied 5 issue --subject CN=device-1 --role-arn $ROLE/guarded
        is '.error.about | contains("role/guarded")'
        is '.error.next | contains("trust policy")'
        refused role-denied 5 issue --subject CN=device-1 --role-arn $ROLE/nobody
        refused config 2 issue --subject CN=device-1 --role-arn arn:aws:iam::1:role/x
        [ "$(issued)" = 0 ]
}

@test "issue works with AWS's own policy AWSPrivateCAUser as it stands, with --root and a signing algorithm" {
        iam CreateUser UserName=user >/dev/null
        iam AttachUserPolicy UserName=user PolicyArn=arn:aws:iam::aws:policy/AWSPrivateCAUser >/dev/null
        iam CreateAccessKey UserName=user >"$SANDBOX/key.xml"
        refused identity-not-limited 9 p11cert identity check user --ca "$CA_ARN" --strict --output json
        is '.may == ["revoke certificates", "issue from another CA"] or (.may | index("revoke certificates"))'
        is 'all(.needs[]; .result == "allowed")'
        AWS_ACCESS_KEY_ID=$(all AccessKeyId <"$SANDBOX/key.xml")
        AWS_SECRET_ACCESS_KEY=$(all SecretAccessKey <"$SANDBOX/key.xml")
        done_well issue --subject CN=device-1 --root "$ROOT_CA" --signing-algorithm SHA256WITHECDSA
        delivered
        refused access-denied 5 issue --subject CN=device-2 --template client --root "$ROOT_CA" \
                --signing-algorithm SHA256WITHECDSA
        is '.error.what | contains("explicit deny")'
}

@test "a session policy of over 2,048 characters is refused before STS is asked" {
        local n options
        mapfile -t options < <(token_options)
        {
                echo name,subject,template
                for n in $(seq 40); do
                        echo "d-$n,CN=d-$n,arn:aws:acm-pca:::template/Some${n}LongNamedCertificate/V1"
                done
        } >"$SANDBOX/devices.csv"
        refused config 2 p11cert batch "$SANDBOX/devices.csv" --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                "${options[@]}" --require-limited --role-arn $ROLE/mighty
        is '.error.what | contains("2048")'
        is '.error.next | contains("--no-narrow")'
        [ "$(counted_by_ca sts.AssumeRole)" = 0 ] && [ "$(issued)" = 0 ]
}

@test "a role is assumed once for a batch, not for an order; --require-limited takes its session, and no other" {
        printf 'name,subject\nd-1,CN=d-1\nd-2,CN=d-2\nd-3,CN=d-3\n' >"$SANDBOX/devices.csv"
        local options
        mapfile -t options < <(token_options)
        refused identity-not-limited 9 p11cert batch "$SANDBOX/devices.csv" --output json --ca "$CA_ARN" \
                --endpoint-url "$ENDPOINT" "${options[@]}" --require-limited
        [ "$(issued)" = 0 ]
        done_well p11cert batch "$SANDBOX/devices.csv" --output json --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                "${options[@]}" --require-limited --role-arn $ROLE/mighty
        [ "$(issued)" = 3 ] && [ "$(counted_by_ca sts.AssumeRole)" = 1 ]
}

@test "plan and doctor look through the cut of their own verb, and doctor says who we are and what is known of it" {
        local options
        mapfile -t options < <(token_options)
        done_well p11cert plan --output json --ca "$CA_ARN" "${options[@]}" --subject CN=device-1 --role-arn $ROLE/mighty
        is '.plan.ca_status == "ACTIVE" and ([.plan.statement[].Action] == ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"])'
        done_well p11cert doctor --output json --ca "$CA_ARN" --module "$MODULE" --role-arn $ROLE/mighty
        is '[.checks[] | select(.name == "limits")] | .[0].result == "ok" and (.[0].detail | contains("cuts the session"))'
        done_well p11cert doctor --output json --ca "$CA_ARN" --module "$MODULE"
        is '[.checks[] | select(.name == "identity")] | .[0].detail | contains("user/localpca-admin")'
        is '[.checks[] | select(.name == "limits")] | .[0].result == "warn" and (.[0].next | contains("identity check"))'
}
