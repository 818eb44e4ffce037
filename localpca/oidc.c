#include "localpca/oidc.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/json.h"
#include "localpca/x509.h"

enum { ES256_HALF = 32 };

static const char KIND[] = "oidc";

/* The algorithms of tokens (RFC 7518, 3.1), and the keys that they are signed by. */
static const struct signing {
        const char *name, *key;
} signings[] = {
        { "RS256", "RSA_2048" },
        { "ES256", "EC_prime256v1" },
};

/* -- base64url (RFC 4648, 5) -------------------------------------------------------------- */

static char *
url_encode(struct view bytes)
{
        char *text = base64_encode(bytes);

        for (char *at = text; *at; at++) {
                if (*at == '+')
                        *at = '-';
                else if (*at == '/')
                        *at = '_';
        }
        text[strcspn(text, "=")] = '\0';
        return text;
}

static bool
url_decode(const char *text, size_t len, struct buf *out)
{
        struct buf plain = { 0 };
        struct error ignored = { 0 };

        buf_add(&plain, view_of(text, len));
        for (size_t i = 0; i < plain.len; i++) {
                if (plain.data[i] == '-')
                        plain.data[i] = '+';
                else if (plain.data[i] == '_')
                        plain.data[i] = '/';
        }
        while (plain.len % 4)
                buf_add_byte(&plain, '=');
        bool done = base64_decode(view_buf(&plain), out, &ignored);
        buf_clear(&plain);
        return done;
}

/* -- keys --------------------------------------------------------------------------------- */

struct finding {
        const char *name;
        char *der; /* base64 of PKCS #8 */
};

static bool
key_visit(void *context, int64_t row, const char *key, const cJSON *document, struct error *err)
{
        struct finding *finding = context;

        (void)row;
        (void)err;
        if (strcmp(finding->name, key) == 0)
                text_assign(&finding->der, json_text(document, "key"));
        return true;
}

static EVP_PKEY *
key_decode(const char *encoded)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error ignored = { 0 };

        if (!encoded || !base64_decode(view_text(encoded), &der, &ignored))
                return NULL;
        const uint8_t *at = der.data;
        return d2i_AutoPrivateKey(NULL, &at, (long)der.len);
}

static EVP_PKEY *
key_create(struct pca *pca, const struct signing *signing, struct error *err)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *key = key_make(key_kind_find(signing->key));
        PKCS8_PRIV_KEY_INFO *info = key ? EVP_PKEY2PKCS8(key) : NULL;
        uint8_t *der = NULL;
        int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
        bool done = false;

        PKCS8_PRIV_KEY_INFO_free(info);
        if (len > 0) {
                char *encoded = base64_encode(view_of(der, (size_t)len));
                cJSON *document = cJSON_CreateObject();
                cJSON_AddStringToObject(document, "key", encoded);
                done = store_document_put(pca->store, KIND, signing->name, document, NULL, err);
                cJSON_Delete(document);
                wipe(encoded, strlen(encoded));
                free(encoded);
                wipe(der, (size_t)len);
        } else {
                error_set(err, ERROR_INTERNAL, "cannot make a key for tokens");
        }
        OPENSSL_free(der);
        return done ? MOVE(key) : NULL;
}

/* The issuer's key of that algorithm; NULL: the state failed, or `make` is false and there is none.
 */
static EVP_PKEY *
key_find(struct pca *pca, const struct signing *signing, bool make, struct error *err)
{
        struct finding finding = { .name = signing->name };
        EVP_PKEY *key = NULL;

        if (store_document_each(pca->store, KIND, key_visit, &finding, err))
                key = key_decode(finding.der);
        if (!key && make)
                key = key_create(pca, signing, err);
        free(finding.der);
        return key;
}

static const struct signing *
signing_find(const char *name)
{
        for (size_t i = 0; name && i < ARRAY_LENGTH(signings); i++)
                if (strcmp(signings[i].name, name) == 0)
                        return &signings[i];
        return NULL;
}

/* -- signatures --------------------------------------------------------------------------- */

/* ES256 has the two numbers side by side, not in DER (RFC 7518, 3.4). */
static bool
halves_from_der(struct buf *signature)
{
        const uint8_t *at = signature->data;
        ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)signature->len);
        uint8_t halves[2 * ES256_HALF];
        bool done = parsed &&
                    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), halves, ES256_HALF) == ES256_HALF &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), halves + ES256_HALF, ES256_HALF) ==
                            ES256_HALF;

        ECDSA_SIG_free(parsed);
        if (done)
                buf_set(signature, view_of(halves, sizeof(halves)));
        return done;
}

static bool
der_from_halves(struct buf *signature)
{
        ECDSA_SIG *made = ECDSA_SIG_new();
        uint8_t *der = NULL;

        if (signature->len != 2 * ES256_HALF || !made) {
                ECDSA_SIG_free(made);
                return false;
        }
        ECDSA_SIG_set0(made, BN_bin2bn(signature->data, ES256_HALF, NULL),
                       BN_bin2bn(signature->data + ES256_HALF, ES256_HALF, NULL));
        int len = i2d_ECDSA_SIG(made, &der);
        if (len > 0)
                buf_set(signature, view_of(der, (size_t)len));
        OPENSSL_free(der);
        ECDSA_SIG_free(made);
        return len > 0;
}

static bool
token_sign(EVP_PKEY *key, struct view text, struct buf *signature)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        size_t len = 0;
        bool done = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                    EVP_DigestSign(context, NULL, &len, text.data, text.len) == 1;

        if (done) {
                uint8_t *bytes = memory_new(len, 1);
                done = EVP_DigestSign(context, bytes, &len, text.data, text.len) == 1;
                if (done)
                        buf_set(signature, view_of(bytes, len));
                free(bytes);
        }
        EVP_MD_CTX_free(context);
        if (done && EVP_PKEY_is_a(key, "EC"))
                done = halves_from_der(signature);
        return done;
}

static bool
token_verifies(EVP_PKEY *key, struct view text, struct buf *signature)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool fine = (!EVP_PKEY_is_a(key, "EC") || der_from_halves(signature)) && context &&
                    EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                    EVP_DigestVerify(context, signature->data, signature->len, text.data,
                                     text.len) == 1;

        EVP_MD_CTX_free(context);
        return fine;
}

/* -- tokens ------------------------------------------------------------------------------- */

static void
part_add(struct buf *out, const cJSON *object)
{
        char *text = cJSON_PrintUnformatted(object);
        char *encoded = url_encode(view_text(text));

        buf_format(out, "%s%s", out->len ? "." : "", encoded);
        free(encoded);
        cJSON_free(text);
}

static cJSON *
claims_make(const struct oidc_wish *wish)
{
        cJSON *claims = wish->claims ? cJSON_Duplicate(wish->claims, true) : cJSON_CreateObject();

        json_set_text(claims, "iss", wish->issuer ? wish->issuer : OIDC_ISSUER);
        json_set_text(claims, "sub", wish->subject);
        json_set_text(claims, "aud", wish->audience);
        cJSON_AddNumberToObject(claims, "iat", (double)wish->issued);
        cJSON_AddNumberToObject(claims, "exp", (double)wish->expires);
        return claims;
}

char *
oidc_token_make(struct pca *pca, const struct oidc_wish *wish, struct error *err)
{
        const char *name = wish->algorithm ? wish->algorithm : "RS256";
        const struct signing *signing = signing_find(name);
        CLEANUP(buf_cleanup) struct buf token = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        cJSON *header = cJSON_CreateObject(), *claims = claims_make(wish);

        cJSON_AddStringToObject(header, "alg", name);
        cJSON_AddStringToObject(header, "kid", name);
        cJSON_AddStringToObject(header, "typ", "JWT");
        part_add(&token, header);
        part_add(&token, claims);
        cJSON_Delete(header);
        cJSON_Delete(claims);
        if (signing) {
                CLEANUP(pkey_cleanup) EVP_PKEY *key = key_find(pca, signing, true, err);
                if (!key)
                        return NULL;
                if (!token_sign(key, view_buf(&token), &signature)) {
                        error_set(err, ERROR_INTERNAL, "cannot sign a token");
                        return NULL;
                }
        }
        CLEANUP(free_cleanup) char *encoded = url_encode(view_buf(&signature));
        return text_format("%s.%s", buf_text(&token), encoded);
}

static cJSON *
part_read(const char *text, size_t len)
{
        CLEANUP(buf_cleanup) struct buf plain = { 0 };
        cJSON *object = NULL;

        if (url_decode(text, len, &plain))
                object = cJSON_ParseWithLength(buf_text(&plain), plain.len);
        if (cJSON_IsObject(object))
                return object;
        cJSON_Delete(object);
        return NULL;
}

/* Is the third part the local issuer's signature over the first two? */
static bool
signature_check(struct call *call, const char *token, size_t signed_len, const char *algorithm)
{
        const struct signing *signing = signing_find(algorithm);
        const char *encoded = token + signed_len + 1;
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error ignored = { 0 };

        if (!signing)
                return refuse(&call->refusal, "InvalidIdentityToken",
                              "Unsupported signing algorithm: %s", algorithm ? algorithm : "none");
        CLEANUP(pkey_cleanup) EVP_PKEY *key = key_find(call->pca, signing, false, &ignored);
        if (key && url_decode(encoded, strlen(encoded), &signature) &&
            token_verifies(key, view_of(token, signed_len), &signature))
                return true;
        return refuse(&call->refusal, "InvalidIdentityToken",
                      "The web identity token's signature could not be verified");
}

cJSON *
oidc_token_read(struct call *call, const char *token)
{
        size_t header_len = strcspn(token, ".");
        size_t claims_at = header_len + 1;
        size_t claims_len = token[header_len] ? strcspn(token + claims_at, ".") : 0;
        bool three = claims_len && token[claims_at + claims_len] == '.' &&
                     !strchr(token + claims_at + claims_len + 1, '.');
        cJSON *header = three ? part_read(token, header_len) : NULL;
        cJSON *claims = header ? part_read(token + claims_at, claims_len) : NULL;

        if (!claims) {
                cJSON_Delete(header);
                refuse(&call->refusal, "InvalidIdentityToken",
                       "The ID Token provided is not a valid JWT. (You may see this error if you "
                       "sent an Access Token)");
                return NULL;
        }
        const char *issuer = json_text(claims, "iss");
        bool done = false;
        /* Another issuer's keys would have to be fetched from it. */
        if (!issuer || strcmp(issuer, OIDC_ISSUER) != 0)
                refuse(&call->refusal, "InvalidIdentityToken",
                       "Couldn't retrieve verification key from your identity provider,  please "
                       "reference AssumeRoleWithWebIdentity documentation for requirements");
        else
                done = signature_check(call, token, claims_at + claims_len,
                                       json_text(header, "alg"));
        cJSON_Delete(header);
        if (done)
                return claims;
        cJSON_Delete(claims);
        return NULL;
}
