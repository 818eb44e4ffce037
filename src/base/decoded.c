#include "base/decoded.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/narrow.h"

enum { LEAST = 32 };

enum kind { KIND_KEY, KIND_CERTIFICATE, KIND_REQUEST };

struct entry {
        enum kind kind;
        struct buf der;
        void *object;
        uint64_t hash;
        struct entry *next; /* in its bucket */
};

/* One thread's; the oldest gives way. */
struct memory {
        size_t size;
        size_t next;
        struct entry *entries;
        struct entry **buckets; /* as many, by hash */
};

static pthread_key_t memory_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
entry_clear(struct entry *entry)
{
        switch (entry->kind) {
        case KIND_KEY:
                EVP_PKEY_free(entry->object);
                break;
        case KIND_CERTIFICATE:
                X509_free(entry->object);
                break;
        case KIND_REQUEST:
                X509_REQ_free(entry->object);
                break;
        }
        buf_clear(&entry->der);
        *entry = (struct entry){ 0 };
}

static void
memory_free(void *pointer)
{
        struct memory *memory = pointer;

        for (size_t i = 0; i < memory->size; i++)
                entry_clear(&memory->entries[i]);
        free(memory->entries);
        free(memory->buckets);
        free(memory);
}

static void
make_key(void)
{
        if (pthread_key_create(&memory_key, memory_free) != 0)
                abort();
}

void
decoded_remember(size_t count)
{
        struct memory *memory = memory_new(1, sizeof(*memory));
        struct memory *before;

        pthread_once(&once, make_key);
        before = pthread_getspecific(memory_key);
        if (before)
                memory_free(before);
        memory->size = count > LEAST ? count : LEAST;
        memory->buckets = memory_new(memory->size, sizeof(struct entry *));
        memory->entries = memory_new(memory->size, sizeof(*memory->entries));
        if (pthread_setspecific(memory_key, memory) != 0)
                abort();
}

static struct memory *
own_memory(void)
{
        struct memory *memory;

        pthread_once(&once, make_key);
        memory = pthread_getspecific(memory_key);
        if (memory)
                return memory;
        decoded_remember(LEAST);
        return pthread_getspecific(memory_key);
}

/* The ends of two of them hardly ever are the same: signatures and points on curves. */
static uint64_t
hash_of(enum kind kind, struct view der)
{
        uint64_t hash = UINT64_C(14695981039346656037) ^ kind ^ der.len << 8;
        size_t from = der.len > 48 ? der.len - 48 : 0;

        for (size_t i = from; i < der.len; i++)
                hash = (hash ^ der.data[i]) * UINT64_C(1099511628211);
        return hash ? hash : 1;
}

static struct entry **
bucket_of(const struct memory *memory, uint64_t hash)
{
        return &memory->buckets[hash % memory->size];
}

static void *
find(const struct memory *memory, enum kind kind, struct view der, uint64_t hash)
{
        const struct entry *entry = *bucket_of(memory, hash);

        while (entry && (entry->hash != hash || entry->kind != kind ||
                         !view_equal(view_buf(&entry->der), der)))
                entry = entry->next;
        return entry ? entry->object : NULL;
}

/* The oldest entry, empty. */
static struct entry *
make_room(struct memory *memory)
{
        struct entry *entry = &memory->entries[memory->next];
        struct entry **link = bucket_of(memory, entry->hash);

        while (*link && *link != entry)
                link = &(*link)->next;
        if (*link)
                *link = entry->next;
        entry_clear(entry);
        memory->next = (memory->next + 1) % memory->size;
        return entry;
}

/*
 * An uncompressed point on a named curve, as nearly every key is: what stands in front of it is the
 * same for all (RFC 5480), and a key is made of it without OpenSSL's looking for a decoder.
 */
static const struct curve {
        const char *group;
        uint8_t head[27];
        size_t head_length;
        size_t length;
} curves[] = {
        { "P-256",
          { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
            0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 },
          26,
          91 },
        { "P-384",
          { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
            0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00 },
          23,
          120 },
};

static const struct curve *
curve_of(struct view spki)
{
        for (size_t i = 0; i < ARRAY_LENGTH(curves); i++) {
                const struct curve *curve = &curves[i];

                if (spki.len == curve->length && spki.data[curve->head_length] == 0x04 &&
                    memcmp(spki.data, curve->head, curve->head_length) == 0)
                        return curve;
        }
        return NULL;
}

/* Keys without a point, of which the others are made: a group takes longer to make than to copy. */
static EVP_PKEY *blanks[ARRAY_LENGTH(curves)];

static void
make_blanks(void)
{
        for (size_t i = 0; i < ARRAY_LENGTH(curves); i++) {
                EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
                char group[8];

                snprintf(group, sizeof(group), "%s", curves[i].group);
                OSSL_PARAM params[] = {
                        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                        OSSL_PARAM_construct_end(),
                };

                if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
                    EVP_PKEY_fromdata(context, &blanks[i], EVP_PKEY_KEY_PARAMETERS, params) != 1)
                        blanks[i] = NULL;
                EVP_PKEY_CTX_free(context);
        }
}

static EVP_PKEY *
key_on_curve(struct view spki)
{
        static pthread_once_t made = PTHREAD_ONCE_INIT;
        const struct curve *curve = curve_of(spki);
        EVP_PKEY *key = NULL;

        if (!curve)
                return NULL;
        pthread_once(&made, make_blanks);
        if (blanks[curve - curves])
                key = EVP_PKEY_dup(blanks[curve - curves]);
        if (key && EVP_PKEY_set1_encoded_public_key(key, spki.data + curve->head_length,
                                                    spki.len - curve->head_length) == 1)
                return key;
        EVP_PKEY_free(key);
        return NULL;
}

static void *
decode_x509(enum kind kind, const unsigned char **at, size_t length)
{
        return kind == KIND_REQUEST ? (void *)d2i_X509_REQ(NULL, at, (long)length)
                                    : (void *)d2i_X509(NULL, at, (long)length);
}

static bool
has_key(enum kind kind, void *object)
{
        return kind == KIND_REQUEST || X509_get0_pubkey(object);
}

/* A context that decodes no key at all takes as long to make as a dozen keys to decode. */
static OSSL_LIB_CTX *
context_for(enum kind kind)
{
        enum { FEW = 12 };
        static atomic_uint requests;

        if (kind == KIND_REQUEST && atomic_fetch_add(&requests, 1) >= FEW)
                return bare_context();
        return narrow_context();
}

/*
 * With the key that is in it, for which OpenSSL looks in the thread's default context.  A
 * certificate's of a kind that the narrow one does not know is decoded as anywhere else in the end;
 * nobody looks at a request's.
 */
static void *
decode_with_key(enum kind kind, const unsigned char **at, size_t length)
{
        OSSL_LIB_CTX *context = context_for(kind);
        const unsigned char *start = *at;
        OSSL_LIB_CTX *before;
        void *object;

        if (!context)
                return decode_x509(kind, at, length);
        before = OSSL_LIB_CTX_set0_default(context);
        object = decode_x509(kind, at, length);
        OSSL_LIB_CTX_set0_default(before);
        if (!object || has_key(kind, object))
                return object;
        X509_free(object);
        *at = start;
        return decode_x509(kind, at, length);
}

static void *
decode(enum kind kind, struct view der)
{
        const unsigned char *end = der.data;
        unsigned char *again = NULL;
        void *object = NULL;
        bool good;

        if (kind == KIND_KEY && (object = key_on_curve(der)))
                end += der.len;
        else if (kind == KIND_KEY)
                object = d2i_PUBKEY(NULL, &end, (long)der.len);
        else
                object = decode_with_key(kind, &end, der.len);
        good = object && end == der.data + der.len;
        /* What OpenSSL writes is DER: BER that merely decodes does not come out the same. */
        if (good && kind == KIND_CERTIFICATE) {
                int length = i2d_X509(object, &again);

                good = length >= 0 && view_equal(view_of(again, (size_t)length), der);
                OPENSSL_free(again);
        }
        if (!good) {
                struct entry failed = { .kind = kind, .object = object };

                entry_clear(&failed);
                object = NULL;
        }
        ERR_clear_error();
        return object;
}

/* The remembered object, which stays with the memory. */
static void *
recall(enum kind kind, struct view der)
{
        struct memory *memory = own_memory();
        uint64_t hash = hash_of(kind, der);
        void *object = der.len ? find(memory, kind, der, hash) : NULL;
        struct entry *entry;

        if (object || !der.len)
                return object;
        object = decode(kind, der);
        if (!object)
                return NULL;
        entry = make_room(memory);
        entry->kind = kind;
        entry->object = object;
        entry->hash = hash;
        entry->next = *bucket_of(memory, hash);
        *bucket_of(memory, hash) = entry;
        buf_set(&entry->der, der);
        return object;
}

EVP_PKEY *
decoded_key(struct view spki)
{
        EVP_PKEY *key = recall(KIND_KEY, spki);

        if (key)
                EVP_PKEY_up_ref(key);
        return key;
}

X509 *
decoded_certificate(struct view der)
{
        X509 *certificate = recall(KIND_CERTIFICATE, der);

        if (certificate)
                X509_up_ref(certificate);
        return certificate;
}

X509_REQ *
decoded_request(struct view der)
{
        return recall(KIND_REQUEST, der);
}
