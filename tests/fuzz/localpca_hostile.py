#!/usr/bin/python3
"""Clients that mean harm, against a localpca that has to live through them.

    localpca_hostile.py HOST:PORT SECONDS SEED

Sends random bytes, mangled requests, bodies far too large, requests a byte at a time, thousands of
connections that say nothing or half of something, and signed requests with mangled JSON (the keys
are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY).  After each kind the server has to answer an
honest request.  Prints a line for each kind; exit status 1 when it did not live.
"""
import json
import os
import random
import resource
import socket
import sys
import time
import urllib.parse
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

host, port = sys.argv[1].rsplit(":", 1)
seconds, seed = float(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
ca_arn = os.environ["CA_ARN"]
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

OPERATIONS = ["IssueCertificate", "GetCertificate", "DescribeCertificateAuthority", "ListTags",
              "ListCertificateAuthorities", "RevokeCertificate", "CreateCertificateAuthority",
              "ImportCertificateAuthorityCertificate", "PutPolicy", "TagCertificateAuthority",
              "ListPermissions", "CreatePermission"]


def connect(timeout=5):
    sock = socket.create_connection((host, int(port)), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def alive():
    started = time.time()
    with urllib.request.urlopen(f"http://{host}:{port}/_localpca/stats", timeout=10) as answer:
        json.load(answer)
    return time.time() - started


def send(data, read=True):
    """One connection, these bytes, and whatever comes back."""
    sock = connect(2)
    try:
        sock.sendall(data)
        if read:
            sock.settimeout(0.2)
            return sock.recv(65536)
    except OSError:
        pass
    finally:
        sock.close()
    return b""


def signed(operation, body):
    request = AWSRequest("POST", f"http://{host}:{port}/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "ACMPrivateCA." + operation})
    SigV4Auth(credentials, "acm-pca", "us-east-1").add_auth(request)
    head = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return head.encode() + b"\r\n" + body


def mangle(data):
    data = bytearray(data)
    for _ in range(random.randint(1, 8)):
        kind, at = random.randint(0, 4), random.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] = random.randrange(256)
        elif kind == 1:
            data[at:at] = bytes(random.randrange(256) for _ in range(random.randint(1, 20)))
        elif kind == 2:
            del data[at:at + random.randint(1, 40)]
        elif kind == 3:
            data[at:at] = data[at:at + random.randint(1, 200)]
        else:
            data[at:at] = random.choice([b"\0", b"\r\n", b"\r\n\r\n", b"%", b'"', b"{" * 50, b"[" * 50, b"1e999"])
    return bytes(data)


def some_value(depth=0):
    kind = random.randint(0, 9)
    if kind <= 1 or depth > 4:
        return random.choice([None, True, 0, -1, 1.5, 1e308, 2**63, "", "a" * 300, "\u0000", "\ud800", ca_arn,
                              "LS0tLS1CRUdJTg==", "arn:aws:acm-pca:::template/RootCACertificate/V1"])
    if kind <= 4:
        return [some_value(depth + 1) for _ in range(random.randint(0, 4))]
    names = ["CertificateAuthorityArn", "Csr", "Validity", "Value", "Type", "SigningAlgorithm", "Tags", "Key",
             "TemplateArn", "ApiPassthrough", "Subject", "Extensions", "CertificateAuthorityConfiguration",
             "KeyAlgorithm", "NextToken", "MaxResults", "Policy", "ResourceArn", "Certificate", "Actions"]
    return {random.choice(names): some_value(depth + 1) for _ in range(random.randint(0, 8))}


def likely(operation):
    body = some_value()
    if not isinstance(body, dict):
        body = {}
    body.setdefault("CertificateAuthorityArn", ca_arn)
    body.setdefault("ResourceArn", ca_arn)
    if operation == "IssueCertificate":
        body.setdefault("SigningAlgorithm", "SHA256WITHECDSA")
        body.setdefault("Validity", {"Type": random.choice(["DAYS", "MONTHS", "YEARS", "ABSOLUTE", "END_DATE"]),
                                     "Value": random.choice([1, 30, 10**9, 10**14, 2**62, 20301231235959])})
        body.setdefault("Csr", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K")
    return json.dumps(body).encode()


def random_bytes_kind():
    send(bytes(random.randrange(256) for _ in range(random.randint(1, 3000))))


def mangled_kind():
    operation = random.choice(OPERATIONS)
    send(mangle(signed(operation, likely(operation))))


def signed_json_kind():
    operation = random.choice(OPERATIONS)
    body = likely(operation)
    if random.random() < 0.5:
        body = mangle(body)
    answer = send(signed(operation, body))
    assert not answer or b" 500 " not in answer.split(b"\r\n", 1)[0], answer


FORMS = {
    "2010-05-08": ["CreateUser", "GetUser", "DeleteUser", "PutUserPolicy", "GetUserPolicy", "CreateAccessKey", "TagUser",
                   "ListUsers", "CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy", "AttachUserPolicy", "CreatePolicy",
                   "CreatePolicyVersion", "ListPolicies", "SimulatePrincipalPolicy", "SimulateCustomPolicy",
                   "CreateVirtualMFADevice", "EnableMFADevice", "CreateOpenIDConnectProvider"],
    "2011-06-15": ["AssumeRole", "AssumeRoleWithWebIdentity", "GetSessionToken", "GetCallerIdentity",
                   "GetAccessKeyInfo"],
}
DOCUMENT = (b'{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":["acm-pca:*","iam:Get*"],'
            b'"Resource":"arn:aws:acm-pca:*:*:*","Condition":{"ForAllValues:StringLikeIfExists":'
            b'{"aws:PrincipalTag/a":["${aws:username, \'x\'}*","?"]},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}')
TRUST = b'{"Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","*"]},"Action":["sts:AssumeRole","sts:TagSession"]}}'


# What each field may well be: unknown ones are passed over, so that every operation finds its own.
FIELDS = {
    "UserName": b"u", "RoleName": b"u", "PolicyName": b"u", "PolicyDocument": DOCUMENT, "AssumeRolePolicyDocument": TRUST,
    "Path": b"/a/", "Tags.member.1.Key": b"a", "Tags.member.1.Value": b"b", "MaxItems": b"2",
    "PolicyArn": b"arn:aws:iam::111122223333:policy/a/u", "ActionNames.member.1": b"acm-pca:GetCertificate",
    "PolicySourceArn": b"arn:aws:iam::111122223333:user/a/u", "ResourceArns.member.1": ca_arn.encode(),
    "ContextEntries.member.1.ContextKeyName": b"acm-pca:TemplateArn", "PolicyInputList.member.1": DOCUMENT,
    "ContextEntries.member.1.ContextKeyValues.member.1": b"x", "RoleArn": b"arn:aws:iam::111122223333:role/a/u",
    "RoleSessionName": b"s1", "Policy": DOCUMENT, "DurationSeconds": b"900", "WebIdentityToken": b"e30.e30.e30",
    "AccessKeyId": b"AKIAIOSFODNN7EXAMPLE", "Url": b"https://a", "ThumbprintList.member.1": b"0" * 40,
    "VirtualMFADeviceName": b"u", "AuthenticationCode1": b"123456", "AuthenticationCode2": b"123456",
}
MORE = ["Marker", "Tags.member.2.Key", "SerialNumber", "TokenCode", "ExternalId", "VersionId", "ResourcePolicy"]


def form_value():
    """Never a name that the server's own users have: whoever signs has to stay."""
    return random.choice([b"", b"u", b"v" * 70, b"1", b"0", b"-1", b"900", b"99999999999999999999", b"true", b"/", b"/a/",
                          b"a/b", b"\xc3\xa9", b"\xff", b"arn:aws:iam::111122223333:role/u", b"arn:::::", b"arn:",
                          b"arn:aws:iam::111122223333:user/u", b"arn:aws:iam::aws:policy/AWSPrivateCAUser", b"https://a",
                          b"e30.e30.e30", b"123456", b"acm-pca:GetCertificate", b"*", DOCUMENT, TRUST,
                          mangle(DOCUMENT), mangle(TRUST)])


def signed_form_kind():
    version = random.choice(list(FORMS))
    fields = [(b"Action", random.choice(FORMS[version]).encode()), (b"Version", version.encode())]
    likely_fields = dict(FIELDS)
    for name in random.sample(list(FIELDS), random.randint(0, 3)):
        del likely_fields[name]
    for name in random.sample(list(FIELDS) + MORE, random.randint(0, 3)):
        likely_fields[name] = form_value()
    fields += [(name.encode(), value) for name, value in likely_fields.items()]
    quote = urllib.parse.quote_from_bytes
    body = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields).encode()
    if random.random() < 0.2:
        body = mangle(body).replace(b"localpca-", b"x")
    service = "iam" if version < "2011" else "sts"
    request = AWSRequest("POST", f"http://{host}:{port}/", data=body, headers={
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    head = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    answer = send(head.encode() + b"\r\n" + body)
    assert not answer or b" 500 " not in answer.split(b"\r\n", 1)[0], answer


def ocsp_kind():
    body = bytes(random.randrange(256) for _ in range(random.randint(0, 300)))
    if random.random() < 0.5:
        body = mangle(bytes.fromhex("304d304b3049304730453009" "06052b0e03021a05000414") + body)
    send(b"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: "
         + str(len(body)).encode() + b"\r\n\r\n" + body)


def pages_kind():
    path = random.choice(["/_localpca/faults", "/_localpca/settings", "/crl/x.crl", "/ocsp/AAAA", "/%00", "/..//"])
    method = random.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "X" * 50])
    body = mangle(b"latency=1ms\nGetCertificate:every=100000:http=500\n")
    if b"latency" in body or b"clock" in body or b"http=" in body:
        body = b"nonsense"
    send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def for_a_while(kind):
    until, count = time.time() + seconds, 0
    while time.time() < until:
        kind()
        count += 1
    return f"{count} requests"


def large_bodies():
    """10 MiB bodies, announced and chunked, and one that is announced and never comes."""
    for _ in range(3):
        sock = connect()
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n")
        try:
            for _ in range(160):
                sock.sendall(b"a" * 65536)
            assert b"413" in sock.recv(4096)[:20]
        except (BrokenPipeError, ConnectionResetError):
            pass
        sock.close()
    sock = connect()
    sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(160):
            sock.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        sock.recv(4096)
    except (BrokenPipeError, ConnectionResetError):
        pass
    sock.close()
    send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n")
    return "10 MiB, announced and chunked"


def slow_clients():
    """Requests a byte at a time; the others do not wait for them."""
    socks = [connect() for _ in range(50)]
    for byte in b"POST / HTTP/1.1\r\nHost: x\r\n":
        for sock in socks:
            sock.send(bytes([byte]))
    worst = alive()
    for sock in socks:
        sock.close()
    assert worst < 2, worst
    return f"50 clients a byte at a time; an honest one waits {worst * 1000:.0f} ms"


def many_connections():
    """Thousands that say nothing, or half of something, then leave without a word."""
    wanted = min(3000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100)
    socks = []
    for number in range(wanted):
        sock = connect()
        if number % 2:
            sock.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        socks.append(sock)
    worst = alive()
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    assert worst < 5, worst
    return f"{wanted} half-open connections; an honest one waits {worst * 1000:.0f} ms"


def leavers():
    """Signed requests whose sender is gone before the answer."""
    for _ in range(200):
        send(signed("ListCertificateAuthorities", b"{}"), read=False)
    return "200 that did not wait for their answer"


KINDS = {
    "random bytes": lambda: for_a_while(random_bytes_kind),
    "mangled requests": lambda: for_a_while(mangled_kind),
    "signed requests with odd JSON": lambda: for_a_while(signed_json_kind),
    "signed forms of IAM and STS": lambda: for_a_while(signed_form_kind),
    "odd OCSP requests": lambda: for_a_while(ocsp_kind),
    "odd pages": lambda: for_a_while(pages_kind),
    "large bodies": large_bodies,
    "slow clients": slow_clients,
    "many connections": many_connections,
    "leavers": leavers,
}

for name, kind in KINDS.items():
    told = kind()
    alive()
    print(f"{name}: {told}")
