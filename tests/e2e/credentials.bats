#!/usr/bin/env bats
# Every way in which AWS's tools find credentials, against STS and IAM as localpca has them, and a
# container's agent and an instance's metadata by their own protocol.
load common
load iam

ROLE=arn:aws:iam::111122223333:role

setup() {
        sandbox_make
        localpca_start
        as_admin
        export AWS_ENDPOINT_URL=$ENDPOINT
        KEY=$AWS_ACCESS_KEY_ID SECRET=$AWS_SECRET_ACCESS_KEY
        PAIR="aws_access_key_id = $KEY"$'\n'"aws_secret_access_key = $SECRET"
        ADMIN=arn:aws:iam::111122223333:user/localpca-admin
        mkdir -m 700 "$HOME/.aws"
        METADATA=
}

teardown() {
        [ -z "$METADATA" ] || kill "$METADATA"
        sandbox_clear
}

shared() { (umask 077 && cat >"$HOME/.aws/$1"); }

# bare COMMAND…: without the keys in the environment.
bare() { (unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN && "$@"); }

whoami() { p11cert identity whoami --output json "$@"; }

# is_session_of ROLE: that is who we are.
is_session_of() { is ".arn | startswith(\"arn:aws:sts::111122223333:assumed-role/$1/\")"; }

# session_json TOKEN-NAME: a session of role agent, as JSON.
session_json() {
        sts AssumeRole RoleArn=$ROLE/agent RoleSessionName=s1 >"$SANDBOX/session.xml"
        jq -n --arg id "$(all AccessKeyId <"$SANDBOX/session.xml")" \
                --arg secret "$(all SecretAccessKey <"$SANDBOX/session.xml")" --arg name "$1" \
                --arg token "$(all SessionToken <"$SANDBOX/session.xml")" \
                --arg until "$(all Expiration <"$SANDBOX/session.xml")" \
                '{AccessKeyId: $id, SecretAccessKey: $secret, ($name): $token, Expiration: $until}'
}

@test "environment, credentials file, config file, credential_process; the environment gives way to a named profile" {
        done_well whoami
        is ".arn == \"$ADMIN\" and .origin == \"environment\""
        shared credentials <<<"[in-credentials]
$PAIR"
        shared config <<<"[profile in-config]
$PAIR
[profile by-process]
credential_process = cat $SANDBOX/process.json
[profile hangs]
credential_process = sh -c 'echo garbage'
[profile sso]
sso_session = x"
        jq -n --arg id "$KEY" --arg secret "$SECRET" '{Version: 1, AccessKeyId: $id, SecretAccessKey: $secret}' \
                >"$SANDBOX/process.json"
        for profile in in-credentials in-config by-process; do
                AWS_ACCESS_KEY_ID=wrong AWS_SECRET_ACCESS_KEY=wrong done_well whoami --profile $profile
                is ".arn == \"$ADMIN\" and (.origin | contains(\"$profile\"))"
                AWS_PROFILE=$profile done_well bare whoami
        done
        refused config 2 whoami --profile hangs
        refused config 2 whoami --profile sso
        is '.error.next | contains("aws configure export-credentials --profile sso --format process")'
        is '.error.about | contains("line 9 of")'
        refused config 2 whoami --profile nowhere
        chmod 644 "$HOME/.aws/credentials"
        done_well whoami --profile in-credentials
        [[ $stderr == *"others may read it"*"chmod 600"* ]]
}

@test "roles: source_profile, credential_source, --role-arn, external ids, chains and circles" {
        role plain "$(trusting 111122223333)" "$(allowing acm-pca:* '*')"
        role wants-id "$(trusting 111122223333 '{"StringEquals": {"sts:ExternalId": "ext-7"}}')" "$(allowing '*' '*')"
        shared credentials <<<"[base]
$PAIR"
        shared config <<<"[profile a]
role_arn = $ROLE/plain
source_profile = base
[profile b]
role_arn = $ROLE/wants-id
source_profile = base
external_id = ext-7
role_session_name = my-name
duration_seconds = 900
[profile c]
role_arn = $ROLE/plain
credential_source = Environment
[profile d]
role_arn = $ROLE/plain
source_profile = b
[profile e]
role_arn = $ROLE/plain
source_profile = f
[profile f]
role_arn = $ROLE/plain
source_profile = e
[profile g]
role_arn = $ROLE/nobody
source_profile = base
[profile h]
role_arn = nonsense
source_profile = base"
        for profile in a c d; do
                done_well whoami --profile $profile
                is_session_of plain
        done
        done_well whoami --profile b
        is '.session == "my-name"'
        done_well whoami --role-arn $ROLE/wants-id --external-id ext-7 --role-session-name s-1
        is '.arn == "arn:aws:sts::111122223333:assumed-role/wants-id/s-1"'
        refused role-denied 5 whoami --role-arn $ROLE/wants-id
        refused role-denied 5 whoami --profile g
        is '.error.next | contains("trust policy")'
        refused config 2 whoami --profile e
        is '.error.what | contains("circle")'
        refused config 2 whoami --profile h
        is '.error.about | contains("line 26 of")'
}

# mfa_enable USER DEVICE: with the code of half a minute ago and the one of now.
mfa_enable() {
        local before now
        curl -s -d clock-offset=-30s "$ENDPOINT/_localpca/settings" >/dev/null
        before=$(curl -s -d "$2" "$ENDPOINT/_localpca/mfa")
        curl -s -d clock-offset=0s "$ENDPOINT/_localpca/settings" >/dev/null
        now=$(curl -s -d "$2" "$ENDPOINT/_localpca/mfa")
        iam EnableMFADevice UserName="$1" SerialNumber="$2" AuthenticationCode1="$before" \
                AuthenticationCode2="$now" >/dev/null
}

@test "a second factor is asked for once: the session is kept, private, and used again" {
        local device
        iam CreateUser UserName=careful >/dev/null
        iam PutUserPolicy UserName=careful PolicyName=p PolicyDocument="$(allowing '*' '*')" >/dev/null
        iam CreateAccessKey UserName=careful >"$SANDBOX/key.xml"
        device=$(iam CreateVirtualMFADevice VirtualMFADeviceName=careful | all SerialNumber)
        # Between the two codes the half-minute may end; not twice in a row.
        mfa_enable careful "$device" || mfa_enable careful "$device"
        role guarded "$(trusting 111122223333 '{"Bool": {"aws:MultiFactorAuthPresent": "true"}}')" "$(allowing '*' '*')"
        shared credentials <<<"[base]
aws_access_key_id = $(all AccessKeyId <"$SANDBOX/key.xml")
aws_secret_access_key = $(all SecretAccessKey <"$SANDBOX/key.xml")"
        shared config <<<"[profile m]
role_arn = $ROLE/guarded
source_profile = base
mfa_serial = $device"
        mkdir -m 700 "$SANDBOX/run"
        export XDG_RUNTIME_DIR=$SANDBOX/run
        refused credentials-missing 2 whoami --profile m
        refused role-denied 5 whoami --profile m --mfa-code 000000
        done_well whoami --profile m --mfa-code "$(curl -s -d "$device" "$ENDPOINT/_localpca/mfa")"
        is_session_of guarded
        [ "$(stat -c %a "$SANDBOX"/run/p11cert/session-*)" = 600 ]
        done_well whoami --profile m
        is '.origin | contains("kept in")'
}

@test "web identities: from the environment and from a profile, with a token that is read anew" {
        local host=oidc.localpca.test
        iam CreateOpenIDConnectProvider Url=https://$host ClientIDList.member.1=sts.amazonaws.com \
                ThumbprintList.member.1=0000000000000000000000000000000000000000 >/dev/null
        role ci '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
                "Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/'$host'"},
                "Condition":{"StringEquals":{"'$host':sub":"repo:pki"}}}}' "$(allowing '*' '*')"
        curl -s -d 'sub=repo:pki' "$ENDPOINT/_localpca/web-identity" >"$SANDBOX/token"
        shared config <<<"[profile web]
role_arn = $ROLE/ci
web_identity_token_file = $SANDBOX/token"
        done_well bare whoami --profile web
        is_session_of ci
        AWS_WEB_IDENTITY_TOKEN_FILE=$SANDBOX/token AWS_ROLE_ARN=$ROLE/ci AWS_ROLE_SESSION_NAME=run-7 done_well bare whoami
        is '.arn == "arn:aws:sts::111122223333:assumed-role/ci/run-7"'
        curl -s -d 'sub=repo:other' "$ENDPOINT/_localpca/web-identity" >"$SANDBOX/token"
        refused role-denied 5 bare whoami --profile web
}

@test "a container's agent, and an instance's metadata, give a session; neither is looked for off the host" {
        role agent "$(trusting 111122223333)" "$(allowing '*' '*')"
        session_json Token >"$SANDBOX/metadata.json"
        /usr/bin/python3 "$BATS_TEST_DIRNAME/metadata.py" "$SANDBOX/metadata.json" >"$SANDBOX/port" 3>&- &
        METADATA=$!
        until [ -s "$SANDBOX/port" ]; do sleep 0.05; done
        local url
        url=http://127.0.0.1:$(cat "$SANDBOX/port")
        echo 'Basic agent' >"$SANDBOX/agent-token"
        AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$SANDBOX/agent-token \
                done_well bare whoami
        is_session_of agent
        shared config <<<"[profile from-container]
role_arn = $ROLE/agent
credential_source = EcsContainer"
        AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container AWS_CONTAINER_AUTHORIZATION_TOKEN='Basic agent' \
                done_well bare whoami --profile from-container
        is_session_of agent
        AWS_CONTAINER_CREDENTIALS_FULL_URI=http://203.0.113.7/container refused config 2 bare whoami
        AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=$url done_well bare whoami
        is_session_of agent
        is '.origin | contains("instance metadata")'
        # Temporary credentials in the environment, and expired ones.
        export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
        AWS_ACCESS_KEY_ID=$(jq -r .AccessKeyId "$SANDBOX/metadata.json")
        AWS_SECRET_ACCESS_KEY=$(jq -r .SecretAccessKey "$SANDBOX/metadata.json")
        AWS_SESSION_TOKEN=$(jq -r .Token "$SANDBOX/metadata.json")
        done_well whoami
        is_session_of agent
        AWS_CREDENTIAL_EXPIRATION=2020-01-01T00:00:00Z refused credentials-expired 5 whoami
        AWS_SESSION_TOKEN=foreign refused credentials-refused 5 whoami
}
