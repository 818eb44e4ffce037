/*
 * Signing: raw mechanisms on a digest made here, or the combined ones where only they exist.
 */
#include <openssl/ecdsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "engine/attributes.h"

enum { SIGNATURE_MOST = 1024 };

/* -- mechanisms --------------------------------------------------------------------------- */

static const struct {
        CK_MECHANISM_TYPE ecdsa;
        CK_MECHANISM_TYPE rsa;
        /* DigestInfo up to the digest (RFC 8017, 9.2, note 1) */
        uint8_t digest_info[19];
} hashes[HASHES] = {
        [HASH_SHA256] = { CKM_ECDSA_SHA256,
                          CKM_SHA256_RSA_PKCS,
                          { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                            0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 } },
        [HASH_SHA384] = { CKM_ECDSA_SHA384,
                          CKM_SHA384_RSA_PKCS,
                          { 0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                            0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 } },
        [HASH_SHA512] = { CKM_ECDSA_SHA512,
                          CKM_SHA512_RSA_PKCS,
                          { 0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                            0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 } },
};

static CK_MECHANISM_TYPE
raw_mechanism(enum key_type type)
{
        return key_type_is_ec(type) ? CKM_ECDSA : CKM_RSA_PKCS;
}

static CK_MECHANISM_TYPE
combined_mechanism(enum key_type type, enum hash hash)
{
        return key_type_is_ec(type) ? hashes[hash].ecdsa : hashes[hash].rsa;
}

bool
sign_mechanism_exists(struct token *token, enum key_type type, enum hash hash)
{
        return token_has_mechanism(token, raw_mechanism(type)) ||
               token_has_mechanism(token, combined_mechanism(type, hash));
}

bool
token_can_sign(struct token *token, enum key_type type, enum hash hash)
{
        return sign_mechanism_exists(token, type, hash);
}

/* What is handed to the token: the digest, its DigestInfo, or the message itself. */
static void
make_input(CK_MECHANISM_TYPE mechanism, enum hash hash, struct view message, struct buf *input)
{
        uint8_t digest[64];

        if (mechanism != CKM_ECDSA && mechanism != CKM_RSA_PKCS) {
                buf_add(input, message);
                return;
        }
        hash_bytes(hash, message, digest);
        if (mechanism == CKM_RSA_PKCS)
                buf_add(input, view_of(hashes[hash].digest_info, sizeof(hashes[hash].digest_info)));
        buf_add(input, view_of(digest, hash_size(hash)));
}

/* -- the operation ------------------------------------------------------------------------ */

static CK_RV
sign_init(struct key *key, CK_MECHANISM_TYPE type)
{
        struct token *token = key->token;
        CK_MECHANISM mechanism = { type, NULL, 0 };

        return MODULE_CALL(
                token->module->calls->C_SignInit(token->session, &mechanism, key->private_handle));
}

static CK_RV
sign_input(struct key *key, const struct buf *input, uint8_t *out, CK_ULONG *length)
{
        struct token *token = key->token;

        *length = SIGNATURE_MOST;
        CK_RV rv = MODULE_CALL(
                token->module->calls->C_Sign(token->session, input->data, input->len, out, length));

        return rv == CKR_OK && *length > SIGNATURE_MOST ? CKR_GENERAL_ERROR : rv;
}

/*
 * SignInit, the login that some keys want for every signature, Sign.  Where the module does not
 * tell beforehand, CKR_USER_NOT_LOGGED_IN from C_Sign does.
 */
static CK_RV
sign_once(struct key *key, CK_MECHANISM_TYPE type, const struct buf *input, uint8_t *out,
          CK_ULONG *length, struct error *login_failed)
{
        bool login = key->evidence.always_authenticate == KEY_ANSWER_YES;
        CK_RV rv;

        for (;;) {
                rv = sign_init(key, type);
                if (rv != CKR_OK)
                        return rv;
                if (login && !token_login_context(key->token, login_failed))
                        break;
                rv = sign_input(key, input, out, length);
                if (rv == CKR_OK)
                        return rv;
                if (rv != CKR_USER_NOT_LOGGED_IN || login || !key->token->wants_login)
                        break;
                /* The same value comes from a token that was swapped: no PIN for that one. */
                if (!token_check(key->token, login_failed))
                        break;
                token_replace_session(key->token);
                login = true;
        }
        /* The operation may still be active: better another session than a guess. */
        token_replace_session(key->token);
        return rv;
}

/* ECDSA: r and s, one behind the other, each of field size, become a SEQUENCE (RFC 3279, 2.2.3) */
static bool
ecdsa_to_der(struct view raw, enum key_type type, struct buf *out)
{
        size_t field = (key_type_bits(type) + 7) / 8;
        ECDSA_SIG *pair;
        unsigned char *der = NULL;
        int length;

        if (raw.len == 0 || raw.len % 2 || raw.len > 2 * field)
                return false;
        pair = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(raw.data, (int)(raw.len / 2), NULL);
        BIGNUM *s = BN_bin2bn(raw.data + raw.len / 2, (int)(raw.len / 2), NULL);

        if (!pair || !r || !s)
                abort();
        ECDSA_SIG_set0(pair, r, s);
        length = i2d_ECDSA_SIG(pair, &der);
        ECDSA_SIG_free(pair);
        if (length <= 0)
                return false;
        buf_set(out, view_of(der, (size_t)length));
        OPENSSL_free(der);
        return true;
}

static bool
verifies(const struct key *key, enum hash hash, struct view message, struct view signature)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        const EVP_MD *md = EVP_get_digestbyname(hash_name(hash));
        bool good;

        ERR_set_mark();
        good = context && md &&
               EVP_DigestVerifyInit(context, NULL, md, NULL, key->public_key) == 1 &&
               EVP_DigestVerify(context, signature.data, signature.len, message.data,
                                message.len) == 1;
        (void)ERR_pop_to_mark();
        EVP_MD_CTX_free(context);
        return good;
}

static bool
has_not(struct key *key, enum hash hash, struct error *err)
{
        error_set(err, ERROR_MECHANISM, "the token cannot sign with %s keys and %s",
                  key_type_name(key->type), hash_name(hash));
        return error_advise(err, "choose another key type or --signing-algorithm");
}

/* With the raw mechanism if there is one, else with the combined one. */
static CK_RV
sign_somehow(struct key *key, enum hash hash, struct view message, uint8_t *out, CK_ULONG *length,
             struct error *err)
{
        CK_MECHANISM_TYPE ways[2] = { raw_mechanism(key->type),
                                      combined_mechanism(key->type, hash) };
        CK_RV rv = CKR_MECHANISM_INVALID;

        for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
                CLEANUP(buf_cleanup) struct buf input = { 0 };

                if (!token_has_mechanism(key->token, ways[i]))
                        continue;
                make_input(ways[i], hash, message, &input);
                rv = sign_once(key, ways[i], &input, out, length, err);
                if (rv != CKR_MECHANISM_INVALID && rv != CKR_KEY_FUNCTION_NOT_PERMITTED)
                        break;
        }
        return rv;
}

/* What is to be signed, and whether the signature has to be verified here. */
struct task {
        enum hash hash;
        struct view message;
        bool must_verify;
};

static bool
is_good(struct key *key, const struct task *task, struct view signature)
{
        bool *known = &key->token->signs[key->type][task->hash];

        if (!task->must_verify && *known)
                return true;
        *known = verifies(key, task->hash, task->message, signature);
        return *known;
}

/* One attempt, with handles that are valid.  `*lost` says that the session was what failed. */
static bool
attempt(struct key *key, const struct task *task, struct buf *signature, bool *lost,
        struct error *err)
{
        uint8_t raw[SIGNATURE_MOST];
        CK_ULONG length = 0;
        CLEANUP(buf_cleanup) struct buf made = { 0 };
        struct error login = { 0 };
        CK_RV rv;

        if (!sign_mechanism_exists(key->token, key->type, task->hash))
                return has_not(key, task->hash, err);
        rv = sign_somehow(key, task->hash, task->message, raw, &length, &login);
        if (login.kind != ERROR_NONE) {
                *err = login;
                return false;
        }
        if (rv != CKR_OK) {
                token_error(key->token, err, rv, "cannot sign");
                *lost = (ckr_is_session_loss(rv) || ckr_is_vague(rv) ||
                         rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID) &&
                        err->kind != ERROR_TOKEN_REMOVED && err->kind != ERROR_TOKEN_SWAPPED;
                return false;
        }
        if (!key_type_is_ec(key->type))
                buf_set(&made, view_of(raw, length));
        else if (!ecdsa_to_der(view_of(raw, length), key->type, &made))
                return error_set(err, ERROR_TOKEN,
                                 "the token made a signature of %lu bytes, "
                                 "which no %s key does",
                                 length, key_type_name(key->type));
        if (!is_good(key, task, view_buf(&made))) {
                error_set(err, ERROR_KEY_LOST,
                          "the token signed with another key than the one on record");
                return error_advise(err, "the token was swapped, or initialised anew; order the "
                                         "certificate again with a new key");
        }
        buf_set(signature, view_buf(&made));
        return true;
}

bool
key_sign_once(struct key *key, enum hash hash, struct view message, struct buf *signature,
              struct error *err)
{
        const struct task task = { .hash = hash, .message = message, .must_verify = true };
        bool lost = false;

        return attempt(key, &task, signature, &lost, err);
}

/* The same promise for a key that OpenSSL reaches. */
static bool
sign_by_openssl(const struct key *key, const struct task *task, struct buf *signature,
                struct error *err)
{
        CLEANUP(buf_cleanup) struct buf made = { 0 };

        if (!openssl_key_sign(key, task->hash, task->message, &made, err))
                return false;
        if (!verifies(key, task->hash, task->message, view_buf(&made))) {
                error_set(err, ERROR_KEY_LOST, "the key's signature is not that of its public key");
                return error_about(err, "key %s", key->uri);
        }
        buf_set(signature, view_buf(&made));
        return true;
}

static bool
sign_task(struct key *key, const struct task *task, struct buf *signature, struct error *err)
{
        bool lost = false;

        if (key->home)
                return sign_by_openssl(key, task, signature, err);
        if (!key_refresh(key, err))
                return error_about(err, "key %s", key->uri);
        if (attempt(key, task, signature, &lost, err))
                return true;
        /* Sessions closed by somebody else (a reset, another library), or a failure that says
         * nothing: once more on a new one. */
        if (!lost || !key->token->wants_login)
                return error_about(err, "key %s", key->uri);
        if (!token_reopen(key->token, err) || !key_refresh(key, err) ||
            !attempt(key, task, signature, &lost, err))
                return error_about(err, "key %s", key->uri);
        /* What went wrong the first time is nobody's error. */
        *err = (struct error){ 0 };
        return true;
}

bool
key_sign(struct key *key, enum hash hash, struct view message, struct buf *signature,
         struct error *err)
{
        const struct task task = { .hash = hash, .message = message, .must_verify = true };

        return sign_task(key, &task, signature, err);
}

bool
key_sign_for_verifier(struct key *key, enum hash hash, struct view message, struct buf *signature,
                      struct error *err)
{
        const struct task task = { .hash = hash, .message = message };

        return sign_task(key, &task, signature, err);
}
