#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/manifest.h"

static char path[] = "/tmp/test_manifest.XXXXXX";

static int
make_file(void **state)
{
        int fd = mkstemp(path);

        (void)state;
        close(fd);
        return fd < 0 ? -1 : 0;
}

static int
remove_file(void **state)
{
        (void)state;
        return unlink(path);
}

static void
write_manifest(struct view bytes)
{
        struct error err = { 0 };

        assert_done(file_write(path, 0600, bytes, &err), err);
}

/* All rows as text: "3: name=a|san=b" with the line in front. */
static bool
read_all(struct view bytes, struct buf *out, struct error *err)
{
        struct manifest_row row = { 0 };
        bool end = false;
        bool good;

        write_manifest(bytes);
        CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_open(path, err);

        if (!manifest)
                return false;
        while ((good = manifest_next(manifest, &row, &end, err)) && !end) {
                buf_format(out, "%lld:", (long long)row.place.line);
                for (size_t i = 0; i < row.count; i++)
                        buf_format(out, "%s%s=%s", i ? "|" : "", row.cells[i].name,
                                   row.cells[i].text);
                buf_add_text(out, "\n");
        }
        manifest_row_clear(&row);
        return good;
}

struct case_row {
        const char *what;
        const char *text;
        const char *rows;  /* NULL: refused */
        const char *about; /* of the error, behind the path */
        const char *says;  /* part of the error's what or next */
};

static const struct case_row cases[] = {
        { "plain", "name,subject\na,CN=a\nb,CN=b\n",
          "2:name=a|subject=CN=a\n3:name=b|subject=CN=b\n" },
        { "no end of line", "name\na", "2:name=a\n" },
        { "CR LF", "name,san\r\na,dns:x\r\nb,dns:y\r\n",
          "2:name=a|san=dns:x\n3:name=b|san=dns:y\n" },
        { "CR alone", "name\ra\rb\r", "2:name=a\n3:name=b\n" },
        { "byte order mark", "\xEF\xBB\xBFname\na\n", "2:name=a\n" },
        { "a comma in quotes", "name,subject\na,\"CN=a,O=x\"\n", "2:name=a|subject=CN=a,O=x\n" },
        { "a quote in quotes", "name,holder\na,\"the \"\"A\"\"\"\n",
          "2:name=a|holder=the \"A\"\n" },
        { "a line end in quotes", "name,holder\na,\"x\ny\"\nb,z\n",
          "2:name=a|holder=x\ny\n4:name=b|holder=z\n" },
        { "blank lines", "\n\nname\n\na\n\n\nb\n\n", "5:name=a\n8:name=b\n" },
        { "an empty value is absent", "name,san,holder\na,,x\n", "2:name=a|holder=x\n" },
        { "blanks stay", "name,holder\na, x \n", "2:name=a|holder= x \n" },
        { "attributes", "name,attr.batch,attr.x y\na,7,8\n", "2:name=a|attr.batch=7|attr.x y=8\n" },
        { "only a header", "name,subject\n", "" },
        { "UTF-8", "name,holder\na,Zo\xC3\xAB\n", "2:name=a|holder=Zo\xC3\xAB\n" },

        { "an unknown column", "name,subjekt\na,b\n", NULL, ", line 1, column 2",
          "did you mean 'subject'" },
        { "a far column", "name,pin\na,b\n", NULL, ", line 1, column 2", "no column 'pin'" },
        { "semicolons", "name;subject\na;b\n", NULL, ", line 1, column 1", "with commas" },
        { "a column twice", "name,san,name\na,b,c\n", NULL, ", line 1, column 3", "twice" },
        { "nothing", "", NULL, "", "empty" },
        { "a row too short", "name,san\na,b\nc\n", NULL, ", line 3, column 1", "1 fields" },
        { "a row too long", "name,san\na,b,c\n", NULL, ", line 2, column 3", "more fields" },
        { "an open quote", "name,san\na,\"b\nc,d\n", NULL, ", line 2, column 2", "not closed" },
        { "a quote in the middle", "name,san\na,b\"c\n", NULL, ", line 2, column 2", "quote" },
        { "text behind a quote", "name,san\na,\"b\"c\n", NULL, ", line 2, column 2", "quote" },
        { "not UTF-8", "name,holder\na,b\nc,\xFF\n", NULL, ", line 3, column 2", "UTF-8" },

        { "JSON lines", "{\"name\":\"a\",\"san\":\"x;y\"}\n{\"name\":\"b\"}\n",
          "1:name=a|san=x;y\n2:name=b\n" },
        { "JSON list", "{\"name\":\"a\",\"san\":[\"x\",\"y\"]}", "1:name=a|san=x;y\n" },
        { "JSON attributes", "{\"attr\":{\"b\":7},\"attr.c\":\"d\"}", "1:attr.b=7|attr.c=d\n" },
        { "JSON null", "{\"name\":\"a\",\"holder\":null}", "1:name=a\n" },
        { "JSON with CR LF and blank lines", "\r\n{\"name\":\"a\"}\r\n\r\n{\"name\":\"b\"}\r\n",
          "2:name=a\n4:name=b\n" },
        { "JSON that breaks off", "{\"name\":\"a\"}\n{\"name\":\"b\n", NULL, ", line 2, column",
          "not JSON" },
        { "JSON, something behind", "{\"name\":\"a\"} x\n", NULL, ", line 1, column 14",
          "not JSON" },
        { "an escaped NUL", "{\"name\":\"a\\u0000b\"}\n", NULL, ", line 1, column 11", "NUL" },
        { "a NUL in a member's name", "{\"name\\u0000\":\"a\"}\n", NULL, ", line 1, column 7",
          "NUL" },
        { "a backslash before u0000", "{\"name\":\"a\",\"holder\":\"b\\\\u0000\"}\n",
          "1:name=a|holder=b\\u0000\n" },
        { "a JSON array", "[{\"name\":\"a\"}]\n", NULL, "", "array" },
        { "a JSON array on a line", "{\"name\":\"a\"}\n[1]\n", NULL, ", line 2, column",
          "not a JSON object" },
        { "a JSON column twice", "{\"name\":\"a\",\"name\":\"b\"}\n", NULL, ", line 1, column 2",
          "twice" },
        { "an unknown JSON column", "{\"name\":\"a\", \"sann\":\"b\"}\n", NULL,
          ", line 1, column 14", "did you mean 'san'" },
        { "a JSON value that is none", "{\"name\":true}\n", NULL, ", line 1, column 2",
          "neither text" },
        { "a JSON number with a fraction", "{\"name\":1.5}\n", NULL, ", line 1, column 2",
          "neither text" },
};

static void
manifests_are_read_as_they_are_meant(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(buf_cleanup) struct buf rows = { 0 };
                CLEANUP(free_cleanup) char *about = NULL;
                struct error err = { 0 };
                bool good = read_all(view_text(cases[i].text), &rows, &err);

                if (good && cases[i].rows && strcmp(buf_text(&rows), cases[i].rows) == 0)
                        continue;
                about = text_format("%s%s", path, cases[i].about ? cases[i].about : "");
                if (!good && !cases[i].rows && err.kind == ERROR_INPUT &&
                    text_starts(err.about, about) && err.next[0] &&
                    (strstr(err.what, cases[i].says) || strstr(err.next, cases[i].says)))
                        continue;
                fail_msg("%s: %s / %s / %s, rows:\n%s", cases[i].what, err.what, err.about,
                         err.next, buf_text(&rows));
        }
}

static void
a_nul_in_a_value_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf rows = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(read_all(view_of("name\na\0b\n", 9), &rows, &err), err, ERROR_INPUT);
        assert_non_null(strstr(err.what, "NUL"));
}

static void
a_row_is_read_again_from_its_place(void **state)
{
        struct manifest_row row = { 0 };
        struct manifest_place places[3];
        struct error err = { 0 };
        bool end = false;

        (void)state;
        write_manifest(view_text("name,holder\r\na,\"x\r\ny\"\r\n\r\nb,\r\nc,z"));
        CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_open(path, &err);

        assert_done(manifest != NULL, err);
        for (size_t i = 0; i < 3; i++) {
                assert_done(manifest_next(manifest, &row, &end, &err), err);
                places[i] = row.place;
        }
        for (size_t i = 3; i-- > 0;) {
                assert_done(manifest_seek(manifest, &places[i], &err), err);
                assert_done(manifest_next(manifest, &row, &end, &err), err);
                assert_int_equal(row.place.number, i + 1);
                assert_int_equal(row.place.line, places[i].line);
                assert_int_equal(row.cells[0].text[0], "abc"[i]);
        }
        assert_int_equal(places[1].line, 5);
        manifest_row_clear(&row);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(manifests_are_read_as_they_are_meant),
                cmocka_unit_test(a_nul_in_a_value_is_refused),
                cmocka_unit_test(a_row_is_read_again_from_its_place),
        };

        return cmocka_run_group_tests_name("manifest", tests, make_file, remove_file);
}
