/*
 * The key and the certificate with which this machine logs in to AWS (IAM Roles Anywhere), on a
 * token: what aws/rolesanywhere.h asks for, made of the key engine.
 *
 * The token is opened when it is first needed, logged in to once, and kept open: its session is
 * renewed in the middle of a long run.  It may be the token that holds the device keys, or another
 * one.  Everything that a token is asked for happens on a thread that may be left behind when the
 * module hangs.
 */
#ifndef DRIVE_STATION_KEY_H
#define DRIVE_STATION_KEY_H

#include "aws/rolesanywhere.h"
#include "drive/batch.h"

struct station_key;

/* Copied, but for what asks a person. */
struct station_key_options {
        const char *uri;         /* pkcs11: URI of the key: its token, and id or object */
        const char *module;      /* where the URI names no module; NULL: p11-kit's registry */
        const char *certificate; /* file, PEM or DER; NULL: on the token, beside the key */
        const char *chain;       /* PEM file with the intermediates, or "none"; NULL: behind the
                                    certificate in its file, else those on the token */
        const struct pin_source *pin; /* for this key; NULL: the URI's, else what follows */
        /* --token and its --pin-source: they count when the key is on that token.  Or NULL. */
        const char *other_token;
        const struct pin_source *other_pin;
        pin_ask *ask;
        void *ask_context;
        const char *state; /* folder of the ledger, for the PIN guard */
        bool retry_pin;
        int64_t token_timeout_ms;
};

/* No token is touched.  ERROR_CONFIG: the URI is none, or does not say which key is meant. */
struct station_key *station_key_new(const struct station_key_options *options, struct error *err);

/* NULL does nothing; nor is anything touched where drive_hangs(). */
void station_key_free(struct station_key *station);

/*
 * Key and certificate, ready to sign (struct anywhere_options; `context` is the station_key). Opens
 * the token where that has not happened, reads the certificate anew, and refuses what Roles
 * Anywhere would refuse (anywhere_certificate_check()).
 *
 * errors  those of token_open() and key_find(); a PIN that was refused is not tried again in this
 *         process; ERROR_CONFIG: no certificate, one of another key, or one that is not usable;
 *         ERROR_TOKEN_HANGS
 * time    blocks as long as the token takes, up to the time-out
 */
bool station_key_identity(void *context, struct anywhere_identity *out, struct error *err);

/*
 * Certificate and chain as station_key_identity() reads them, without judging them by the rules of
 * Roles Anywhere: for whoever has to say what is wrong.  Borrowed until the next call.
 */
bool station_key_read(struct station_key *station, struct view *certificate, struct view *chain,
                      struct error *err) MUST_CHECK;

/* What was read last; false when nothing was read yet. */
bool station_key_seen(const struct station_key *station, struct view *certificate,
                      struct view *chain);

/*
 * Would the trust anchor, which took the station's certificate, take those of a CA as well, so that
 * whoever gets a certificate there can log in like a station?
 *
 * The anchor itself cannot be asked.  But it is (or stands above) one of the issuers of what was
 * shown to it: of the station's certificate, or of an intermediate one that was sent along.  So it
 * takes the CA's certificates when the CA, or a CA above it, is one of these issuers.
 *
 * ca_path  the CA's certificate and those above it, DER one after the other, in any order
 */
bool station_key_shares_anchor(const void *station, struct view ca_path);

/*
 * Tell a run what it may know of the station: its PIN, for the same token; and with `guard`, that
 * nothing is issued from a CA of its own anchor.  NULL tells nothing.
 */
void station_key_tell(const struct station_key *station, bool guard, struct drive_options *run);

/*
 * From now on (until `false`) workers use tokens of their own: a module that is for one thread at a
 * time cannot sign beside them.  NULL does nothing.
 */
void station_key_share(struct station_key *station, bool shared);

#endif
