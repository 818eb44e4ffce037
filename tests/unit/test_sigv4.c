#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <strings.h>

#include "aws/sigv4.h"
#include "base/clock.h"
#include "tests/unit/vectors.h"

enum { MOST_HEADERS = 32 };

/* A request read from text, with what it takes to sign it. */
struct sample {
        char *text; /* what all the pointers below point into */
        char *method;
        char *path;
        char *query;
        struct sigv4_header headers[MOST_HEADERS];
        size_t header_count;
        char *body;
};

/* Split "METHOD target HTTP/1.1\nName:value\n folded\n\nbody"; the target may hold blanks. */
static void
sample_split(struct sample *sample)
{
        char *line = sample->text;
        char *next;

        sample->method = line;
        sample->body = strstr(line, "\n\n");
        if (sample->body) {
                *sample->body = '\0';
                sample->body += 2;
        }
        next = strchr(line, '\n');
        *next++ = '\0';
        sample->path = strchr(line, ' ');
        *sample->path++ = '\0';
        *strstr(sample->path, " HTTP/") = '\0';
        sample->query = strchr(sample->path, '?');
        if (sample->query)
                *sample->query++ = '\0';
        for (line = next; line && *line; line = next) {
                next = strchr(line, '\n');
                while (next && next[1] == ' ') /* folded: one header goes on */
                        next = strchr(next + 1, '\n');
                if (next)
                        *next++ = '\0';
                char *colon = strchr(line, ':');

                *colon = '\0';
                assert_true(sample->header_count < MOST_HEADERS);
                sample->headers[sample->header_count++] =
                        (struct sigv4_header){ .name = line, .value = colon + 1 };
        }
}

static struct view
sample_body(const struct sample *sample)
{
        return view_text(sample->body);
}

static const char *
member(const cJSON *json, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* Compare all three stages with a folder's files; `prefix` is "header-" or "". */
static void
compare_stages(const char *folder, const char *prefix, const struct sigv4_request *request,
               const struct sigv4_scope *scope, const char *secret)
{
        CLEANUP(free_cleanup) char *canonical_name = text_format("%scanonical-request.txt", prefix);
        CLEANUP(free_cleanup) char *string_name = text_format("%sstring-to-sign.txt", prefix);
        CLEANUP(free_cleanup) char *signature_name = text_format("%ssignature.txt", prefix);
        CLEANUP(free_cleanup) char *canonical_text = read_text(folder, canonical_name);
        CLEANUP(free_cleanup) char *string_text = read_text(folder, string_name);
        CLEANUP(free_cleanup) char *signature_text = read_text(folder, signature_name);
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf string = { 0 };
        CLEANUP(secret_cleanup) struct secret key = { 0 };
        char signature[65];

        secret_set(&key, view_text(secret));
        sigv4_canonical(request, &canonical, NULL);
        assert_string_equal(buf_text(&canonical), canonical_text);
        sigv4_string_to_sign(scope, view_buf(&canonical), &string);
        assert_string_equal(buf_text(&string), string_text);
        sigv4_signature(&key, scope, view_buf(&string), signature);
        assert_string_equal(signature, signature_text);
}

static void
run_published(const char *folder)
{
        CLEANUP(free_cleanup) char *context_text = read_text(folder, "context.json");
        struct sample sample = { .text = read_text(folder, "request.txt") };
        cJSON *context = cJSON_Parse(context_text);
        const cJSON *credentials = cJSON_GetObjectItem(context, "credentials");
        const char *token = member(credentials, "token");
        int64_t when = 0;
        uint8_t digest[32];

        assert_non_null(context);
        sample_split(&sample);
        struct sigv4_request request = {
                .method = sample.method,
                .path = sample.path,
                .query = sample.query,
                .headers = sample.headers,
                .body = sample_body(&sample),
                .normalize_path = cJSON_IsTrue(cJSON_GetObjectItem(context, "normalize")),
        };
        struct sigv4_scope scope = { .region = member(context, "region"),
                                     .service = member(context, "service") };

        assert_true(clock_parse(member(context, "timestamp"), &when));
        sigv4_date_time(when, scope.date_time);
        sample.headers[sample.header_count++] =
                (struct sigv4_header){ "X-Amz-Date", scope.date_time };
        if (token && !cJSON_IsTrue(cJSON_GetObjectItem(context, "omit_session_token")))
                sample.headers[sample.header_count++] =
                        (struct sigv4_header){ "X-Amz-Security-Token", token };
        EVP_Digest(request.body.data, request.body.len, digest, NULL, EVP_sha256(), NULL);
        CLEANUP(free_cleanup) char *body_hash = hex_encode(view_of(digest, sizeof(digest)));

        if (cJSON_IsTrue(cJSON_GetObjectItem(context, "sign_body")))
                sample.headers[sample.header_count++] =
                        (struct sigv4_header){ "x-amz-content-sha256", body_hash };
        request.header_count = sample.header_count;
        compare_stages(folder, "header-", &request, &scope,
                       member(credentials, "secret_access_key"));
        cJSON_Delete(context);
        free(sample.text);
}

/* Run a check on every folder below one; how many there were. */
static unsigned
for_each_folder(const char *path, void (*check)(const char *folder))
{
        DIR *folder = opendir(path);
        struct dirent *entry;
        unsigned count = 0;

        while (folder && (entry = readdir(folder))) {
                if (entry->d_name[0] == '.')
                        continue;
                CLEANUP(free_cleanup) char *below = text_format("%s/%s", path, entry->d_name);

                print_message("  %s\n", entry->d_name);
                check(below);
                count++;
        }
        if (folder)
                closedir(folder);
        return count;
}

static void
the_published_vectors_come_out_stage_by_stage(void **state)
{
        CLEANUP(free_cleanup) char *path = shared_path("reference/sigv4-vectors/v4");

        (void)state;
        if (!file_exists(path)) {
                print_message("skipped: the published vectors are not here\n");
                free(MOVE(path)); /* skip() jumps over clean-ups */
                skip();
        }
        assert_int_equal(for_each_folder(path, run_published), 38);
}

static void
run_example(const char *folder)
{
        CLEANUP(free_cleanup) char *context_text = read_text(folder, "context.json");
        CLEANUP(free_cleanup) char *body = read_text(folder, "body.txt");
        CLEANUP(free_cleanup) char *expected = read_text(folder, "authorization.txt");
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };
        CLEANUP(secret_cleanup) struct secret key = { 0 };
        cJSON *context = cJSON_Parse(context_text);
        struct sigv4_scope scope = { .region = member(context, "region"),
                                     .service = member(context, "service") };
        int64_t when = 0;

        assert_true(clock_parse(member(context, "timestamp"), &when));
        sigv4_date_time(when, scope.date_time);
        struct sigv4_header headers[5] = {
                { "X-Amz-Date", scope.date_time },
                { "Host", member(context, "host") },
                { "Content-Type", member(context, "content_type") },
        };
        size_t count = 3;

        if (member(context, "session_token"))
                headers[count++] = (struct sigv4_header){ "X-Amz-Security-Token",
                                                          member(context, "session_token") };
        if (member(context, "x_amz_target"))
                headers[count++] =
                        (struct sigv4_header){ "X-Amz-Target", member(context, "x_amz_target") };
        struct sigv4_request request = { .method = "POST",
                                         .path = "/",
                                         .headers = headers,
                                         .header_count = count,
                                         .body = view_text(body),
                                         .normalize_path = true };

        compare_stages(folder, "", &request, &scope, member(context, "secret_access_key"));
        secret_set(&key, view_text(member(context, "secret_access_key")));
        sigv4_authorization(&request, &scope, member(context, "access_key_id"), &key,
                            &authorization);
        assert_string_equal(buf_text(&authorization), expected);
        cJSON_Delete(context);
}

static void
requests_to_our_services_are_signed_as_a_mainstream_client_signs_them(void **state)
{
        CLEANUP(free_cleanup) char *path = source_path("tests/vectors/service-examples");

        (void)state;
        assert_int_equal(for_each_folder(path, run_example), 7);
}

/* -- requests of real clients ------------------------------------------------------------- */

/* Carriage returns go from the head; the body stays as it is. */
static void
drop_carriage_returns(char *text)
{
        char *body = strstr(text, "\r\n\r\n");
        char *to = text;

        for (char *from = text; *from; from++) {
                if (*from != '\r' || from > body + 2)
                        *to++ = *from;
        }
        *to = '\0';
}

/* Keep only the headers that the client signed. */
static void
keep_signed(struct sample *sample, const char *names)
{
        size_t kept = 0;

        for (size_t i = 0; i < sample->header_count; i++) {
                CLEANUP(free_cleanup)
                char *name = text_format(";%s;", sample->headers[i].name);

                for (char *c = name; *c; c++)
                        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
                if (strstr(names, name))
                        sample->headers[kept++] = sample->headers[i];
        }
        sample->header_count = kept;
}

static const char *
header_of(const struct sample *sample, const char *name)
{
        for (size_t i = 0; i < sample->header_count; i++) {
                if (strcasecmp(sample->headers[i].name, name) == 0)
                        return sample->headers[i].value + strspn(sample->headers[i].value, " ");
        }
        return NULL;
}

static void
run_wire(const char *path)
{
        struct sample sample = { .text = read_text(path, NULL) };
        char region[64];
        char service[64];
        char names[256];
        CLEANUP(secret_cleanup) struct secret key = { 0 };
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };
        struct sigv4_scope scope = { .region = region, .service = service };

        assert_non_null(sample.text);
        drop_carriage_returns(sample.text);
        sample_split(&sample);
        CLEANUP(free_cleanup) char *expected = text_copy(header_of(&sample, "Authorization"));

        assert_int_equal(sscanf(expected,
                                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/%*8[0-9]/%63[^/]/"
                                "%63[^/]/aws4_request, SignedHeaders=%250[^,]",
                                region, service, names + 1),
                         3);
        names[0] = ';';
        memcpy(names + strlen(names), ";", 2);
        memcpy(scope.date_time, header_of(&sample, "X-Amz-Date"), 16);
        keep_signed(&sample, names);
        struct sigv4_request request = { .method = sample.method,
                                         .path = sample.path,
                                         .query = sample.query,
                                         .headers = sample.headers,
                                         .header_count = sample.header_count,
                                         .body = sample_body(&sample),
                                         .normalize_path = true };

        secret_set(&key, view_text("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
        sigv4_authorization(&request, &scope, "AKIDEXAMPLE", &key, &authorization);
        assert_string_equal(buf_text(&authorization), expected);
        free(sample.text);
}

static void
the_signatures_of_real_clients_come_out(void **state)
{
        CLEANUP(free_cleanup) char *path = source_path("tests/wire");
        DIR *folder = opendir(path);
        struct dirent *entry;
        unsigned count = 0;

        (void)state;
        assert_non_null(folder);
        while ((entry = readdir(folder))) {
                size_t length = strlen(entry->d_name);

                if (length < 5 || strcmp(entry->d_name + length - 5, ".http") != 0)
                        continue;
                CLEANUP(free_cleanup) char *file = text_format("%s/%s", path, entry->d_name);

                print_message("  %s\n", entry->d_name);
                run_wire(file);
                count++;
        }
        closedir(folder);
        assert_int_equal(count, 31);
}

/* -- on their own ------------------------------------------------------------------------- */

static void
a_kept_key_signs_as_a_fresh_one_and_follows_the_scope(void **state)
{
        static const struct sigv4_header headers[] = { { "Host", "h" } };
        static const struct {
                const char *date_time;
                const char *region;
                const char *service;
        } scopes[] = {
                { "20261101T120000Z", "us-east-1", "acm-pca" },
                { "20261101T235959Z", "us-east-1", "acm-pca" },
                { "20261102T000000Z", "us-east-1", "acm-pca" },
                { "20261102T000000Z", "eu-west-1", "acm-pca" },
                { "20261102T000000Z", "eu-west-1", "sts" },
                { "20261102T000000Z",
                  "a-region-with-a-name-that-is-longer-than-any-region-has-ever-had-and-then-some",
                  "sts" },
        };
        struct sigv4_request request = {
                .method = "POST", .path = "/", .headers = headers, .header_count = 1
        };
        CLEANUP(secret_cleanup) struct secret secret = { 0 };
        struct sigv4_key kept = { 0 };

        (void)state;
        secret_set(&secret, view_text("secret"));
        for (size_t i = 0; i < ARRAY_LENGTH(scopes); i++) {
                struct sigv4_scope scope = { .region = scopes[i].region,
                                             .service = scopes[i].service };
                CLEANUP(buf_cleanup) struct buf fresh = { 0 };
                CLEANUP(buf_cleanup) struct buf again = { 0 };

                memcpy(scope.date_time, scopes[i].date_time, sizeof(scope.date_time));
                sigv4_authorization(&request, &scope, "AKID", &secret, &fresh);
                sigv4_authorization_kept(&request, &scope, "AKID", &secret, &kept, &again);
                assert_string_equal(buf_text(&again), buf_text(&fresh));
        }
        sigv4_key_clear(&kept);
}

static void
paths_are_normalised_and_encoded_once_more(void **state)
{
        static const struct {
                const char *path;
                const char *canonical;
        } rows[] = {
                { "", "/" },           { "/", "/" },
                { "/a//b/", "/a/b/" }, { "/a/./b/../c", "/a/c" },
                { "/..", "/" },        { "/../../x", "/x" },
                { "/a/..", "/" },      { "/a/b/..", "/a/" },
                { "/a b", "/a%20b" },  { "/a%20b", "/a%2520b" },
                { "/~-_.", "/~-_." },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct sigv4_request request = { .method = "GET",
                                                 .path = rows[i].path,
                                                 .normalize_path = true };
                CLEANUP(buf_cleanup) struct buf canonical = { 0 };
                CLEANUP(free_cleanup) char *start = text_format("GET\n%s\n\n", rows[i].canonical);

                sigv4_canonical(&request, &canonical, NULL);
                assert_memory_equal(buf_text(&canonical), start, strlen(start));
        }
}

static void
a_query_is_encoded_anew_and_sorted_by_name_then_value(void **state)
{
        static const struct {
                const char *query;
                const char *canonical;
        } rows[] = {
                { "b=2&a=1", "a=1&b=2" },
                { "a=2&a=1", "a=1&a=2" },
                { "a", "a=" },
                { "a&&b", "a=&b=" },
                { "a-b=1&a=2", "a=2&a-b=1" },
                { "x=%7e%2f", "x=~%2F" },
                { "x=a+b", "x=a%2Bb" },
                { "x=1=2", "x=1%3D2" },
                { "x=%zz%4", "x=%25zz%254" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct sigv4_request request = { .method = "GET",
                                                 .path = "/",
                                                 .query = rows[i].query };
                CLEANUP(buf_cleanup) struct buf canonical = { 0 };
                CLEANUP(free_cleanup) char *start = text_format("GET\n/\n%s\n", rows[i].canonical);

                sigv4_canonical(&request, &canonical, NULL);
                assert_memory_equal(buf_text(&canonical), start, strlen(start));
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_published_vectors_come_out_stage_by_stage),
                cmocka_unit_test(
                        requests_to_our_services_are_signed_as_a_mainstream_client_signs_them),
                cmocka_unit_test(the_signatures_of_real_clients_come_out),
                cmocka_unit_test(a_kept_key_signs_as_a_fresh_one_and_follows_the_scope),
                cmocka_unit_test(paths_are_normalised_and_encoded_once_more),
                cmocka_unit_test(a_query_is_encoded_anew_and_sorted_by_name_then_value),
        };

        return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
