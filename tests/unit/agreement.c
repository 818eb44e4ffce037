#include "tests/unit/agreement.h"

#include "order/csr.h"
#include "order/custom.h"
#include "order/name.h"
#include "tests/unit/maker.h"
#include "tests/unit/unit.h"

#define ALL_USAGES                                                                       \
        "digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement," \
        "keyCertSign,cRLSign,encipherOnly,decipherOnly"
#define FIFTY "a234567890b234567890c234567890d234567890e234567890"
#define HEX_192                                                            \
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" \
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" \
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" /* 96 bytes */
#define HEX_1536 HEX_192 HEX_192 HEX_192 HEX_192 HEX_192 HEX_192 HEX_192 HEX_192
#define LONG_HEX HEX_1536 HEX_1536 HEX_1536 HEX_1536 "00" /* 3073 bytes */
#define CRL_ELSEWHERE "2.5.29.31:301d301ba019a0178615687474703a2f2f6d792e6578616d706c652f63726c"

static const struct profile profiles[] = {
        { .name = "a server with two names",
          .by_configuration = true,
          .subject = "CN=www.a.example,O=Example",
          .sans = { "dns:www.a.example", "dns:a.example" } },
        { .name = "a wildcard", .subject = "CN=a.example", .sans = { "dns:*.a.example" } },
        { .name = "an international name",
          .subject = "CN=bücher.example",
          .sans = { "dns:bücher.example" } },
        { .name = "addresses of both kinds",
          .subject = "CN=router",
          .sans = { "ip:192.0.2.1", "ip:2001:db8::1", "ip:::ffff:192.0.2.7" } },
        { .name = "mail", .subject = "CN=Ada", .sans = { "email:ada@example.org" } },
        { .name = "a workload", .subject = "CN=w", .sans = { "uri:spiffe://td/ns/a/sa/b" } },
        { .name = "smart-card logon",
          .by_configuration = true,
          .subject = "CN=Ada,O=Example",
          .sans = { "upn:ada@example.local" },
          .key_usage = "digitalSignature,nonRepudiation,keyEncipherment",
          .extended = "clientAuth,1.3.6.1.4.1.311.20.2.2" },
        { .name = "a Kerberos service",
          .subject = "CN=kdc",
          .sans = { "krb5:host/a.example@EXAMPLE" },
          .extended = "1.3.6.1.5.2.3.5" },
        { .name = "another otherName, UTF-8",
          .subject = "CN=a",
          .sans = { "othername:1.2.3.4;UTF8:café" } },
        { .name = "another otherName, IA5",
          .subject = "CN=a",
          .sans = { "othername:1.2.3.4;IA5:plain" } },
        { .name = "another otherName, any DER",
          .subject = "CN=a",
          .sans = { "othername:1.2.3.4;DER:0500" } },
        { .name = "a directory name",
          .subject = "CN=a",
          .sans = { "dirname:CN=café,O=Example,C=DE" } },
        { .name = "a registered id", .subject = "CN=a", .sans = { "rid:1.2.3.4.5" } },
        { .name = "names of every kind",
          .subject = "CN=all",
          .sans = { "dns:a.example", "ip:192.0.2.1", "ip:2001:db8::1", "email:a@b.example",
                    "uri:urn:a:b", "upn:a@b", "krb5:a@B", "rid:1.2.3", "dirname:CN=a,C=DE",
                    "othername:1.2.3;UTF8:a" } },
        { .name = "names and no subject",
          .by_configuration = true,
          .subject = "",
          .sans = { "dns:a.example" } },
        { .name = "a subject and no names", .subject = "CN=a" },
        { .name = "an RDN of two values", .subject = "CN=a+serialNumber=17,O=Example" },
        { .name = "every attribute that has a name",
          .subject = "CN=a,serialNumber=1,C=DE,O=o,OU=u,ST=s,L=l,title=t,SN=n,GN=g,initials=i,"
                     "pseudonym=p,generationQualifier=Jr,dnQualifier=q" },
        { .name = "a Matter device",
          .subject = "1.3.6.1.4.1.37244.2.2=8000,1.3.6.1.4.1.37244.2.1=FFF1,CN=DAC",
          .key_usage = "digitalSignature" },
        { .name = "UTF-8", .subject = "CN=Łódź 漢字 😀,O=Société Générale" },
        { .name = "every escape",
          .subject = "CN=\\#a\\, b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=\\20,O=\\ x" },
        { .name = "domain components", .subject = "CN=a,DC=corp,DC=example,DC=org" },
        { .name = "an attribute twice", .subject = "CN=a,OU=one,OU=two,O=o" },
        { .name = "a name as long as may be",
          .subject = "CN=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg" },
        { .name = "digitalSignature", .subject = "CN=a", .key_usage = "digitalSignature" },
        { .name = "every key usage", .subject = "CN=a", .key_usage = ALL_USAGES },
        { .name = "key agreement, to encipher only",
          .subject = "CN=a",
          .key_usage = "keyAgreement,encipherOnly" },
        { .name = "key agreement, to decipher only",
          .subject = "CN=a",
          .key_usage = "keyAgreement,decipherOnly" },
        { .name = "the usages of a CA", .subject = "CN=a", .key_usage = "keyCertSign,cRLSign" },
        { .name = "server and client",
          .subject = "CN=a",
          .key_usage = "digitalSignature,keyEncipherment",
          .extended = "serverAuth,clientAuth" },
        { .name = "server only", .subject = "CN=a", .extended = "serverAuth" },
        { .name = "client only", .subject = "CN=a", .extended = "clientAuth" },
        { .name = "code signing",
          .subject = "CN=a",
          .key_usage = "digitalSignature",
          .extended = "codeSigning" },
        { .name = "OCSP signing with its no-check",
          .subject = "CN=a",
          .extended = "OCSPSigning",
          .extensions = { "1.3.6.1.5.5.7.48.1.5:0500" } },
        { .name = "purposes of all kinds",
          .subject = "CN=a",
          .extended = "timeStamping,emailProtection,1.3.6.1.4.1.311.10.3.12,1.2.3.4.5.6,"
                      "anyExtendedKeyUsage" },
        { .name = "a policy", .subject = "CN=a", .policies = { "1.2.3.4" } },
        { .name = "policies with practice statements",
          .subject = "CN=a",
          .policies = { "1.2.3.4,cps=https://pki.example/cps", "2.5.29.32.0",
                        "1.2.3.5,cps=http://b.example" } },
        { .name = "an extension", .subject = "CN=a", .extensions = { "1.2.3.4.5:0500" } },
        { .name = "a critical extension",
          .subject = "CN=a",
          .extensions = { "1.2.3.4.5,critical:0403010203" } },
        { .name = "extensions that are known elsewhere",
          .subject = "CN=a",
          .sans = { "dns:a.example" },
          .extensions = { "1.3.6.1.5.5.7.1.24:3003020105", "2.5.29.18:300382016f",
                          "1.3.6.1.4.1.311.20.2:1e0a00550073006500720078",
                          "2.5.29.54,critical:020100" } },
        { .name = "CRLs of its own",
          .by_configuration = true,
          .subject = "CN=a",
          .extensions = { CRL_ELSEWHERE } },
        { .name = "OCSP of its own",
          .by_configuration = true,
          .subject = "CN=a",
          .extensions = { "1.3.6.1.5.5.7.1.1:"
                          "3020301e06082b060105050730018612687474703a2f2f6f6373702e6d792e6e657"
                          "4" } },
        { .name = "name constraints",
          .subject = "CN=sub",
          .extensions = { "2.5.29.30,critical:3011a00f300d820b6578616d706c652e6f7267" } },
        { .name = "path length 0",
          .by_configuration = true,
          .subject = "CN=sub",
          .path_length = 1 },
        { .name = "path length 2 and usages of a CA",
          .subject = "CN=sub",
          .path_length = 3,
          .key_usage = "keyCertSign,cRLSign" },
        { .name = "all at once",
          .by_configuration = true,
          .subject = "CN=a,OU=b,O=c,C=DE",
          .sans = { "dns:a.example", "ip:192.0.2.1", "upn:a@b" },
          .key_usage = "digitalSignature,keyAgreement",
          .extended = "clientAuth,emailProtection,1.2.3.4",
          .policies = { "1.2.3.4,cps=https://pki.example/cps" },
          .extensions = { "1.2.3.4.5:0500", "1.2.3.4.6,critical:0500" } },
        { .name = "RSA", .key = "rsa", .subject = "CN=a", .extended = "serverAuth" },
        { .name = "P-384", .key = "P-384", .subject = "CN=a" },
        { .name = "P-521", .key = "P-521", .subject = "CN=a", .key_usage = "digitalSignature" },
        { .name = "as many names as the API takes", .subject = "CN=a", .numbered_sans = 150 },
        { .name = "more names than the API takes", .subject = "CN=a", .numbered_sans = 160 },
        { .name = "more names than a request may hold",
          .subject = "CN=a",
          .numbered_sans = 130,
          .long_sans = true,
          .refused = true },
        { .name = "somebody else's request with a name that is too long",
          .given_subject = "CN=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg",
          .refused = true },
        { .name = "somebody else's request with little",
          .given_subject = "CN=given,O=PrintableString",
          .given = { { "subjectAltName", "DNS:given.example" } } },
        { .name = "somebody else's request with everything",
          .by_configuration = true,
          .given_subject = "CN=given",
          .given = { { "basicConstraints", "critical,CA:TRUE,pathlen:3" },
                     { "keyUsage", "digitalSignature,keyAgreement" },
                     { "extendedKeyUsage", "critical,emailProtection,1.2.3.4" },
                     { "subjectAltName", "critical,DNS:given.example,IP:192.0.2.9" },
                     { "crlDistributionPoints", "URI:http://given.example/crl" },
                     { "tlsfeature", "status_request" },
                     { "subjectKeyIdentifier", "00:11:22" },
                     { "1.2.3.4.5", "critical,DER:05:00" } } },
        { .name = "a subject over somebody else's request",
          .given_subject = "CN=given",
          .given = { { "subjectAltName", "DNS:given.example" }, { "keyUsage", "keyAgreement" } },
          .over = WISH_SUBJECT,
          .subject = "CN=ours,O=Example,C=DE" },
        { .name = "names and usages over somebody else's request",
          .given_subject = "CN=given",
          .given = { { "subjectAltName", "DNS:given.example" },
                     { "keyUsage", "keyAgreement" },
                     { "extendedKeyUsage", "emailProtection" } },
          .over = WISH_SANS | WISH_KEY_USAGE | WISH_EXTENDED,
          .sans = { "dns:ours.example", "upn:ours@example" },
          .key_usage = "digitalSignature",
          .extended = "clientAuth" },
        { .name = "policies and extensions over somebody else's request",
          .by_configuration = true,
          .given_subject = "CN=given",
          .given = { { "1.2.3.4.5", "DER:04:01:00" }, { "1.2.3.4.7", "DER:05:00" } },
          .over = WISH_POLICIES | WISH_EXTENSIONS,
          .policies = { "1.2.3.4" },
          .extensions = { "1.2.3.4.5,critical:0500", "1.2.3.4.6:0500" } },
        /* What the API cannot say is told before it is asked. */
        { .name = "an extension with an OID that the API does not take",
          .subject = "CN=a",
          .extensions = { "2.999.1:0500" } },
        { .name = "a purpose with an OID that the API does not take",
          .subject = "CN=a",
          .extended = "2.999.2" },
        { .name = "a policy with an OID that the API does not take",
          .subject = "CN=a",
          .policies = { "2.999.3" } },
        { .name = "more purposes than the API takes",
          .subject = "CN=a",
          .extended = "1.2.3.1,1.2.3.2,1.2.3.3,1.2.3.4,1.2.3.5,1.2.3.6,1.2.3.7,1.2.3.8,1.2.3.9,"
                      "1.2.3.10,1.2.3.11,1.2.3.12,1.2.3.13,1.2.3.14,1.2.3.15,1.2.3.16,1.2.3.17,"
                      "1.2.3.18,1.2.3.19,1.2.3.20,1.2.3.21" },
        { .name = "a practice statement with a long address",
          .subject = "CN=a",
          .policies = { "1.2.3.4,cps=https://" FIFTY FIFTY FIFTY FIFTY } },
        { .name = "an extension longer than the API takes",
          .subject = "CN=a",
          .extensions = { "1.2.3.4:04820c01" LONG_HEX } },
        { .name = "more names than the API takes, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .numbered_sans = 151 },
        { .name = "a URI longer than the API takes, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .sans = { "uri:https://" FIFTY FIFTY FIFTY FIFTY FIFTY } },
        { .name = "names of every kind that the API says, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .sans = { "dns:*.a.example", "ip:192.0.2.1", "ip:2001:db8::1", "email:a@b.example",
                    "uri:urn:a:b", "upn:a@b", "rid:1.2.3", "dirname:CN=a,C=DE",
                    "othername:1.2.3;UTF8:é" } },
        { .name = "a Kerberos name, over somebody else's request",
          .unsayable = true,
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .sans = { "krb5:a@B" } },
        { .name = "another otherName, IA5, over somebody else's request",
          .unsayable = true,
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .sans = { "othername:1.2.3;IA5:a" } },
        { .name = "a registered id that the API does not take, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SANS,
          .sans = { "rid:2.999.1" } },
        { .name = "an RDN of two values, over somebody else's request",
          .unsayable = true,
          .given_subject = "CN=given",
          .over = WISH_SUBJECT,
          .subject = "CN=a+serialNumber=1" },
        { .name = "a given name longer than the API takes, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SUBJECT,
          .subject = "CN=a,GN=abcdefghijklmnopq" },
        { .name = "every attribute that has a name, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SUBJECT,
          .subject = "CN=a,serialNumber=1,C=DE,O=o,OU=u,ST=s,L=l,title=t,SN=n,GN=g,initials=i,"
                     "pseudonym=p,generationQualifier=Jr,dnQualifier=q" },
        { .name = "an attribute twice, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SUBJECT,
          .subject = "CN=a,OU=one,OU=two,DC=corp,DC=example" },
        { .name = "a name that only custom attributes can say, over somebody else's request",
          .given_subject = "CN=given",
          .over = WISH_SUBJECT,
          .subject = "1.3.6.1.4.1.37244.2.1=FFF1,UID=u,CN=ours" },
};

const struct profile *
profile_at(size_t index)
{
        return index < ARRAY_LENGTH(profiles) ? &profiles[index] : NULL;
}

/* -- wishes --------------------------------------------------------------------------------- */

static void
add_san(struct wishes *wishes, const char *text)
{
        struct error err = { 0 };
        CLEANUP(free_cleanup) char *normal = NULL;

        assert_done(san_parse(text, &normal, &err), err);
        wishes_add_san(wishes, normal);
}

static void
add_extension(struct wishes *wishes, const char *text)
{
        struct error err = { 0 };
        char *normal = NULL;

        assert_done(custom_parse(text, &normal, &err), err);
        text_list_add(&wishes->extensions, &wishes->extension_count, normal);
        free(normal);
}

/* What the options say. */
static void
add_wishes(const struct profile *profile, struct wishes *wishes)
{
        struct error err = { 0 };

        if (profile->subject)
                text_assign(&wishes->subject, profile->subject);
        for (size_t i = 0; i < PROFILE_TEXTS && profile->sans[i]; i++)
                add_san(wishes, profile->sans[i]);
        for (unsigned i = 0; i < profile->numbered_sans; i++) {
                static const char label[] = "a234567890b234567890c234567890d234567890e234567890";
                CLEANUP(free_cleanup)
                char *text = profile->long_sans ? text_format("dns:n%u.%s.%s.%s.%s.example", i,
                                                              label, label, label, label)
                                                : text_format("dns:n%u.example", i);

                wishes_add_san(wishes, text);
        }
        if (profile->key_usage)
                assert_done(usages_add_key_usage(&wishes->usages, profile->key_usage, &err), err);
        if (profile->extended)
                assert_done(usages_add_extended(&wishes->usages, profile->extended, &err), err);
        for (size_t i = 0; i < PROFILE_TEXTS && profile->policies[i]; i++)
                assert_done(usages_add_policy(&wishes->usages, profile->policies[i], &err), err);
        for (size_t i = 0; i < PROFILE_TEXTS && profile->extensions[i]; i++)
                add_extension(wishes, profile->extensions[i]);
        wishes->path_length = profile->path_length;
}

/* -- the request ---------------------------------------------------------------------------- */

/* "CN=given" or more; a common name alone may be as long as it likes. */
static X509_NAME *
given_name(const char *text)
{
        struct error err = { 0 };
        X509_NAME *name = NULL;

        if (strchr(text, ',')) {
                assert_done(subject_parse(text, &name, &err), err);
                return name;
        }
        assert_true(text_starts(text, "CN="));
        X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_OBJ(NULL, OBJ_nid2obj(NID_commonName),
                                                               V_ASN1_PRINTABLESTRING,
                                                               (const uint8_t *)text + 3, -1);
        name = X509_NAME_new();
        assert_true(X509_NAME_add_entry(name, entry, -1, 0) == 1);
        X509_NAME_ENTRY_free(entry);
        return name;
}

static void
given_csr(const struct profile *profile, EVP_PKEY *key, struct buf *csr)
{
        X509_REQ *request = X509_REQ_new();
        X509_NAME *name = given_name(profile->given_subject);
        STACK_OF(X509_EXTENSION) *list = NULL;
        X509V3_CTX context = { 0 };
        uint8_t *der = NULL;

        X509V3_set_ctx_nodb(&context);
        for (size_t i = 0; i < PROFILE_TEXTS && profile->given[i].name; i++) {
                X509_EXTENSION *one = X509V3_EXT_nconf(NULL, &context, profile->given[i].name,
                                                       profile->given[i].value);
                assert_non_null(one);
                assert_non_null(X509v3_add_ext(&list, one, -1));
                X509_EXTENSION_free(one);
        }
        assert_true(X509_REQ_set_subject_name(request, name) && X509_REQ_set_pubkey(request, key) &&
                    (!list || X509_REQ_add_extensions(request, list)) &&
                    X509_REQ_sign(request, key, EVP_sha256()) > 0);
        int len = i2d_X509_REQ(request, &der);
        buf_set(csr, view_of(der, (size_t)len));
        OPENSSL_free(der);
        X509_NAME_free(name);
        X509_REQ_free(request);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

void
profile_read(const struct profile *profile, EVP_PKEY *key, struct wishes *wishes, struct buf *csr)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf given = { 0 };
        struct signer signer = maker_signer(key);
        struct error err = { 0 };

        maker_spki(key, &spki);
        wishes->key_type = key_type_of_spki(view_buf(&spki));
        if (!profile->given_subject) {
                add_wishes(profile, wishes);
                assert_done(csr_build(wishes, view_buf(&spki), &signer, csr, &err), err);
                return;
        }
        given_csr(profile, key, &given);
        assert_done(csr_read(view_buf(&given), csr, &spki, wishes, &err), err);
        wishes->csr_given = true;
        wishes_forget(wishes, profile->over);
        wishes->over_csr = profile->over;
        add_wishes(profile, wishes);
}
