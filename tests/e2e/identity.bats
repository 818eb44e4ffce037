#!/usr/bin/env bats
# The limited issuer identity: the policy that is written is enough for its use, and for no other.
load common

CA=arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/11111111-2222-3333-4444-555555555555

setup() {
        sandbox_make
}

teardown() {
        sandbox_clear
}

policy() { p11cert identity policy --output json "$@"; }

# as_written POLICY-OPTION…: localpca again, with an identity that has the policy written for $CA_ARN.
as_written() {
        done_well policy "$CA_ARN" "$@"
        jq '{identities: [{access_key_id: "AKIAWRITTEN000000001", secret_access_key: "written/secret+of+forty+characters/000000",
                arn: "arn:aws:iam::111122223333:user/p11cert/written", policy: .policy}]}' \
                <<<"$output" >"$SANDBOX/identities.json"
        localpca_again --identities "$SANDBOX/identities.json"
        export AWS_ACCESS_KEY_ID=AKIAWRITTEN000000001
        export AWS_SECRET_ACCESS_KEY=written/secret+of+forty+characters/000000
}

@test "the policy goes to stdout, its limits to stderr" {
        done_well p11cert identity policy $CA --strict
        [ "$(jq -r '.Statement[0].Action' <<<"$output")" = acm-pca:IssueCertificate ]
        [[ $stderr == *"IAM cannot restrict names"* ]]
        done_well policy $CA
        is '.use == "issue" and (.limits | length) == 1 and .characters < 2048'
        is '.policy.Statement | length == 2'
}

@test "templates, addresses and a second factor become conditions" {
        done_well policy $CA --template server,client --source-ip 10.0.0.0/8 --source-ip 2001:db8::/32 --mfa
        is '.policy.Statement[0].Condition.ArnEquals["acm-pca:TemplateArn"] | length == 2'
        is '[.policy.Statement[].Condition.IpAddress["aws:SourceIp"] | length] == [2, 2]'
        is '[.policy.Statement[].Condition.Bool["aws:MultiFactorAuthPresent"]] == ["true", "true"]'
}

@test "a session policy is one line, and refused when it is too long" {
        done_well p11cert identity policy $CA --session --quiet
        [ "$(wc -l <<<"$output")" = 1 ] && [ ${#output} -lt 2048 ]
        local many
        many=$(for i in $(seq 40); do printf 'arn:aws:acm-pca:::template/Some%sCertificate/V1,' "$i"; done)
        refused input 2 policy $CA --session --template "$many"
}

@test "a role trusts an account by its external id, and Roles Anywhere by anchor and name" {
        local anchor=arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/77777777-2222
        done_well policy --role-trust 444455556666 --external-id batch-7 --mfa
        is '.kind == "trust" and .policy.Statement[0].Principal.AWS == "arn:aws:iam::444455556666:root"'
        is '.policy.Statement[0].Condition.StringEquals["sts:ExternalId"] == "batch-7"'
        done_well policy --role-trust $anchor --common-name station-7
        is ".policy.Statement[0].Condition.ArnEquals[\"aws:SourceArn\"] == \"$anchor\""
        refused usage 2 policy --role-trust $anchor
        refused usage 2 policy --role-trust '*'
}

@test "what is missing or means too much is a usage error" {
        refused usage 2 policy
        refused usage 2 policy "${CA%1*}*"
        refused usage 2 policy $CA --template 'EndEntity*/V1'
        refused usage 2 policy $CA --source-ip everywhere
        refused usage 2 policy $CA --use mining
        refused usage 2 policy $CA "${CA/arn:aws:/arn:aws-cn:}"
        refused usage 2 policy --use identity
        refused nothing-to-do 3 policy --use verify
}

@test "with the policy that is written an identity may issue, and nothing else" {
        token_make
        localpca_start
        as_written --strict
        done_well issue --subject CN=device-1 --signing-algorithm SHA256WITHECDSA --root "$ROOT_CA"
        delivered
        refused access-denied 5 issue --subject CN=device-2 --template server \
                --signing-algorithm SHA256WITHECDSA --root "$ROOT_CA"
        refused access-denied 5 p11cert revoke device-1 --reason superseded --output json --yes
        refused access-denied 5 p11cert ca show "$CA_ARN" --output json --endpoint-url "$ENDPOINT"
}

@test "with its comforts the policy needs neither a root nor an algorithm" {
        token_make
        localpca_start
        as_written
        done_well issue --subject CN=device-1
        delivered
}

@test "the statement that a denial asks for is the one that helps" {
        token_make
        localpca_start
        as_written --strict
        refused access-denied 5 issue --subject CN=device-1 --template server \
                --signing-algorithm SHA256WITHECDSA --root "$ROOT_CA"
        jq -r .error.next <<<"$output" | grep -o '{.*}' >"$SANDBOX/statement.json"
        jq --slurpfile more "$SANDBOX/statement.json" '.identities[0].policy.Statement += $more' \
                "$SANDBOX/identities.json" >"$SANDBOX/wider.json"
        localpca_again --identities "$SANDBOX/wider.json"
        AWS_ACCESS_KEY_ID=AKIAWRITTEN000000001
        AWS_SECRET_ACCESS_KEY=written/secret+of+forty+characters/000000
        done_well issue --subject CN=device-1 --template server \
                --signing-algorithm SHA256WITHECDSA --root "$ROOT_CA"
        delivered
}
