/*
 * An order: one certificate wanted, from plan to tracking.  A row in the ledger, this struct in
 * memory.  Its state is a fact that survives a crash, never an activity (doc/architecture.md).
 *
 *     PLANNED ─make key─▶ KEYED ─sign CSR─▶ REQUESTED ─submit─▶ SUBMITTED ─fetch─▶ ISSUED
 *     ISSUED ─verify─▶ VERIFIED ─deliver─▶ DELIVERED ─▶ INSTALLED ─▶ SUPERSEDED;  FAILED: a verdict
 *
 * Pure: no I/O, no clock.  An order has one owner at a time and crosses threads whole.
 */
#ifndef ORDER_ORDER_H
#define ORDER_ORDER_H

#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/err.h"
#include "order/renewal.h"
#include "order/usage.h"
#include "order/validity.h"

enum order_state {
        ORDER_PLANNED,   /* key id and token are recorded; the token has not heard of it */
        ORDER_KEYED,     /* the key pair is on the token; its public key is recorded */
        ORDER_REQUESTED, /* the exact request is recorded; it may have been sent */
        ORDER_SUBMITTED, /* the certificate's ARN is recorded */
        ORDER_ISSUED,    /* the certificate is recorded */
        ORDER_VERIFIED,  /* it is what was asked for; delivery targets are recorded */
        ORDER_DELIVERED, /* every target was written and read back */
        ORDER_INSTALLED, /* a person or a proof said so */
        ORDER_SUPERSEDED,
        ORDER_FAILED,
        ORDER_STATES
};

/* Where a certificate is delivered to; a set of bits. */
enum order_store { STORE_TOKEN = 1, STORE_FILES = 2 };

/* What files are written besides the PEM ones; a set of bits. */
enum order_format {
        FORMAT_PEM = 1,
        FORMAT_DER = 2,
        FORMAT_P7B = 4,     /* PKCS #7 of certificate and chain, DER */
        FORMAT_P7B_PEM = 8, /* the same in PEM */
        FORMAT_BUNDLE = 16, /* certificate, chain and root in one PEM file */
};

/* What a token says of something: yes, no, or it would not tell. */
enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

/* Parts of the wishes that a CSR or ApiPassthrough carries; a set of bits. */
enum wish_part {
        WISH_SUBJECT = 1,
        WISH_SANS = 2,
        WISH_KEY_USAGE = 4,
        WISH_EXTENDED = 8,
        WISH_POLICIES = 16,
        WISH_EXTENSIONS = 32,
};

struct attribute {
        char *name;
        char *value;
};

/*
 * What was asked for.  Recorded with the order and compared when the same name is asked for again.
 * Texts may be NULL where they were not given.
 */
struct wishes {
        char *name;        /* [A-Za-z0-9._-]{1,64}, no leading dot */
        char *profile;     /* our profile, or NULL */
        char *ca_arn;      /* NULL while a held order has none */
        char *region;      /* of the CA */
        char *endpoint;    /* --endpoint-url, or NULL */
        char *aws_profile; /* --profile, or NULL */

        char *module;      /* --module, or NULL: p11-kit's registry */
        char *token_uri;   /* --token */
        char *key_uri;     /* --key: an existing key; NULL to make one */
        bool csr_given;    /* --csr: the CSR came from a file */
        unsigned over_csr; /* with it: enum wish_part bits that options asked for instead */
        enum key_type key_type;
        char *label;         /* --label, or NULL: made from the name and number */
        struct buf given_id; /* --id, or empty: 20 random bytes */
        bool replace;        /* --replace: what is kept under the given id may go */

        char *subject; /* RFC 4514 */
        char **sans;   /* "dns:a.example", as san_parse() normalises them */
        size_t san_count;
        struct usages usages; /* --key-usage, --ext-key-usage, --policy-oid */
        char **extensions;    /* --extension, as custom_parse() normalises them */
        size_t extension_count;
        unsigned path_length; /* --path-length, plus one; 0: not asked for */
        enum hash hash;       /* --hash: of the CSR's signature; HASH_NONE: goes with the key */

        char *template_arn;
        struct validity validity;
        int64_t not_before;      /* 0: not asked for */
        char *signing_algorithm; /* --signing-algorithm, or NULL: chosen from the CA's key */

        char **allowed; /* --allow-difference, as field_allow_parse() has them */
        size_t allowed_count;

        unsigned stores;        /* enum order_store */
        unsigned formats;       /* enum order_format */
        char *folder;           /* absolute folder that takes this order's files */
        bool prove;             /* --prove */
        unsigned file_mode;     /* --file-mode, 0: 0600 */
        char *file_owner;       /* --file-owner, "USER:GROUP" with either left out, or NULL */
        char *deploy_hook;      /* --deploy-hook: a program's absolute path, or NULL */
        struct renewal renewal; /* --renew-before */

        char *holder;
        char *place;
        struct attribute *attributes; /* --attribute k=v */
        size_t attribute_count;

        /* texts are patterns that wait for the token (fill.h); never so in the ledger */
        bool unfilled;
};

struct order_token {
        char *label;
        char *serial;
        char *manufacturer;
        char *model;
        char *uri; /* pkcs11:…, names the token by serial; can be pasted */
};

struct evidence {
        enum answer local;
        enum answer sensitive;
        enum answer always_sensitive;
        enum answer extractable;
        enum answer never_extractable;
};

struct order {
        int64_t number; /* 0 until it is recorded */
        enum order_state state;
        bool held;            /* moves only by `submit` or `import` */
        bool maybe_duplicate; /* the CA may have issued a certificate that we do not know */
        int64_t created_at;
        int64_t updated_at;
        struct wishes wishes;

        /* the token as it was found; bound to its serial number from PLANNED on */
        struct order_token token;

        /* the key */
        struct buf key_id; /* CKA_ID; recorded before the key exists */
        char *key_label;
        char *key_uri;
        struct buf spki;           /* SubjectPublicKeyInfo, DER; filled from KEYED on */
        struct buf old_key_sha256; /* --replace: digest of the SPKI that was there before */
        struct evidence evidence;

        /* the request */
        struct buf csr;             /* DER; filled from REQUESTED on */
        struct buf request;         /* the exact body of IssueCertificate */
        char *idempotency_token;    /* a UUID; stays with `request` */
        int64_t first_sent_at;      /* wall clock; 0: not sent yet */
        int64_t first_sent_boot_ms; /* clock_boot_ms() then; means nothing in another boot */
        char *boot_id;              /* /proc/sys/kernel/random/boot_id then */
        unsigned issue_failures;    /* RequestFailedException so far */
        char *certificate_arn;

        /* the certificate */
        struct buf certificate; /* DER */
        struct buf chain;       /* DER certificates one after the other, issuer first, no root */
        struct buf root;        /* DER: the root it was verified with */
        char *serial;           /* lower-case hex, two digits a byte */
        char *fingerprint;      /* SHA-256 of the certificate, lower-case hex */
        int64_t not_before;
        int64_t not_after;
        int64_t renew_at; /* not_after less --renew-before; 0: it has none of its own */

        char *differences; /* from what was asked for, a line each: why it was not delivered, or
                              what was allowed to differ; NULL: none */

        /* the delivery: absolute paths, recorded before the first is written */
        char *file_certificate;
        char *file_chain;
        char *file_fullchain;
        char *file_root;

        int64_t replaces;      /* number of the predecessor, 0: none */
        int64_t superseded_by; /* number of the successor, 0: none */
        int64_t issued_at;
        int64_t delivered_at;
        int64_t installed_at;
        int64_t revoked_at; /* from the record of revocations; 0: not revoked */
        char *revocation_reason;

        struct error error; /* why it stands still; ERROR_NONE when nothing is in the way */
};

struct order *order_new(void);
void order_free(struct order *order); /* NULL does nothing */
void order_cleanup(struct order **order);

void order_token_clear(struct order_token *token);

void wishes_clear(struct wishes *wishes);
void wishes_copy(struct wishes *to, const struct wishes *from);
void wishes_add_san(struct wishes *wishes, const char *san);

/* Take parts (enum wish_part bits) out of the wishes. */
void wishes_forget(struct wishes *wishes, unsigned parts);

/* The hash that signs the CSR, for a key of that type. */
enum hash wishes_hash(const struct wishes *wishes, enum key_type type);
void wishes_add_attribute(struct wishes *wishes, const char *name, const char *value);

/* Replace the attributes by those of `from`, which has none afterwards. */
void wishes_take_attributes(struct wishes *wishes, struct wishes *from);

/*
 * Compare two sets of wishes for the same name.  True if they ask for the same certificate, token
 * and targets; else false, and `difference` (text, the caller frees) names the first that differs:
 * "--validity: 365d, now 90d".  A member that is NULL or empty in `now` was not given and is equal.
 */
bool wishes_equal(const struct wishes *recorded, const struct wishes *now, char **difference);

/* "planned" … "failed". */
const char *order_state_name(enum order_state state);
bool order_state_named(const char *name, enum order_state *out, struct error *err) MUST_CHECK;

/* May an order in this state still be moved on by resume?  (PLANNED to VERIFIED.) */
bool order_state_is_open(enum order_state state);

/*
 * Is this step one of the drawing above, or one of the few beside it: FAILED from an open state;
 * ISSUED from KEYED or REQUESTED (`import`); REQUESTED again from SUBMITTED (the CA could not issue
 * after all); SUPERSEDED from DELIVERED; staying where it is?
 */
bool order_may_move(enum order_state from, enum order_state to);

/* Is a name well formed?  ERROR_USAGE says which rule it breaks. */
bool order_name_check(const char *name, struct error *err) MUST_CHECK;

/* Is it a label that a token can hold (CKA_LABEL, 255 bytes here)?  ERROR_USAGE. */
bool order_label_check(const char *label, struct error *err) MUST_CHECK;

/*
 * Make a well-formed name of any text (a common name): other characters become '-', a leading dot
 * goes, 64 bytes at most.  The caller frees.
 */
char *order_name_from(const char *text);

/*
 * What a person types for ORDER to mean the order of this name: the name, with `name:` before one
 * that would be taken for an order's number or for an option.  Used as order_call(name).text.
 */
struct order_call {
        char text[72];
};
struct order_call order_call(const char *name);

/* Record the certificate's dates, and what --renew-before makes of them. */
void order_note_dates(struct order *order, int64_t not_before, int64_t not_after);

/*
 * Is a certificate due at `now`, when it should be renewed `window_s` seconds before its end?
 * False without a certificate, and when it was superseded, failed or revoked.
 */
bool order_is_due(const struct order *order, int64_t now, int64_t window_s);

/* How long an idempotency token is trusted: half a minute less than the CA promises. */
enum { ORDER_REPEAT_MS = 270 * 1000 };

/*
 * May the recorded request be sent again with its idempotency token?  True until 4½ minutes after
 * the first send; a clock that went back, another boot or a suspend count as later.  True when it
 * was never sent.  (The CA forgets tokens after five minutes: API reference, IssueCertificate.)
 */
bool order_may_repeat(const struct order *order, int64_t now, int64_t boot_ms, const char *boot_id);

/*
 * When the request was first sent, by the wall clock as it goes now (which may have been set
 * since): reckoned back from `now` by the clock since boot, or as it was recorded where that was in
 * another boot.  0: it was not sent.
 */
int64_t order_sent_at(const struct order *order, int64_t now, int64_t boot_ms, const char *boot_id);

#endif
