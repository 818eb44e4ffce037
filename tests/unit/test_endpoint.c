#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "aws/endpoint.h"
#include "tests/unit/vectors.h"

static void
regions_lead_to_the_hosts_of_their_partitions(void **state)
{
        static const struct {
                const char *service;
                const char *region;
                bool fips;
                bool dual_stack;
                const char *url;
        } rows[] = {
                { "acm-pca", "us-east-1", 0, 0, "https://acm-pca.us-east-1.amazonaws.com/" },
                { "acm-pca", "us-east-1", 1, 0, "https://acm-pca-fips.us-east-1.amazonaws.com/" },
                { "acm-pca", "us-east-1", 0, 1, "https://acm-pca.us-east-1.api.aws/" },
                { "acm-pca", "us-east-1", 1, 1, "https://acm-pca-fips.us-east-1.api.aws/" },
                { "acm-pca", "cn-north-1", 0, 0, "https://acm-pca.cn-north-1.amazonaws.com.cn/" },
                { "acm-pca", "us-gov-west-1", 1, 0,
                  "https://acm-pca.us-gov-west-1.amazonaws.com/" },
                { "acm-pca", "us-gov-west-1", 1, 1, "https://acm-pca-fips.us-gov-west-1.api.aws/" },
                { "acm-pca", "eusc-de-east-1", 0, 0,
                  "https://acm-pca.eusc-de-east-1.amazonaws.eu/" },
                { "acm-pca", "us-iso-east-1", 0, 0, "https://acm-pca.us-iso-east-1.c2s.ic.gov/" },
                { "acm-pca", "us-isob-east-1", 0, 0,
                  "https://acm-pca.us-isob-east-1.sc2s.sgov.gov/" },
                { "acm-pca", "us-isof-south-1", 0, 0,
                  "https://acm-pca.us-isof-south-1.csp.hci.ic.gov/" },
                { "acm-pca", "eu-isoe-west-1", 0, 0,
                  "https://acm-pca.eu-isoe-west-1.cloud.adc-e.uk/" },
                { "acm-pca", "xx-new-9", 0, 0, "https://acm-pca.xx-new-9.amazonaws.com/" },
                { "sts", "eu-west-1", 0, 0, "https://sts.eu-west-1.amazonaws.com/" },
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct endpoint_wish wish = { .service = rows[i].service,
                                              .region = rows[i].region,
                                              .fips = rows[i].fips,
                                              .dual_stack = rows[i].dual_stack };
                struct endpoint endpoint = { 0 };

                assert_done(endpoint_resolve(&wish, &endpoint, &err), err);
                assert_string_equal(endpoint.url, rows[i].url);
                assert_string_equal(endpoint.path, "/");
                assert_true(endpoint.tls);
                assert_false(endpoint.custom);
                assert_false(endpoint.loopback);
                endpoint_clear(&endpoint);
        }
}

/* What the published test says to sign for, else the Region itself. */
static const char *
expected_region(const cJSON *endpoint, const char *region)
{
        const cJSON *schemes =
                cJSON_GetObjectItem(cJSON_GetObjectItem(endpoint, "properties"), "authSchemes");
        const char *named = cJSON_GetStringValue(
                cJSON_GetObjectItem(cJSON_GetArrayItem(schemes, 0), "signingRegion"));

        return named ? named : region;
}

/* One case of the published tests; the URL there has no path. */
static void
run_case(const char *service, const cJSON *test)
{
        const cJSON *params = cJSON_GetObjectItem(test, "params");
        const cJSON *expect = cJSON_GetObjectItem(test, "expect");
        const char *region = cJSON_GetStringValue(cJSON_GetObjectItem(params, "Region"));
        struct endpoint_wish wish = {
                .service = service,
                .region = region ? region : "",
                .custom = cJSON_GetStringValue(cJSON_GetObjectItem(params, "Endpoint")),
                .fips = cJSON_IsTrue(cJSON_GetObjectItem(params, "UseFIPS")),
                .dual_stack = cJSON_IsTrue(cJSON_GetObjectItem(params, "UseDualStack")),
                .sts_global = cJSON_IsTrue(cJSON_GetObjectItem(params, "UseGlobalEndpoint")),
        };
        struct endpoint endpoint = { 0 };
        struct error err = { 0 };

        if (cJSON_GetObjectItem(expect, "error")) {
                assert_refused(endpoint_resolve(&wish, &endpoint, &err), err, ERROR_CONFIG);
                return;
        }
        const cJSON *expected = cJSON_GetObjectItem(expect, "endpoint");
        CLEANUP(free_cleanup)
        char *url = text_format("%s/", cJSON_GetStringValue(cJSON_GetObjectItem(expected, "url")));

        assert_done(endpoint_resolve(&wish, &endpoint, &err), err);
        assert_string_equal(endpoint.url, url);
        assert_string_equal(endpoint.signing_region, expected_region(expected, wish.region));
        endpoint_clear(&endpoint);
}

/* All cases of a service's file; how many, 0 when the file is not here. */
static unsigned
run_file(const char *service)
{
        CLEANUP(free_cleanup)
        char *below = text_format("reference/models/endpoint-tests/%s.json", service);
        CLEANUP(free_cleanup) char *path = shared_path(below);
        CLEANUP(free_cleanup) char *text = read_text(path, NULL);
        const cJSON *test = NULL;
        unsigned count = 0;

        if (!text)
                return 0;
        cJSON *json = cJSON_Parse(text);

        cJSON_ArrayForEach(test, cJSON_GetObjectItem(json, "testCases"))
        {
                run_case(service, test);
                count++;
        }
        cJSON_Delete(json);
        return count;
}

static void
the_published_endpoint_tests_come_out(void **state)
{
        static const struct {
                const char *service;
                unsigned least;
        } files[] = {
                { "acm-pca", 40 },
                { "sts", 60 },
                { "iam", 20 },
                { "organizations", 20 },
                { "secretsmanager", 40 },
                { "rolesanywhere", 30 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
                unsigned count = run_file(files[i].service);

                if (!count) {
                        print_message("skipped: the published endpoint tests are not here\n");
                        skip();
                }
                assert_true(count >= files[i].least);
        }
}

static void
services_with_hosts_of_their_own_sign_for_their_own_region(void **state)
{
        static const struct {
                struct endpoint_wish wish;
                const char *host;
                const char *region;
        } rows[] = {
                { { "iam", "eu-central-1" }, "iam.amazonaws.com", "us-east-1" },
                { { "iam", "cn-northwest-1" }, "iam.cn-north-1.amazonaws.com.cn", "cn-north-1" },
                { { "iam", "us-gov-east-1", .fips = true },
                  "iam.us-gov.amazonaws.com",
                  "us-gov-west-1" },
                { { "iam", "eu-west-1", .dual_stack = true }, "iam.global.api.aws", "us-east-1" },
                { { "organizations", "eu-west-1" },
                  "organizations.us-east-1.amazonaws.com",
                  "us-east-1" },
                { { "organizations", "cn-north-1" },
                  "organizations.cn-northwest-1.amazonaws.com.cn",
                  "cn-northwest-1" },
                { { "organizations", "eu-west-1", .dual_stack = true },
                  "organizations.eu-west-1.api.aws",
                  "eu-west-1" },
                { { "sts", "aws-global" }, "sts.amazonaws.com", "us-east-1" },
                { { "sts", "eu-west-1", .sts_global = true }, "sts.amazonaws.com", "us-east-1" },
                { { "sts", "af-south-1", .sts_global = true },
                  "sts.af-south-1.amazonaws.com",
                  "af-south-1" },
                { { "sts", "us-east-1", .sts_global = true, .fips = true },
                  "sts-fips.us-east-1.amazonaws.com",
                  "us-east-1" },
                { { "sts", "us-gov-west-1", .fips = true },
                  "sts.us-gov-west-1.amazonaws.com",
                  "us-gov-west-1" },
                { { "secretsmanager", "us-east-1", .dual_stack = true },
                  "secretsmanager.us-east-1.amazonaws.com",
                  "us-east-1" },
                { { "secretsmanager", "us-gov-west-1", .fips = true },
                  "secretsmanager-fips.us-gov-west-1.amazonaws.com",
                  "us-gov-west-1" },
                { { "rolesanywhere", "us-gov-west-1", .fips = true },
                  "rolesanywhere-fips.us-gov-west-1.amazonaws.com",
                  "us-gov-west-1" },
                { { "iam", "eu-west-1", .custom = "http://127.0.0.1:99" },
                  "127.0.0.1:99",
                  "eu-west-1" },
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct endpoint endpoint = { 0 };

                assert_done(endpoint_resolve(&rows[i].wish, &endpoint, &err), err);
                assert_string_equal(endpoint.host, rows[i].host);
                assert_string_equal(endpoint.signing_region, rows[i].region);
                endpoint_clear(&endpoint);
        }
}

static void
a_region_is_checked_before_it_goes_into_a_host_name(void **state)
{
        static const char *const bad[] = { "",
                                           "a",
                                           "us-east-1.evil.example",
                                           "us-east-1/x",
                                           "user@host",
                                           "us east 1",
                                           "US-EAST-1",
                                           "-us-east-1",
                                           "us-east-1-",
                                           "us-east-1\n",
                                           "a-region-that-goes-on-and-on-and-on" };
        struct error err = { 0 };

        (void)state;
        assert_done(endpoint_region_check("ap-southeast-7", &err), err);
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                struct endpoint_wish wish = { .service = "acm-pca", .region = bad[i] };
                struct endpoint endpoint = { 0 };

                assert_refused(endpoint_resolve(&wish, &endpoint, &err), err, ERROR_CONFIG);
        }
}

static void
custom_endpoints_keep_port_and_path(void **state)
{
        static const struct {
                const char *custom;
                const char *url;
                const char *host;
                const char *path;
                bool loopback;
        } rows[] = {
                { "https://example.com", "https://example.com/", "example.com", "/", false },
                { "https://Example.COM:443/", "https://example.com/", "example.com", "/", false },
                { "https://example.com:8443/a/b", "https://example.com:8443/a/b",
                  "example.com:8443", "/a/b", false },
                { "http://127.0.0.1:4567", "http://127.0.0.1:4567/", "127.0.0.1:4567", "/", true },
                { "http://127.1.2.3", "http://127.1.2.3/", "127.1.2.3", "/", true },
                { "http://localhost:80", "http://localhost/", "localhost", "/", true },
                { "http://[::1]:9000/", "http://[::1]:9000/", "[::1]:9000", "/", true },
                { "https://[2001:db8::1]", "https://[2001:db8::1]/", "[2001:db8::1]", "/", false },
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct endpoint_wish wish = { .service = "acm-pca",
                                              .region = "us-east-1",
                                              .custom = rows[i].custom };
                struct endpoint endpoint = { 0 };

                assert_done(endpoint_resolve(&wish, &endpoint, &err), err);
                assert_string_equal(endpoint.url, rows[i].url);
                assert_string_equal(endpoint.host, rows[i].host);
                assert_string_equal(endpoint.path, rows[i].path);
                assert_int_equal(endpoint.loopback, rows[i].loopback);
                assert_int_equal(endpoint_is_loopback(rows[i].custom), rows[i].loopback);
                assert_true(endpoint.custom);
                endpoint_clear(&endpoint);
        }
}

static void
endpoint_urls_that_are_none_or_unsafe_are_refused(void **state)
{
        static const char *const bad[] = {
                "ftp://127.0.0.1",
                "127.0.0.1:8080",
                "https://",
                "https://:8080",
                "https://host:0",
                "https://host:65536",
                "https://host:",
                "https://host:12x",
                "https://ho st",
                "https://host/a?b=c",
                "https://host/#f",
                "https://host/%2e%2e",
                "https://host\r\nX: y",
                "https://[::1",
                "https://[::1]x",
                "http://example.com",
                "http://10.0.0.1",
                "http://127.0.0.1.evil.example",
                "http://localhost.evil.example",
                "http://128.0.0.1",
                "http://[::2]",
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                struct endpoint_wish wish = { .service = "acm-pca",
                                              .region = "us-east-1",
                                              .custom = bad[i] };
                struct endpoint endpoint = { 0 };

                print_message("  %s\n", bad[i]);
                assert_refused(endpoint_resolve(&wish, &endpoint, &err), err, ERROR_USAGE);
        }
}

static void
a_password_in_an_endpoint_url_is_refused_and_not_repeated(void **state)
{
        struct endpoint_wish wish = { .service = "acm-pca",
                                      .region = "us-east-1",
                                      .custom = "https://user:hunter2@host" };
        struct endpoint endpoint = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(endpoint_resolve(&wish, &endpoint, &err), err, ERROR_USAGE);
        assert_null(strstr(err.what, "hunter2"));
        assert_null(strstr(err.about, "hunter2"));
        assert_null(strstr(err.next, "hunter2"));
}

static void
a_custom_endpoint_excludes_fips_and_dual_stack(void **state)
{
        struct endpoint endpoint = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(endpoint_resolve(&(struct endpoint_wish){ .service = "acm-pca",
                                                                 .region = "us-east-1",
                                                                 .custom = "https://h",
                                                                 .fips = true },
                                        &endpoint, &err),
                       err, ERROR_CONFIG);
        assert_refused(endpoint_resolve(&(struct endpoint_wish){ .service = "acm-pca",
                                                                 .region = "us-east-1",
                                                                 .custom = "https://h",
                                                                 .dual_stack = true },
                                        &endpoint, &err),
                       err, ERROR_CONFIG);
}

static void
a_region_belongs_to_its_partition(void **state)
{
        (void)state;
        assert_string_equal(endpoint_partition("us-east-1"), "aws");
        assert_string_equal(endpoint_partition("us-gov-east-1"), "aws-us-gov");
        assert_string_equal(endpoint_partition("cn-north-1"), "aws-cn");
        assert_string_equal(endpoint_partition("us-iso-east-1"), "aws-iso");
        assert_string_equal(endpoint_partition("us-isob-east-1"), "aws-iso-b");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(regions_lead_to_the_hosts_of_their_partitions),
                cmocka_unit_test(the_published_endpoint_tests_come_out),
                cmocka_unit_test(services_with_hosts_of_their_own_sign_for_their_own_region),
                cmocka_unit_test(a_region_is_checked_before_it_goes_into_a_host_name),
                cmocka_unit_test(custom_endpoints_keep_port_and_path),
                cmocka_unit_test(endpoint_urls_that_are_none_or_unsafe_are_refused),
                cmocka_unit_test(a_password_in_an_endpoint_url_is_refused_and_not_repeated),
                cmocka_unit_test(a_custom_endpoint_excludes_fips_and_dual_stack),
                cmocka_unit_test(a_region_belongs_to_its_partition),
        };

        return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
