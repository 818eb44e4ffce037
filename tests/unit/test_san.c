#include <openssl/err.h>

#include "order/name.h"
#include "tests/unit/unit.h"

static void
names_are_brought_into_their_normal_form(void **state)
{
        static const struct {
                const char *text;
                const char *normal; /* NULL: the same */
        } cases[] = {
                { "dns:device-1.example", NULL },
                { "DNS:Device-1.EXAMPLE", "dns:device-1.example" },
                { "dns:*.example", NULL },
                { "dns:localhost", NULL },
                { "dns:b\xc3\xbc"
                  "cher.example",
                  "dns:xn--bcher-kva.example" },
                { "dns:B\xc3\x9c"
                  "CHER.example",
                  "dns:xn--bcher-kva.example" },
                { "dns:*.b\xc3\xbc"
                  "cher.example",
                  "dns:*.xn--bcher-kva.example" },
                { "dns:xn--bcher-kva.example", NULL },
                { "ip:10.0.0.1", NULL },
                { "ip:2001:DB8:0:0::1", "ip:2001:db8::1" },
                { "ip:::ffff:10.0.0.1", "ip:::ffff:10.0.0.1" },
                { "email:Some.One+tag@EXAMPLE.com", "email:Some.One+tag@example.com" },
                { "uri:HTTPS://Host.Example:8443/Path?q=A%20B#f",
                  "uri:https://host.example:8443/Path?q=A%20B#f" },
                { "uri:https://User@HOST/", "uri:https://User@host/" },
                { "uri:spiffe://trust.example/ns/prod", NULL },
                { "uri:urn:uuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6", NULL },
                { "rid:1.3.6.1.4.1.99999.1", NULL },
                { "upn:j\xc3\xb6rg@realm.example", NULL },
                { "dirname:cn=a,o=Example", "dirname:CN=a,O=Example" },
                { "othername:1.3.6.1.4.1.99999.1;UTF8:some text; with more", NULL },
                { "othername:1.2.3;IA5:a;b", NULL },
                { "othername:1.2.3;DER:0c0161", "othername:1.2.3;UTF8:a" },
                { "othername:1.2.3;DER:160161", "othername:1.2.3;IA5:a" },
                { "othername:1.2.3;DER:0C0107", "othername:1.2.3;DER:0c0107" },
                { "othername:1.2.3;DER:30030201FF", "othername:1.2.3;DER:30030201ff" },
                { "krb5:device-1@EXAMPLE.COM", NULL },
                { "krb5:host/www.example.com@EXAMPLE.COM", NULL },
                { "krb5:a\\/b\\@c\\\\/d@R", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *normal = NULL;
                CLEANUP(free_cleanup) char *again = NULL;
                struct error err = { 0 };

                assert_done(san_parse(cases[i].text, &normal, &err), err);
                assert_string_equal(normal, cases[i].normal ? cases[i].normal : cases[i].text);
                assert_done(san_parse(normal, &again, &err), err);
                assert_string_equal(again, normal);
        }
}

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static void
what_is_no_alternative_name_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "device-1.example",
                ":a",
                "dns",
                "host:a",
                "other:820161",
                "dns:",
                "dns:a..b",
                "dns:a.",
                "dns:.a",
                "dns:-a",
                "dns:a-",
                "dns:a_b",
                "dns:a b",
                "dns:a\nb",
                "dns:*",
                "dns:*a.example",
                "dns:a.*.example",
                "dns:*.*.example",
                "dns:10.0.0.1",
                "dns:" LABEL_63 "4",
                "dns:" LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63,
                "dns:*." LABEL_63 "." LABEL_63 "." LABEL_63 "."
                "a23456789012345678901234567890123456789012345678901234567890",
                "dns:xn--\xc3\xbc",
                "dns:xn--zzzzzzzz--.example",
                "dns:\xff.example",
                "ip:",
                "ip:10.0.0",
                "ip:10.0.0.256",
                "ip:010.0.0.1",
                "ip:10.0.0.0/8",
                "ip:2001:db8::g",
                "ip:1::2::3",
                "email:",
                "email:a",
                "email:@b",
                "email:a@",
                "email:a@@b",
                "email:.a@b",
                "email:a..b@c",
                "email:a b@c",
                "email:b\xc3\xbc"
                "cher@example",
                "uri:",
                "uri:/path",
                "uri:https:",
                "uri:https://",
                "uri:https://:443/",
                "uri:https://user@/",
                "uri:1https://a/",
                "uri:https://a b/",
                "uri:https://a/%2",
                "uri:https://b\xc3\xbc"
                "cher/",
                "rid:1",
                "rid:1.2.",
                "rid:a",
                "upn:a",
                "upn:@b",
                "upn:a@",
                "upn:a\x01@b",
                "upn:a\xc2\x85@b",
                "upn:a\xe2\x80\xae@b",
                "upn:\xff@b",
                "dirname:",
                "dirname:a",
                "dirname:CN=",
                "othername:1.2.3",
                "othername:1.2.3;UTF8:",
                "othername:1.2.3;IA5:",
                "othername:1.2.3;IA5:\xc3\xa4",
                "othername:1.2.3;DER:",
                "othername:1.2.3;DER:0c01",
                "othername:1.2.3;DER:0c01610c0161",
                "othername:1.2.3;DER:zz",
                "othername:1.2.3;DER:3806020101040100", /* a time that is constructed */
                "othername:1.2.3;T61:a",
                "othername:1.3.6.1.4.1.311.20.2.3;DER:0c03614062",
                "othername:1.3.6.1.5.2.2;DER:301ca0031b0152a1153013a003020101a10c300a1b0161",
                "othername:1.3.6.1.5.2.2;DER:3019a0031b0152a1123010a003020101a10930071b01611b0162",
                "krb5:a",
                "krb5:@R",
                "krb5:a@",
                "krb5:/a@R",
                "krb5:a/@R",
                "krb5:a@b@R",
                "krb5:a@R/b",
                "krb5:a@R\\\\",
                "krb5:a\\b@R",
                "krb5:a@R\\",
                "krb5:\xc3\xa4@R",
                "othername:a;UTF8:b",
                "othername:1.2.3;UTF8:\xff",
                "othername:1.3.6.1.4.1.311.20.2.3;UTF8:a@b",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                struct error err = { 0 };
                char *normal = NULL;

                if (san_parse(wrong[i], &normal, &err))
                        fail_msg("'%s' passes as '%s'", wrong[i], normal);
                assert_int_equal(err.kind, ERROR_USAGE);
                assert_true(err.next[0] != '\0');
                assert_null(normal);
        }
}

/* The sentence that is told is about the rule, not about the parser. */
static void
each_name_is_told_the_rule_that_it_breaks(void **state)
{
        static const struct {
                const char *text;
                const char *rule;
        } cases[] = {
                { "dns:", "a label is empty" },
                { "dns:a..example", "a label is empty" },
                { "dns:a.example.", "without the dot at its end" },
                { "dns:-a.example", "hyphen" },
                { "dns:a_b.example", "letters, digits and hyphens only" },
                { "dns:" LABEL_63 "4.example", "longer than 63" },
                { "dns:192.0.2.1", "looks like an address" },
                { "dns:a*.example", "whole first label" },
                { "dns:a.*.example", "whole first label" },
                { "dns:*.*.example", "whole first label" },
                { "dns:*", "whole first label" },
                { "dns:xn--a.example", "internationalised" },
                { "dns:\xe2\x80\x8d.example", "internationalised" },
                { "ip:10.0.0.0/8", "network" },
                { "ip:fe80::1%eth0", "zone" },
                { "ip:[2001:db8::1]", "brackets" },
                { "ip:[2001:db8::1]:443", "brackets" },
                { "ip:192.0.2.01", "leading zeros" },
                { "ip:192.0.2.256", "255" },
                { "ip:192.0.2", "four numbers" },
                { "ip:2001:db8::1::2", "RFC 4291" },
                { "ip:2001:db8:0:0:0:0:0:0:1", "RFC 4291" },
                { "ip:12345::", "RFC 4291" },
                { "email:a", "no '@'" },
                { "email:a..b@c.example", "a dot too many" },
                { "email:j\xc3\xb6rg@c.example", "a character that it cannot" },
                { "uri:a", "scheme" },
                { "uri:https://a b/", "%HH" },
                { "rid:1.40.3", "object identifier" },
                { "upn:a", "user@realm" },
                { "krb5:a", "name@REALM" },
                { "dirname:C=DEU", "subject's C is wrong: the value is too long" },
                { "telephone:1", "no alternative name of a known type" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = { 0 };
                char *normal = NULL;

                if (san_parse(cases[i].text, &normal, &err))
                        fail_msg("'%s' passes as '%s'", cases[i].text, normal);
                if (!strstr(err.what, cases[i].rule))
                        fail_msg("'%s': %s", cases[i].text, err.what);
        }
}

static void
what_is_built_is_listed_the_same_and_in_order(void **state)
{
        static const char *const texts[] = {
                "uri:https://host.example/",
                "dns:*.b.example",
                "ip:10.0.0.1",
                "ip:2001:db8::1",
                "email:a@b.example",
                "rid:1.3.6.1.4.1.99999.1",
                "upn:a@realm",
                "dirname:CN=a,O=b",
                "othername:1.2.3;UTF8:x;y",
                "othername:1.2.3;IA5:x",
                "othername:1.2.3;DER:0500",
                "othername:1.3.6.1.4.1.311.20.2.3;DER:0500",
                "krb5:host/www.example.com@EXAMPLE.COM",
                "krb5:a\\/b@R",
                "dns:a.example",
                "other:8203615f62", /* dNSName "a_b" */
        };
        char *sans[ARRAY_LENGTH(texts)];
        GENERAL_NAMES *names = NULL;
        struct error err = { 0 };
        char **listed = NULL;
        size_t count = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                sans[i] = text_copy(texts[i]);
        assert_done(san_build(sans, ARRAY_LENGTH(texts), &names, &err), err);
        san_list(names, &listed, &count);
        assert_int_equal(count, ARRAY_LENGTH(texts));
        for (size_t i = 0; i < count; i++)
                assert_string_equal(listed[i], sans[i]);
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                free(sans[i]);
        text_list_free(listed, count);
        GENERAL_NAMES_free(names);
}

static void
only_normal_forms_are_built(void **state)
{
        static const char *const wrong[] = { "dns:A.example",  "DNS:a",    "a",
                                             "other:",         "other:zz", "other:8203615f",
                                             "other:820161ff", "ip:1::0:2" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                char *san = text_copy(wrong[i]);
                GENERAL_NAMES *names = NULL;
                struct error err = { 0 };

                if (san_build(&san, 1, &names, &err))
                        fail_msg("'%s' passes", wrong[i]);
                assert_int_equal(err.kind, ERROR_USAGE);
                assert_null(names);
                assert_int_equal(ERR_peek_error(), 0);
                free(san);
        }
}

/* List the one name that is this DER. */
static char *
listed(const char *hex)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error err = { 0 };
        char **sans = NULL;
        size_t count = 0;

        assert_done(hex_decode(hex, &der, &err), err);
        const unsigned char *at = der.data;
        GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &at, (long)der.len);

        assert_non_null(names);
        san_list(names, &sans, &count);
        assert_int_equal(count, 1);
        char *text = text_copy(sans[0]);

        text_list_free(sans, count);
        GENERAL_NAMES_free(names);
        return text;
}

static void
a_hostile_name_does_not_look_like_another(void **state)
{
        static const struct {
                const char *der;
                const char *text;
        } cases[] = {
                { "30058203412e62", "dns:a.b" },              /* upper case is the same name */
                { "3006820461006276", "other:820461006276" }, /* a NUL */
                { "3005820361c3bc", "other:820361c3bc" },     /* more than ASCII */
                { "3005820361202c", "other:820361202c" },     /* a space and a comma */
                { "300587030a0000", "other:87030a0000" },     /* an address of three bytes */
                { "30028200", "other:8200" },                 /* nothing at all */
                { "30058603612f62", "other:8603612f62" },     /* a URI without a scheme */
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *text = listed(cases[i].der);

                assert_string_equal(text, cases[i].text);
        }
}

static void
no_names_are_an_empty_list(void **state)
{
        char **sans = NULL;
        size_t count = 7;

        (void)state;
        san_list(NULL, &sans, &count);
        assert_int_equal(count, 0);
        text_list_free(sans, count);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_brought_into_their_normal_form),
                cmocka_unit_test(what_is_no_alternative_name_is_refused),
                cmocka_unit_test(each_name_is_told_the_rule_that_it_breaks),
                cmocka_unit_test(what_is_built_is_listed_the_same_and_in_order),
                cmocka_unit_test(only_normal_forms_are_built),
                cmocka_unit_test(a_hostile_name_does_not_look_like_another),
                cmocka_unit_test(no_names_are_an_empty_list),
        };

        return cmocka_run_group_tests_name("san", tests, NULL, NULL);
}
