#include <openssl/err.h>

#include "order/name.h"
#include "tests/unit/unit.h"

static void
name_cleanup(X509_NAME **name)
{
        X509_NAME_free(*name);
}

static void
name_der(const X509_NAME *name, struct buf *out)
{
        unsigned char *der = NULL;
        int len = i2d_X509_NAME(name, &der);

        assert_true(len > 0);
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

static void
subjects_are_read_as_rfc_4514_has_them(void **state)
{
        /* The first of them are the RFC's own examples (section 4). */
        static const struct {
                const char *text;
                const char *back; /* NULL: the same */
        } cases[] = {
                { "UID=jsmith,DC=example,DC=net", NULL },
                { "OU=Sales+CN=J.  Smith,DC=example,DC=net", NULL },
                { "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", NULL },
                { "CN=Before\\0dAfter,DC=example,DC=net", "CN=Before\\0DAfter,DC=example,DC=net" },
                { "CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\xc4\x8di\xc4\x87" },
                { "", NULL },
                { "cn=a,commonname=b,2.5.4.3=c", "CN=a,CN=b,CN=c" },
                { "CN=a=b", NULL },
                { "CN=a\\=b", "CN=a=b" },
                { "CN=\\ a\\ ", "CN=\\ a\\ " },
                { "CN=\\20a", "CN=\\ a" },
                { "CN=\\ ", NULL },
                { "CN=\\#a#", NULL },
                { "CN=a  b", NULL },
                { "CN=\\,\\+\\\"\\\\\\<\\>\\;", NULL },
                { "CN=a\\00b", NULL },
                { "1.3.6.1.4.1.99999.1=text", "1.3.6.1.4.1.99999.1=#0c0474657874" },
                { "1.3.6.1.4.1.99999.1=#0c0474657874", NULL },
                { "CN=#0c0161", "CN=a" },
                { "CN=#1e0400610062", "CN=ab" }, /* BMPString */
                { "CN=#030205a0", NULL },        /* BIT STRING */
                { "1.2.3=#3003020101", NULL },   /* SEQUENCE */
                { "C=DE,serialNumber=0-1,dnQualifier=x,emailAddress=a@b", NULL },
                { "CN=\xf0\x9f\x94\x91", NULL },
                /* what turns the direction of writing round is not shown as it is */
                { "CN=gnp.\xe2\x80\xae"
                  "exe",
                  "CN=gnp.\\E2\\80\\AEexe" },
                { "CN=\xc2\x85", "CN=\\C2\\85" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(name_cleanup) X509_NAME *name = NULL;
                CLEANUP(free_cleanup) char *back = NULL;
                struct error err = { 0 };

                assert_done(subject_parse(cases[i].text, &name, &err), err);
                back = subject_format(name);
                assert_string_equal(back, cases[i].back ? cases[i].back : cases[i].text);
        }
}

#define TEN "0123456789"

static void
what_is_not_as_rfc_4514_or_5280_has_it_is_refused(void **state)
{
        static const char *const wrong[] = {
                "device-1",                            /* no type */
                "=a",                                  /* empty type */
                "CN",                                  /* no '=' */
                "CN =a",                               /* a space in front of '=' */
                "CN= a",                               /* a leading space */
                "CN=a ",                               /* a trailing space */
                "CN=a, O=b",                           /* a space behind the comma */
                " CN=a",                               /* a space in front */
                "CN=a,",                               /* a comma at the end */
                ",CN=a",                               /* a comma at the start */
                "CN=a,,O=b",                           /* an empty RDN */
                "CN=a+",                               /* a plus at the end */
                "CN=a;O=b",                            /* LDAPv2's separator */
                "CN=\"a\"",                            /* LDAPv2's quoting */
                "CN=a<b",                              /* a special character */
                "CN=a\\",                              /* an escape at the end */
                "CN=a\\g",                             /* an escape of nothing */
                "CN=a\\4",                             /* half a hex pair */
                "CN=",                                 /* RFC 5280: at least one character */
                "CN=#",                                /* no encoding */
                "CN=#0",                               /* half a byte */
                "CN=#0c0161zz",                        /* not hex */
                "CN=#0c02",                            /* cut off */
                "CN=#0c016100",                        /* a byte too many */
                "CN=#0c810161",                        /* BER's longer length */
                "CN=#0c00",                            /* empty */
                "CN=#0cff",                            /* not DER */
                "CN=#1e0161",                          /* half a BMPString character */
                "C=D",                                 /* too short */
                "C=DEU",                               /* too long */
                "C=\xc3\x9f",                          /* not printable */
                "serialNumber=a_b",                    /* not printable */
                "DC=b\xc3\xbc",                        /* not IA5 */
                "CN=\xff",                             /* not UTF-8 */
                "CN=\\FF",                             /* not UTF-8 either */
                "CN=\xed\xa0\x80",                     /* a surrogate */
                "CN=\xc0\x80",                         /* an overlong NUL */
                "COMMON=a",                            /* an unknown attribute */
                "1.=a",                                /* not an OID */
                "3.1=a",                               /* not an OID */
                "1.02=a",                              /* not an OID */
                "OID.2.5.4.3=a",                       /* RFC 1779's form */
                "CN=" TEN TEN TEN TEN TEN TEN "01234", /* 65 characters */
                "CN=#0c41"
                "30303030303030303030303030303030303030303030303030303030303030303030"
                "30303030303030303030303030303030303030303030303030303030303030",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                X509_NAME *untouched = NULL;
                struct error err = { 0 };

                if (subject_parse(wrong[i], &untouched, &err))
                        fail_msg("'%s' passes", wrong[i]);
                assert_int_equal(err.kind, ERROR_USAGE);
                assert_true(err.next[0] != '\0');
                assert_null(untouched);
                assert_int_equal(ERR_peek_error(), 0);
        }
}

static void
each_subject_is_told_the_rule_that_it_breaks(void **state)
{
        static const struct {
                const char *text;
                const char *rule;
        } cases[] = {
                { "CN", "'=' has to follow" },
                { "=a", "attribute type is missing" },
                { "CN=a,", "attribute type is missing" },
                { "CN=a+", "attribute type is missing" },
                { "CN= a", "begin with a space" },
                { "CN=a ", "end with a space" },
                { "CN=a;b", "backslash in front" },
                { "CN=a\"b", "backslash in front" },
                { "CN=a<b", "backslash in front" },
                { "CN=a\\xb", "two hex" },
                { "CN=a\\", "two hex" },
                { "CN=#zz", "hex digits" },
                { "CN=#0c0", "hex digits" },
                { "CN=#0c05", "not the DER" },
                { "CN=\\FF", "not UTF-8" },
                { "CN=", "empty" },
                { "C=D", "too short" },
                { "C=DEU", "too long" },
                { "C=D1", "two letters of ISO 3166" },
                { "C=\xc3\x84\xc3\x96", "PrintableString" },
                { "serialNumber=a_b", "PrintableString" },
                { "dnQualifier=a@b", "PrintableString" },
                { "DC=b\xc3\xbc"
                  "cher",
                  "ASCII" },
                { "FOO=a", "unknown attribute" },
                { "1.2.3.=a", "unknown attribute" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = { 0 };
                X509_NAME *name = NULL;

                if (subject_parse(cases[i].text, &name, &err))
                        fail_msg("'%s' passes", cases[i].text);
                if (!strstr(err.what, cases[i].rule))
                        fail_msg("'%s': %s", cases[i].text, err.what);
        }
}

static void
characters_are_counted_and_not_bytes(void **state)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        X509_NAME *name = NULL;
        struct error err = { 0 };

        (void)state;
        buf_add_text(&text, "CN=");
        for (int i = 0; i < 64; i++)
                buf_add_text(&text, "\xc3\xbc");
        assert_done(subject_parse(buf_text(&text), &name, &err), err);
        X509_NAME_free(name);
        buf_add_text(&text, "\xc3\xbc");
        assert_refused(subject_parse(buf_text(&text), &name, &err), err, ERROR_USAGE);
}

static void
the_first_rdn_of_the_text_is_the_last_of_the_encoding(void **state)
{
        CLEANUP(name_cleanup) X509_NAME *name = NULL;
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(free_cleanup) char *hex = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(subject_parse("CN=a,C=DE", &name, &err), err);
        name_der(name, &der);
        hex = hex_encode(view_buf(&der));
        /* C=DE as PrintableString, then CN=a as UTF8String */
        assert_string_equal(hex, "3019310b3009060355040613024445310a300806035504030c0161");
}

static void
an_unknown_attribute_is_refused_with_the_nearest(void **state)
{
        X509_NAME *name = NULL;
        struct error err = { 0 };

        (void)state;
        assert_refused(subject_parse("CM=a", &name, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "did you mean 'CN'"));
}

static void
too_many_attributes_are_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        X509_NAME *name = NULL;
        struct error err = { 0 };

        (void)state;
        buf_add_text(&text, "O=a");
        for (int i = 0; i < 200; i++)
                buf_add_text(&text, ",O=a");
        assert_refused(subject_parse(buf_text(&text), &name, &err), err, ERROR_USAGE);
}

/* -- any name comes back ------------------------------------------------------------------- */

/* xorshift: the same names in every run. */
static uint32_t
next_random(uint32_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        return *seed;
}

static void
random_value(uint32_t *seed, bool printable, struct buf *out)
{
        static const char *const pieces[] = {
                " ",    "#",    ",",        "+",        "\"",
                "\\",   "<",    ">",        ";",        "=",
                "\x01", "\x7f", "\xc2\x85", "\xc3\xbc", "\xf0\x9f\x94\x91",
                "a",
        };
        static const char letters[] = "abcXYZ019 '()+,-./:=?";
        uint32_t count = 1 + next_random(seed) % 12;

        for (uint32_t i = 0; i < count; i++) {
                if (printable)
                        buf_add_byte(out, (uint8_t)letters[next_random(seed) % 21]);
                else
                        buf_add_text(out, pieces[next_random(seed) % ARRAY_LENGTH(pieces)]);
        }
}

static void
add_random_entry(uint32_t *seed, X509_NAME *name)
{
        static const struct {
                const char *type;
                int string;
        } types[] = {
                { "2.5.4.3", V_ASN1_UTF8STRING },
                { "2.5.4.10", V_ASN1_UTF8STRING },
                { "2.5.4.5", V_ASN1_PRINTABLESTRING },
                { "2.5.4.3", V_ASN1_PRINTABLESTRING },
                { "0.9.2342.19200300.100.1.25", V_ASN1_IA5STRING },
                { "1.3.6.1.4.1.99999.7", V_ASN1_UTF8STRING },
                { "1.3.6.1.4.1.99999.7", V_ASN1_T61STRING },
        };
        size_t which = next_random(seed) % ARRAY_LENGTH(types);
        bool printable = types[which].string != V_ASN1_UTF8STRING;
        CLEANUP(buf_cleanup) struct buf value = { 0 };

        random_value(seed, printable, &value);
        assert_int_equal(X509_NAME_add_entry_by_txt(name, types[which].type, types[which].string,
                                                    value.data, (int)value.len, -1,
                                                    next_random(seed) % 4 ? 0 : -1),
                         1);
}

static void
whatever_is_written_is_read_back_the_same(void **state)
{
        uint32_t seed = 20261122;

        (void)state;
        for (int i = 0; i < 5000; i++) {
                CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();
                CLEANUP(name_cleanup) X509_NAME *back = NULL;
                CLEANUP(free_cleanup) char *text = NULL;
                CLEANUP(free_cleanup) char *again = NULL;
                struct error err = { 0 };

                for (uint32_t n = next_random(&seed) % 6; n; n--)
                        add_random_entry(&seed, name);
                text = subject_format(name);
                if (!subject_parse(text, &back, &err))
                        fail_msg("'%s': %s", text, err.what);
                if (!subject_equal(name, back))
                        fail_msg("'%s' is another name", text);
                again = subject_format(back);
                assert_string_equal(again, text);
        }
}

static void
what_is_read_is_encoded_the_same_after_writing(void **state)
{
        static const char *const texts[] = {
                "CN=device-1+serialNumber=7+OU=x,O=Example\\, Inc.,C=DE",
                "1.2.3=#3003020101,CN=\\ x\\ ,DC=a,DC=b",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                CLEANUP(name_cleanup) X509_NAME *name = NULL;
                CLEANUP(name_cleanup) X509_NAME *back = NULL;
                CLEANUP(buf_cleanup) struct buf one = { 0 };
                CLEANUP(buf_cleanup) struct buf two = { 0 };
                CLEANUP(free_cleanup) char *text = NULL;
                struct error err = { 0 };

                assert_done(subject_parse(texts[i], &name, &err), err);
                text = subject_format(name);
                assert_done(subject_parse(text, &back, &err), err);
                name_der(name, &one);
                name_der(back, &two);
                assert_true(view_equal(view_buf(&one), view_buf(&two)));
        }
}

static void
names_are_compared_as_rfc_5280_says(void **state)
{
        static const struct {
                const char *a;
                const char *b;
                bool equal;
        } cases[] = {
                { "CN=a,O=b", "CN=A,O=B", true },
                { "CN=a b", "CN=a  b", true },
                { "CN=a", "CN=#130161", true }, /* PrintableString */
                { "CN=a,O=b", "O=b,CN=a", false },
                { "CN=a+O=b", "O=b+CN=a", true },
                { "CN=a+O=b", "CN=a,O=b", false },
                { "CN=a", "CN=a,O=b", false },
                { "CN=a", "OU=a", false },
                { "", "", true },
                { "", "CN=a", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(name_cleanup) X509_NAME *a = NULL;
                CLEANUP(name_cleanup) X509_NAME *b = NULL;
                struct error err = { 0 };

                assert_done(subject_parse(cases[i].a, &a, &err), err);
                assert_done(subject_parse(cases[i].b, &b, &err), err);
                assert_int_equal(subject_equal(a, b), cases[i].equal);
        }
}

static void
the_common_name_is_the_most_specific_one(void **state)
{
        static const struct {
                const char *subject;
                const char *common_name;
        } cases[] = {
                { "CN=device-1,O=Example", "device-1" },
                { "CN=inner,CN=outer", "inner" },
                { "O=Example", NULL },
                { "", NULL },
                { "CN=#1e0400610062", "ab" },
                { "CN=a\\00b", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(name_cleanup) X509_NAME *name = NULL;
                CLEANUP(free_cleanup) char *text = NULL;
                struct error err = { 0 };

                assert_done(subject_parse(cases[i].subject, &name, &err), err);
                text = subject_common_name(name);
                if (!text_equal(text, cases[i].common_name))
                        fail_msg("'%s' has %s", cases[i].subject, text ? text : "none");
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(subjects_are_read_as_rfc_4514_has_them),
                cmocka_unit_test(what_is_not_as_rfc_4514_or_5280_has_it_is_refused),
                cmocka_unit_test(each_subject_is_told_the_rule_that_it_breaks),
                cmocka_unit_test(characters_are_counted_and_not_bytes),
                cmocka_unit_test(the_first_rdn_of_the_text_is_the_last_of_the_encoding),
                cmocka_unit_test(an_unknown_attribute_is_refused_with_the_nearest),
                cmocka_unit_test(too_many_attributes_are_refused),
                cmocka_unit_test(whatever_is_written_is_read_back_the_same),
                cmocka_unit_test(what_is_read_is_encoded_the_same_after_writing),
                cmocka_unit_test(names_are_compared_as_rfc_5280_says),
                cmocka_unit_test(the_common_name_is_the_most_specific_one),
        };

        return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
