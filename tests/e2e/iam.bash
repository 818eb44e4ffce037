# What the tests about identities share: IAM and STS of localpca, asked by the administrator.
# shellcheck shell=bash disable=SC2154

# query SERVICE VERSION ACTION NAME=VALUE…: a signed call, as the aws CLI makes it, but quicker.
query() {
        local parameter data=(--data-urlencode "Action=$3" --data-urlencode "Version=$2") token=()
        for parameter in "${@:4}"; do
                data+=(--data-urlencode "$parameter")
        done
        [ -z "${AWS_SESSION_TOKEN:-}" ] || token=(-H "X-Amz-Security-Token: $AWS_SESSION_TOKEN")
        curl -sf --max-time 20 --aws-sigv4 "aws:amz:us-east-1:$1" \
                --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "${token[@]}" "${data[@]}" "$ENDPOINT/"
}

iam() { query iam 2010-05-08 "$@"; }
sts() { query sts 2011-06-15 "$@"; }

# all ELEMENT: the texts of these elements on stdin, a line each.
all() { grep -o "<$1>[^<]*" | cut -d'>' -f2; }

# allowing ACTION RESOURCE: a policy document.
allowing() {
        jq -cn --arg action "$1" --arg resource "$2" \
                '{Version: "2012-10-17", Statement: {Effect: "Allow", Action: $action, Resource: $resource}}'
}

# trusting ARN… [CONDITION]: a trust policy; the condition is a JSON object.
trusting() {
        jq -cn --arg condition "${2:-null}" --arg principal "$1" '{Version: "2012-10-17", Statement: ({Effect: "Allow",
                Principal: {AWS: $principal}, Action: "sts:AssumeRole"} +
                (($condition | fromjson) // {} | if . == {} then {} else {Condition: .} end))}'
}

# role NAME TRUST POLICY: make it.
role() {
        iam CreateRole RoleName="$1" AssumeRolePolicyDocument="$2" >/dev/null
        iam PutRolePolicy RoleName="$1" PolicyName=p PolicyDocument="$3" >/dev/null
}

# counted_by_ca OPERATION: how often localpca was asked that.
counted_by_ca() {
        curl -s --max-time 10 "$ENDPOINT/_localpca/stats" | jq -r --arg operation "$1" '.requests[$operation] // 0'
}
