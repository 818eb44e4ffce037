#include "tests/unit/fake_token.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/algorithm.h"
#include "engine/witness.h"

struct fake_token fake_token;

/* Workers of several tokens come at the same time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct modules {
        int unused;
};

struct token {
        struct token_facts facts;
};

struct key {
        EVP_PKEY *pkey; /* borrowed from the token */
        struct buf id;
        struct buf spki;
        char *label;
        char *uri;
};

void
fake_token_reset(void)
{
        for (size_t i = 0; i < fake_token.key_count; i++) {
                buf_clear(&fake_token.keys[i].id);
                EVP_PKEY_free(fake_token.keys[i].pkey);
                free(fake_token.keys[i].label);
        }
        for (size_t i = 0; i < fake_token.certificate_count; i++) {
                buf_clear(&fake_token.certificates[i].id);
                buf_clear(&fake_token.certificates[i].certificate);
        }
        fake_token = (struct fake_token){ 0 };
}

unsigned
fake_token_count(enum fake_call call)
{
        pthread_mutex_lock(&lock);
        unsigned count = fake_token.counts[call];

        pthread_mutex_unlock(&lock);
        return count;
}

/* Count the call; fail it when it was told to. */
static bool
called(enum fake_call call, struct error *err)
{
        pthread_mutex_lock(&lock);
        fake_token.counts[call]++;
        pthread_mutex_unlock(&lock);
        if (fake_token.meanwhile)
                fake_token.meanwhile(call);
        if (fake_token.failures[call] == ERROR_NONE)
                return true;
        return error_set(err, fake_token.failures[call], "the fake token was told to fail");
}

/* -- modules and tokens --------------------------------------------------------------------- */

struct modules *
modules_open(const char *path, const char *only_name, const char *init_args, struct error *err)
{
        (void)path, (void)only_name, (void)init_args, (void)err;
        return memory_new(1, sizeof(struct modules));
}

void
modules_unmute(void)
{
}

void
modules_close(struct modules *modules)
{
        free(modules);
}

void
modules_leave(struct modules *modules)
{
        modules_close(modules);
}

bool
modules_cannot_lock(const struct modules *modules, const char *module_path)
{
        (void)modules, (void)module_path;
        return false;
}

struct token *
token_open(struct modules *modules, const struct uri *uri, const struct token_login *login,
           struct error *err)
{
        (void)modules, (void)uri, (void)login;
        if (!called(FAKE_OPEN, err))
                return NULL;
        if (fake_token.absent_opens) {
                fake_token.absent_opens--;
                error_set(err, ERROR_TOKEN_ABSENT, "there is no token in any slot");
                return NULL;
        }
        struct token *token = memory_new(1, sizeof(*token));

        snprintf(token->facts.label, sizeof(token->facts.label), "fake");
        snprintf(token->facts.serial, sizeof(token->facts.serial), "f00d");
        snprintf(token->facts.manufacturer, sizeof(token->facts.manufacturer), "nobody");
        snprintf(token->facts.model, sizeof(token->facts.model), "memory");
        return token;
}

void
token_close(struct token *token)
{
        free(token);
}

const struct token_facts *
token_facts(const struct token *token)
{
        return &token->facts;
}

bool
token_check(struct token *token, struct error *err)
{
        (void)token;
        return called(FAKE_CHECK, err);
}

const struct secret *
token_pin(const struct token *token)
{
        (void)token;
        return NULL;
}

bool
token_serial_is_identity(const char *serial)
{
        return serial[0] != '\0';
}

bool
token_can_make(struct token *token, enum key_type type)
{
        (void)token;
        return key_type_is_ec(type);
}

bool
token_can_sign(struct token *token, enum key_type type, enum hash hash)
{
        (void)token;
        (void)type;
        return hash != HASH_SHA512;
}

bool
token_taken(struct token *token, struct view id, const char *label, char **uris, struct error *err)
{
        (void)token, (void)err;
        for (size_t i = 0; i < fake_token.key_count; i++) {
                if ((id.len && view_equal(view_buf(&fake_token.keys[i].id), id)) ||
                    (label && text_equal(fake_token.keys[i].label, label)))
                        *uris = text_copy("pkcs11:serial=f00d;object=taken");
        }
        return true;
}

bool
token_find_objects(struct token *token, const char *kind, struct view id, const char *label,
                   struct object_facts **list, size_t *count, struct error *err)
{
        (void)token, (void)kind, (void)id, (void)label, (void)err;
        *list = NULL;
        *count = 0;
        return true;
}

void
objects_free(struct object_facts *list, size_t count)
{
        (void)list, (void)count;
}

bool
token_clear_id(struct token *token, struct view id, struct error *err)
{
        (void)token, (void)id;
        return called(FAKE_DESTROY, err);
}

/* -- keys ------------------------------------------------------------------------------------ */

static struct key *
key_of(size_t i)
{
        struct key *key = memory_new(1, sizeof(*key));
        unsigned char *der = NULL;
        int length;

        key->pkey = fake_token.keys[i].pkey;
        buf_set(&key->id, view_buf(&fake_token.keys[i].id));
        key->label = text_copy(fake_token.keys[i].label);
        key->uri = text_copy("pkcs11:serial=f00d;type=private");
        length = i2d_PUBKEY(key->pkey, &der);
        buf_set(&key->spki, view_of(der, (size_t)length));
        OPENSSL_free(der);
        return key;
}

struct key *
key_make(struct token *token, enum key_type type, struct view id, const char *label,
         struct error *err)
{
        (void)token, (void)type;
        usleep(fake_token.hang_ms * 1000);
        if (!called(FAKE_MAKE, err))
                return NULL;
        pthread_mutex_lock(&lock);
        assert(fake_token.key_count < FAKE_KEYS);
        size_t i = fake_token.key_count++;

        fake_token.made++;
        fake_token.keys[i].pkey = EVP_EC_gen("P-256");
        buf_set(&fake_token.keys[i].id, id);
        text_assign(&fake_token.keys[i].label, label);
        pthread_mutex_unlock(&lock);
        return key_of(i);
}

struct key *
key_find(struct token *token, struct view id, const char *label, struct view spki,
         struct error *err)
{
        (void)token, (void)spki;
        for (size_t i = 0; i < fake_token.key_count; i++) {
                if ((!id.len || view_equal(view_buf(&fake_token.keys[i].id), id)) &&
                    (!label || text_equal(fake_token.keys[i].label, label)))
                        return key_of(i);
        }
        error_set(err, ERROR_KEY_ABSENT, "no such key");
        return NULL;
}

struct key *
key_find_public(struct token *token, struct view spki, struct error *err)
{
        (void)token, (void)spki;
        error_set(err, ERROR_KEY_ABSENT, "no such key");
        return NULL;
}

struct key *
key_recover(struct token *token, enum key_type type, struct view id, struct view not_this_sha256,
            struct error *err)
{
        (void)token, (void)type, (void)not_this_sha256, (void)err;
        for (size_t i = 0; i < fake_token.key_count; i++) {
                if (view_equal(view_buf(&fake_token.keys[i].id), id))
                        return key_of(i);
        }
        return NULL;
}

void
key_free(struct key *key)
{
        if (!key)
                return;
        buf_clear(&key->id);
        buf_clear(&key->spki);
        free(key->label);
        free(key->uri);
        free(key);
}

struct view
key_spki(const struct key *key)
{
        return view_buf(&key->spki);
}

struct view
key_id(const struct key *key)
{
        return view_buf(&key->id);
}

const char *
key_label(const struct key *key)
{
        return key->label;
}

const char *
key_uri(const struct key *key)
{
        return key->uri;
}

enum key_type
key_type(const struct key *key)
{
        return key_type_of_key(key->pkey);
}

void
key_evidence(const struct key *key, struct key_evidence *out)
{
        (void)key;
        *out = (struct key_evidence){ .local = KEY_ANSWER_YES,
                                      .always_sensitive = KEY_ANSWER_YES,
                                      .never_extractable = KEY_ANSWER_YES };
}

bool
key_sign(struct key *key, enum hash hash, struct view message, struct buf *signature,
         struct error *err)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        uint8_t bytes[256];
        size_t length = sizeof(bytes);
        bool done = called(FAKE_SIGN, err);
        bool lies = fake_token.lies_at && fake_token_count(FAKE_SIGN) == fake_token.lies_at;
        EVP_PKEY *other = lies ? EVP_EC_gen("P-256") : NULL;

        if (done) {
                assert(hash == HASH_SHA256);
                assert(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL,
                                          lies ? other : key->pkey) == 1);
                assert(EVP_DigestSign(context, bytes, &length, message.data, message.len) == 1);
                buf_set(signature, view_of(bytes, length));
        }
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(other);
        return done;
}

bool
key_sign_for_verifier(struct key *key, enum hash hash, struct view message, struct buf *signature,
                      struct error *err)
{
        return key_sign(key, hash, message, signature, err);
}

bool
key_reach(struct key *key, struct error *err)
{
        (void)key, (void)err;
        return true;
}

bool
key_check(struct key *key, struct view spki, struct error *err)
{
        if (!called(FAKE_CHECK, err))
                return false;
        if (view_equal(view_buf(&key->spki), spki))
                return true;
        return error_set(err, ERROR_KEY_LOST, "another key is under that id");
}

/* -- certificates ---------------------------------------------------------------------------- */

bool
token_write_certificate(struct token *token, struct view certificate, struct view subject,
                        struct view issuer, struct view serial, struct view id, const char *label,
                        struct error *err)
{
        (void)token, (void)label;
        assert(subject.len && issuer.len && serial.len);
        if (!called(FAKE_WRITE, err))
                return false;
        pthread_mutex_lock(&lock);
        assert(fake_token.certificate_count < FAKE_CERTIFICATES);
        size_t i = fake_token.certificate_count++;

        buf_set(&fake_token.certificates[i].id, id);
        buf_set(&fake_token.certificates[i].certificate, certificate);
        pthread_mutex_unlock(&lock);
        return true;
}

bool
token_has_certificate(struct token *token, struct view certificate, struct view id,
                      struct error *err)
{
        (void)token, (void)err;
        for (size_t i = 0; i < fake_token.certificate_count; i++) {
                if (view_equal(view_buf(&fake_token.certificates[i].certificate), certificate) &&
                    view_equal(view_buf(&fake_token.certificates[i].id), id))
                        return true;
        }
        return false;
}

bool
token_destroy_certificate(struct token *token, struct view certificate, struct view id,
                          struct error *err)
{
        (void)token, (void)id;
        if (!called(FAKE_DESTROY, err))
                return false;
        for (size_t i = 0; i < fake_token.certificate_count; i++) {
                if (view_equal(view_buf(&fake_token.certificates[i].certificate), certificate))
                        buf_set(&fake_token.certificates[i].certificate, view_text("gone"));
        }
        return true;
}

bool
witness_ask(const char *program, const struct witness_question *question, struct error *err)
{
        (void)program, (void)question, (void)err;
        return true;
}
