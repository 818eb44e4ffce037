#include "aws/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/algorithm.h"
#include "base/clock.h"

enum { DIGEST = 32 };

void
sigv4_date_time(int64_t when, char out[17])
{
        int year, month, day, second;

        clock_to_civil(when, &year, &month, &day, &second);
        assert(year >= 0 && year <= 9999);
        snprintf(out, 17, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)year % 10000,
                 (unsigned)month % 100, (unsigned)day % 100, (unsigned)(second / 3600) % 100,
                 (unsigned)(second / 60 % 60) % 100, (unsigned)(second % 60) % 100);
}

static void
add_hash(struct buf *out, struct view bytes)
{
        uint8_t digest[DIGEST];

        sha256(bytes, digest);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, sizeof(digest)));

        buf_add_text(out, hex);
}

/* -- path and query ----------------------------------------------------------------------- */

/* RFC 3986, 2.3. */
static bool
is_unreserved(uint8_t c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == '~';
}

static void
add_encoded(struct buf *out, struct view bytes, bool keep_slash)
{
        for (size_t i = 0; i < bytes.len; i++) {
                uint8_t c = bytes.data[i];

                if (is_unreserved(c) || (keep_slash && c == '/'))
                        buf_add_byte(out, c);
                else
                        buf_format(out, "%%%02X", c);
        }
}

/* Forget the last segment of an absolute path that ends in '/'. */
static void
drop_segment(struct buf *path)
{
        if (path->len <= 1)
                return;
        path->len--;
        while (path->data[path->len - 1] != '/')
                path->len--;
        path->data[path->len] = '\0';
}

/* Remove "." and ".." segments and repeated slashes; a slash at the end stays (RFC 3986, 5.2.4). */
static void
normalize_path(const char *path, struct buf *out)
{
        const char *at = path;

        buf_add_byte(out, '/');
        while (*at) {
                size_t length = strcspn(at, "/");
                bool last = at[length] == '\0';

                if (length == 2 && at[0] == '.' && at[1] == '.') {
                        drop_segment(out);
                } else if (length && !(length == 1 && at[0] == '.')) {
                        buf_add(out, view_of(at, length));
                        if (!last)
                                buf_add_byte(out, '/');
                }
                at += length + !last;
        }
}

static void
add_path(struct buf *out, const struct sigv4_request *request)
{
        CLEANUP(buf_cleanup) struct buf normal = { 0 };
        const char *path = request->path && *request->path ? request->path : "/";

        if (request->normalize_path)
                normalize_path(path, &normal);
        else
                buf_add_text(&normal, path);
        add_encoded(out, view_buf(&normal), true);
}

/* One name and its value, both percent-encoded. */
struct parameter {
        struct buf name;
        struct buf value;
};

static int
hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Undo what encoding the request line has, then encode as the specification says. */
static void
add_canonical(struct buf *out, const char *text, size_t length)
{
        CLEANUP(buf_cleanup) struct buf plain = { 0 };

        for (size_t i = 0; i < length; i++) {
                if (text[i] == '%' && i + 2 < length && hex_value(text[i + 1]) >= 0 &&
                    hex_value(text[i + 2]) >= 0) {
                        int byte = hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]);

                        buf_add_byte(&plain, (uint8_t)byte);
                        i += 2;
                        continue;
                }
                buf_add_byte(&plain, (uint8_t)text[i]);
        }
        add_encoded(out, view_buf(&plain), false);
}

static int
parameter_order(const void *left, const void *right)
{
        const struct parameter *a = left;
        const struct parameter *b = right;
        int order = strcmp(buf_text(&a->name), buf_text(&b->name));

        return order ? order : strcmp(buf_text(&a->value), buf_text(&b->value));
}

static void
add_query(struct buf *out, const char *query)
{
        struct parameter *parameters = NULL;
        size_t count = 0;

        for (const char *at = query; *at;) {
                size_t length = strcspn(at, "&");
                const char *equals = memchr(at, '=', length);
                size_t name = equals ? (size_t)(equals - at) : length;

                if (length) {
                        parameters = memory_grow(parameters, count + 1, sizeof(*parameters));
                        parameters[count] = (struct parameter){ 0 };
                        add_canonical(&parameters[count].name, at, name);
                        if (equals)
                                add_canonical(&parameters[count].value, equals + 1,
                                              length - name - 1);
                        count++;
                }
                at += length + (at[length] == '&');
        }
        if (count)
                qsort(parameters, count, sizeof(*parameters), parameter_order);
        for (size_t i = 0; i < count; i++) {
                buf_format(out, "%s%s=%s", i ? "&" : "", buf_text(&parameters[i].name),
                           buf_text(&parameters[i].value));
                buf_clear(&parameters[i].name);
                buf_clear(&parameters[i].value);
        }
        free(parameters);
}

/* -- headers ------------------------------------------------------------------------------ */

static bool
is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks at both ends go, runs of them (and folded lines) become one space. */
static void
add_header_value(struct buf *out, const char *value)
{
        bool gap = false;
        bool begun = false;

        for (const char *c = value; *c; c++) {
                if (is_blank(*c)) {
                        gap = begun;
                        continue;
                }
                if (gap)
                        buf_add_byte(out, ' ');
                buf_add_byte(out, (uint8_t)*c);
                gap = false;
                begun = true;
        }
}

/* A header's place in the order: by name, those of one name as they came. */
struct place {
        const struct sigv4_header *header;
        size_t index;
};

static int
place_order(const void *left, const void *right)
{
        const struct place *a = left;
        const struct place *b = right;
        int order = strcasecmp(a->header->name, b->header->name);

        if (order)
                return order;
        return a->index < b->index ? -1 : 1;
}

static void
add_lower(struct buf *out, const char *text)
{
        for (; *text; text++)
                buf_add_byte(out, (uint8_t)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text));
}

static void
add_headers(struct buf *canonical, struct buf *names, const struct sigv4_request *request)
{
        struct place *places = memory_new(request->header_count, sizeof(*places));

        for (size_t i = 0; i < request->header_count; i++)
                places[i] = (struct place){ .header = &request->headers[i], .index = i };
        qsort(places, request->header_count, sizeof(*places), place_order);
        for (size_t i = 0; i < request->header_count; i++) {
                const struct sigv4_header *header = places[i].header;
                bool again = i && strcasecmp(places[i - 1].header->name, header->name) == 0;

                if (again) {
                        buf_add_byte(canonical, ',');
                } else {
                        if (i) {
                                buf_add_byte(canonical, '\n');
                                buf_add_byte(names, ';');
                        }
                        add_lower(canonical, header->name);
                        add_lower(names, header->name);
                        buf_add_byte(canonical, ':');
                }
                add_header_value(canonical, header->value);
        }
        buf_add_byte(canonical, '\n');
        free(places);
}

/* -- the three stages --------------------------------------------------------------------- */

void
sigv4_canonical(const struct sigv4_request *request, struct buf *canonical,
                struct buf *signed_headers)
{
        CLEANUP(buf_cleanup) struct buf names = { 0 };

        buf_format(canonical, "%s\n", request->method);
        add_path(canonical, request);
        buf_add_byte(canonical, '\n');
        if (request->query)
                add_query(canonical, request->query);
        buf_add_byte(canonical, '\n');
        add_headers(canonical, &names, request);
        buf_format(canonical, "\n%s\n", buf_text(&names));
        add_hash(canonical, request->body);
        if (signed_headers)
                buf_set(signed_headers, view_buf(&names));
}

static void
add_scope(struct buf *out, const struct sigv4_scope *scope)
{
        buf_format(out, "%.8s/%s/%s/aws4_request", scope->date_time, scope->region, scope->service);
}

static const char *
algorithm_of(const struct sigv4_scope *scope)
{
        return scope->algorithm ? scope->algorithm : "AWS4-HMAC-SHA256";
}

void
sigv4_string_to_sign(const struct sigv4_scope *scope, struct view canonical, struct buf *out)
{
        buf_format(out, "%s\n%s\n", algorithm_of(scope), scope->date_time);
        add_scope(out, scope);
        buf_add_byte(out, '\n');
        add_hash(out, canonical);
}

static void
hmac(struct view key, struct view text, uint8_t out[DIGEST])
{
        unsigned length = DIGEST;

        if (!HMAC(EVP_sha256(), key.data, (int)key.len, text.data, text.len, out, &length))
                abort(); /* only memory can be missing */
}

static void
derive(const struct secret *secret_key, const struct sigv4_scope *scope, struct secret *out)
{
        struct secret first = { 0 };
        uint8_t key[DIGEST];

        secret_reserve(&first, secret_key->len + 4);
        memcpy(first.data, "AWS4", 4);
        if (secret_key->len)
                memcpy(first.data + 4, secret_key->data, secret_key->len);
        first.len = secret_key->len + 4;
        hmac(secret_view(&first), view_of(scope->date_time, 8), key);
        hmac(view_of(key, DIGEST), view_text(scope->region), key);
        hmac(view_of(key, DIGEST), view_text(scope->service), key);
        hmac(view_of(key, DIGEST), view_text("aws4_request"), key);
        secret_set(out, view_of(key, DIGEST));
        wipe(key, sizeof(key));
        secret_clear(&first);
}

static void
sign(const struct secret *signing_key, struct view string_to_sign, char out[65])
{
        uint8_t digest[DIGEST];

        hmac(secret_view(signing_key), string_to_sign, digest);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, sizeof(digest)));

        memcpy(out, hex, 65);
}

void
sigv4_signature(const struct secret *secret_key, const struct sigv4_scope *scope,
                struct view string_to_sign, char out[65])
{
        struct secret key = { 0 };

        derive(secret_key, scope, &key);
        sign(&key, string_to_sign, out);
        secret_clear(&key);
}

/* The value of the header; `who` is an access key id or a serial number. */
static void
add_authorization(struct buf *out, const struct sigv4_scope *scope, const char *who,
                  const struct buf *names, const char *signature)
{
        buf_format(out, "%s Credential=%s/", algorithm_of(scope), who);
        add_scope(out, scope);
        buf_format(out, ", SignedHeaders=%s, Signature=%s", buf_text(names), signature);
}

void
sigv4_authorization_kept(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         const char *access_key_id, const struct secret *secret_key,
                         struct sigv4_key *kept, struct buf *out)
{
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf names = { 0 };
        CLEANUP(buf_cleanup) struct buf string = { 0 };
        CLEANUP(free_cleanup)
        char *scope_text =
                text_format("%.8s/%s/%s", scope->date_time, scope->region, scope->service);
        char signature[65];

        if (!kept->key.data || strcmp(kept->scope, scope_text) != 0) {
                derive(secret_key, scope, &kept->key);
                /* A scope too long to be remembered is derived every time. */
                bool fits = strlen(scope_text) < sizeof(kept->scope);

                snprintf(kept->scope, sizeof(kept->scope), "%s", fits ? scope_text : "");
        }
        sigv4_canonical(request, &canonical, &names);
        sigv4_string_to_sign(scope, view_buf(&canonical), &string);
        sign(&kept->key, view_buf(&string), signature);
        add_authorization(out, scope, access_key_id, &names, signature);
}

void
sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                    const char *access_key_id, const struct secret *secret_key, struct buf *out)
{
        struct sigv4_key key = { 0 };

        sigv4_authorization_kept(request, scope, access_key_id, secret_key, &key, out);
        sigv4_key_clear(&key);
}

void
sigv4_key_clear(struct sigv4_key *kept)
{
        secret_clear(&kept->key);
        kept->scope[0] = '\0';
}

bool
sigv4_authorization_x509(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         const char *serial, sigv4_signer *sign_text, void *context,
                         struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf canonical = { 0 };
        CLEANUP(buf_cleanup) struct buf names = { 0 };
        CLEANUP(buf_cleanup) struct buf string = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };

        sigv4_canonical(request, &canonical, &names);
        sigv4_string_to_sign(scope, view_buf(&canonical), &string);
        if (!sign_text(context, view_buf(&string), &signature, err))
                return false;
        CLEANUP(free_cleanup) char *hex = hex_encode(view_buf(&signature));

        add_authorization(out, scope, serial, &names, hex);
        return true;
}
