#!/usr/bin/python3
"""A container's agent and an instance's metadata (IMDSv2 only) on loopback, by AWS's protocol.

    metadata.py CREDENTIALS-FILE      prints its port, serves until it is killed

CREDENTIALS-FILE: JSON with AccessKeyId, SecretAccessKey, Token and Expiration.
"""
import http.server
import json
import sys

ROLE = "station-role"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the real ones do, and refuses what they refuse."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body=""):
        """One answer."""
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):
        """The token of IMDSv2."""
        if self.path == "/latest/api/token" and self.headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
            self.answer(200, "imds-token")
        else:
            self.answer(400)

    def do_GET(self):
        """Credentials."""
        with open(sys.argv[1], encoding="utf-8") as file:
            credentials = json.load(file)
        base = "/latest/meta-data/iam/security-credentials/"
        if self.path == "/container":
            good = self.headers.get("Authorization") == "Basic agent"
            self.answer(200 if good else 401, json.dumps(credentials) if good else "{}")
        elif self.headers.get("x-aws-ec2-metadata-token") != "imds-token":
            self.answer(401)
        elif self.path == base:
            self.answer(200, ROLE)
        elif self.path == base + ROLE:
            self.answer(200, json.dumps({"Code": "Success", "Type": "AWS-HMAC", **credentials}))
        else:
            self.answer(404)

    def log_message(self, format, *args):
        """Silence."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
