#include "base/clock.h"
#include "order/fill.h"
#include "order/name.h"
#include "tests/unit/unit.h"

static char key_site[] = "site";
static char value_site[] = "Berlin, Nord";
static char key_evil[] = "evil";
static char value_evil[] = "x,O=Evil+CN=other";
static char key_host[] = "host";
static char value_host[] = "a.example/../?q#";
static char key_brace[] = "brace";
static char value_brace[] = "{token.serial}";
static char key_empty[] = "empty";
static char value_empty[] = "";
static char key_star[] = "star";
static char value_star[] = "*";
static char key_at[] = "at";
static char value_at[] = "root@evil.example";
static char key_up[] = "up";
static char value_up[] = "../../etc";
static char key_control[] = "control";
static char value_control[] = "a\x1b[2J";
static char key_latin[] = "latin";
static char value_latin[] = "\xe9t\xe9";
static char key_hash[] = "hash";
static char value_hash[] = "#0c0141 ";
static char key_umlaut[] = "umlaut";
static char value_umlaut[] = "Käse";

static const struct attribute attributes[] = {
        { key_site, value_site },   { key_evil, value_evil },   { key_host, value_host },
        { key_brace, value_brace }, { key_empty, value_empty }, { key_star, value_star },
        { key_at, value_at },       { key_up, value_up },       { key_control, value_control },
        { key_latin, value_latin }, { key_hash, value_hash },   { key_umlaut, value_umlaut },
};

static struct fill_facts
facts(void)
{
        return (struct fill_facts){
                .name = "device-1",
                .token_serial = "00A,1",
                .token_label = "My Token",
                .attributes = attributes,
                .attribute_count = ARRAY_LENGTH(attributes),
                .row = 42,
                .now = 1795767300, /* 2026-11-27T08:15:00Z */
        };
}

static void
every_placeholder_is_filled_as_its_place_has_it(void **state)
{
        static const struct {
                const char *pattern;
                enum fill_place place;
                const char *filled;
        } cases[] = {
                { "", FILL_TEXT, "" },
                { "plain", FILL_TEXT, "plain" },
                { "{name}", FILL_TEXT, "device-1" },
                { "{token.label}/{row}", FILL_TEXT, "My Token/42" },
                { "{date} {date.compact}", FILL_TEXT, "2026-11-27 20261127" },
                { "{time} {time.compact}", FILL_TEXT, "2026-11-27T08:15:00Z 20261127T081500Z" },
                { "{{{name}}}", FILL_TEXT, "{device-1}" },
                { "{{name}}", FILL_TEXT, "{name}" },
                { "{attr.brace}", FILL_TEXT, "{token.serial}" },
                { "CN={token.serial},L={attr.site}", FILL_SUBJECT, "CN=00A\\,1,L=Berlin\\, Nord" },
                { "CN={attr.evil}", FILL_SUBJECT, "CN=x\\,O\\=Evil\\+CN\\=other" },
                { "CN={attr.hash}", FILL_SUBJECT, "CN=\\#0c0141\\ " },
                { "CN={attr.umlaut}", FILL_SUBJECT, "CN=Käse" },
                { "dns:{name}.example", FILL_SAN, "dns:device-1.example" },
                { "DNS:{name}", FILL_SAN, "DNS:device-1" },
                { "uri:urn:dev:{token.serial}", FILL_SAN, "uri:urn:dev:00A%2C1" },
                { "uri:https://{attr.host}.example/", FILL_SAN,
                  "uri:https://a.example%2F..%2F%3Fq%23.example/" },
                { "dirname:CN={attr.evil}", FILL_SAN, "dirname:CN=x\\,O\\=Evil\\+CN\\=other" },
                { "email:{attr.at}", FILL_SAN, "email:root@evil.example" },
                { "upn:{name}@EXAMPLE", FILL_SAN, "upn:device-1@EXAMPLE" },
                { "krb5:host/{attr.at}@R", FILL_SAN, "krb5:host/root\\@evil.example@R" },
                { "/srv/{attr.up}/x", FILL_FILE, "/srv/%2E.%2F..%2Fetc/x" },
                { "{token.label}-{attr.umlaut}", FILL_FILE, "My%20Token-K%C3%A4se" },
                { "pkcs11:object={token.label}", FILL_URI, "pkcs11:object=My%20Token" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct fill_facts known = facts();
                CLEANUP(free_cleanup) char *filled = NULL;
                struct error err = { 0 };

                assert_done(fill_text(cases[i].pattern, cases[i].place, &known, &filled, &err),
                            err);
                assert_string_equal(filled, cases[i].filled);
        }
}

static void
what_cannot_be_filled_is_refused_with_what_would_be_right(void **state)
{
        static const struct {
                const char *pattern;
                enum fill_place place;
                const char *what;
                const char *next;
        } cases[] = {
                { "{token.seriel}", FILL_TEXT, "no placeholder {token.seriel}",
                  "did you mean {token.serial}" },
                { "{nmae}", FILL_TEXT, "no placeholder {nmae}", "did you mean {name}" },
                { "{attr.}", FILL_TEXT, "no placeholder {attr.}", "did you mean {attr.x}" },
                { "{something else}", FILL_TEXT, "no placeholder", "placeholders are {name}" },
                { "{}", FILL_TEXT, "no placeholder {}", "placeholders are" },
                { "{name", FILL_TEXT, "a brace stands alone at '{name'", "{{ or }}" },
                { "name}", FILL_TEXT, "a brace stands alone at '}'", "{{ or }}" },
                { "{na{name}}", FILL_TEXT, "a brace stands alone", "{{ or }}" },
                { "{name}}", FILL_TEXT, "a brace stands alone at '}'", "{{ or }}" },
                { "{attr.siet}", FILL_TEXT, "no attribute 'siet'", "did you mean {attr.site}" },
                { "{attr.unheard-of}", FILL_TEXT, "no attribute", "--attribute unheard-of=VALUE" },
                { "{attr.empty}", FILL_TEXT, "nothing to fill {attr.empty}", "give the attribute" },
                { "{attr.control}", FILL_TEXT, "holds a control character", "" },
                { "{attr.latin}", FILL_TEXT, "is not UTF-8", "" },
                { "dns:{attr.star}.example", FILL_SAN, "'*' of a DNS name", "" },
                { "email:{attr.at}@example.com", FILL_SAN, "more than one part", "" },
                { "upn:{attr.up}@EXAMPLE", FILL_SAN, "more than one part", "" },
                { "{attr.at}:x", FILL_SAN, "is no placeholder", "dns:{name}.example" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct fill_facts known = facts();
                char *filled = NULL;
                struct error err = { 0 };

                assert_refused(fill_text(cases[i].pattern, cases[i].place, &known, &filled, &err),
                               err, ERROR_USAGE);
                assert_null(filled);
                if (!strstr(err.what, cases[i].what) || !strstr(err.next, cases[i].next))
                        fail_msg("%s: %s / %s", cases[i].pattern, err.what, err.next);
        }
}

static void
what_is_not_known_yet_is_named_with_what_would_make_it_known(void **state)
{
        static const struct {
                const char *pattern;
                const char *next;
        } cases[] = {
                { "{name}", "--name" },          { "{token.serial}", "--token" },
                { "{token.label}", "--token" },  { "{row}", "manifest" },
                { "{attr.x}", "--attribute x" }, { "{date}", "time" },
        };
        const struct fill_facts nothing = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                char *filled = NULL;
                struct error err = { 0 };

                assert_refused(fill_text(cases[i].pattern, FILL_TEXT, &nothing, &filled, &err), err,
                               ERROR_USAGE);
                if (!strstr(err.next, cases[i].next))
                        fail_msg("%s: %s", cases[i].pattern, err.next);
        }
}

static void
a_pattern_says_what_it_needs(void **state)
{
        static const struct {
                const char *pattern;
                unsigned needs;
        } cases[] = {
                { "CN=device-1", 0 },
                { "CN={{name}}", 0 },
                { "CN={name}", FILL_NEEDS_NAME },
                { "CN={token.serial}", FILL_NEEDS_TOKEN },
                { "dns:{token.label}.{attr.a}", FILL_NEEDS_TOKEN | FILL_NEEDS_ATTRIBUTES },
                { "{row}-{date.compact}", FILL_NEEDS_ROW | FILL_NEEDS_TIME },
                { "{time}", FILL_NEEDS_TIME },
        };
        struct error err = { 0 };
        unsigned untouched = 99;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                unsigned needs = 0;

                assert_done(fill_needs(cases[i].pattern, &needs, &err), err);
                assert_int_equal(needs, cases[i].needs);
        }
        assert_refused(fill_needs("{name}{token}", &untouched, &err), err, ERROR_USAGE);
        assert_int_equal(untouched, 99);
}

/* Whatever a token calls itself: one RDN stays one, and holds exactly that value. */
static void
no_value_becomes_structure_of_a_subject(void **state)
{
        static const char *const hostile[] = {
                "a,O=b",  "a+CN=b", "#0c0141", " a ", "a\\",    "\\,", "\"",  "<>;=",
                "{name}", " ",      "=",       ",",   "a\\2Cb", "#",   "ä,ö",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(hostile); i++) {
                const struct fill_facts known = { .token_serial = hostile[i] };
                CLEANUP(free_cleanup) char *filled = NULL;
                CLEANUP(free_cleanup) char *common = NULL;
                X509_NAME *name = NULL;
                struct error err = { 0 };

                assert_done(fill_text("CN={token.serial},O=Example", FILL_SUBJECT, &known, &filled,
                                      &err),
                            err);
                assert_done(subject_parse(filled, &name, &err), err);
                assert_int_equal(X509_NAME_entry_count(name), 2);
                common = subject_common_name(name);
                assert_string_equal(common, hostile[i]);
                X509_NAME_free(name);
        }
}

static void
a_quoted_text_is_filled_to_itself(void **state)
{
        static const char *const texts[] = { "", "plain", "{name}", "}{", "{{", "/a{b}/c" };
        const struct fill_facts nothing = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                CLEANUP(free_cleanup) char *quoted = fill_quote(texts[i]);
                CLEANUP(free_cleanup) char *filled = NULL;
                struct error err = { 0 };

                assert_done(fill_text(quoted, FILL_FILE, &nothing, &filled, &err), err);
                assert_string_equal(filled, texts[i]);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_placeholder_is_filled_as_its_place_has_it),
                cmocka_unit_test(what_cannot_be_filled_is_refused_with_what_would_be_right),
                cmocka_unit_test(what_is_not_known_yet_is_named_with_what_would_make_it_known),
                cmocka_unit_test(a_pattern_says_what_it_needs),
                cmocka_unit_test(no_value_becomes_structure_of_a_subject),
                cmocka_unit_test(a_quoted_text_is_filled_to_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
