#!/usr/bin/python3
"""Send the walk over the table of facts to a localpca, signed by botocore.

    localpca_walk.py FILE ENDPOINT

FILE has a line of JSON for each step: operation, body, and the code of the refusal that it has to meet (or null) at
the member `where`.  The identity is one that may do next to nothing, so that a body that passes the form is denied,
and nothing is ever done.
"""
import http.client
import json
import os
import sys
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FORM = ("ValidationException", "SerializationException")


def answer(connection, endpoint, credentials, step):
    """Code and message of the answer to one step; the code is None where it was done."""
    request = AWSRequest(
        method="POST",
        url=endpoint + "/",
        data=json.dumps(step["body"]),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "ACMPrivateCA." + step["operation"],
        },
    )
    SigV4Auth(credentials, "acm-pca", "us-east-1").add_auth(request)
    connection.request("POST", "/", request.body, dict(request.headers.items()))
    reply = connection.getresponse()
    body = json.loads(reply.read() or b"{}")
    if reply.status == 200:
        return None, ""
    return body["__type"].split("#")[-1], body.get("message") or body.get("Message") or ""


def main():
    path, endpoint = sys.argv[1:]
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)
    wrong = inside = outside = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            step = json.loads(line)
            code, message = answer(connection, endpoint, credentials, step)
            if step["code"]:
                outside += 1
                fine = code == step["code"] and step["where"] in message
            else:
                inside += 1
                fine = code not in FORM
            if not fine:
                wrong += 1
                print(f"{step['operation']} at {step['where']}: expected {step['code']}, got {code} {message[:200]}")
    print(f"{inside} values inside, {outside} outside, {wrong} wrong")
    return 1 if wrong or inside < 400 or outside < 600 else 0


sys.exit(main())
