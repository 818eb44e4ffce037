#!/usr/bin/python3
"""Sign random requests with botocore and with our signer, and compare.

    sigv4_botocore.py TOOL COUNT [SEED]
"""
import json
import random
import string
import subprocess
import sys
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PLAIN = string.ascii_letters + string.digits + "-._~"
ANY = PLAIN + " !\"#$%&'()*+,/:;<=>?@[]^`{|}" + "äß€😀"
VALUE = string.ascii_letters + string.digits + " !#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\t"


def text(dice, alphabet, least, most):
    return "".join(dice.choice(alphabet) for _ in range(dice.randint(least, most)))


def path(dice):
    """Segments as a request line has them; empty ones and dots in between, never at the end."""
    if dice.random() < 0.3:
        return "/"
    segments = []
    for _ in range(dice.randint(0, 4)):
        segments.append(dice.choice([".", "..", "", quote(text(dice, ANY, 1, 8), safe=""), text(dice, PLAIN, 1, 8)]))
    segments.append(text(dice, string.ascii_letters, 1, 8))
    return "/" + "/".join(segments) + dice.choice(["", "/"])


def query(dice):
    pairs = []
    for _ in range(dice.choice([0, 0, 1, 2, 5])):
        pairs.append((text(dice, ANY, 1, 6), text(dice, ANY, 0, 8)))
    if pairs and dice.random() < 0.3:
        pairs.append((pairs[0][0], text(dice, ANY, 0, 4)))
    return pairs


def make(dice):
    """A request that botocore has signed, and what our tool needs to sign the same."""
    credentials = Credentials(
        "AKID" + text(dice, string.ascii_uppercase, 4, 12),
        text(dice, string.ascii_letters + string.digits + "/+", 1, 60),
        text(dice, string.ascii_letters + "/+=", 10, 1200) if dice.random() < 0.5 else None,
    )
    region = dice.choice(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
    service = dice.choice(["acm-pca", "sts", "iam", "secretsmanager"])
    host = dice.choice(["acm-pca.us-east-1.amazonaws.com", "127.0.0.1:8443", "[::1]:9000", "example.com"])
    where, pairs = path(dice), query(dice)
    body = dice.randbytes(dice.choice([0, 1, 100, 5000]))
    request = AWSRequest(
        method=dice.choice(["GET", "POST", "PUT"]), url="https://" + host + where, params=pairs, data=body
    )
    request.headers["Content-Type"] = "application/x-amz-json-1.1"
    for _ in range(dice.randint(0, 4)):
        request.headers["X-Amz-" + text(dice, string.ascii_letters, 3, 10)] = text(dice, VALUE, 0, 30)
    SigV4Auth(credentials, service, region).add_auth(request)
    signed = dict(request.headers.items())
    expected = signed.pop("Authorization")
    return expected, {
        "method": request.method,
        "path": where,
        "query": "&".join(quote(k, safe="-_.~") + "=" + quote(v, safe="-_.~") for k, v in pairs),
        "headers": [["Host", host]] + [[name, value] for name, value in signed.items()],
        "body": body.hex(),
        "date": signed["X-Amz-Date"],
        "region": region,
        "service": service,
        "access_key_id": credentials.access_key,
        "secret_access_key": credentials.secret_key,
    }


def main():
    tool, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    dice = random.Random(seed)
    samples = [make(dice) for _ in range(count)]
    lines = "".join(json.dumps(sample) + "\n" for _, sample in samples)
    ours = subprocess.run([tool], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    if len(ours) != count:
        sys.exit(f"{len(ours)} signatures came back for {count} requests")
    wrong = [(sample, expected, own) for (expected, sample), own in zip(samples, ours) if expected != own]
    for sample, expected, own in wrong[:3]:
        print(f"{json.dumps(sample, ensure_ascii=False)}\n  botocore {expected}\n  ours     {own}")
    if wrong:
        sys.exit(f"{len(wrong)} of {count} signatures differ (seed {seed})")
    print(f"{count} signatures are the same (seed {seed})")


main()
