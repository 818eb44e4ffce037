#include "localpca/sigv4.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/algorithm.h"
#include "base/clock.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define X509_RSA "AWS4-X509-RSA-SHA256"
#define X509_ECDSA "AWS4-X509-ECDSA-SHA256"
#define TERMINATOR "aws4_request"

const char *
sigv4_header(const struct sigv4_request *request, const char *name)
{
        for (size_t i = 0; i < request->header_count; i++)
                if (strcasecmp(request->headers[i].name, name) == 0)
                        return request->headers[i].value;
        return NULL;
}

/* -- reading the claim -------------------------------------------------------------------- */

/* "20261121T222440Z", and nothing else. */
static bool
time_read(const char *text, int64_t *when)
{
        int part[6];

        if (strlen(text) != 16 || text[8] != 'T' || text[15] != 'Z')
                return false;
        for (size_t i = 0; i < 15; i++)
                if (i != 8 && !isdigit((unsigned char)text[i]))
                        return false;
        if (sscanf(text, "%4d%2d%2dT%2d%2d%2dZ", &part[0], &part[1], &part[2], &part[3], &part[4],
                   &part[5]) != 6)
                return false;
        if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 ||
            part[4] > 59 || part[5] > 60)
                return false;
        *when = clock_civil(part[0], part[1], part[2], part[3], part[4], part[5]);
        return true;
}

/* The value of `name=` among the comma-separated parts; false if absent, empty or too long. */
static bool
part_read(const char *parts, const char *name, char *out, size_t room)
{
        size_t name_len = strlen(name);

        while (*parts) {
                while (*parts == ' ' || *parts == ',')
                        parts++;
                size_t len = strcspn(parts, ", ");
                if (len > name_len && strncmp(parts, name, name_len) == 0 &&
                    parts[name_len] == '=') {
                        const char *value = parts + name_len + 1;
                        len -= name_len + 1;
                        if (!len || len >= room)
                                return false;
                        memcpy(out, value, len);
                        out[len] = '\0';
                        return true;
                }
                parts += len;
        }
        return false;
}

/* KEY/DATE/REGION/SERVICE/aws4_request, cut from the end: a key id may hold a slash. */
static bool
scope_read(char *credential, struct sigv4_claim *claim)
{
        static const size_t rooms[] = { sizeof(claim->service), sizeof(claim->region),
                                        sizeof(claim->date) };
        char *outs[] = { claim->service, claim->region, claim->date };
        char *slash = strrchr(credential, '/');

        if (!slash || strcmp(slash + 1, TERMINATOR) != 0)
                return false;
        *slash = '\0';
        for (size_t i = 0; i < ARRAY_LENGTH(outs); i++) {
                slash = strrchr(credential, '/');
                if (!slash || strlen(slash + 1) >= rooms[i])
                        return false;
                memcpy(outs[i], slash + 1, strlen(slash + 1) + 1);
                *slash = '\0';
        }
        if (!*credential || strlen(credential) >= sizeof(claim->access_key_id))
                return false;
        memcpy(claim->access_key_id, credential, strlen(credential) + 1);
        return true;
}

static bool
authorization_read(const char *authorization, struct sigv4_claim *claim, struct refusal *refusal)
{
        struct buf missing = { 0 };
        char credential[400] = "";
        const char *parts = authorization + strlen(claim->algorithm);

        if (!part_read(parts, "Credential", credential, sizeof(credential)))
                buf_add_text(&missing, "Authorization header requires 'Credential' parameter. ");
        if (!part_read(parts, "Signature", claim->signature, sizeof(claim->signature)))
                buf_add_text(&missing, "Authorization header requires 'Signature' parameter. ");
        if (!part_read(parts, "SignedHeaders", claim->signed_headers,
                       sizeof(claim->signed_headers)))
                buf_add_text(&missing, "Authorization header requires 'SignedHeaders' parameter. ");
        bool complete = !missing.len;
        if (!complete)
                refuse(refusal, "IncompleteSignatureException", "%sAuthorization=%s",
                       buf_text(&missing), authorization);
        buf_clear(&missing);
        if (complete && !scope_read(credential, claim))
                return refuse(refusal, "IncompleteSignatureException",
                              "Credential must have exactly 5 slash-delimited elements, e.g. "
                              "keyid/date/region/service/term, got '%s'",
                              credential);
        return complete;
}

/* The one of `algorithms` (ended by NULL) that the header begins with. */
static const char *
algorithm_read(const char *authorization, const char *const *algorithms)
{
        size_t len = strcspn(authorization, " ");

        for (; *algorithms; algorithms++)
                if (strlen(*algorithms) == len && memcmp(*algorithms, authorization, len) == 0)
                        return authorization[len] ? *algorithms : NULL;
        return NULL;
}

static bool
claim_read(const struct sigv4_request *request, const char *const *algorithms,
           struct sigv4_claim *claim, struct refusal *refusal)
{
        const char *authorization = sigv4_header(request, "Authorization");
        const char *date = sigv4_header(request, "X-Amz-Date");

        if (!authorization || !*authorization)
                return refuse(refusal, "MissingAuthenticationTokenException",
                              "Missing Authentication Token");
        claim->algorithm = algorithm_read(authorization, algorithms);
        if (!claim->algorithm)
                return refuse(refusal, "IncompleteSignatureException",
                              "Unsupported AWS 'algorithm': '%.*s' (Authorization=%s)",
                              (int)strcspn(authorization, " "), authorization, authorization);
        if (!authorization_read(authorization, claim, refusal))
                return false;
        if (!date)
                return refuse(refusal, "IncompleteSignatureException",
                              "Authorization header requires existence of either a 'X-Amz-Date' "
                              "or a 'Date' header. Authorization=%s",
                              authorization);
        if (!time_read(date, &claim->when))
                return refuse(refusal, "IncompleteSignatureException",
                              "Date must be in ISO-8601 'basic format'. Got '%s'. See "
                              "http://en.wikipedia.org/wiki/ISO_8601",
                              date);
        memcpy(claim->time, date, sizeof(claim->time));
        return true;
}

bool
sigv4_read(const struct sigv4_request *request, struct sigv4_claim *claim, struct refusal *refusal)
{
        static const char *const algorithms[] = { ALGORITHM, NULL };

        return claim_read(request, algorithms, claim, refusal);
}

bool
sigv4_read_x509(const struct sigv4_request *request, struct sigv4_claim *claim,
                struct refusal *refusal)
{
        static const char *const algorithms[] = { X509_RSA, X509_ECDSA, NULL };

        return claim_read(request, algorithms, claim, refusal);
}

/* -- the canonical request ---------------------------------------------------------------- */

static bool
is_unreserved(char c)
{
        return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
encode(struct buf *out, const char *text, size_t len, const char *keep)
{
        for (size_t i = 0; i < len; i++) {
                if (is_unreserved(text[i]) || (text[i] && strchr(keep, text[i])))
                        buf_add_byte(out, (uint8_t)text[i]);
                else
                        buf_format(out, "%%%02X", (uint8_t)text[i]);
        }
}

/* Empty and "." segments go, ".." takes its predecessor along; a final slash stays. */
static void
path_normalise(const char *path, struct buf *out)
{
        const char *at = path;
        bool slash_at_end = true;

        buf_set(out, view_text("/"));
        while (*at) {
                size_t len = strcspn(at, "/");
                bool parent = len == 2 && at[0] == '.' && at[1] == '.';
                bool nothing = len == 0 || (len == 1 && at[0] == '.');

                slash_at_end = nothing || parent;
                if (parent) {
                        while (out->len > 1 && out->data[out->len - 1] != '/')
                                out->data[--out->len] = '\0';
                        if (out->len > 1)
                                out->data[--out->len] = '\0';
                } else if (!nothing) {
                        if (out->len > 1)
                                buf_add_byte(out, '/');
                        buf_add(out, view_of(at, len));
                }
                at += len;
                if (*at == '/') {
                        at++;
                        slash_at_end = true;
                }
        }
        if (slash_at_end && out->len > 1)
                buf_add_byte(out, '/');
}

static int
text_order(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Percent decoding; "+" stays what it is. */
static void
decode(const char *text, size_t len, struct buf *out)
{
        for (size_t i = 0; i < len; i++) {
                char digits[3] = "";
                if (text[i] == '%' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
                    isxdigit((unsigned char)text[i + 2])) {
                        memcpy(digits, text + i + 1, 2);
                        buf_add_byte(out, (uint8_t)strtoul(digits, NULL, 16));
                        i += 2;
                } else {
                        buf_add_byte(out, (uint8_t)text[i]);
                }
        }
}

/* "name=value" in canonical encoding, with a \1 for the '=' so that names sort before values. */
static char *
parameter_canonical(const char *at, size_t len)
{
        const char *equals = memchr(at, '=', len);
        size_t name_len = equals ? (size_t)(equals - at) : len;
        struct buf plain = { 0 }, out = { 0 };

        decode(at, name_len, &plain);
        encode(&out, buf_text(&plain), plain.len, "");
        buf_add_byte(&out, 1);
        plain.len = 0;
        if (equals)
                decode(equals + 1, len - name_len - 1, &plain);
        encode(&out, buf_text(&plain), plain.len, "");
        buf_clear(&plain);
        char *text = text_copy(buf_text(&out));
        buf_clear(&out);
        return text;
}

static void
query_canonical(const char *query, struct buf *out)
{
        char **parameters = NULL;
        size_t count = 0;

        while (query && *query) {
                size_t len = strcspn(query, "&");
                if (len) {
                        parameters = memory_grow(parameters, count + 1, sizeof(*parameters));
                        parameters[count++] = parameter_canonical(query, len);
                }
                query += len + (query[len] == '&');
        }
        if (count)
                qsort(parameters, count, sizeof(*parameters), text_order);
        for (size_t i = 0; i < count; i++) {
                *strchr(parameters[i], 1) = '=';
                buf_format(out, "%s%s", i ? "&" : "", parameters[i]);
                free(parameters[i]);
        }
        free(parameters);
}

/* Blanks at both ends go, runs of blanks and folded lines become one space. */
static void
value_trimmed(const char *value, struct buf *out)
{
        bool pending = false, any = false;

        for (; *value; value++) {
                if (isspace((unsigned char)*value)) {
                        pending = any;
                        continue;
                }
                if (pending)
                        buf_add_byte(out, ' ');
                pending = false;
                any = true;
                buf_add_byte(out, (uint8_t)*value);
        }
}

static void
header_canonical(const struct sigv4_request *request, const char *name, size_t len, struct buf *out)
{
        bool first = true;

        buf_add(out, view_of(name, len));
        buf_add_byte(out, ':');
        for (size_t i = 0; i < request->header_count; i++) {
                if (strlen(request->headers[i].name) != len ||
                    strncasecmp(request->headers[i].name, name, len) != 0)
                        continue;
                if (!first)
                        buf_add_byte(out, ',');
                first = false;
                value_trimmed(request->headers[i].value, out);
        }
        buf_add_byte(out, '\n');
}

void
sigv4_canonical_request(const struct sigv4_request *request, const char *signed_headers,
                        struct buf *out)
{
        struct buf path = { 0 };
        uint8_t digest[32];

        buf_format(out, "%s\n", request->method);
        path_normalise(request->path, &path);
        encode(out, buf_text(&path), path.len, "/");
        buf_clear(&path);
        buf_add_byte(out, '\n');
        query_canonical(request->query, out);
        buf_add_byte(out, '\n');
        for (const char *at = signed_headers; *at;) {
                size_t len = strcspn(at, ";");
                header_canonical(request, at, len, out);
                at += len + (at[len] == ';');
        }
        sha256(request->body, digest);
        char *hex = hex_encode(view_of(digest, sizeof(digest)));
        buf_format(out, "\n%s\n%s", signed_headers, hex);
        free(hex);
}

void
sigv4_string_to_sign(const struct sigv4_claim *claim, const struct buf *canonical, struct buf *out)
{
        uint8_t digest[32];

        sha256(view_buf(canonical), digest);
        char *hex = hex_encode(view_of(digest, sizeof(digest)));
        buf_format(out, "%s\n%s\n%s/%s/%s/" TERMINATOR "\n%s",
                   claim->algorithm ? claim->algorithm : ALGORITHM, claim->time, claim->date,
                   claim->region, claim->service, hex);
        free(hex);
}

/* -- the signature ------------------------------------------------------------------------ */

static void
hmac(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
        static EVP_MD *digest;
        unsigned out_len = 32;

        if (!digest)
                digest = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (!HMAC(digest, key, (int)key_len, data, len, out, &out_len))
                abort(); /* SHA-256 in memory: only an OpenSSL without it gets here */
}

void
sigv4_signature(const struct sigv4_claim *claim, const struct secret *secret,
                const struct buf *string_to_sign, char out[65])
{
        const char *steps[] = { claim->region, claim->service, TERMINATOR };
        CLEANUP(secret_cleanup) struct secret start = { 0 };
        uint8_t key[32], next[32];
        struct view tail = secret_view(secret);

        secret_reserve(&start, 4 + tail.len);
        memcpy(start.data, "AWS4", 4);
        if (tail.len)
                memcpy(start.data + 4, tail.data, tail.len);
        hmac(start.data, 4 + tail.len, claim->date, strlen(claim->date), key);
        for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
                hmac(key, sizeof(key), steps[i], strlen(steps[i]), next);
                memcpy(key, next, sizeof(key));
        }
        hmac(key, sizeof(key), buf_text(string_to_sign), string_to_sign->len, next);
        wipe(key, sizeof(key));
        char *hex = hex_encode(view_of(next, sizeof(next)));
        memcpy(out, hex, 65);
        free(hex);
}

/* -- the check ---------------------------------------------------------------------------- */

static bool
header_is_signed(const struct sigv4_claim *claim, const char *name)
{
        size_t len = strlen(name);

        for (const char *at = claim->signed_headers; *at;) {
                size_t found = strcspn(at, ";");
                if (found == len && strncasecmp(at, name, len) == 0)
                        return true;
                at += found + (at[found] == ';');
        }
        return false;
}

/* Host always, and every x-amz- header that was sent. */
static bool
headers_check(const struct sigv4_request *request, const struct sigv4_claim *claim,
              const char *code, struct refusal *refusal)
{
        if (!header_is_signed(claim, "host"))
                return refuse(refusal, code,
                              "'Host' must be a 'SignedHeader' in the AWS Authorization.");
        for (size_t i = 0; i < request->header_count; i++) {
                const char *name = request->headers[i].name;
                if (strncasecmp(name, "x-amz-", 6) == 0 && !header_is_signed(claim, name))
                        return refuse(refusal, code,
                                      "'%s' must be a 'SignedHeader' in the AWS Authorization.",
                                      name);
        }
        return true;
}

static bool
scope_check(const struct sigv4_claim *claim, const struct sigv4_rules *rules,
            struct refusal *refusal)
{
        if (strncmp(claim->date, claim->time, 8) != 0)
                return refuse(refusal, rules->mismatch_code,
                              "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                              "version of date from HTTP: '%s' != '%.8s', from '%s'.",
                              claim->date, claim->time, claim->time);
        if (strcmp(claim->region, rules->region) != 0)
                return refuse(refusal, rules->mismatch_code,
                              "Credential should be scoped to a valid region. ");
        if (strcmp(claim->service, rules->service) != 0)
                return refuse(refusal, rules->mismatch_code,
                              "Credential should be scoped to correct service: '%s'. ",
                              rules->service);
        return true;
}

static void
time_write(int64_t when, char out[40])
{
        int year, month, day, second;

        clock_to_civil(when, &year, &month, &day, &second);
        snprintf(out, 40, "%04d%02d%02dT%02d%02d%02dZ", year, month, day, second / 3600,
                 second / 60 % 60, second % 60);
}

static bool
clock_check(const struct sigv4_claim *claim, const struct sigv4_rules *rules,
            struct refusal *refusal)
{
        int64_t window = (int64_t)rules->window_minutes * 60;
        char bound[40], now[40];

        time_write(rules->now, now);
        if (claim->when < rules->now - window) {
                time_write(rules->now - window, bound);
                return refuse(refusal, rules->mismatch_code,
                              "Signature expired: %s is now earlier than %s (%s - %u min.)",
                              claim->time, bound, now, rules->window_minutes);
        }
        if (claim->when > rules->now + window) {
                time_write(rules->now + window, bound);
                return refuse(refusal, rules->mismatch_code,
                              "Signature not yet current: %s is still later than %s (%s + %u min.)",
                              claim->time, bound, now, rules->window_minutes);
        }
        return true;
}

bool
sigv4_check(const struct sigv4_request *request, const struct sigv4_claim *claim,
            const struct sigv4_rules *rules, const struct secret *secret, struct refusal *refusal)
{
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf string_to_sign = { 0 };
        char signature[65];

        if (!headers_check(request, claim, rules->mismatch_code, refusal) ||
            !scope_check(claim, rules, refusal) || !clock_check(claim, rules, refusal))
                return false;
        sigv4_canonical_request(request, claim->signed_headers, &canonical);
        sigv4_string_to_sign(claim, &canonical, &string_to_sign);
        sigv4_signature(claim, secret, &string_to_sign, signature);
        if (strlen(claim->signature) == 64 && CRYPTO_memcmp(signature, claim->signature, 64) == 0)
                return true;
        return refuse(refusal, rules->mismatch_code,
                      "The request signature we calculated does not match the signature you "
                      "provided. Check your AWS Secret Access Key and signing method. Consult the "
                      "service documentation for details.\n\nThe Canonical String for this request "
                      "should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
                      buf_text(&canonical), buf_text(&string_to_sign));
}

/* -- signatures of certificates ----------------------------------------------------------- */

static bool
signature_verifies(const struct sigv4_claim *claim, EVP_PKEY *key, const struct buf *text)
{
        bool rsa = strcmp(claim->algorithm, X509_RSA) == 0;
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error ignored = { 0 };

        if (!EVP_PKEY_is_a(key, rsa ? "RSA" : "EC") ||
            !hex_decode(claim->signature, &signature, &ignored))
                return false;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool good = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                    EVP_DigestVerify(context, signature.data, signature.len, text->data,
                                     text->len) == 1;
        EVP_MD_CTX_free(context);
        return good;
}

bool
sigv4_check_x509(const struct sigv4_request *request, const struct sigv4_claim *claim,
                 const struct sigv4_rules *rules, EVP_PKEY *key, struct refusal *refusal)
{
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf string_to_sign = { 0 };

        if (!headers_check(request, claim, rules->mismatch_code, refusal) ||
            !scope_check(claim, rules, refusal) || !clock_check(claim, rules, refusal))
                return false;
        sigv4_canonical_request(request, claim->signed_headers, &canonical);
        sigv4_string_to_sign(claim, &canonical, &string_to_sign);
        return signature_verifies(claim, key, &string_to_sign) ||
               refuse(refusal, rules->mismatch_code, "Invalid signature");
}
