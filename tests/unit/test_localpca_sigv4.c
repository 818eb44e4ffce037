#include "tests/unit/unit.h"

#include <dirent.h>

#include "localpca/sigv4.h"
#include "tests/unit/vectors.h"

enum { HEADERS_MOST = 32 };

/* The dummy secret of tests/wire. */
static const char SECRET[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

struct sample {
        char *text; /* what all pointers point into */
        struct sigv4_header headers[HEADERS_MOST];
        struct sigv4_request request;
        struct sigv4_claim claim;
        struct sigv4_rules rules;
        struct secret secret;
        struct refusal refusal;
};

/* A request as it came off the wire: CRLF lines, an empty line, the body. */
static void
sample_read(struct sample *sample, const char *path)
{
        char *text = read_text(path, NULL);

        *sample = (struct sample){ .text = text };
        assert_non_null(text);
        char *body = strstr(text, "\r\n\r\n");
        body[2] = '\0';
        sample->request.method = "POST";
        sample->request.path = "/";
        sample->request.headers = sample->headers;
        sample->request.body = view_text(body + 4);
        for (char *line = strstr(text, "\r\n") + 2; *line;) {
                char *end = strstr(line, "\r\n"), *colon = strchr(line, ':');
                *end = *colon = '\0';
                sample->headers[sample->request.header_count++] =
                        (struct sigv4_header){ line, colon + 1 + (colon[1] == ' ') };
                line = end + 2;
        }
        secret_set(&sample->secret, view_text(SECRET));
}

static void
sample_clear(struct sample *sample)
{
        free(sample->text);
        secret_clear(&sample->secret);
        refusal_clear(&sample->refusal);
}

/* Check it as a service of its own scope would, at the time it was signed. */
static bool
sample_check(struct sample *sample)
{
        refusal_clear(&sample->refusal);
        if (!sigv4_read(&sample->request, &sample->claim, &sample->refusal))
                return false;
        if (!sample->rules.service)
                sample->rules =
                        (struct sigv4_rules){ .region = sample->claim.region,
                                              .service = sample->claim.service,
                                              .now = sample->claim.when,
                                              .window_minutes = 5,
                                              .mismatch_code = "InvalidSignatureException" };
        return sigv4_check(&sample->request, &sample->claim, &sample->rules, &sample->secret,
                           &sample->refusal);
}

static void
refused_with(struct sample *sample, const char *code, const char *words)
{
        assert_false(sample_check(sample));
        assert_string_equal(sample->refusal.code, code);
        if (!strstr(buf_text(&sample->refusal.message), words))
                fail_msg("'%s' is not in: %s", words, buf_text(&sample->refusal.message));
}

static void
every_request_of_real_clients_verifies_and_no_altered_one(void **state)
{
        char *folder = source_path("tests/wire");
        DIR *files = opendir(folder);
        unsigned count = 0;

        (void)state;
        assert_non_null(files);
        for (struct dirent *entry; (entry = readdir(files));) {
                if (!strstr(entry->d_name, ".http"))
                        continue;
                char *path = text_format("%s/%s", folder, entry->d_name);
                struct sample sample;
                sample_read(&sample, path);
                if (!sample_check(&sample))
                        fail_msg("%s: %s", entry->d_name, buf_text(&sample.refusal.message));
                sample.request.body.len--; /* one byte less */
                refused_with(&sample, "InvalidSignatureException", "does not match");
                sample.request.body.len++;
                sample.request.path = "/elsewhere";
                refused_with(&sample, "InvalidSignatureException", "/elsewhere");
                sample_clear(&sample);
                free(path);
                count++;
        }
        closedir(files);
        free(folder);
        assert_int_equal(count, 31);
}

static void
sample_first(struct sample *sample)
{
        char *path = source_path("tests/wire/01-issue-certificate-minimal.http");

        sample_read(sample, path);
        free(path);
}

static void
another_secret_or_an_altered_signature_is_refused_with_what_should_have_been_signed(void **state)
{
        struct sample sample;

        (void)state;
        sample_first(&sample);
        secret_set(&sample.secret, view_text("another"));
        refused_with(&sample, "InvalidSignatureException",
                     "The Canonical String for this request should have been\n'POST\n/\n\n");
        sample_clear(&sample);
}

static void
a_clock_more_than_five_minutes_off_is_told_the_servers_time(void **state)
{
        struct sample sample;

        (void)state;
        sample_first(&sample);
        assert_true(sample_check(&sample));
        int64_t signed_at = sample.claim.when; /* 20261121T222440Z */
        sample.rules.now = signed_at + 300;
        assert_true(sample_check(&sample));
        sample.rules.now = signed_at + 301;
        refused_with(&sample, "InvalidSignatureException",
                     "Signature expired: 20261121T222440Z is now earlier than 20261121T222441Z "
                     "(20261121T222941Z - 5 min.)");
        sample.rules.now = signed_at - 300;
        assert_true(sample_check(&sample));
        sample.rules.now = signed_at - 301;
        refused_with(&sample, "InvalidSignatureException",
                     "Signature not yet current: 20261121T222440Z is still later than "
                     "20261121T222439Z (20261121T221939Z + 5 min.)");
        sample_clear(&sample);
}

static void
a_service_says_so_under_its_own_code_and_window(void **state)
{
        struct sample sample;

        (void)state;
        sample_first(&sample);
        assert_true(sample_check(&sample));
        sample.rules.mismatch_code = "SignatureDoesNotMatch";
        sample.rules.window_minutes = 15;
        sample.rules.now = sample.claim.when + 900;
        assert_true(sample_check(&sample));
        sample.rules.now++;
        refused_with(&sample, "SignatureDoesNotMatch", "- 15 min.)");
        sample_clear(&sample);
}

static void
a_scope_of_another_region_or_service_is_refused(void **state)
{
        struct sample sample;

        (void)state;
        sample_first(&sample);
        assert_true(sample_check(&sample));
        sample.rules.region = "eu-central-1";
        refused_with(&sample, "InvalidSignatureException", "valid region");
        sample.rules.region = "us-east-1";
        sample.rules.service = "acm";
        refused_with(&sample, "InvalidSignatureException", "correct service: 'acm'");
        sample_clear(&sample);
}

/* Replace the value of a header of the sample. */
static void
header_set(struct sample *sample, const char *name, const char *value)
{
        for (size_t i = 0; i < sample->request.header_count; i++)
                if (strcmp(sample->headers[i].name, name) == 0)
                        sample->headers[i].value = value;
}

static void
headers_that_are_missing_or_malformed_are_named(void **state)
{
        static const struct {
                const char *header, *value, *code, *words;
        } rows[] = {
                { "Authorization", "", "MissingAuthenticationTokenException", "Missing" },
                { "Authorization", "Basic abc", "IncompleteSignatureException", "Basic" },
                { "Authorization", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=aa",
                  "IncompleteSignatureException", "'Credential'" },
                { "Authorization", "AWS4-HMAC-SHA256 Credential=a/20261121/r/s/aws4_request",
                  "IncompleteSignatureException", "'Signature'" },
                { "Authorization",
                  "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=aa",
                  "IncompleteSignatureException", "5 slash-delimited" },
                { "Authorization",
                  "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/acm-pca/aws4_request, "
                  "SignedHeaders=x-amz-date, Signature=aa",
                  "InvalidSignatureException", "'Host' must be" },
                { "Authorization",
                  "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/acm-pca/aws4_request, "
                  "SignedHeaders=host;x-amz-date, Signature=aa",
                  "InvalidSignatureException", "must be a 'SignedHeader'" },
                { "Authorization",
                  "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/acm-pca/aws4_request, "
                  "SignedHeaders=host;x-amz-date;x-amz-target, Signature=aa",
                  "InvalidSignatureException", "does not match YYYYMMDD" },
                { "X-Amz-Date", "yesterday", "IncompleteSignatureException", "ISO-8601" },
                { "X-Amz-Date", "20261321T222440Z", "IncompleteSignatureException", "ISO-8601" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct sample sample;
                sample_first(&sample);
                header_set(&sample, rows[i].header, rows[i].value);
                refused_with(&sample, rows[i].code, rows[i].words);
                sample_clear(&sample);
        }
}

static void
paths_queries_and_header_values_are_canonical(void **state)
{
        static const struct {
                const char *path, *query, *value, *expected;
        } rows[] = {
                { "/", NULL, "v", "GET\n/\n\na:v\n\na\n" },
                { "/a/./b/../c//d/", "b=2&a=1", " x  y ", "GET\n/a/c/d/\na=1&b=2\na:x y\n\na\n" },
                { "/a%20b", "k", "v", "GET\n/a%2520b\nk=\na:v\n\na\n" },
                { "/..", "a=%2f&a=%20&a=b&aa=", "v", "GET\n/\na=%20&a=%2F&a=b&aa=\na:v\n\na\n" },
                { "", "=x&&b=a+b", "v", "GET\n/\n=x&b=a%2Bb\na:v\n\na\n" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct sigv4_header header = { "A", rows[i].value };
                struct sigv4_request request = { .method = "GET",
                                                 .path = rows[i].path,
                                                 .query = rows[i].query,
                                                 .headers = &header,
                                                 .header_count = 1 };
                struct buf out = { 0 };
                sigv4_canonical_request(&request, "a", &out);
                if (!text_starts(buf_text(&out), rows[i].expected))
                        fail_msg("%s?%s gives %s", rows[i].path, rows[i].query ? rows[i].query : "",
                                 buf_text(&out));
                buf_clear(&out);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_request_of_real_clients_verifies_and_no_altered_one),
                cmocka_unit_test(
                        another_secret_or_an_altered_signature_is_refused_with_what_should_have_been_signed),
                cmocka_unit_test(a_clock_more_than_five_minutes_off_is_told_the_servers_time),
                cmocka_unit_test(a_service_says_so_under_its_own_code_and_window),
                cmocka_unit_test(a_scope_of_another_region_or_service_is_refused),
                cmocka_unit_test(headers_that_are_missing_or_malformed_are_named),
                cmocka_unit_test(paths_queries_and_header_values_are_canonical),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
