/* The templates against the published facts, and what ApiPassthrough becomes, byte by byte. */
#include "tests/unit/unit.h"

#include <openssl/x509v3.h>

#include "localpca/facts.h"
#include "localpca/passthrough.h"
#include "localpca/template.h"
#include "localpca/validate.h"
#include "tests/unit/vectors.h"

static void
assert_text(const char *got, const char *expected)
{
        if (strcmp(got, expected) != 0)
                fail_msg("\nexpected %s\ngot      %s", expected, got);
}

/* -- templates ---------------------------------------------------------------------------- */

static const cJSON *
get(const cJSON *object, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(object, name);
}

static unsigned
bits_of(const cJSON *usage)
{
        static const struct {
                const char *name;
                unsigned bit;
        } bits[] = { { "digitalSignature", KU_DIGITAL_SIGNATURE },
                     { "keyEncipherment", KU_KEY_ENCIPHERMENT },
                     { "keyCertSign", KU_KEY_CERT_SIGN },
                     { "cRLSign", KU_CRL_SIGN } };
        const cJSON *one;
        unsigned found = 0;

        cJSON_ArrayForEach(one, get(usage, "bits"))
        {
                for (size_t i = 0; i < ARRAY_LENGTH(bits); i++)
                        if (strcmp(bits[i].name, one->valuestring) == 0)
                                found |= bits[i].bit;
        }
        return found;
}

static void
row_check(const cJSON *row)
{
        char *arn = text_format("arn:aws:acm-pca:::template/%s/%s", get(row, "name")->valuestring,
                                get(row, "version")->valuestring);
        const struct template *template = template_named(arn);
        const cJSON *basic = get(row, "basicConstraints"), *length = get(basic, "pathLen");
        const cJSON *extended = get(row, "extendedKeyUsage");
        int count = 0;

        if (!template)
                fail_msg("there is no %s", arn);
        assert_int_equal(template->ca, cJSON_IsTrue(get(basic, "ca")));
        assert_int_equal(template->critical_basic, cJSON_IsTrue(get(basic, "critical")));
        assert_int_equal(template->path_length, length ? length->valueint : -1);
        assert_int_equal(template->csr_passthrough, cJSON_IsTrue(get(row, "csrPassthrough")));
        assert_int_equal(template->api_passthrough, cJSON_IsTrue(get(row, "apiPassthrough")));
        assert_int_equal(template->key_usage, bits_of(get(row, "keyUsage")));
        assert_int_equal(template->extended_critical && template->extended_nids,
                         cJSON_IsTrue(get(extended, "critical")));
        for (const int *nid = template->extended_nids; nid && *nid; nid++)
                assert_int_equal(OBJ_sn2nid(cJSON_GetArrayItem(get(extended, "purposes"), count++)
                                                    ->valuestring),
                                 *nid);
        assert_int_equal(count, cJSON_GetArraySize(get(extended, "purposes")));
        assert_int_equal(template->root,
                         cJSON_GetArraySize(get(row, "crlDistributionPoints")) == 0);
        free(arn);
}

static void
the_templates_are_those_of_the_user_guide_and_five_blank_roots(void **state)
{
        char *path = shared_path("reference/models/acm-pca-templates.json");
        char *text = read_text(path, NULL);
        size_t count = 0, roots = 0;
        const cJSON *row;

        (void)state;
        free(path);
        if (!text) {
                print_message("skipped: the published templates are not at hand\n");
                skip();
        }
        cJSON *guide = cJSON_Parse(text);
        cJSON_ArrayForEach(row, get(guide, "templates")) row_check(row);
        for (const struct template *one; (one = template_listed(count)); count++)
                roots += text_starts(one->name, "BlankRootCACertificate") && one->root &&
                         one->api_passthrough && !one->csr_passthrough && !one->key_usage;
        assert_int_equal(count, cJSON_GetArraySize(get(guide, "templates")) + roots);
        assert_int_equal(roots, 5);
        cJSON_Delete(guide);
        free(text);
}

/* -- ApiPassthrough ----------------------------------------------------------------------- */

static const struct shape *
passthrough_shape(void)
{
        const struct shape *request = facts_input("IssueCertificate");

        for (size_t i = 0; i < request->member_count; i++)
                if (strcmp(request->members[i].name, "ApiPassthrough") == 0)
                        return request->members[i].shape;
        return NULL;
}

/* Read it as a request would be; "" or the code and message of the refusal. */
static char *
read_json(const char *json, bool csr_subject_empty, struct passthrough *out)
{
        cJSON *from = cJSON_Parse(json);
        struct refusal refusal = { 0 };
        char *told = NULL;

        if (!from)
                fail_msg("no JSON: %s", json);
        if (validate(passthrough_shape(), from, &refusal) &&
            passthrough_read(from, csr_subject_empty, out, &refusal))
                told = text_copy("");
        else
                told = text_format("%s: %s", refusal.code, buf_text(&refusal.message));
        refusal_clear(&refusal);
        cJSON_Delete(from);
        return told;
}

/* "2.5.29.15=03020780" for each extension, "!" in front of a critical one. */
static char *
extensions_text(const struct passthrough *passed)
{
        struct buf text = { 0 };

        for (int i = 0; i < sk_X509_EXTENSION_num(passed->extensions); i++) {
                X509_EXTENSION *one = sk_X509_EXTENSION_value(passed->extensions, i);
                const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(one);
                char oid[80];
                char *hex = hex_encode(view_of(data->data, (size_t)data->length));

                OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(one), 1);
                buf_format(&text, "%s%s%s=%s", text.len ? " " : "",
                           X509_EXTENSION_get_critical(one) ? "!" : "", oid, hex);
                free(hex);
        }
        char *copy = text_copy(text.len ? buf_text(&text) : "");
        buf_clear(&text);
        return copy;
}

#define SANS(list) "{\"Extensions\":{\"SubjectAlternativeNames\":[" list "]}}"
#define USAGE(list) "{\"Extensions\":{\"KeyUsage\":{" list "}}}"
#define PURPOSES(list) "{\"Extensions\":{\"ExtendedKeyUsage\":[" list "]}}"
#define POLICIES(list) "{\"Extensions\":{\"CertificatePolicies\":[" list "]}}"
#define CUSTOM(list) "{\"Extensions\":{\"CustomExtensions\":[" list "]}}"
#define SUBJECT(list) "{\"Subject\":{" list "}}"
#define TYPE(name) "{\"ExtendedKeyUsageType\":\"" name "\"}"
#define CPS(uri) "{\"PolicyQualifierId\":\"CPS\",\"Qualifier\":{\"CpsUri\":\"" uri "\"}}"

static void
extensions_of_the_api_have_the_one_der_form_that_there_is(void **state)
{
        /* The bytes are those of python3-cryptography, the EDI ones by hand from X.680. */
        static const struct {
                const char *json, *expected;
        } rows[] = {
                { "{}", "" },
                { "{\"Extensions\":{}}", "" },
                { SANS("{\"DnsName\":\"a.example\"}"), "2.5.29.17=300b8209612e6578616d706c65" },
                { SANS("{\"DnsName\":\"a.example\",\"IpAddress\":null}"),
                  "2.5.29.17=300b8209612e6578616d706c65" },
                { SANS("{\"DnsName\":\"a.example\"},{\"DnsName\":\"*.b.example\"}"),
                  "2.5.29.17=30188209612e6578616d706c65820b2a2e622e6578616d706c65" },
                { SANS("{\"Rfc822Name\":\"a@b.example\"}"),
                  "2.5.29.17=300d810b6140622e6578616d706c65" },
                { SANS("{\"UniformResourceIdentifier\":\"urn:x:1\"}"),
                  "2.5.29.17=3009860775726e3a783a31" },
                { SANS("{\"IpAddress\":\"192.0.2.1\"}"), "2.5.29.17=30068704c0000201" },
                { SANS("{\"IpAddress\":\"2001:db8::1\"}"),
                  "2.5.29.17=3012871020010db8000000000000000000000001" },
                { SANS("{\"RegisteredId\":\"1.2.3.4\"}"), "2.5.29.17=300588032a0304" },
                { SANS("{\"OtherName\":{\"TypeId\":\"1.3.6.1.4.1.311.20.2.3\",\"Value\":"
                       "\"a@b.local\"}}"),
                  "2.5.29.17=301ba019060a2b060104018237140203a00b0c096140622e6c6f63616c" },
                { SANS("{\"DirectoryName\":{\"CommonName\":\"caf\xc3\xa9\",\"Country\":\"DE\"}}"),
                  "2.5.29.17="
                  "3021a41f301d310b3009060355040613024445310e300c06035504030c05636166c3a9" },
                { SANS("{\"EdiPartyName\":{\"PartyName\":\"d\",\"NameAssigner\":\"e\"}}"),
                  "2.5.29.17=300ca50aa0030c0165a1030c0164" },
                { SANS("{\"EdiPartyName\":{\"PartyName\":\"d\"}}"),
                  "2.5.29.17=3007a505a1030c0164" },
                { USAGE("\"DigitalSignature\":true"), "2.5.29.15=03020780" },
                { USAGE("\"DigitalSignature\":true,\"CRLSign\":false"), "2.5.29.15=03020780" },
                { USAGE("\"KeyAgreement\":true,\"DecipherOnly\":true"), "2.5.29.15=0303070880" },
                { USAGE("\"KeyAgreement\":true,\"EncipherOnly\":true"), "2.5.29.15=03020009" },
                { USAGE("\"DigitalSignature\":true,\"NonRepudiation\":true,"
                        "\"KeyEncipherment\":true,\"DataEncipherment\":true,"
                        "\"KeyAgreement\":true,\"KeyCertSign\":true,\"CRLSign\":true,"
                        "\"EncipherOnly\":true,\"DecipherOnly\":true"),
                  "2.5.29.15=030307ff80" },
                { USAGE("\"DigitalSignature\":false"), "" },
                { PURPOSES(TYPE("SERVER_AUTH") "," TYPE("CLIENT_AUTH") "," TYPE("CODE_SIGNING") "," TYPE("EMAIL_PROTECTION") "," TYPE(
                          "TIME_STAMPING") "," TYPE("OCSP_SIGNING") "," TYPE("SMART_CARD_"
                                                                             "LOGIN") "," TYPE("DOC"
                                                                                               "UME"
                                                                                               "NT_"
                                                                                               "SIG"
                                                                                               "NIN"
                                                                                               "G") "," TYPE("CERTIFICATE_TRANSPARENCY") ",{\"ExtendedKeyUsageObjectIdentifier\":\"1.2.3.4\"}"),
                  "2.5.29.37="
                  "306506082b0601050507030106082b0601050507030206082b0601050507030306082b060105050"
                  "7030406082b0601050507030806082b06010505070309060a2b060104018237140202060a2b0601"
                  "040182370a030c060a2b06010401d67902040406032a0304" },
                { POLICIES("{\"CertPolicyId\":\"1.2.3.4\"}"), "2.5.29.32=3007300506032a0304" },
                { POLICIES("{\"CertPolicyId\":\"1.2.3.4\",\"PolicyQualifiers\":[" CPS(
                          "http://cps.example") "," CPS("http://b.example") "]},"
                                                                            "{\"CertPolicyId\":"
                                                                            "\"2.5.29.32.0\"}"),
                  "2.5.29.32="
                  "304f304506032a0304303e301e06082b060105050702011612687474703a2f2f6370732e6578616"
                  "d706c65301c06082b060105050702011610687474703a2f2f622e6578616d706c6530060604551d"
                  "2000" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3.4\",\"Value\":\"BQA=\"}"), "1.2.3.4=0500" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3.4\",\"Value\":\"BQA=\",\"Critical\":true}"),
                  "!1.2.3.4=0500" },
                /* The guide's Matter and mDL samples: known extensions may come as custom ones. */
                { CUSTOM("{\"ObjectIdentifier\":\"2.5.29.15\",\"Value\":\"AwIHgA==\","
                         "\"Critical\":true}"),
                  "!2.5.29.15=03020780" },
                /* Whatever the order in the request, one order in the certificate. */
                { "{\"Extensions\":{\"CustomExtensions\":[{\"ObjectIdentifier\":\"1.2.9\","
                  "\"Value\":"
                  "\"BQA=\"},{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQA=\"}],"
                  "\"CertificatePolicies\":[{\"CertPolicyId\":\"1.2.3.4\"}],"
                  "\"SubjectAlternativeNames\":[{\"RegisteredId\":\"1.2.3.4\"}],"
                  "\"ExtendedKeyUsage\":[{\"ExtendedKeyUsageObjectIdentifier\":\"1.2.3.4\"}],"
                  "\"KeyUsage\":{\"DigitalSignature\":true}}}",
                  "2.5.29.15=03020780 2.5.29.37=300506032a0304 2.5.29.17=300588032a0304 "
                  "2.5.29.32=3007300506032a0304 1.2.9=0500 1.2.3=0500" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct passthrough passed = { 0 };
                char *told = read_json(rows[i].json, false, &passed);

                if (*told)
                        fail_msg("%s: %s", rows[i].json, told);
                char *text = extensions_text(&passed);
                assert_text(text, rows[i].expected);
                assert_null(passed.subject);
                free(text);
                free(told);
                passthrough_clear(&passed);
        }
}

static void
names_are_critical_when_there_is_no_subject_at_all(void **state)
{
        static const char name[] = "\"Extensions\":{\"SubjectAlternativeNames\":["
                                   "{\"RegisteredId\":\"1.2.3.4\"}]}";
        static const struct {
                const char *subject;
                bool csr_subject_empty;
                const char *expected;
        } rows[] = {
                { "", false, "2.5.29.17=300588032a0304" },
                { "", true, "!2.5.29.17=300588032a0304" },
                { "\"Subject\":{},", true, "!2.5.29.17=300588032a0304" },
                { "\"Subject\":{\"CommonName\":\"\"},", true, "!2.5.29.17=300588032a0304" },
                { "\"Subject\":{\"CommonName\":\"a\"},", true, "2.5.29.17=300588032a0304" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct passthrough passed = { 0 };
                char *json = text_format("{%s%s}", rows[i].subject, name);
                char *told = read_json(json, rows[i].csr_subject_empty, &passed);
                char *text = extensions_text(&passed);

                assert_text(told, "");
                assert_text(text, rows[i].expected);
                free(text);
                free(told);
                free(json);
                passthrough_clear(&passed);
        }
}

static void
a_subject_of_the_api_has_its_attributes_in_one_order_and_their_string_types(void **state)
{
        static const struct {
                const char *json, *expected;
        } rows[] = {
                { SUBJECT("\"CommonName\":\"CN\",\"GenerationQualifier\":\"Jr\",\"Pseudonym\":"
                          "\"P\","
                          "\"Initials\":\"I\",\"GivenName\":\"G\",\"Surname\":\"S\",\"Title\":"
                          "\"T\","
                          "\"Locality\":\"L\",\"SerialNumber\":\"1\",\"State\":\"ST\","
                          "\"DistinguishedNameQualifier\":\"Q\",\"OrganizationalUnit\":\"OU\","
                          "\"Organization\":\"O\",\"Country\":\"DE\""),
                  "3081ad310b3009060355040613024445310a3008060355040a0c014f310b3009060355040b0c024"
                  "f55310a3008060355042e130151310b300906035504080c025354310b300906035504030c02434e"
                  "310a30080603550405130131310a300806035504070c014c310a3008060355040c0c0154310a300"
                  "806035504040c0153310a3008060355042a0c0147310a3008060355042b0c0149310a3008060355"
                  "04410c0150310b3009060355042c0c024a72" },
                { SUBJECT("\"CustomAttributes\":[{\"ObjectIdentifier\":\"2.5.4.3\",\"Value\":\"m\"}"
                          ","
                          "{\"ObjectIdentifier\":\"1.3.6.1.4.1.37244.2.1\",\"Value\":\"FFF1\"},"
                          "{\"ObjectIdentifier\":\"0.9.2342.19200300.100.1.25\",\"Value\":"
                          "\"example\"},"
                          "{\"ObjectIdentifier\":\"2.5.4.5\",\"Value\":\"7\"}]"),
                  "3047310a300806035504030c016d31143012060a2b0601040182a27c02010c044646463131173015"
                  "060a0992268993f22c64011916076578616d706c65310a30080603550405130137" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct passthrough passed = { 0 };
                char *told = read_json(rows[i].json, false, &passed);
                uint8_t *der = NULL;

                assert_text(told, "");
                int len = i2d_X509_NAME(passed.subject, &der);
                char *hex = hex_encode(view_of(der, (size_t)len));
                assert_text(hex, rows[i].expected);
                free(hex);
                free(told);
                OPENSSL_free(der);
                passthrough_clear(&passed);
        }
}

static void
what_the_service_refuses_in_a_passthrough_is_refused_and_told(void **state)
{
        static const struct {
                const char *json, *code, *words;
        } rows[] = {
                { SUBJECT("\"CommonName\":\"a\",\"CustomAttributes\":[{\"ObjectIdentifier\":"
                          "\"2.5.4.10\",\"Value\":\"b\"}]"),
                  "InvalidArgsException", "not both" },
                { SANS("{\"DirectoryName\":{\"CommonName\":\"a\",\"CustomAttributes\":["
                       "{\"ObjectIdentifier\":\"2.5.4.10\",\"Value\":\"b\"}]}}"),
                  "InvalidArgsException", "not both" },
                { SUBJECT("\"CustomAttributes\":[{\"ObjectIdentifier\":\"2.5.4.6\",\"Value\":"
                          "\"Germany\"}]"),
                  "InvalidArgsException", "2.5.4.6" },
                { SUBJECT("\"Country\":\"D1\""), "ValidationException", "country" },
                { SUBJECT("\"Country\":\"DEU\""), "ValidationException", "country" },
                { SUBJECT("\"SerialNumber\":\"a_b\""), "ValidationException", "serialNumber" },
                { SUBJECT("\"Initials\":\"abcdef\""), "ValidationException", "initials" },
                { SUBJECT("\"GivenName\":\"abcdefghijklmnopq\""), "ValidationException",
                  "givenName" },
                { SUBJECT("\"CustomAttributes\":[]"), "ValidationException", "customAttributes" },
                { SUBJECT("\"CustomAttributes\":[{\"ObjectIdentifier\":\"2.5.4.3\"}]"),
                  "ValidationException", "value" },
                { SUBJECT("\"CustomAttributes\":[{\"ObjectIdentifier\":\"2.47.1\",\"Value\":"
                          "\"a\"}]"),
                  "ValidationException", "objectIdentifier" },
                { SANS(""), "ValidationException", "subjectAlternativeNames" },
                { SANS("{}"), "InvalidArgsException", "exactly one" },
                { SANS("{\"DnsName\":\"a\",\"Rfc822Name\":\"a@b\"}"), "InvalidArgsException",
                  "exactly one" },
                { SANS("{\"DnsName\":\"\"}"), "InvalidArgsException", "DnsName" },
                { SANS("{\"DnsName\":\"caf\xc3\xa9.example\"}"), "InvalidArgsException",
                  "DnsName" },
                { SANS("{\"IpAddress\":\"192.0.2.256\"}"), "InvalidArgsException", "192.0.2.256" },
                { SANS("{\"IpAddress\":\"192.0.2.0/24\"}"), "InvalidArgsException", "IpAddress" },
                { SANS("{\"DirectoryName\":{}}"), "InvalidArgsException", "DirectoryName" },
                { SANS("{\"RegisteredId\":\"x\"}"), "ValidationException", "registeredId" },
                { SANS("{\"OtherName\":{\"TypeId\":\"1.2.3\"}}"), "ValidationException",
                  "otherName.value" },
                { SANS("{\"EdiPartyName\":{\"NameAssigner\":\"a\"}}"), "ValidationException",
                  "partyName" },
                { SANS("{\"EdiPartyName\":{\"PartyName\":\"\"}}"), "InvalidArgsException",
                  "EdiPartyName" },
                { PURPOSES("{}"), "InvalidArgsException", "either" },
                { PURPOSES("{\"ExtendedKeyUsageType\":\"CLIENT_AUTH\","
                           "\"ExtendedKeyUsageObjectIdentifier\":\"1.2.3\"}"),
                  "InvalidArgsException", "either" },
                { PURPOSES("{\"ExtendedKeyUsageType\":\"ANY\"}"), "ValidationException",
                  "SERVER_AUTH" },
                { POLICIES("{\"CertPolicyId\":\"1.2.3\",\"PolicyQualifiers\":[" CPS("") "]}"),
                  "InvalidArgsException", "1.2.3" },
                { POLICIES(
                          "{\"CertPolicyId\":\"1.2.3\",\"PolicyQualifiers\":["
                          "{\"PolicyQualifierId\":\"UNOTICE\",\"Qualifier\":{\"CpsUri\":\"a\"}}]}"),
                  "ValidationException", "policyQualifierId" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQA\"}"),
                  "ValidationException", "value" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQ A=\"}"),
                  "ValidationException", "value" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"\"}"), "ValidationException",
                  "value" },
                { CUSTOM("{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQA=\"},"
                         "{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQA=\"}"),
                  "InvalidArgsException", "twice" },
                { "{\"Extensions\":{\"KeyUsage\":{\"CRLSign\":true},\"CustomExtensions\":["
                  "{\"ObjectIdentifier\":\"2.5.29.15\",\"Value\":\"AwIHgA==\"}]}}",
                  "InvalidArgsException", "twice" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct passthrough passed = { 0 };
                char *told = read_json(rows[i].json, false, &passed);

                if (!text_starts(told, rows[i].code) || !strstr(told, rows[i].words))
                        fail_msg("%s\nis not %s with '%s' but '%s'", rows[i].json, rows[i].code,
                                 rows[i].words, told);
                free(told);
                passthrough_clear(&passed);
        }
}

/* `count` names, one more than which is too many. */
static char *
many_names(unsigned count)
{
        struct buf json = { 0 };

        buf_add_text(&json, "{\"Extensions\":{\"SubjectAlternativeNames\":[");
        for (unsigned i = 0; i < count; i++)
                buf_format(&json, "%s{\"DnsName\":\"n%u.example\"}", i ? "," : "", i);
        buf_add_text(&json, "]}}");
        char *copy = text_copy(buf_text(&json));
        buf_clear(&json);
        return copy;
}

static void
a_hundred_and_fifty_names_pass_and_one_more_does_not(void **state)
{
        struct passthrough passed = { 0 };
        char *json = many_names(150), *told = read_json(json, false, &passed);

        (void)state;
        assert_text(told, "");
        assert_int_equal(sk_X509_EXTENSION_num(passed.extensions), 1);
        passthrough_clear(&passed);
        free(told);
        free(json);
        json = many_names(151);
        told = read_json(json, false, &passed);
        assert_true(text_starts(told, "ValidationException"));
        passthrough_clear(&passed);
        free(told);
        free(json);
}

/* One with everything in it, for changes at random. */
static const char whole[] =
        "{\"Subject\":{\"Country\":\"DE\",\"CommonName\":\"caf\xc3\xa9\",\"SerialNumber\":\"1\"},"
        "\"Extensions\":{\"KeyUsage\":{\"DigitalSignature\":true,\"DecipherOnly\":true},"
        "\"ExtendedKeyUsage\":[{\"ExtendedKeyUsageType\":\"CLIENT_AUTH\"},"
        "{\"ExtendedKeyUsageObjectIdentifier\":\"1.2.3.4\"}],"
        "\"SubjectAlternativeNames\":[{\"DnsName\":\"a.example\"},{\"IpAddress\":\"2001:db8::1\"},"
        "{\"Rfc822Name\":\"a@b\"},{\"UniformResourceIdentifier\":\"urn:a\"},"
        "{\"RegisteredId\":\"1.2.3\"},{\"OtherName\":{\"TypeId\":\"1.2.3\",\"Value\":\"v\"}},"
        "{\"DirectoryName\":{\"CustomAttributes\":[{\"ObjectIdentifier\":\"2.5.4.3\",\"Value\":"
        "\"a\"}]}},{\"EdiPartyName\":{\"PartyName\":\"p\",\"NameAssigner\":\"n\"}}],"
        "\"CertificatePolicies\":[{\"CertPolicyId\":\"1.2.3\",\"PolicyQualifiers\":["
        "{\"PolicyQualifierId\":\"CPS\",\"Qualifier\":{\"CpsUri\":\"http://c\"}}]}],"
        "\"CustomExtensions\":[{\"ObjectIdentifier\":\"1.2.3\",\"Value\":\"BQA=\",\"Critical\":"
        "true}]}}";

/* Some bytes become others, go, or come twice. */
static void
text_change(char *text, size_t *len)
{
        static const char often[] = "\"{}[],:0129.nulltrue\\u0000\xc3\xff =+/";
        size_t at = (size_t)rand() % *len;

        switch (rand() % 3) {
        case 0:
                text[at] = often[(size_t)rand() % (sizeof(often) - 1)];
                break;
        case 1:
                memmove(text + at, text + at + 1, --*len - at);
                break;
        default:
                memmove(text + at + 1, text + at, (*len)++ - at);
        }
}

static void
a_passthrough_changed_at_random_is_read_or_refused(void **state)
{
        enum { ROUNDS = 20000, CHANGES_MOST = 4 };
        unsigned done = 0, refused = 0, no_json = 0;

        (void)state;
        srand(1);
        for (unsigned round = 0; round < ROUNDS; round++) {
                char text[sizeof(whole) + CHANGES_MOST];
                size_t len = sizeof(whole) - 1;
                struct passthrough passed = { 0 };
                struct refusal refusal = { 0 };

                memcpy(text, whole, len);
                for (int changes = 1 + rand() % CHANGES_MOST; changes; changes--)
                        text_change(text, &len);
                cJSON *from = cJSON_ParseWithLength(text, len);
                if (!cJSON_IsObject(from)) {
                        no_json++;
                } else if (validate(passthrough_shape(), from, &refusal) &&
                           passthrough_read(from, rand() % 2, &passed, &refusal)) {
                        done++;
                } else {
                        assert_non_null(refusal.code);
                        assert_true(refusal.message.len > 0);
                        refused++;
                }
                cJSON_Delete(from);
                refusal_clear(&refusal);
                passthrough_clear(&passed);
        }
        assert_true(done > ROUNDS / 20 && refused > ROUNDS / 50 && no_json > ROUNDS / 20);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_templates_are_those_of_the_user_guide_and_five_blank_roots),
                cmocka_unit_test(extensions_of_the_api_have_the_one_der_form_that_there_is),
                cmocka_unit_test(names_are_critical_when_there_is_no_subject_at_all),
                cmocka_unit_test(
                        a_subject_of_the_api_has_its_attributes_in_one_order_and_their_string_types),
                cmocka_unit_test(what_the_service_refuses_in_a_passthrough_is_refused_and_told),
                cmocka_unit_test(a_hundred_and_fifty_names_pass_and_one_more_does_not),
                cmocka_unit_test(a_passthrough_changed_at_random_is_read_or_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
