#!/usr/bin/python3
"""The aws CLI's IAM and STS commands against a localpca, in one process.

    localpca_iam.py SCENE…      (ENDPOINT, CA_ARN and the administrator's keys in the environment)

Each command goes through the entry point of Debian's /usr/bin/aws.  Every answer is held against the
service model that the CLI brings along: no element that the model does not have, every required one
there, of its type, length, pattern and set of values.  A scene is a list of commands and what has to
come of them.
"""
import base64
import contextlib
import hmac
import io
import json
import os
import re
import struct
import sys
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

import awscli.clidriver

os.environ["AWS_MAX_ATTEMPTS"] = "1"
ENDPOINT = os.environ["ENDPOINT"]
ACCOUNT = "111122223333"
OTHER = "444455556666"
ARN = f"arn:aws:iam::{ACCOUNT}"
CA = os.environ["CA_ARN"]
SEEN = set()


class Wrong(Exception):
    """What came is not what was expected."""


def text_problems(shape, text, path):
    """What the model says about a text and is not so."""
    facts = shape.metadata
    if getattr(shape, "enum", None) and text not in shape.enum:
        yield f"{path}: '{text}' is none of {shape.enum}"
    if "min" in facts and len(text) < facts["min"]:
        yield f"{path}: '{text}' is too short"
    if "max" in facts and len(text) > facts["max"]:
        yield f"{path}: '{text[:40]}…' is too long"
    pattern = facts.get("pattern")
    if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, text):
        yield f"{path}: '{text}' does not match {pattern}"


def problems(shape, element, path):
    """What the model says about an element and is not so."""
    if shape.type_name == "structure":
        children = {child.tag.split("}")[1]: child for child in element}
        for name in children:
            if name not in shape.members:
                yield f"{path}.{name} is not in the model"
        for name in shape.required_members:
            if name not in children:
                yield f"{path}.{name} is missing"
        for name, child in children.items():
            if name in shape.members:
                yield from problems(shape.members[name], child, f"{path}.{name}")
    elif shape.type_name == "list":
        for child in element:
            if not child.tag.endswith("}member"):
                yield f"{path}: {child.tag} is no member"
            yield from problems(shape.member, child, f"{path}[]")
    elif shape.type_name == "string":
        yield from text_problems(shape, element.text or "", path)
    elif shape.type_name == "timestamp":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", element.text or ""):
            yield f"{path}: '{element.text}' is no time"
    elif shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", element.text or ""):
            yield f"{path}: '{element.text}' is no number"
    elif shape.type_name == "boolean" and element.text not in ("true", "false"):
        yield f"{path}: '{element.text}' is no truth value"


def answer_check(http_response, model, **_):
    """Hold an answer of the query protocol against its model."""
    if model.service_model.protocol != "query":
        return
    SEEN.add(f"{model.service_model.service_name}.{model.name}")
    root = ElementTree.fromstring(http_response.content)
    space = model.service_model.metadata["xmlNamespace"]
    if http_response.status_code >= 300:
        names = [one.tag for one in root.find(f"{{{space}}}Error")]
        if names != [f"{{{space}}}{name}" for name in ("Type", "Code", "Message")]:
            raise Wrong(f"{model.name}: an error of {names}")
        return
    if root.tag != f"{{{space}}}{model.name}Response":
        raise Wrong(f"{model.name}: {root.tag}")
    result = root.find(f"{{{space}}}{model.name}Result")
    if (result is None) != (model.output_shape is None):
        raise Wrong(f"{model.name}: a result where the model has none, or none where it has one")
    if result is not None:
        found = list(problems(model.output_shape, result, model.name))
        if found:
            raise Wrong("; ".join(found))


class Keys:
    """Who signs."""

    def __init__(self, key, secret, token=None):
        self.key, self.secret, self.token = key, secret, token

    @classmethod
    def of(cls, answer):
        """The keys of a CreateAccessKey or an STS answer."""
        found = answer.get("AccessKey") or answer["Credentials"]
        return cls(found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"))


ADMIN = Keys(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


DRIVERS = {}


def driver_of(keys):
    """A CLI for these keys: it reads them and the models once."""
    found = DRIVERS.get((keys.key, keys.token))
    if found:
        return found
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = keys.key, keys.secret
    os.environ.pop("AWS_SESSION_TOKEN", None)
    if keys.token:
        os.environ["AWS_SESSION_TOKEN"] = keys.token
    driver = awscli.clidriver.create_clidriver()
    driver.session.register("after-call", answer_check)
    driver.session.get_credentials()
    if DRIVERS:
        # Models are the same for all of them; reading IAM's takes longest.
        loader = next(iter(DRIVERS.values())).session.get_component("data_loader")
        driver.session.register_component("data_loader", loader)
    DRIVERS[keys.key, keys.token] = driver
    return driver


def run(command, by=ADMIN, text=()):
    """The status, stdout and stderr of an aws command; a list in `text` is appended as it is."""
    out, err = io.StringIO(), io.StringIO()
    arguments = ["--endpoint-url", ENDPOINT, "--output", "json"] + command.split() + list(text)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = driver_of(by).main(arguments)
    return status, out.getvalue(), err.getvalue()


def aws(command, *text, by=ADMIN):
    """The answer of a command that has to succeed."""
    status, out, err = run(command, by, text)
    if status:
        raise Wrong(f"aws {command}: {err.strip()}")
    return json.loads(out) if out.strip() else {}


def refused(code, words, command, *text, by=ADMIN):
    """A command that has to fail with that code and these words."""
    status, out, err = run(command, by, text)
    if not status or f"({code})" not in err or words not in err:
        raise Wrong(f"aws {command}: not {code} with '{words}', but {out}{err}")


def same(found, expected):
    """Both have to be equal."""
    if found != expected:
        raise Wrong(f"{found!r} is not {expected!r}")


def page(path, body):
    """What a page of localpca's own answers."""
    with urllib.request.urlopen(f"{ENDPOINT}/_localpca/{path}", body.encode(), timeout=20) as reply:
        return reply.read().decode().strip()


def policy(action, resource="*", **more):
    """A document of one statement that allows."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal, action="sts:AssumeRole", **condition):
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


# -- scenes ------------------------------------------------------------------------------------


def users():
    """A user is made, tagged, listed and deleted, with AWS's refusals on the way."""
    made = aws("iam create-user --user-name u1 --path /p11cert/ --tags Key=p11cert,Value=issuer")["User"]
    same(made["Arn"], f"{ARN}:user/p11cert/u1")
    refused("EntityAlreadyExists", "User with name U1 already exists.", "iam create-user --user-name U1")
    same(aws("iam get-user --user-name u1")["User"], made)
    aws("iam tag-user --user-name u1 --tags Key=Place,Value=here Key=P11CERT,Value=station")
    same([tag["Value"] for tag in aws("iam list-user-tags --user-name u1")["Tags"]], ["here", "station"])
    aws("iam untag-user --user-name u1 --tag-keys place")
    same(len(aws("iam list-user-tags --user-name u1")["Tags"]), 1)
    refused("InvalidInput", "Duplicate tag keys", "iam tag-user --user-name u1 --tags Key=a,Value=1 Key=A,Value=2")
    for number in range(5):
        aws(f"iam create-user --user-name page-{number} --path /pages/")
    first = aws("iam list-users --path-prefix /pages/ --no-paginate --max-items 2")
    listed = aws("iam list-users --path-prefix /pages/ --page-size 2")["Users"]
    same([one["UserName"] for one in listed], [f"page-{number}" for number in range(5)])
    same((len(first["Users"]), first["IsTruncated"]), (2, True))
    refused("InvalidInput", "Invalid Marker", "iam list-users --no-paginate --marker bm90IG91cnM=")
    same(aws("iam list-groups-for-user --user-name u1")["Groups"], [])
    refused("NoSuchEntity", "The user with name nobody cannot be found.", "iam get-user --user-name nobody")
    refused("ValidationError", "regular expression", "iam get-user --user-name a/b")
    aws("iam put-user-policy --user-name u1 --policy-name p --policy-document", policy("acm-pca:*"))
    refused("DeleteConflict", "must delete policies first", "iam delete-user --user-name u1")
    same(aws("iam list-user-policies --user-name u1")["PolicyNames"], ["p"])
    found = aws("iam get-user-policy --user-name u1 --policy-name p")["PolicyDocument"]
    same(found, json.loads(policy("acm-pca:*")))
    aws("iam delete-user-policy --user-name u1 --policy-name p")
    refused("NoSuchEntity", "The user policy with name p", "iam get-user-policy --user-name u1 --policy-name p")
    readonly = "arn:aws:iam::aws:policy/AWSPrivateCAReadOnly"
    aws(f"iam attach-user-policy --user-name u1 --policy-arn {readonly}")
    refused("DeleteConflict", "must detach all policies first", "iam delete-user --user-name u1")
    same(aws("iam list-attached-user-policies --user-name u1")["AttachedPolicies"][0]["PolicyArn"], readonly)
    aws(f"iam detach-user-policy --user-name u1 --policy-arn {readonly}")
    aws(f"iam put-user-permissions-boundary --user-name u1 --permissions-boundary {readonly}")
    same(aws("iam get-user --user-name u1")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], readonly)
    aws("iam delete-user-permissions-boundary --user-name u1")
    aws("iam create-access-key --user-name u1")
    refused("DeleteConflict", "must delete access keys first", "iam delete-user --user-name u1")
    key = aws("iam list-access-keys --user-name u1")["AccessKeyMetadata"][0]["AccessKeyId"]
    aws(f"iam delete-access-key --user-name u1 --access-key-id {key}")
    aws("iam delete-user --user-name u1")
    refused("NoSuchEntity", "u1", "iam delete-user --user-name u1")


def keys():
    """Two keys at most; an inactive one is not known; who last used it is told."""
    aws("iam create-user --user-name keys")
    aws("iam put-user-policy --user-name keys --policy-name p --policy-document", policy("iam:*AccessKey*"))
    first = Keys.of(aws("iam create-access-key --user-name keys"))
    same(aws("sts get-caller-identity", by=first)["Arn"], f"{ARN}:user/keys")
    second = Keys.of(aws("iam create-access-key", by=first))
    refused("LimitExceeded", "AccessKeysPerUser: 2", "iam create-access-key --user-name keys")
    same(aws(f"sts get-access-key-info --access-key-id {second.key}")["Account"], ACCOUNT)
    aws(f"iam update-access-key --access-key-id {first.key} --status Inactive", by=second)
    refused("InvalidClientTokenId", "is invalid", "sts get-caller-identity", by=first)
    refused("UnrecognizedClientException", "is invalid", "acm-pca list-certificate-authorities", by=first)
    listed = aws("iam list-access-keys", by=second)["AccessKeyMetadata"]
    same([one["Status"] for one in listed], ["Inactive", "Active"])
    aws(f"iam update-access-key --access-key-id {first.key} --status Active", by=second)
    aws("sts get-caller-identity", by=first)
    used = aws(f"iam get-access-key-last-used --access-key-id {first.key}")
    same((used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]), ("keys", "sts"))
    aws(f"iam delete-access-key --access-key-id {first.key}", by=second)
    refused("InvalidClientTokenId", "is invalid", "sts get-caller-identity", by=first)
    refused("NoSuchEntity", f"The Access Key with id {first.key}",
            f"iam delete-access-key --user-name keys --access-key-id {first.key}")
    refused("AccessDenied", f"User: {ARN}:user/keys is not authorized to perform: iam:ListUsers on resource: "
            f"{ARN}:user/ because no identity-based policy allows the iam:ListUsers action", "iam list-users", by=second)
    page("settings", "iam-delay=10m")
    late = Keys.of(aws("iam create-access-key --user-name keys"))
    refused("InvalidClientTokenId", "is invalid", "sts get-caller-identity", by=late)
    aws("iam put-user-policy --user-name keys --policy-name p --policy-document", policy("iam:ListUsers"))
    refused("AccessDenied", "iam:ListUsers", "iam list-users", by=second)
    aws("iam list-access-keys", by=second)
    page("settings", "iam-delay=0s")
    page("settings", "clock-offset=12m")
    try:
        aws("sts get-caller-identity", by=late)
        aws("iam list-users", by=second)
    finally:
        page("settings", "clock-offset=0s")


def roles():
    """A role is made, changed and deleted; its trust policy has to be one."""
    root = trust({"AWS": f"{ARN}:root"})
    made = aws("iam create-role --role-name r1 --path /p11cert/ --description words --max-session-duration 7200 "
               "--tags Key=a,Value=b --assume-role-policy-document", root)["Role"]
    same((made["Arn"], made["AssumeRolePolicyDocument"]), (f"{ARN}:role/p11cert/r1", json.loads(root)))
    same(aws("iam get-role --role-name r1")["Role"], made)
    refused("EntityAlreadyExists", "Role with name r1", "iam create-role --role-name r1 --assume-role-policy-document",
            root)
    for words, document in (("invalid Json", "{"), ("prohibited field Resource", policy("sts:AssumeRole")[:-1] + "}"),
                            ("may only specify STS", trust({"AWS": ACCOUNT}, "iam:*")),
                            ("Invalid principal", trust({"AWS": f"{ARN}:user/nobody"})),
                            ("Invalid principal", trust({"AWS": "bob"}))):
        if "Resource" in words:
            document = trust({"AWS": ACCOUNT}).replace('"Action"', '"Resource": "*", "Action"')
        refused("MalformedPolicyDocument", words, "iam create-role --role-name bad --assume-role-policy-document",
                document)
    aws("iam update-assume-role-policy --role-name r1 --policy-document", trust({"AWS": ACCOUNT}))
    aws("iam update-role --role-name r1 --max-session-duration 3600 --description other")
    same(aws("iam get-role --role-name r1")["Role"]["MaxSessionDuration"], 3600)
    aws("iam tag-role --role-name r1 --tags Key=c,Value=d")
    aws("iam untag-role --role-name r1 --tag-keys a")
    same(aws("iam list-role-tags --role-name r1")["Tags"], [{"Key": "c", "Value": "d"}])
    big = policy("acm-pca:*", [f"arn:aws:acm-pca:us-east-1:{ACCOUNT}:certificate-authority/{n:036}" for n in range(150)])
    refused("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r1",
            "iam put-role-policy --role-name r1 --policy-name big --policy-document", big)
    aws("iam create-user --user-name sized")
    refused("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user sized",
            "iam put-user-policy --user-name sized --policy-name big --policy-document", big)
    spaced = policy("acm-pca:*").replace(" ", " " * 400)
    aws("iam put-user-policy --user-name sized --policy-name spaced --policy-document", spaced)
    for words, document in (("invalid Json", "["), ("must contain resources", policy("a:b", None).replace(
            ', "Resource": null', "")), ("vendor", policy("nothing")), ("should not specify a principal", policy(
                "a:b", Principal="*")), ("ARN format", policy("a:b", "here")), ("Invalid Condition type",
                policy("a:b", Condition={"StringResembles": {"a:b": "c"}}))):
        refused("MalformedPolicyDocument", words,
                "iam put-role-policy --role-name r1 --policy-name bad --policy-document", document)
    aws("iam put-role-policy --role-name r1 --policy-name p --policy-document", policy("acm-pca:*"))
    same(aws("iam list-role-policies --role-name r1")["PolicyNames"], ["p"])
    same(aws("iam get-role-policy --role-name r1 --policy-name p")["RoleName"], "r1")
    refused("DeleteConflict", "must delete policies first", "iam delete-role --role-name r1")
    aws("iam delete-role-policy --role-name r1 --policy-name p")
    everything = "arn:aws:iam::aws:policy/AWSPrivateCAFullAccess"
    aws(f"iam attach-role-policy --role-name r1 --policy-arn {everything}")
    same(aws("iam list-attached-role-policies --role-name r1")["AttachedPolicies"][0]["PolicyName"],
         "AWSPrivateCAFullAccess")
    aws(f"iam detach-role-policy --role-name r1 --policy-arn {everything}")
    refused("NoSuchEntity", "was not found", f"iam detach-role-policy --role-name r1 --policy-arn {everything}")
    aws(f"iam put-role-permissions-boundary --role-name r1 --permissions-boundary {everything}")
    aws("iam delete-role-permissions-boundary --role-name r1")
    same([one["RoleName"] for one in aws("iam list-roles --path-prefix /p11cert/")["Roles"]], ["r1"])
    aws("iam delete-role --role-name r1")
    refused("NoSuchEntity", "The role with name r1", "iam get-role --role-name r1")


def managed():
    """Managed policies and their versions, AWS's own among them."""
    own = aws("iam create-policy --policy-name Narrow --path /p11cert/ --description words --policy-document",
              policy("acm-pca:GetCertificate", CA))["Policy"]
    arn = own["Arn"]
    same(arn, f"{ARN}:policy/p11cert/Narrow")
    refused("EntityAlreadyExists", "narrow", "iam create-policy --policy-name narrow --policy-document", policy("a:b"))
    second = aws(f"iam create-policy-version --policy-arn {arn} --set-as-default --policy-document",
                 policy("acm-pca:*"))["PolicyVersion"]
    same((second["VersionId"], second["IsDefaultVersion"]), ("v2", True))
    refused("DeleteConflict", "default version", f"iam delete-policy-version --policy-arn {arn} --version-id v2")
    same([one["VersionId"] for one in aws(f"iam list-policy-versions --policy-arn {arn}")["Versions"]], ["v2", "v1"])
    same(aws(f"iam get-policy-version --policy-arn {arn} --version-id v1")["PolicyVersion"]["Document"],
         json.loads(policy("acm-pca:GetCertificate", CA)))
    aws("iam create-user --user-name attached")
    aws(f"iam attach-user-policy --user-name attached --policy-arn {arn}")
    same(aws(f"iam get-policy --policy-arn {arn}")["Policy"]["AttachmentCount"], 1)
    refused("DeleteConflict", "attached to entities", f"iam delete-policy --policy-arn {arn}")
    aws(f"iam detach-user-policy --user-name attached --policy-arn {arn}")
    refused("DeleteConflict", "more than one version", f"iam delete-policy --policy-arn {arn}")
    aws(f"iam delete-policy-version --policy-arn {arn} --version-id v1")
    aws(f"iam delete-policy --policy-arn {arn}")
    refused("NoSuchEntity", "was not found", f"iam get-policy --policy-arn {arn}")
    user = "arn:aws:iam::aws:policy/AWSPrivateCAUser"
    version = aws(f"iam get-policy --policy-arn {user}")["Policy"]["DefaultVersionId"]
    document = aws(f"iam get-policy-version --policy-arn {user} --version-id {version}")["PolicyVersion"]["Document"]
    same(document["Statement"][1]["Effect"], "Deny")
    names = [one["PolicyName"] for one in aws("iam list-policies --scope AWS")["Policies"]]
    same({"AWSPrivateCAUser", "AWSPrivateCAReadOnly", "AWSPrivateCAFullAccess"} <= set(names), True)
    same(aws("iam list-policies --scope Local")["Policies"], [])


def assumed():
    """AssumeRole: who is trusted, for how long, narrowed by what; and what its session may do."""
    aws("iam create-user --user-name clerk")
    clerk = Keys.of(aws("iam create-access-key --user-name clerk"))
    aws("iam create-role --role-name issuer --path /p11cert/ --assume-role-policy-document", trust({"AWS": ACCOUNT}))
    aws("iam put-role-policy --role-name issuer --policy-name p --policy-document", policy("acm-pca:*"))
    role = f"{ARN}:role/p11cert/issuer"
    assume = f"sts assume-role --role-arn {role} --role-session-name s1"
    denied = f"User: {ARN}:user/clerk is not authorized to perform: sts:AssumeRole on resource: {role}"
    refused("AccessDenied", denied, assume, by=clerk)
    refused("AccessDenied", denied + "x", assume.replace("issuer", "issuerx"), by=clerk)
    aws("iam put-user-policy --user-name clerk --policy-name p --policy-document", policy("sts:AssumeRole", role))
    answer = aws(assume, by=clerk)
    session = Keys.of(answer)
    same(answer["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/issuer/s1")
    same(aws("sts get-caller-identity", by=session)["UserId"], answer["AssumedRoleUser"]["AssumedRoleId"])
    aws(f"acm-pca describe-certificate-authority --certificate-authority-arn {CA}", by=session)
    refused("UnrecognizedClientException", "invalid", "acm-pca list-certificate-authorities",
            by=Keys(session.key, session.secret, session.token + "x"))
    refused("UnrecognizedClientException", "invalid", "acm-pca list-certificate-authorities",
            by=Keys(session.key, session.secret))
    refused("AccessDenied", "Cannot call GetSessionToken with session credentials", "sts get-session-token",
            by=session)
    narrowed = aws(assume + " --policy", policy("acm-pca:GetCertificate", CA), by=clerk)
    same(0 < narrowed["PackedPolicySize"] <= 100, True)
    refused("AccessDeniedException", "because no session policy allows the acm-pca:ListTags action",
            f"acm-pca list-tags --certificate-authority-arn {CA}", by=Keys.of(narrowed))
    readonly = "arn:aws:iam::aws:policy/AWSPrivateCAReadOnly"
    by_arn = Keys.of(aws(f"{assume} --policy-arns arn={readonly}", by=clerk))
    aws(f"acm-pca list-tags --certificate-authority-arn {CA}", by=by_arn)
    refused("AccessDeniedException", "session policy", f"acm-pca delete-policy --resource-arn {CA}", by=by_arn)
    refused("MalformedPolicyDocument", "Json", assume + " --policy", "{", by=clerk)
    refused("ValidationError", "less than or equal to 2048", assume + " --policy", policy("a:b", "arn:" + "x" * 2050),
            by=clerk)
    refused("ValidationError", "MaxSessionDuration", assume + " --duration-seconds 3601", by=clerk)
    refused("ValidationError", "greater than or equal to 900", assume + " --duration-seconds 899", by=clerk)
    refused("ValidationError", "regular expression", assume.replace(" s1", " a/b"), by=clerk)
    aws("iam put-role-permissions-boundary --role-name issuer --permissions-boundary", readonly)
    refused("AccessDeniedException", "because no permissions boundary allows the acm-pca:PutPolicy action",
            f"acm-pca put-policy --resource-arn {CA} --policy {{}}", by=session)
    aws("iam delete-role-permissions-boundary --role-name issuer")
    aws("iam put-role-policy --role-name issuer --policy-name no --policy-document",
        policy("acm-pca:ListTags").replace("Allow", "Deny"))
    refused("AccessDeniedException", "with an explicit deny in an identity-based policy",
            f"acm-pca list-tags --certificate-authority-arn {CA}", by=session)
    both = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "acm-pca:ListPermissions", "Resource": "*"}]})
    listing = f"acm-pca list-permissions --certificate-authority-arn {CA}"
    aws(listing, by=session)
    refused("AccessDeniedException", "with an explicit deny in a session policy", listing,
            by=Keys.of(aws(assume + " --policy", both, by=clerk)))
    bound = aws("iam create-policy --policy-name bound --policy-document", both)["Policy"]["Arn"]
    aws("iam put-role-permissions-boundary --role-name issuer --permissions-boundary", bound)
    refused("AccessDeniedException", "with an explicit deny in a permissions boundary", listing, by=session)
    aws("iam update-assume-role-policy --role-name issuer --policy-document",
        trust({"AWS": ACCOUNT}).replace("}]}", '}, {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}'))
    refused("AccessDenied", denied + " with an explicit deny in a resource-based policy", assume, by=clerk)
    page("settings", "clock-offset=61m")
    refused("ExpiredTokenException", "is expired", "acm-pca list-certificate-authorities", by=session)
    refused("ExpiredToken", "is expired", "sts get-caller-identity", by=session)
    page("settings", "clock-offset=0s")


def conditions():
    """External ids, tags, source identities, role chaining, and condition keys of requests."""
    aws("iam create-role --role-name outer --assume-role-policy-document",
        trust({"AWS": f"{ARN}:user/localpca-admin"}, ["sts:AssumeRole", "sts:TagSession"],
              StringEquals={"sts:ExternalId": "batch-7"}, StringLike={"sts:RoleSessionName": "host-*"}))
    outer = f"sts assume-role --role-arn {ARN}:role/outer --role-session-name host-7"
    refused("AccessDenied", "sts:AssumeRole", outer)
    refused("AccessDenied", "sts:AssumeRole", outer + " --external-id batch-8")
    refused("AccessDenied", "sts:AssumeRole", outer.replace("host-7", "guest") + " --external-id batch-7")
    refused("AccessDenied", "sts:SetSourceIdentity", outer + " --external-id batch-7 --source-identity someone")
    tagged = Keys.of(aws(outer + " --external-id batch-7 --tags Key=team,Value=pki --transitive-tag-keys team"))
    aws("iam create-role --role-name inner --max-session-duration 43200 --assume-role-policy-document",
        trust({"AWS": f"{ARN}:role/outer"}, StringEquals={"aws:PrincipalTag/team": "pki"}))
    inner = f"sts assume-role --role-arn {ARN}:role/inner --role-session-name host-7"
    refused("ValidationError", "1 hour session limit", inner + " --duration-seconds 3601", by=tagged)
    chained = Keys.of(aws(inner, by=tagged))
    untagged = Keys.of(aws(outer + " --external-id batch-7"))
    refused("AccessDenied", "sts:AssumeRole", inner, by=untagged)
    many = " ".join(f"Key=key-{number:02},Value={'v' * 60}" for number in range(40))
    refused("PackedPolicyTooLarge", "of allotted space", outer + " --external-id batch-7 --tags " + many)
    same(aws("sts get-caller-identity", by=chained)["Account"], ACCOUNT)
    reading = f"acm-pca list-tags --certificate-authority-arn {CA}"
    for key, right, wrong, operation in (("aws:SourceIp", "127.0.0.0/8", "203.0.113.0/24", "IpAddress"),
                                         ("aws:PrincipalTag/team", "pki", "web", "StringEquals"),
                                         ("aws:SecureTransport", "false", "true", "Bool"),
                                         ("aws:CurrentTime", "2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z",
                                          "DateLessThan"),
                                         ("aws:PrincipalArn", f"{ARN}:role/i*", f"{ARN}:role/o*", "ArnLike"),
                                         ("aws:userid", "AROA*:host-7", "*:host-8", "StringLike"),
                                         ("aws:ResourceAccount", ACCOUNT, "444455556666", "StringEquals")):
        for value, fine in ((wrong, False), (right, True)):
            aws("iam put-role-policy --role-name inner --policy-name p --policy-document",
                policy("acm-pca:*", Condition={operation: {key: value}}))
            if fine:
                aws(reading, by=chained)
            else:
                refused("AccessDeniedException", "no identity-based policy", reading, by=chained)
    aws("iam delete-role-policy --role-name inner --policy-name p")
    aws("iam delete-role --role-name inner")
    refused("UnrecognizedClientException", "invalid", reading, by=chained)


def one_time(seed, step):
    """The code of an interval (RFC 6238), by another implementation than the server's."""
    digest = hmac.new(seed, struct.pack(">Q", step), "sha1").digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"


def mfa():
    """A virtual device: seed, two codes, a session with the second factor, and a role that wants it."""
    aws("iam create-user --user-name careful")
    aws("iam put-user-policy --user-name careful --policy-name p --policy-document",
        policy("*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    key = Keys.of(aws("iam create-access-key --user-name careful"))
    seed_file = os.path.join(os.environ["SANDBOX"], "seed")
    device = aws("iam create-virtual-mfa-device --virtual-mfa-device-name careful --bootstrap-method Base32StringSeed "
                 f"--outfile {seed_file}")["VirtualMFADevice"]["SerialNumber"]
    with open(seed_file, "rb") as file:
        seed = base64.b32decode(file.read())
    same(len(seed), 40)
    enable = f"iam enable-mfa-device --user-name careful --serial-number {device} --authentication-code1"
    refused("InvalidAuthenticationCode", "not valid", enable + " 000000 --authentication-code2 000000")
    step = int(time.time()) // 30
    aws(f"{enable} {one_time(seed, step - 1)} --authentication-code2 {one_time(seed, step)}")
    same(aws("iam list-mfa-devices --user-name careful")["MFADevices"][0]["SerialNumber"], device)
    refused("DeleteConflict", "must be deactivated", f"iam delete-virtual-mfa-device --serial-number {device}")
    refused("AccessDenied", "iam:ListUsers", "iam list-users", by=key)
    plain = Keys.of(aws("sts get-session-token", by=key))
    refused("InvalidClientTokenId", "is invalid", "iam list-users", by=plain)
    refused("AccessDenied", "Cannot call GetAccessKeyInfo", f"sts get-access-key-info --access-key-id {key.key}",
            by=plain)
    token = f"sts get-session-token --serial-number {device} --token-code"
    refused("AccessDenied", "invalid MFA one time pass code", token + " 000000", by=key)
    code = page("mfa", device)
    strong = Keys.of(aws(f"{token} {code}", by=key))
    refused("AccessDenied", "invalid MFA one time pass code", f"{token} {code}", by=key)
    aws("iam list-users", by=strong)
    aws("iam create-role --role-name wants-mfa --assume-role-policy-document",
        trust({"AWS": f"{ARN}:user/careful"}, Bool={"aws:MultiFactorAuthPresent": "true"}))
    assume = f"sts assume-role --role-arn {ARN}:role/wants-mfa --role-session-name s1"
    refused("AccessDenied", "sts:AssumeRole", assume, by=key)
    aws(f"{assume} --serial-number {device} --token-code {page('mfa', device)}", by=key)
    aws(assume, by=strong)
    aws(f"iam deactivate-mfa-device --user-name careful --serial-number {device}")
    aws(f"iam delete-virtual-mfa-device --serial-number {device}")


def web_identity():
    """Tokens of the local issuer: believed, narrowed, refused."""
    host = "oidc.localpca.test"
    provider = aws(f"iam create-open-id-connect-provider --url https://{host} --client-id-list sts.amazonaws.com "
                   f"--thumbprint-list {'0' * 40}")["OpenIDConnectProviderArn"]
    same(provider, f"{ARN}:oidc-provider/{host}")
    same(aws("iam list-open-id-connect-providers")["OpenIDConnectProviderList"], [{"Arn": provider}])
    same(aws(f"iam get-open-id-connect-provider --open-id-connect-provider-arn {provider}")["Url"], host)
    aws("iam create-role --role-name ci --assume-role-policy-document",
        trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", StringEquals={f"{host}:sub": "repo:pki"}))
    aws("iam put-role-policy --role-name ci --policy-name p --policy-document", policy("acm-pca:*"))
    command = f"sts assume-role-with-web-identity --role-arn {ARN}:role/ci --role-session-name run-7 " \
              "--web-identity-token"
    nobody = Keys("nobody", "nothing")
    for algorithm in ("RS256", "ES256"):
        answer = aws(command, page("web-identity", f"sub=repo:pki\nalg={algorithm}"), by=nobody)
        same((answer["SubjectFromWebIdentityToken"], answer["Provider"]), ("repo:pki", provider))
        aws("acm-pca list-certificate-authorities", by=Keys.of(answer))
    narrowed = Keys.of(aws(command, page("web-identity", "sub=repo:pki"), "--policy", policy("acm-pca:ListTags", CA),
                           by=nobody))
    refused("AccessDeniedException", "session policy", "acm-pca list-certificate-authorities", by=narrowed)
    good = page("web-identity", "sub=repo:pki").split(".")
    bad_signature = ".".join([good[0], good[1], good[2][:-8] + "AAAAAAAA"])
    other_claims = ".".join([good[0], page("web-identity", "sub=repo:pkj").split(".")[1], good[2]])
    for code, words, token in (
            ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity",
             page("web-identity", "sub=repo:web")),
            ("InvalidIdentityToken", "Incorrect token audience", page("web-identity", "sub=repo:pki\naud=other")),
            ("ExpiredTokenException", "Token expired", page("web-identity", "sub=repo:pki\nlifetime=-1h")),
            ("InvalidIdentityToken", "verification key", page("web-identity", "sub=repo:pki\niss=https://else.test")),
            ("InvalidIdentityToken", "Unsupported signing algorithm", page("web-identity", "sub=repo:pki\nalg=none")),
            ("InvalidIdentityToken", "Missing a required claim: sub", page("web-identity", "")),
            ("InvalidIdentityToken", "not a valid JWT", "no-token"),
            ("InvalidIdentityToken", "signature", bad_signature),
            ("InvalidIdentityToken", "signature", other_claims)):
        refused(code, words, command, token, by=nobody)
    aws(f"iam delete-open-id-connect-provider --open-id-connect-provider-arn {provider}")
    refused("InvalidIdentityToken", "No OpenIDConnect provider", command, page("web-identity", "sub=repo:pki"),
            by=nobody)


def simulated():
    """The simulator says what the service then does."""
    template = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
    aws("iam create-user --user-name limited")
    aws("iam put-user-policy --user-name limited --policy-name issue --policy-document",
        policy("acm-pca:IssueCertificate", CA, Condition={"ArnEquals": {"acm-pca:TemplateArn": template}}))
    ask = f"iam simulate-principal-policy --policy-source-arn {ARN}:user/limited --action-names"
    result = aws(f"{ask} acm-pca:IssueCertificate acm-pca:DeletePolicy --resource-arns {CA}")["EvaluationResults"]
    same([one["EvalDecision"] for one in result], ["implicitDeny", "implicitDeny"])
    same(result[0]["MissingContextValues"], ["acm-pca:TemplateArn"])
    entry = "--context-entries ContextKeyName=acm-pca:TemplateArn,ContextKeyType=string,ContextKeyValues="
    result = aws(f"{ask} acm-pca:IssueCertificate --resource-arns {CA} {entry}{template}")["EvaluationResults"][0]
    same((result["EvalDecision"], result["MissingContextValues"]), ("allowed", []))
    same(result["MatchedStatements"][0]["SourcePolicyId"], "user_limited_issue")
    result = aws(f"{ask} acm-pca:IssueCertificate --resource-arns {CA} {CA}x {entry}{template}")["EvaluationResults"][0]
    same(result["EvalDecision"], "implicitDeny")
    same([one["EvalResourceDecision"] for one in result["ResourceSpecificResults"]], ["allowed", "implicitDeny"])
    aws("iam attach-user-policy --user-name limited --policy-arn arn:aws:iam::aws:policy/AWSPrivateCAUser")
    other = template.replace("EndEntity", "SubordinateCA")
    result = aws(f"{ask} acm-pca:IssueCertificate --resource-arns {CA} {entry}{other}")["EvaluationResults"][0]
    same((result["EvalDecision"], result["MatchedStatements"][0]["SourcePolicyType"]), ("explicitDeny", "aws-managed"))
    result = aws(f"{ask} acm-pca:GetCertificate --resource-arns {CA} --permissions-boundary-policy-input-list",
                 policy("acm-pca:ListTags"))["EvaluationResults"][0]
    same((result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]),
         ("implicitDeny", {"AllowedByPermissionsBoundary": False}))
    refused("InvalidInput", "does not clearly define entity type and name",
            f"iam simulate-principal-policy --policy-source-arn arn:aws:sts::{ACCOUNT}:assumed-role/r/s "
            "--action-names a:b")
    refused("NoSuchEntity", "The user with name nobody",
            f"iam simulate-principal-policy --policy-source-arn {ARN}:user/nobody --action-names a:b")
    result = aws("iam simulate-custom-policy --action-names s3:GetObject --policy-input-list", policy("s3:*"))
    same(result["EvaluationResults"][0]["EvalDecision"], "allowed")
    same(aws(f"iam get-context-keys-for-principal-policy --policy-source-arn {ARN}:user/limited")["ContextKeyNames"],
         ["acm-pca:TemplateArn"])


def accounts():
    """Two accounts: a role that the other one may assume, and a CA that it is given."""
    far = Keys("AKIAOTHERACCOUNT", "secret")
    root = f"arn:aws:iam::{OTHER}"
    aws("iam create-user --user-name far", by=far)
    clerk = Keys.of(aws("iam create-access-key --user-name far", by=far))
    refused("NoSuchEntity", "far", "iam get-user --user-name far")
    aws("iam create-role --role-name near --assume-role-policy-document",
        trust({"AWS": OTHER}, StringEquals={"sts:ExternalId": "batch-7"}))
    aws("iam put-role-policy --role-name near --policy-name p --policy-document", policy("acm-pca:GetPolicy", CA))
    assume = f"sts assume-role --role-arn {ARN}:role/near --role-session-name s1 --external-id batch-7"
    refused("AccessDenied", f"User: {root}:user/far is not authorized", assume, by=clerk)
    aws("iam put-user-policy --user-name far --policy-name p --policy-document",
        policy(["sts:AssumeRole", "acm-pca:*"]), by=far)
    refused("AccessDenied", "sts:AssumeRole", assume.replace("batch-7", "batch-8"), by=clerk)
    session = Keys.of(aws(assume, by=clerk))
    same(aws("sts get-caller-identity", by=session)["Account"], ACCOUNT)
    describe = f"acm-pca describe-certificate-authority --certificate-authority-arn {CA}"
    refused("AccessDeniedException", "because no resource-based policy allows the acm-pca:DescribeCertificateAuthority",
            describe, by=clerk)
    shared = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "1", "Effect": "Allow", "Principal": {"AWS": f"{root}:root"}, "Resource": CA,
        "Action": ["acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate", "acm-pca:ListPermissions",
                   "acm-pca:GetCertificateAuthorityCertificate", "acm-pca:ListTags"]}]})
    aws(f"acm-pca put-policy --resource-arn {CA} --policy", shared)
    aws(describe, by=clerk)
    aws("iam put-user-policy --user-name far --policy-name p --policy-document", policy("acm-pca:ListTags"), by=far)
    refused("AccessDeniedException", "because no identity-based policy allows the acm-pca:DescribeCertificateAuthority",
            describe, by=clerk)
    aws(f"acm-pca list-tags --certificate-authority-arn {CA}", by=clerk)
    aws(f"acm-pca delete-policy --resource-arn {CA}")


def renewed():
    """Who is made anew under a name is not who was trusted; faults and rates strike STS and IAM, too."""
    aws("iam create-user --user-name again")
    aws("iam create-role --role-name trusting --assume-role-policy-document", trust({"AWS": [f"{ARN}:user/again"]}))
    key = Keys.of(aws("iam create-access-key --user-name again"))
    assume = f"sts assume-role --role-arn {ARN}:role/trusting --role-session-name s1"
    aws(assume, by=key)
    old = aws("iam get-user --user-name again")["User"]["UserId"]
    aws(f"iam delete-access-key --user-name again --access-key-id {key.key}")
    aws("iam delete-user --user-name again")
    document = aws("iam get-role --role-name trusting")["Role"]["AssumeRolePolicyDocument"]
    same(document["Statement"][0]["Principal"], {"AWS": [old]})
    aws("iam create-user --user-name again")
    aws("iam put-user-policy --user-name again --policy-name p --policy-document", policy("*"))
    key = Keys.of(aws("iam create-access-key --user-name again"))
    refused("AccessDenied", "sts:AssumeRole", assume, by=key)
    for rule, code, words in (("throttle", "Throttling", "Rate exceeded"), ("denied", "AccessDenied", "not authorized"),
                              ("expired-token", "ExpiredToken", "expired"), ("clock", "SignatureDoesNotMatch", "expired")):
        page("faults", f"sts.GetCallerIdentity:first=1:{rule}")
        refused(code, words, "sts get-caller-identity")
    aws("sts get-caller-identity")
    page("settings", "rate=iam.ListUsers=0.0001/s")
    aws("iam list-users", by=key)
    refused("Throttling", "Rate exceeded", "iam list-users", by=key)
    page("settings", "rate=iam.ListUsers=off")


def before():
    """What is to be there again after kill -9."""
    aws("iam create-user --user-name kept --tags Key=a,Value=b")
    aws("iam put-user-policy --user-name kept --policy-name p --policy-document", policy("acm-pca:ListTags"))
    aws("iam create-role --role-name kept --assume-role-policy-document", trust({"AWS": ACCOUNT}))
    aws("iam attach-role-policy --role-name kept --policy-arn arn:aws:iam::aws:policy/AWSPrivateCAReadOnly")
    sessions = {
        "user": aws("iam create-access-key --user-name kept")["AccessKey"],
        "role": aws(f"sts assume-role --role-arn {ARN}:role/kept --role-session-name s1 --policy",
                    policy("acm-pca:ListTags"))["Credentials"],
    }
    with open(os.path.join(os.environ["SANDBOX"], "kept"), "w", encoding="utf-8") as file:
        json.dump(sessions, file)


def after():
    """What before() made is as it was."""
    with open(os.path.join(os.environ["SANDBOX"], "kept"), encoding="utf-8") as file:
        sessions = json.load(file)
    reading = f"acm-pca list-tags --certificate-authority-arn {CA}"
    describe = f"acm-pca describe-certificate-authority --certificate-authority-arn {CA}"
    same(aws("iam get-user --user-name kept")["User"]["Tags"], [{"Key": "a", "Value": "b"}])
    for name, words in (("user", "identity-based policy"), ("role", "session policy")):
        found = sessions[name]
        by = Keys(found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"))
        aws(reading, by=by)
        refused("AccessDeniedException", words, describe, by=by)


SCENES = (users, keys, roles, managed, assumed, conditions, mfa, web_identity, simulated, accounts, renewed, before, after)


def main():
    """Play the scenes that are named."""
    wanted = sys.argv[1:]
    for scene in SCENES:
        if scene.__name__ not in wanted:
            continue
        try:
            scene()
        except Wrong as wrong:
            print(f"{scene.__name__}: {wrong}", file=sys.stderr)
            return 1
    print(" ".join(sorted(SEEN)))
    return 0


sys.exit(main())
