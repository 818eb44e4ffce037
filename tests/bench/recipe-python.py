#!/usr/bin/python3
"""What people could write today (C): one Python process, boto3 and PyKCS11, THREADS at a time.

    recipe-python.py COUNT THREADS

For each certificate a key pair and a CSR on the token, IssueCertificate, GetCertificate until it is
there, the same public key and the chain checked, the certificate written back.  No record, no resume.
From the environment: MODULE TOKEN PIN NAME OUT CA_ARN ENDPOINT ROOT_CA, and AWS_...
Prints "issued failed".
"""
import hashlib
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.config
import OpenSSL.crypto as openssl
import PyKCS11
from asn1crypto import algos, csr, keys, pem, x509

P256 = bytes.fromhex("06082a8648ce3d030107")
TEMPLATE = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"

count, threads = int(sys.argv[1]), int(sys.argv[2])
env = os.environ
library = PyKCS11.PyKCS11Lib()
library.load(env["MODULE"])
slot = next(slot for slot in library.getSlotList(tokenPresent=True)
            if library.getTokenInfo(slot).label.strip("\0 ") == env["TOKEN"])
client = boto3.client("acm-pca", region_name="us-east-1", endpoint_url=env["ENDPOINT"],
                      config=botocore.config.Config(max_pool_connections=threads,
                                                    retries={"mode": "standard"}))
login = library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
login.login(env["PIN"])
local = threading.local()
roots = openssl.X509Store()
with open(env["ROOT_CA"], encoding="ascii") as root:
    roots.add_cert(openssl.load_certificate(openssl.FILETYPE_PEM, root.read().encode()))


def session():
    if not hasattr(local, "session"):
        local.session = library.openSession(
            slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
    return local.session


def make_key(token, name, key_id):
    public, private = token.generateKeyPair(
        [(PyKCS11.CKA_CLASS, PyKCS11.CKO_PUBLIC_KEY), (PyKCS11.CKA_TOKEN, True),
         (PyKCS11.CKA_VERIFY, True), (PyKCS11.CKA_EC_PARAMS, P256), (PyKCS11.CKA_LABEL, name),
         (PyKCS11.CKA_ID, key_id)],
        [(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_TOKEN, True),
         (PyKCS11.CKA_PRIVATE, True), (PyKCS11.CKA_SENSITIVE, True),
         (PyKCS11.CKA_EXTRACTABLE, False), (PyKCS11.CKA_SIGN, True), (PyKCS11.CKA_LABEL, name),
         (PyKCS11.CKA_ID, key_id)],
        PyKCS11.Mechanism(PyKCS11.CKM_EC_KEY_PAIR_GEN, None))
    point = bytes(token.getAttributeValue(public, [PyKCS11.CKA_EC_POINT])[0])[2:]
    return private, keys.PublicKeyInfo({
        "algorithm": {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", "secp256r1")},
        "public_key": keys.ECPointBitString(point)})


def make_csr(token, private, public, name):
    info = csr.CertificationRequestInfo({
        "version": 0, "subject": x509.Name.build({"common_name": name}), "subject_pk_info": public,
        "attributes": []})
    raw = bytes(token.sign(private, hashlib.sha256(info.dump()).digest(),
                           PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)))
    signature = algos.DSASignature.from_p1363(raw).dump()
    return pem.armor("CERTIFICATE REQUEST", csr.CertificationRequest({
        "certification_request_info": info, "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": signature}).dump())


def fetch(arn):
    while True:
        try:
            return client.get_certificate(CertificateAuthorityArn=env["CA_ARN"], CertificateArn=arn)
        except client.exceptions.RequestInProgressException:
            time.sleep(0.2)


def load(text):
    return openssl.load_certificate(openssl.FILETYPE_PEM, text.encode())


def verify(folder, answer, public):
    for name in ("Certificate", "CertificateChain"):
        with open(os.path.join(folder, name + ".pem"), "w", encoding="ascii") as out:
            out.write(answer[name] + "\n")
    certificate = x509.Certificate.load(pem.unarmor(answer["Certificate"].encode())[2])
    if certificate.public_key.dump() != public.dump():
        raise ValueError("another key")
    end = "-----END CERTIFICATE-----"
    chain = [load(text + end) for text in answer["CertificateChain"].split(end)[:-1]]
    openssl.X509StoreContext(roots, load(answer["Certificate"]), chain).verify_certificate()
    return certificate


def write(token, certificate, name, key_id):
    token.createObject([
        (PyKCS11.CKA_CLASS, PyKCS11.CKO_CERTIFICATE),
        (PyKCS11.CKA_CERTIFICATE_TYPE, PyKCS11.CKC_X_509), (PyKCS11.CKA_TOKEN, True),
        (PyKCS11.CKA_SUBJECT, certificate.subject.dump()), (PyKCS11.CKA_LABEL, name),
        (PyKCS11.CKA_ISSUER, certificate.issuer.dump()),
        (PyKCS11.CKA_SERIAL_NUMBER, certificate["tbs_certificate"]["serial_number"].dump()),
        (PyKCS11.CKA_VALUE, certificate.dump()), (PyKCS11.CKA_ID, key_id)])


def order(number):
    name, key_id = f"{env['NAME']}-{number}", os.urandom(20)
    folder = os.path.join(env["OUT"], name)
    os.mkdir(folder, 0o700)
    token = session()
    private, public = make_key(token, name, key_id)
    request = make_csr(token, private, public, name)
    arn = client.issue_certificate(
        CertificateAuthorityArn=env["CA_ARN"], Csr=request, SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn=TEMPLATE, Validity={"Value": 365, "Type": "DAYS"},
        IdempotencyToken=os.urandom(16).hex())["CertificateArn"]
    write(token, verify(folder, fetch(arn), public), name, key_id)


def attempt(number):
    try:
        order(number)
        return True
    except Exception as error:  # whatever it is, the others go on
        print(f"{number}: {error}", file=sys.stderr)
        return False


with ThreadPoolExecutor(threads) as pool:
    results = list(pool.map(attempt, range(count)))
print(results.count(True), results.count(False))
