/* Before the bench, whose names its functions use, too. */
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#include "tests/unit/bench.h"
#include "tests/unit/maker.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <time.h>

#include "aws/rolesanywhere.h"
#include "base/clock.h"
#include "order/cert.h"

#define ANCHOR                                            \
        "arn:aws:rolesanywhere:eu-central-1:111122223333" \
        ":trust-anchor/6f4702b8-3ea8-4a7e-9f63-0c1c8f5a2a10"
#define PROFILE                                                    \
        "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/" \
        "2b6f14f8-1f0a-4c39-8a52-9f3f0a7d9c21"
#define ROLE "arn:aws:iam::111122223333:role/p11cert/station"

enum { HOUR_S = 3600, DAY_S = 24 * 3600 };

/* The clock of base/clock.h goes by this, so that a session may come to its end at once. */
static int64_t ahead_s;

time_t
time(time_t *out)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        now.tv_sec += ahead_s;
        if (out)
                *out = now.tv_sec;
        return now.tv_sec;
}

/* -- the vectors -------------------------------------------------------------------------- */

static char *vectors;

/* A signer that keeps what it was asked to sign and answers with what a vector has. */
struct scripted {
        struct buf message;
        struct buf signature;
};

static bool
sign_scripted(void *context, struct view message, struct buf *signature, struct error *err)
{
        struct scripted *scripted = context;

        (void)err;
        buf_set(&scripted->message, message);
        buf_set(signature, view_buf(&scripted->signature));
        return true;
}

static const char *
member(const cJSON *json, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static void
read_certificate(const char *path, const char *name, struct buf *der)
{
        CLEANUP(free_cleanup) char *pem = read_text(path, name);
        struct error err = { 0 };

        if (pem)
                assert_done(certificates_read(view_text(pem), der, NULL, &err), err);
}

static void
run_vector(const char *name)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/%s", vectors, name);
        CLEANUP(free_cleanup) char *text = read_text(path, "context.json");
        CLEANUP(free_cleanup) char *body = read_text(path, "body.json");
        CLEANUP(free_cleanup) char *expected_canonical = read_text(path, "canonical-request.txt");
        CLEANUP(free_cleanup) char *expected_string = read_text(path, "string-to-sign.txt");
        CLEANUP(free_cleanup) char *hex = read_text(path, "signature.txt");
        CLEANUP(free_cleanup) char *expected = read_text(path, "authorization.txt");
        CLEANUP(buf_cleanup) struct buf leaf = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };
        CLEANUP(anywhere_card_clear) struct anywhere_card card = { 0 };
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        struct scripted scripted = { 0 };
        struct error err = { 0 };
        cJSON *context = cJSON_Parse(text);

        assert_non_null(context);
        read_certificate(path, "leaf.pem", &leaf);
        read_certificate(path, "intermediate.pem", &chain);
        assert_done(hex_decode(hex, &scripted.signature, &err), err);
        struct anywhere_identity identity = { .certificate = view_buf(&leaf),
                                              .chain = view_buf(&chain),
                                              .sign = sign_scripted,
                                              .context = &scripted };
        struct anywhere_options options = { .trust_anchor = member(context, "trust_anchor_arn"),
                                            .profile = member(context, "profile_arn"),
                                            .role = member(context, "role_arn") };

        assert_done(anywhere_card_make(&identity, &card, &err), err);
        assert_string_equal(card.algorithm, member(context, "algorithm"));
        assert_string_equal(card.serial, member(context, "serial_decimal"));

        CLEANUP(free_cleanup) char *query = anywhere_write_query(&options);
        const struct sigv4_header headers[] = {
                { "X-Amz-X509", card.certificate },
                { "Host", "rolesanywhere.eu-central-1.amazonaws.com" },
                { "X-Amz-Date", "20261101T120000Z" },
                { "Content-Type", "application/json" },
                { "X-Amz-X509-Chain", card.chain },
        };
        struct sigv4_request request = { .method = "POST",
                                         .path = "/sessions",
                                         .query = query,
                                         .headers = headers,
                                         .header_count = card.chain ? 5 : 4,
                                         .body = view_text(body),
                                         .normalize_path = true };
        struct sigv4_scope scope = { .algorithm = card.algorithm,
                                     .date_time = "20261101T120000Z",
                                     .region = member(context, "region"),
                                     .service = member(context, "service") };

        sigv4_canonical(&request, &canonical, NULL);
        assert_string_equal(buf_text(&canonical), expected_canonical);
        assert_done(sigv4_authorization_x509(&request, &scope, card.serial, card.sign, card.context,
                                             &authorization, &err),
                    err);
        assert_string_equal(buf_text(&scripted.message), expected_string);
        assert_string_equal(buf_text(&authorization), expected);
        assert_done(certificate_facts_read(view_buf(&leaf), &facts, &err), err);
        assert_done(signature_verify(view_buf(&facts.spki), HASH_SHA256,
                                     view_buf(&scripted.message), view_buf(&scripted.signature),
                                     &err),
                    err);
        buf_clear(&scripted.message);
        buf_clear(&scripted.signature);
        cJSON_Delete(context);
}

static void
the_vectors_come_out_stage_by_stage(void **state)
{
        (void)state;
        run_vector("ecdsa");
        run_vector("ecdsa-chain");
        run_vector("rsa");
}

static void
the_body_says_how_long_and_under_which_name(void **state)
{
        static const struct {
                struct anywhere_options options;
                const char *body;
        } rows[] = {
                { { 0 }, "{\"durationSeconds\":3600}" },
                { { .duration_s = 900 }, "{\"durationSeconds\":900}" },
                { { .duration_s = 900, .session_name = "device-1" },
                  "{\"durationSeconds\":900,\"roleSessionName\":\"device-1\"}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *body = anywhere_write_body(&rows[i].options);

                assert_string_equal(body, rows[i].body);
        }
}

/* -- what is refused before anything is sent ------------------------------------------------ */

static void
arns_that_do_not_go_together_are_refused_with_the_rule(void **state)
{
        static const struct {
                const char *anchor;
                const char *profile;
                const char *role;
                const char *what; /* NULL: they are good */
        } rows[] = {
                { ANCHOR, PROFILE, ROLE, NULL },
                { "x", PROFILE, ROLE, "six parts" },
                { ROLE, PROFILE, ROLE, "not of Roles Anywhere" },
                { PROFILE, PROFILE, ROLE, "another kind" },
                { ANCHOR, ANCHOR, ROLE, "another kind" },
                { ANCHOR "1", PROFILE, ROLE, "another kind" },
                { ANCHOR, PROFILE, ANCHOR, "not the ARN of a role" },
                { ANCHOR, PROFILE, "arn:aws:iam::111122223334:role/x", "different accounts" },
                { ANCHOR, PROFILE, "arn:aws-cn:iam::111122223333:role/x", "different partitions" },
                { ANCHOR,
                  "arn:aws:rolesanywhere:eu-west-1:111122223333:profile/"
                  "2b6f14f8-1f0a-4c39-8a52-9f3f0a7d9c21",
                  ROLE, "different Regions" },
                { ANCHOR,
                  "arn:aws:rolesanywhere:eu-central-1:111122223334:profile/"
                  "2b6f14f8-1f0a-4c39-8a52-9f3f0a7d9c21",
                  ROLE, "different accounts" },
                { "arn:aws:rolesanywhere:cn-north-1:111122223333:trust-anchor/"
                  "6f4702b8-3ea8-4a7e-9f63-0c1c8f5a2a10",
                  PROFILE, ROLE, "another partition" },
                { "arn:aws:rolesanywhere:eu.west:111122223333:trust-anchor/"
                  "6f4702b8-3ea8-4a7e-9f63-0c1c8f5a2a10",
                  PROFILE, ROLE, "Region is none" },
                { "arn:aws:rolesanywhere:eu-west-1:1111:trust-anchor/"
                  "6f4702b8-3ea8-4a7e-9f63-0c1c8f5a2a10",
                  PROFILE, ROLE, "twelve digits" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct error err = { 0 };
                bool good =
                        anywhere_arns_check(rows[i].anchor, rows[i].profile, rows[i].role, &err);

                if (!rows[i].what) {
                        assert_done(good, err);
                        continue;
                }
                assert_refused(good, err, ERROR_CONFIG);
                if (!strstr(err.what, rows[i].what))
                        fail_msg("row %zu: '%s' lacks '%s'", i, err.what, rows[i].what);
        }
}

static EVP_PKEY *
new_key(const char *type)
{
        return strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                        : EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
}

/* A certificate that Roles Anywhere takes, issued by `issuer_key` at `now`. */
static struct maker_certificate
good_certificate(EVP_PKEY *key, EVP_PKEY *issuer_key, int64_t now)
{
        return (struct maker_certificate){
                .subject = "CN=station-7",
                .key = key,
                .issuer = "CN=Stations CA",
                .issuer_key = issuer_key,
                .version = 2,
                .serial = "0102030405",
                .not_before = now - HOUR_S,
                .not_after = now + DAY_S,
                .md = EVP_sha256(),
                .extensions = { { "basicConstraints", "critical,CA:FALSE" },
                                { "keyUsage", "critical,digitalSignature" } },
        };
}

static void
a_certificate_that_roles_anywhere_would_not_take_is_refused_with_the_rule(void **state)
{
        const int64_t now = clock_civil(2026, 11, 1, 12, 0, 0);
        static const struct {
                const char *extension;
                const char *value;
                long version;
                bool sha1;
                int64_t later_s; /* when it is looked at */
                enum error_kind kind;
                const char *what;
        } rows[] = {
                { "keyUsage", "digitalSignature,keyEncipherment", 2, false, 0, ERROR_NONE, "" },
                { "extendedKeyUsage", "clientAuth", 2, false, 0, ERROR_NONE, "" },
                { "basicConstraints", NULL, 2, false, 0, ERROR_NONE, "" },
                { "keyUsage", NULL, 2, false, 0, ERROR_CONFIG, "digitalSignature" },
                { "keyUsage", "keyEncipherment", 2, false, 0, ERROR_CONFIG, "digitalSignature" },
                { "basicConstraints", "critical,CA:TRUE", 2, false, 0, ERROR_CONFIG, "of a CA" },
                { "keyUsage", "digitalSignature", 2, true, 0, ERROR_CONFIG, "weaker" },
                { "keyUsage", "digitalSignature", 2, false, 2 * DAY_S, ERROR_CREDENTIALS_EXPIRED,
                  "expired at 2026-11-02T12:00:00Z" },
                { "keyUsage", "digitalSignature", 2, false, -DAY_S, ERROR_CREDENTIALS_EXPIRED,
                  "not valid before" },
        };
        EVP_PKEY *issuer_key = new_key("P-256");
        EVP_PKEY *key = new_key("P-384");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct maker_certificate wish = good_certificate(key, issuer_key, now);
                CLEANUP(buf_cleanup) struct buf der = { 0 };
                struct error err = { 0 };

                wish.version = rows[i].version;
                wish.md = rows[i].sha1 ? EVP_sha1() : EVP_sha256();
                maker_set(&wish, rows[i].extension, rows[i].value);
                X509 *certificate = maker_sign(&wish);

                maker_der(certificate, &der);
                X509_free(certificate);
                bool good = anywhere_certificate_check(view_buf(&der), now + rows[i].later_s, &err);

                assert_string_equal(error_kind_name(err.kind), error_kind_name(rows[i].kind));
                assert_int_equal(good, rows[i].kind == ERROR_NONE);
                if (!good && !strstr(err.what, rows[i].what))
                        fail_msg("row %zu: '%s' lacks '%s'", i, err.what, rows[i].what);
        }
        EVP_PKEY_free(key);
        EVP_PKEY_free(issuer_key);
}

/* -- answers ------------------------------------------------------------------------------ */

#define CREDENTIALS(id, expiration)                                                         \
        "{\"credentialSet\":[{\"assumedRoleUser\":{\"arn\":\"a\",\"assumedRoleId\":\"b\"}," \
        "\"credentials\":{\"accessKeyId\":\"" id "\",\"secretAccessKey\":\"s/e+c\","        \
        "\"sessionToken\":\"to/ken==\",\"expiration\":\"" expiration "\"},"                 \
        "\"packedPolicySize\":0,\"roleArn\":\"r\"}],\"subjectArn\":\"x\"}"
#define FAR "2222-01-01T00:00:00Z"

static void
a_session_is_read_and_an_answer_of_another_kind_is_none(void **state)
{
        static const char *const bad[] = {
                "",
                "[]",
                "{}",
                "{\"credentialSet\":{}}",
                "{\"credentialSet\":[]}",
                "{\"credentialSet\":[{\"credentials\":{\"accessKeyId\":\"A\"}}]}",
                CREDENTIALS("", FAR),
                CREDENTIALS("A B", FAR),
                CREDENTIALS("ASIAX", "tomorrow"),
        };
        struct credentials session = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(anywhere_read_session(view_text(CREDENTIALS("ASIAX", FAR)), &session, &err),
                    err);
        assert_string_equal(session.access_key_id, "ASIAX");
        assert_true(view_equal(secret_view(&session.secret_access_key), view_text("s/e+c")));
        assert_string_equal(session.session_token, "to/ken==");
        assert_true(session.expires_at == clock_civil(2222, 1, 1, 0, 0, 0));
        credentials_clear(&session);
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
                assert_refused(anywhere_read_session(view_text(bad[i]), &session, &err), err,
                               ERROR_AWS_ANSWER);
}

/* -- with a server ------------------------------------------------------------------------ */

/* A station: its key, its certificate, and what was asked of it. */
static struct station {
        EVP_PKEY *key;
        struct buf certificate;
        unsigned asked; /* how often its identity was wanted */
        unsigned signatures;
        bool absent; /* the token is not there */
} station;

static bool
sign_with_key(void *context, struct view message, struct buf *signature, struct error *err)
{
        struct station *who = context;
        uint8_t bytes[512];
        size_t length = sizeof(bytes);
        EVP_MD_CTX *digest = EVP_MD_CTX_new();

        who->signatures++;
        if (who->absent)
                error_set(err, ERROR_TOKEN_REMOVED, "the token was removed");
        bool done = !who->absent &&
                    EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, who->key) == 1 &&
                    EVP_DigestSign(digest, bytes, &length, message.data, message.len) == 1;

        EVP_MD_CTX_free(digest);
        if (done)
                buf_set(signature, view_of(bytes, length));
        return done;
}

static bool
show_identity(void *context, struct anywhere_identity *out, struct error *err)
{
        struct station *who = context;

        (void)err;
        who->asked++;
        *out = (struct anywhere_identity){ .certificate = view_buf(&who->certificate),
                                           .sign = sign_with_key,
                                           .context = who };
        return true;
}

static int
make_station(void **state)
{
        EVP_PKEY *issuer_key = new_key("P-256");

        station.key = new_key("P-256");
        struct maker_certificate wish = good_certificate(station.key, issuer_key, clock_now());
        X509 *certificate = maker_sign(&wish);

        maker_der(certificate, &station.certificate);
        X509_free(certificate);
        EVP_PKEY_free(issuer_key);
        return make_folder(state);
}

static int
remove_station(void **state)
{
        EVP_PKEY_free(station.key);
        buf_clear(&station.certificate);
        return remove_folder(state);
}

static struct anywhere *
open_anywhere(void)
{
        struct error err = { 0 };
        struct anywhere *anywhere =
                anywhere_new(&(struct anywhere_options){ .trust_anchor = ANCHOR,
                                                         .profile = PROFILE,
                                                         .role = ROLE,
                                                         .identity = show_identity,
                                                         .context = &station },
                             &err);

        assert_done(anywhere, err);
        station.asked = station.signatures = 0;
        station.absent = false;
        return anywhere;
}

static struct aws_settings *
open_settings(struct anywhere *anywhere)
{
        struct aws_options options = { .endpoint_url = standin_url(bench.standin),
                                       .anywhere = anywhere };
        struct error err = { 0 };
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_done(settings, err);
        return settings;
}

static bool
find(struct aws_settings *settings, struct credentials *out, struct error *err)
{
        return credentials_find(settings, out, err);
}

/* The request carries what AWS needs, and its signature is of the certificate's key. */
static void
assert_signed_request(unsigned index)
{
        CLEANUP(free_cleanup) char *request = standin_request(bench.standin, index);
        CLEANUP(free_cleanup)
        char *authorization = standin_header(bench.standin, index, "Authorization");
        CLEANUP(free_cleanup) char *shown = standin_header(bench.standin, index, "X-Amz-X509");
        CLEANUP(free_cleanup) char *expected = base64_encode(view_buf(&station.certificate));

        assert_true(text_starts(request, "POST /sessions?profileArn=arn%3Aaws%3Arolesanywhere%3A"));
        assert_true(text_starts(
                authorization, "AWS4-X509-ECDSA-SHA256 Credential=4328719365/")); /* 0x0102030405 */
        assert_non_null(strstr(authorization, "/eu-central-1/rolesanywhere/aws4_request, "
                                              "SignedHeaders=content-type;host;x-amz-date;"
                                              "x-amz-x509, Signature=30"));
        assert_string_equal(shown, expected);
        assert_non_null(strstr(request, "\r\n\r\n{\"durationSeconds\":3600}"));
        assert_null(strstr(request, "X-Amz-Security-Token"));
}

static void
one_session_serves_every_client_of_the_process(void **state)
{
        static const struct standin_step script[] = {
                { .status = 201, .body = CREDENTIALS("ASIAONE", FAR) },
                { .status = 201, .body = CREDENTIALS("ASIATWO", FAR) },
        };
        struct credentials found = { 0 };
        struct error err = { 0 };

        (void)state;
        bench.standin = standin_start(script, ARRAY_LENGTH(script), NULL);
        struct anywhere *anywhere = open_anywhere();

        for (int i = 0; i < 3; i++) {
                struct aws_settings *settings = open_settings(anywhere);

                assert_done(find(settings, &found, &err), err);
                assert_string_equal(found.access_key_id, "ASIAONE");
                aws_settings_free(settings);
        }
        assert_int_equal(standin_requests(bench.standin), 1);
        assert_int_equal(station.signatures, 1);
        assert_signed_request(0);
        anywhere_forget(anywhere);
        struct aws_settings *settings = open_settings(anywhere);

        assert_done(find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIATWO");
        credentials_clear(&found);
        aws_settings_free(settings);
        anywhere_free(anywhere);
}

static void
a_session_near_its_end_is_renewed_and_used_to_the_end_where_that_fails(void **state)
{
        char soon[CLOCK_TEXT];
        struct credentials found = { 0 };
        struct error err = { 0 };

        (void)state;
        clock_format(clock_now() + HOUR_S, soon);
        CLEANUP(free_cleanup)
        char *short_lived = text_format("{\"credentialSet\":[{\"credentials\":{\"accessKeyId\":"
                                        "\"ASIASHORT\",\"secretAccessKey\":\"s\","
                                        "\"sessionToken\":\"t\",\"expiration\":\"%s\"}}]}",
                                        soon);
        const struct standin_step script[] = {
                { .status = 201, .body = short_lived },
                { .status = 403,
                  .headers = "x-amzn-ErrorType: AccessDeniedException\r\n",
                  .body = "{\"message\":\"Untrusted signing certificate\"}" },
                { .status = 201, .body = CREDENTIALS("ASIANEXT", FAR) },
        };

        bench.standin = standin_start(script, ARRAY_LENGTH(script), NULL);
        struct anywhere *anywhere = open_anywhere();
        struct aws_settings *settings = open_settings(anywhere);

        assert_done(find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIASHORT");
        ahead_s = HOUR_S / 2;
        assert_done(find(settings, &found, &err), err);
        assert_int_equal(station.asked, 1);
        /* A quarter of an hour before the end. */
        ahead_s = HOUR_S - 10 * 60;
        assert_done(find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIASHORT");
        assert_int_equal(station.asked, 2);
        assert_done(find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIANEXT");
        ahead_s = 0;
        credentials_clear(&found);
        aws_settings_free(settings);
        anywhere_free(anywhere);
}

/* A call to Private CA with the bench's client; the access key that signed it is at the server. */
static void
assert_called_as(unsigned request, const char *access_key_id)
{
        struct aws_reply *reply = ask_once("DescribeCertificateAuthority");
        CLEANUP(free_cleanup)
        char *expected = text_format("AWS4-HMAC-SHA256 Credential=%s/", access_key_id);

        assert_true(reply->ok);
        aws_reply_free(reply);
        CLEANUP(free_cleanup)
        char *authorization = standin_header(bench.standin, request, "Authorization");

        assert_true(text_starts(authorization, expected));
}

static void
a_long_run_asks_once_and_renews_before_the_end(void **state)
{
        char soon[CLOCK_TEXT];
        struct error err = { 0 };

        (void)state;
        clock_format(clock_now() + HOUR_S, soon);
        CLEANUP(free_cleanup)
        char *first = text_format("{\"credentialSet\":[{\"credentials\":{\"accessKeyId\":"
                                  "\"ASIAFIRST\",\"secretAccessKey\":\"s\","
                                  "\"sessionToken\":\"t\",\"expiration\":\"%s\"}}]}",
                                  soon);
        const struct standin_step script[] = {
                { .status = 201, .body = first },
                { .body = "{}" }, /* two calls with one session */
                { .body = "{}" },
                { .status = 201, .body = CREDENTIALS("ASIASECOND", FAR) },
                { .body = "{}" },
        };

        bench.standin = standin_start(script, ARRAY_LENGTH(script), NULL);
        struct anywhere *anywhere = open_anywhere();

        bench.settings = open_settings(anywhere);
        bench.client = aws_client_open(bench.settings, &err);
        assert_done(bench.client, err);
        assert_called_as(1, "ASIAFIRST");
        ahead_s = HOUR_S / 2;
        assert_called_as(2, "ASIAFIRST");
        /* Ten minutes before its end. */
        ahead_s = HOUR_S - 10 * 60;
        assert_called_as(4, "ASIASECOND");
        assert_int_equal(station.signatures, 2);
        ahead_s = 0;
        aws_client_close(MOVE(bench.client));
        aws_settings_free(MOVE(bench.settings));
        anywhere_free(anywhere);
}

static void
a_refusal_says_what_to_mend(void **state)
{
        static const struct {
                const char *code;
                int status;
                const char *message;
                enum error_kind kind;
                const char *next;
        } rows[] = {
                { "AccessDeniedException", 403, "Untrusted signing certificate", ERROR_DENIED,
                  "--rolesanywhere-chain" },
                { "AccessDeniedException", 403, "Invalid signature", ERROR_DENIED,
                  "does not belong to the certificate" },
                { "AccessDeniedException", 403, "Unable to assume role for " ROLE, ERROR_DENIED,
                  "--role-trust" },
                { "AccessDeniedException", 403, "Not authorized to set roleSessionName",
                  ERROR_DENIED, "--role-session-name" },
                { "AccessDeniedException", 403, "Profile is disabled", ERROR_DENIED,
                  "administrator" },
                { "ResourceNotFoundException", 404, "TrustAnchor not found", ERROR_CONFIG,
                  "check the ARNs" },
                { "ValidationException", 400, "nonsense", ERROR_CONFIG, "" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *header = text_format("x-amzn-ErrorType: %s\r\n", rows[i].code);
                CLEANUP(free_cleanup)
                char *body = text_format("{\"message\":\"%s\"}", rows[i].message);
                const struct standin_step script[] = {
                        { .status = rows[i].status, .headers = header, .body = body },
                };
                struct credentials found = { 0 };
                struct error err = { 0 };

                bench.standin = standin_start(script, 1, NULL);
                struct anywhere *anywhere = open_anywhere();
                struct aws_settings *settings = open_settings(anywhere);

                assert_refused(find(settings, &found, &err), err, rows[i].kind);
                assert_string_equal(err.aws.code, rows[i].code);
                if (!strstr(err.next, rows[i].next))
                        fail_msg("'%s' advises '%s'", rows[i].message, err.next);
                assert_int_equal(standin_requests(bench.standin), 1);
                aws_settings_free(settings);
                anywhere_free(anywhere);
                standin_stop(MOVE(bench.standin));
        }
}

static void
a_wrong_clock_is_corrected_once_from_the_answer(void **state)
{
        /* The service's time is far away, and it says no more than "no". */
        static const struct standin_step script[] = {
                { .status = 403,
                  .headers = "Date: Sat, 01 Jan 2050 00:00:00 GMT\r\n"
                             "x-amzn-ErrorType: AccessDeniedException\r\n",
                  .body = "{\"message\":\"Invalid signature\"}" },
                { .status = 201,
                  .headers = "Date: Sat, 01 Jan 2050 00:00:00 GMT\r\n",
                  .body = CREDENTIALS("ASIAX", FAR) },
        };
        struct credentials found = { 0 };
        struct error err = { 0 };

        (void)state;
        bench.standin = standin_start(script, ARRAY_LENGTH(script), NULL);
        struct anywhere *anywhere = open_anywhere();
        struct aws_settings *settings = open_settings(anywhere);

        assert_done(find(settings, &found, &err), err);
        CLEANUP(free_cleanup) char *date = standin_header(bench.standin, 1, "X-Amz-Date");

        assert_true(text_starts(date, "20500101T0000"));
        assert_int_equal(station.signatures, 2);
        credentials_clear(&found);
        aws_settings_free(settings);
        anywhere_free(anywhere);
}

static void
a_token_that_is_gone_is_told_and_nothing_is_sent(void **state)
{
        static const struct standin_step script[] = { { .status = 201 } };
        struct credentials found = { 0 };
        struct error err = { 0 };

        (void)state;
        bench.standin = standin_start(script, 1, NULL);
        struct anywhere *anywhere = open_anywhere();
        struct aws_settings *settings = open_settings(anywhere);

        station.absent = true;
        assert_refused(find(settings, &found, &err), err, ERROR_TOKEN_REMOVED);
        assert_int_equal(standin_requests(bench.standin), 0);
        aws_settings_free(settings);
        anywhere_free(anywhere);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_vectors_come_out_stage_by_stage),
                cmocka_unit_test(the_body_says_how_long_and_under_which_name),
                cmocka_unit_test(arns_that_do_not_go_together_are_refused_with_the_rule),
                cmocka_unit_test(
                        a_certificate_that_roles_anywhere_would_not_take_is_refused_with_the_rule),
                cmocka_unit_test(a_session_is_read_and_an_answer_of_another_kind_is_none),
                cmocka_unit_test_teardown(one_session_serves_every_client_of_the_process, stop),
                cmocka_unit_test_teardown(
                        a_session_near_its_end_is_renewed_and_used_to_the_end_where_that_fails,
                        stop),
                cmocka_unit_test_teardown(a_long_run_asks_once_and_renews_before_the_end, stop),
                cmocka_unit_test_teardown(a_refusal_says_what_to_mend, stop),
                cmocka_unit_test_teardown(a_wrong_clock_is_corrected_once_from_the_answer, stop),
                cmocka_unit_test_teardown(a_token_that_is_gone_is_told_and_nothing_is_sent, stop),
        };

        vectors = source_path("tests/vectors/x509-example");
        int failed =
                cmocka_run_group_tests_name("rolesanywhere", tests, make_station, remove_station);

        free(vectors);
        return failed;
}
