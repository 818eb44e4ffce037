#include "tests/unit/unit.h"

#include "aws/form.h"
#include "aws/xml.h"

static void
xml_cleanup(struct xml **xml)
{
        xml_free(*xml);
}

static struct xml *
read_xml(const char *text)
{
        struct error err = { 0 };
        struct xml *xml = xml_read(view_text(text), &err);

        assert_done(xml, err);
        return xml;
}

static void
expect_refused(const char *text, const char *word)
{
        struct error err = { 0 };

        assert_refused(xml_read(view_text(text), &err), err, ERROR_AWS_ANSWER);
        if (!strstr(err.what, word))
                fail_msg("'%s' is not in: %s", word, err.what);
}

/* -- reading ------------------------------------------------------------------------------ */

static void
elements_are_found_by_their_path(void **state)
{
        CLEANUP(xml_cleanup)
        struct xml *xml = read_xml("<?xml version=\"1.0\"?>\n"
                                   "<R xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                                   "  <Result a='1'><A>one</A><B><A>two</A></B><E/></Result>\n"
                                   "  <Result><A>second</A></Result>\n"
                                   "</R>\n");
        const struct xml_element *root = xml_root(xml);

        (void)state;
        assert_true(xml_is(root, "R"));
        assert_false(xml_is(root, "Result"));
        assert_false(xml_is(NULL, "R"));
        assert_ptr_equal(xml_find(root, ""), root);
        assert_string_equal(xml_text_at(root, "Result/A"), "one");
        assert_string_equal(xml_text_at(root, "Result/B/A"), "two");
        assert_string_equal(xml_text_at(root, "Result/E"), "");
        assert_string_equal(xml_text_at(root, "Result"), "");
        assert_null(xml_text_at(root, "Result/C"));
        assert_null(xml_text_at(root, "Res"));
        assert_null(xml_text_at(root, "Result/B/A/X"));
        assert_null(xml_text_at(NULL, "Result"));
}

static void
a_list_is_walked_and_other_elements_between_are_passed_over(void **state)
{
        CLEANUP(xml_cleanup)
        struct xml *xml = read_xml("<L><member>a</member><x/><member>b</member><y/></L>");
        const struct xml_element *member = xml_find(xml_root(xml), "member");

        (void)state;
        assert_string_equal(xml_text(member), "a");
        member = xml_next(member);
        assert_string_equal(xml_text(member), "b");
        assert_null(xml_next(member));
}

static void
the_five_entities_numbers_and_cdata_become_text(void **state)
{
        CLEANUP(xml_cleanup)
        struct xml *xml = read_xml("<r><a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a>"
                                   "<b><![CDATA[<not & parsed>]]></b>"
                                   "<c>1<!-- no -->2<?no?>3</c><d>\xC3\xA4\xE2\x82\xAC</d></r>");

        (void)state;
        assert_string_equal(xml_text_at(xml_root(xml), "a"), "<>&\"'AB");
        assert_string_equal(xml_text_at(xml_root(xml), "b"), "<not & parsed>");
        assert_string_equal(xml_text_at(xml_root(xml), "c"), "123");
        assert_string_equal(xml_text_at(xml_root(xml), "d"), "\xC3\xA4\xE2\x82\xAC");
}

static void
a_namespace_prefix_is_skipped(void **state)
{
        CLEANUP(xml_cleanup)
        struct xml *xml = read_xml("<p:r xmlns:p='urn:x'><p:a>1</p:a><q xmlns='urn:y'>2</q></p:r>");

        (void)state;
        assert_true(xml_is(xml_root(xml), "r"));
        assert_string_equal(xml_text_at(xml_root(xml), "a"), "1");
        assert_string_equal(xml_text_at(xml_root(xml), "q"), "2");
}

static void
the_smallest_elements_fit(void **state)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        (void)state;
        buf_add_text(&text, "<a>");
        for (int i = 0; i < 5000; i++)
                buf_add_text(&text, "<b/><c>x</c>\n");
        buf_add_text(&text, "</a>");
        CLEANUP(xml_cleanup) struct xml *xml = read_xml(buf_text(&text));
        size_t count = 0;

        for (const struct xml_element *c = xml_find(xml_root(xml), "c"); c; c = xml_next(c)) {
                assert_string_equal(xml_text(c), "x");
                count++;
        }
        assert_int_equal(count, 5000);
}

/* -- refusing ----------------------------------------------------------------------------- */

static void
a_document_type_is_refused_before_any_entity_grows(void **state)
{
        (void)state;
        expect_refused("<!DOCTYPE a [<!ENTITY b \"cccccccc\"><!ENTITY d \"&b;&b;&b;\">]>"
                       "<a>&d;&d;</a>",
                       "document type");
        expect_refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type");
        expect_refused("<a>&unknown;</a>", "line 1");
}

static void
what_is_not_well_formed_is_refused_with_its_line(void **state)
{
        static const char *const texts[] = {
                "",
                " ",
                "no",
                "<a>",
                "<a></b>",
                "<a/><b/>",
                "<a",
                "<a>&lt</a>",
                "<a>\x01</a>",
                "<a>\xC3\x28</a>",
                "<a>\xFF</a>",
                "<p:a/>",
                "<html><body>Bad Gateway<br></body></html>",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                expect_refused(texts[i], "line ");
        expect_refused("<a>\n\n<b></a>", "line 3");
}

static void
a_nul_in_the_text_is_refused(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_refused(xml_read(view_of("<a>x\0y</a>", 10), &err), err, ERROR_AWS_ANSWER);
}

static void
an_encoding_other_than_utf_8_is_not_believed(void **state)
{
        static const char utf_16[] = "\xFF\xFE<\0a\0/\0>\0";
        struct error err = { 0 };

        (void)state;
        expect_refused("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>", "line 1");
        assert_refused(xml_read(view_of(utf_16, sizeof(utf_16) - 1), &err), err, ERROR_AWS_ANSWER);
}

static void
text_beside_elements_is_refused(void **state)
{
        (void)state;
        expect_refused("<a>x<b/></a>", "text beside elements");
        expect_refused("<a><b/>x</a>", "text beside elements");
}

static void
limits_hold(void **state)
{
        CLEANUP(buf_cleanup) struct buf deep = { 0 };
        CLEANUP(buf_cleanup) struct buf many = { 0 };
        CLEANUP(buf_cleanup) struct buf large = { 0 };

        (void)state;
        for (int i = 0; i < XML_MOST_DEPTH + 1; i++)
                buf_add_text(&deep, "<a>");
        expect_refused(buf_text(&deep), "nested too deep");
        buf_add_text(&many, "<a>");
        for (int i = 0; i < XML_MOST_ELEMENTS; i++)
                buf_add_text(&many, "<b/>");
        expect_refused(buf_text(&many), "too many elements");
        for (int i = 0; i < XML_MOST_BYTES / 16 + 1; i++)
                buf_add_text(&large, "                ");
        expect_refused(buf_text(&large), "1 MiB");
}

static void
every_cut_of_an_answer_is_refused(void **state)
{
        static const char text[] = "<R xmlns='u'><A>o&amp;e</A><B c='d'><![CDATA[x]]></B></R>";
        struct error err = { 0 };

        (void)state;
        for (size_t length = 0; length < sizeof(text) - 1; length++)
                assert_refused(xml_read(view_of(text, length), &err), err, ERROR_AWS_ANSWER);
}

/* -- forms -------------------------------------------------------------------------------- */

static void
parameters_are_encoded_as_the_sdks_do(void **state)
{
        CLEANUP(buf_cleanup) struct buf form = { 0 };

        (void)state;
        form_add(&form, "Path", "/pki/");
        form_add(&form, "Absent", NULL);
        form_add(&form, "UserName", "device-issuer");
        form_add_member(&form, "Tags", 1, "Key", "env");
        form_add_member(&form, "Tags", 1, "Value", "a b+*@~_.\xC3\xA4");
        form_add_member(&form, "ActionNames", 2, NULL, "iam:*");
        form_add_number(&form, "DurationSeconds", 900);
        form_add(&form, "Empty", "");
        assert_string_equal(buf_text(&form),
                            "Path=%2Fpki%2F&UserName=device-issuer&Tags.member.1.Key=env&"
                            "Tags.member.1.Value=a%20b%2B%2A%40~_.%C3%A4&"
                            "ActionNames.member.2=iam%3A%2A&DurationSeconds=900&Empty=");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(elements_are_found_by_their_path),
                cmocka_unit_test(a_list_is_walked_and_other_elements_between_are_passed_over),
                cmocka_unit_test(the_five_entities_numbers_and_cdata_become_text),
                cmocka_unit_test(a_namespace_prefix_is_skipped),
                cmocka_unit_test(the_smallest_elements_fit),
                cmocka_unit_test(a_document_type_is_refused_before_any_entity_grows),
                cmocka_unit_test(what_is_not_well_formed_is_refused_with_its_line),
                cmocka_unit_test(a_nul_in_the_text_is_refused),
                cmocka_unit_test(an_encoding_other_than_utf_8_is_not_believed),
                cmocka_unit_test(text_beside_elements_is_refused),
                cmocka_unit_test(limits_hold),
                cmocka_unit_test(every_cut_of_an_answer_is_refused),
                cmocka_unit_test(parameters_are_encoded_as_the_sdks_do),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
