#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/clock.h"
#include "localpca/anywhere.h"
#include "localpca/json.h"

enum { HOUR_S = 3600 };

/* -- certificates that are right or wrong ---------------------------------------------------- */

struct form {
        const char *subject;
        const char *issuer;
        EVP_PKEY *key, *issuer_key;
        const char *constraints, *usage; /* NULL: the extension is not there */
        const char *names;               /* subjectAltName, or NULL */
        const EVP_MD *digest;
        long version;
        int64_t from_s, to_s; /* relative to `now` */
        long serial;
};

static int64_t now;

static void
add_extension(X509 *certificate, int nid, const char *value)
{
        X509V3_CTX context;

        if (!value)
                return;
        X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

/* "CN=a/O=b" */
static void
set_name(X509_NAME *name, const char *text)
{
        CLEANUP(free_cleanup) char *copy = text_copy(text);
        char *rest = NULL;

        for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
                char *value = strchr(part, '=');

                *value++ = '\0';
                assert_int_equal(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
                                                            (const unsigned char *)value, -1, -1,
                                                            0),
                                 1);
        }
}

static X509 *
make(const struct form *form)
{
        X509 *certificate = X509_new();

        X509_set_version(certificate, form->version);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), form->serial);
        set_name(X509_get_subject_name(certificate), form->subject);
        set_name(X509_get_issuer_name(certificate), form->issuer);
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now + form->from_s));
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now + form->to_s));
        X509_set_pubkey(certificate, form->key);
        add_extension(certificate, NID_basic_constraints, form->constraints);
        add_extension(certificate, NID_key_usage, form->usage);
        add_extension(certificate, NID_subject_alt_name, form->names);
        add_extension(certificate, NID_subject_key_identifier, "hash");
        assert_true(X509_sign(certificate, form->issuer_key, form->digest) > 0);
        return certificate;
}

static struct pki {
        EVP_PKEY *root_key, *middle_key, *leaf_key, *other_key;
        X509 *root, *middle, *other_root;
} pki;

#define CA_FORM(own_subject, its_issuer, own_key, its_key)                                     \
        (struct form)                                                                          \
        {                                                                                      \
                .subject = own_subject, .issuer = its_issuer, .key = own_key,                  \
                .issuer_key = its_key, .constraints = "critical,CA:TRUE",                      \
                .usage = "critical,keyCertSign,cRLSign", .digest = EVP_sha256(), .version = 2, \
                .from_s = -HOUR_S, .to_s = 24 * HOUR_S, .serial = 7                            \
        }

static struct form
leaf_form(void)
{
        return (struct form){ .subject = "CN=station-7/O=Example",
                              .issuer = "CN=middle",
                              .key = pki.leaf_key,
                              .issuer_key = pki.middle_key,
                              .constraints = "CA:FALSE",
                              .usage = "digitalSignature",
                              .digest = EVP_sha256(),
                              .version = 2,
                              .from_s = -HOUR_S,
                              .to_s = HOUR_S,
                              .serial = 4711 };
}

static int
make_pki(void **state)
{
        (void)state;
        now = clock_now();
        pki.root_key = EVP_EC_gen("P-256");
        pki.middle_key = EVP_EC_gen("P-256");
        pki.leaf_key = EVP_EC_gen("P-256");
        pki.other_key = EVP_EC_gen("P-256");
        struct form root = CA_FORM("CN=root", "CN=root", pki.root_key, pki.root_key);
        struct form middle = CA_FORM("CN=middle", "CN=root", pki.middle_key, pki.root_key);
        struct form other = CA_FORM("CN=root", "CN=root", pki.other_key, pki.other_key);

        pki.root = make(&root);
        pki.middle = make(&middle);
        pki.other_root = make(&other);
        return 0;
}

static int
free_pki(void **state)
{
        (void)state;
        EVP_PKEY_free(pki.root_key);
        EVP_PKEY_free(pki.middle_key);
        EVP_PKEY_free(pki.leaf_key);
        EVP_PKEY_free(pki.other_key);
        X509_free(pki.root);
        X509_free(pki.middle);
        X509_free(pki.other_root);
        return 0;
}

/* A CRL of the intermediate CA's name that revokes serial number 4711. */
static X509_CRL *
make_crl(EVP_PKEY *key)
{
        X509_CRL *crl = X509_CRL_new();
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)now);
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        ASN1_INTEGER_set(serial, 4711);
        X509_REVOKED_set_serialNumber(entry, serial);
        X509_REVOKED_set_revocationDate(entry, when);
        X509_CRL_set_version(crl, X509_CRL_VERSION_2);
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(pki.middle));
        X509_CRL_set1_lastUpdate(crl, when);
        X509_CRL_add0_revoked(crl, entry);
        assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
        ASN1_INTEGER_free(serial);
        ASN1_TIME_free(when);
        return crl;
}

static const char *
fault_of(X509 *leaf, X509 *intermediate, X509 *anchor, X509_CRL *crl)
{
        STACK_OF(X509) *chain = sk_X509_new_null();
        STACK_OF(X509) *anchors = sk_X509_new_null();
        STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();

        if (intermediate)
                sk_X509_push(chain, intermediate);
        sk_X509_push(anchors, anchor);
        if (crl)
                sk_X509_CRL_push(crls, crl);
        const char *fault = anywhere_certificate_fault(leaf, chain, anchors, crls, now);

        sk_X509_free(chain);
        sk_X509_free(anchors);
        sk_X509_CRL_free(crls);
        return fault;
}

static void
assert_fault(const char *what, const char *fault, const char *part)
{
        if (!part && fault)
                fail_msg("%s: refused, as %s", what, fault);
        if (part && (!fault || !strstr(fault, part)))
                fail_msg("%s: '%s', not '%s'", what, fault ? fault : "taken", part);
}

/* What is wrong with a row's certificate. */
enum flaw {
        NO_FLAW,
        EXPIRED,
        NOT_YET,
        OF_A_CA,
        NO_CONSTRAINTS,
        NO_USAGE,
        OTHER_USAGE,
        WEAK_HASH,
        VERSION_ONE,
        OTHER_ISSUER,
};

static X509 *
make_flawed(enum flaw flaw)
{
        struct form form = leaf_form();

        if (flaw == EXPIRED)
                form.to_s = -1;
        if (flaw == NOT_YET)
                form.from_s = 10;
        if (flaw == OF_A_CA)
                form.constraints = "CA:TRUE";
        if (flaw == NO_CONSTRAINTS)
                form.constraints = NULL;
        if (flaw == NO_USAGE)
                form.usage = NULL;
        if (flaw == OTHER_USAGE)
                form.usage = "keyEncipherment";
        if (flaw == WEAK_HASH)
                form.digest = EVP_sha1();
        if (flaw == VERSION_ONE)
                form.version = 0;
        if (flaw == OTHER_ISSUER)
                form.issuer_key = pki.other_key;
        return make(&form);
}

static void
only_a_good_certificate_on_a_path_to_the_anchor_is_taken(void **state)
{
        const struct {
                const char *what;
                enum flaw flaw;
                X509 *intermediate, *anchor;
                const char *fault; /* a part of it; NULL: it is taken */
        } rows[] = {
                { "over an intermediate", NO_FLAW, pki.middle, pki.root, NULL },
                { "an anchor that is no root", NO_FLAW, NULL, pki.middle, NULL },
                { "the anchor sent along", NO_FLAW, pki.middle, pki.middle, NULL },
                { "without the intermediate", NO_FLAW, NULL, pki.root, "issuer certificate" },
                { "a foreign anchor of the same name", NO_FLAW, pki.middle, pki.other_root,
                  "signature" },
                { "expired", EXPIRED, pki.middle, pki.root, "expired" },
                { "not yet valid", NOT_YET, pki.middle, pki.root, "not yet valid" },
                { "a CA's own", OF_A_CA, pki.middle, pki.root, "CA:FALSE" },
                { "no basic constraints", NO_CONSTRAINTS, pki.middle, pki.root, "CA:FALSE" },
                { "no key usage", NO_USAGE, pki.middle, pki.root, "digitalSignature" },
                { "another key usage", OTHER_USAGE, pki.middle, pki.root, "digitalSignature" },
                { "SHA-1", WEAK_HASH, pki.middle, pki.root, "weaker than SHA-256" },
                { "version 1", VERSION_ONE, pki.middle, pki.root, "version 3" },
                { "signed by another key", OTHER_ISSUER, pki.middle, pki.root, "signature" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                X509 *leaf = make_flawed(rows[i].flaw);

                assert_fault(rows[i].what,
                             fault_of(leaf, rows[i].intermediate, rows[i].anchor, NULL),
                             rows[i].fault);
                X509_free(leaf);
        }
}

static void
a_crl_counts_when_the_issuer_signed_it(void **state)
{
        struct form other = leaf_form();
        X509_CRL *good = make_crl(pki.middle_key);
        X509_CRL *forged = make_crl(pki.other_key);
        X509 *leaf = make_flawed(NO_FLAW);

        (void)state;
        other.serial = 4712;
        X509 *second = make(&other);

        assert_fault("revoked", fault_of(leaf, pki.middle, pki.root, good), "revoked");
        assert_fault("not in the CRL", fault_of(second, pki.middle, pki.root, good), NULL);
        assert_fault("a forged CRL", fault_of(leaf, pki.middle, pki.root, forged), NULL);
        X509_free(leaf);
        X509_free(second);
        X509_CRL_free(good);
        X509_CRL_free(forged);
}

static void
an_anchor_is_the_certificate_of_a_ca(void **state)
{
        X509 *leaf = make_flawed(NO_FLAW);
        struct form form = CA_FORM("CN=root", "CN=root", pki.root_key, pki.root_key);

        (void)state;
        form.usage = "digitalSignature";
        X509 *wrong = make(&form);

        assert_fault("a root", anywhere_anchor_fault(pki.root), NULL);
        assert_fault("an intermediate", anywhere_anchor_fault(pki.middle), NULL);
        assert_fault("an end entity", anywhere_anchor_fault(leaf), "not that of a CA");
        assert_fault("a CA that may not sign", anywhere_anchor_fault(wrong), "sign certificates");
        X509_free(leaf);
        X509_free(wrong);
}

static void
names_become_session_tags_and_what_none_can_hold_is_named(void **state)
{
        static const struct {
                const char *key;
                const char *value;
        } rows[] = {
                { "x509Subject/CN", "station-7" }, { "x509Subject/O", "Example" },
                { "x509Issuer/CN", "middle" },     { "x509SAN/DNS", "a.example" },
                { "x509SAN/DNS/1", "b.example" },  { "x509SAN/URI", "urn:x:1" },
        };
        struct form form = leaf_form();
        CLEANUP(buf_cleanup) struct buf bad = { 0 };
        cJSON *tags = cJSON_CreateObject();

        (void)state;
        form.names = "DNS:a.example,DNS:b.example,URI:urn:x:1";
        X509 *good = make(&form);

        anywhere_certificate_tags(good, tags, &bad);
        assert_int_equal(bad.len, 0);
        assert_int_equal(cJSON_GetArraySize(tags), ARRAY_LENGTH(rows));
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                assert_string_equal(json_text(tags, rows[i].key), rows[i].value);
        form.names = "DNS:a.example,DNS:*.example";
        X509 *wild = make(&form);

        anywhere_certificate_tags(wild, tags, &bad);
        assert_string_equal(buf_text(&bad), "Issuer: [  ]; Subject: [  ]; SAN: [ DNS/1 ]");
        cJSON_Delete(tags);
        X509_free(good);
        X509_free(wild);
}

/* -- signatures ----------------------------------------------------------------------------- */

/* A vector as a request off the wire; everything in it may be changed before it is checked. */
struct sample {
        char *authorization, *body, *query, *certificate, *chain;
        struct sigv4_header headers[7];
        struct sigv4_request request;
        EVP_PKEY *key;
};

/* The line of a canonical request that begins with `name`, without it; the caller frees. */
static char *
line_of(const char *canonical, const char *name)
{
        const char *at = strstr(canonical, name);

        return at ? text_copy_length(at + strlen(name), strcspn(at + strlen(name), "\n")) : NULL;
}

static void
sample_open(struct sample *sample, const char *name)
{
        CLEANUP(free_cleanup) char *below = text_format("tests/vectors/x509-example/%s", name);
        CLEANUP(free_cleanup) char *path = source_path(below);
        CLEANUP(free_cleanup) char *canonical = read_text(path, "canonical-request.txt");
        CLEANUP(free_cleanup) char *pem = read_text(path, "leaf.pem");

        assert_non_null(canonical);
        *sample = (struct sample){ .authorization = read_text(path, "authorization.txt"),
                                   .body = read_text(path, "body.json"),
                                   .query = line_of(canonical, "/sessions\n"),
                                   .certificate = line_of(canonical, "\nx-amz-x509:"),
                                   .chain = line_of(canonical, "\nx-amz-x509-chain:") };
        sample->headers[0] = (struct sigv4_header){ "Authorization", sample->authorization };
        sample->headers[1] = (struct sigv4_header){ "Content-Type", "application/json" };
        sample->headers[2] =
                (struct sigv4_header){ "Host", "rolesanywhere.eu-central-1.amazonaws.com" };
        sample->headers[3] = (struct sigv4_header){ "X-Amz-Date", "20261101T120000Z" };
        sample->headers[4] = (struct sigv4_header){ "X-Amz-X509", sample->certificate };
        sample->headers[5] = (struct sigv4_header){ "X-Amz-X509-Chain", sample->chain };
        sample->request = (struct sigv4_request){ .method = "POST",
                                                  .path = "/sessions",
                                                  .query = sample->query,
                                                  .headers = sample->headers,
                                                  .header_count = sample->chain ? 6 : 5,
                                                  .body = view_text(sample->body) };
        STACK_OF(X509) *certificates = anywhere_certificates_of_pem(pem);

        sample->key = X509_get_pubkey(sk_X509_value(certificates, 0));
        anywhere_certificates_free(certificates);
}

static void
sample_close(struct sample *sample)
{
        free(sample->authorization);
        free(sample->body);
        free(sample->query);
        free(sample->certificate);
        free(sample->chain);
        EVP_PKEY_free(sample->key);
}

/* NULL, or the message of the refusal; the caller frees. */
static char *
check(const struct sample *sample, int64_t late_s)
{
        struct sigv4_claim claim = { 0 };
        struct refusal refusal = { 0 };
        struct sigv4_rules rules = { .region = "eu-central-1",
                                     .service = "rolesanywhere",
                                     .now = clock_civil(2026, 11, 1, 12, 0, 0) + late_s,
                                     .window_minutes = 5,
                                     .mismatch_code = "AccessDeniedException" };
        bool good = sigv4_read_x509(&sample->request, &claim, &refusal) &&
                    sigv4_check_x509(&sample->request, &claim, &rules, sample->key, &refusal);
        char *message = good ? NULL : text_copy(buf_text(&refusal.message));

        refusal_clear(&refusal);
        return message;
}

static void
assert_message(const char *what, char *message, const char *part)
{
        assert_fault(what, message, part);
        free(message);
}

static void
the_vectors_verify_and_nothing_of_them_may_be_changed(void **state)
{
        static const char *const names[] = { "ecdsa", "ecdsa-chain", "rsa" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                struct sample sample;

                sample_open(&sample, names[i]);
                assert_message("as it is", check(&sample, 0), NULL);
                assert_message("four minutes late", check(&sample, 4 * 60), NULL);
                assert_message("six minutes late", check(&sample, 6 * 60), "Signature expired");
                assert_message("early", check(&sample, -6 * 60), "not yet current");
                sample.request.body = view_text("{\"durationSeconds\":43200}");
                assert_message("another body", check(&sample, 0), "Invalid signature");
                sample.request.body = view_text(sample.body);
                sample.request.query = "roleArn=other";
                assert_message("another query", check(&sample, 0), "Invalid signature");
                sample.request.query = sample.query;
                sample.headers[4].value = "AAAA";
                assert_message("another certificate", check(&sample, 0), "Invalid signature");
                sample.headers[4].value = sample.certificate;
                sample.headers[sample.request.header_count++] =
                        (struct sigv4_header){ "X-Amz-More", "1" };
                assert_message("a header that is not signed", check(&sample, 0), "SignedHeader");
                sample.request.header_count--;
                EVP_PKEY_free(sample.key);
                sample.key = EVP_EC_gen("P-256");
                assert_message("another key", check(&sample, 0), "Invalid signature");
                sample_close(&sample);
        }
}

static void
another_algorithm_is_none_of_ours(void **state)
{
        struct sample sample;

        (void)state;
        sample_open(&sample, "ecdsa");
        memcpy(strstr(sample.authorization, "ECDSA"), "ECDSB", 5);
        assert_message("a name that is not known", check(&sample, 0), "Unsupported AWS");
        sample.headers[0].value = "AWS4-HMAC-SHA256 Credential=A/20261101/eu-central-1/"
                                  "rolesanywhere/aws4_request, SignedHeaders=host, Signature=00";
        assert_message("HMAC", check(&sample, 0), "Unsupported AWS");
        sample.request.headers++;
        sample.request.header_count--;
        assert_message("none", check(&sample, 0), "Missing Authentication Token");
        sample_close(&sample);
}

static void
paths_of_roles_anywhere_are_told_from_those_of_crls(void **state)
{
        static const struct {
                const char *method, *path;
                bool ours;
        } rows[] = {
                { "POST", "/sessions", true },
                { "GET", "/sessions", false },
                { "GET", "/trustanchors", true },
                { "GET", "/trustanchor/01234567-89ab-cdef-0123-456789abcdef", true },
                { "POST", "/profile/01234567-89ab-cdef-0123-456789abcdef/disable", true },
                { "POST", "/profile/01234567-89ab-cdef-0123-456789abcdef/other", false },
                { "GET", "/crl/01234567-89ab-cdef-0123-456789abcdef", true },
                { "GET", "/crl/01234567-89ab-cdef-0123-456789abcdef.crl", false },
                { "GET", "/crl/", false },
                { "POST", "/", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                if (anywhere_is_request(rows[i].method, rows[i].path) != rows[i].ours)
                        fail_msg("%s %s", rows[i].method, rows[i].path);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_a_good_certificate_on_a_path_to_the_anchor_is_taken),
                cmocka_unit_test(a_crl_counts_when_the_issuer_signed_it),
                cmocka_unit_test(an_anchor_is_the_certificate_of_a_ca),
                cmocka_unit_test(names_become_session_tags_and_what_none_can_hold_is_named),
                cmocka_unit_test(the_vectors_verify_and_nothing_of_them_may_be_changed),
                cmocka_unit_test(another_algorithm_is_none_of_ours),
                cmocka_unit_test(paths_of_roles_anywhere_are_told_from_those_of_crls),
        };

        return cmocka_run_group_tests_name("localpca_anywhere", tests, make_pki, free_pki);
}
