/*
 * Calls to AWS: signed, retried, many at a time over kept-alive connections, without callbacks.
 *
 *     aws_send(client, &call);
 *     while (aws_pending(client)) {
 *             struct aws_reply *reply;
 *             aws_wait(client, fd, 1000);
 *             while ((reply = aws_receive(client))) …
 *     }
 *
 * Retries follow the SDKs' standard mode (3 attempts, jitter, retry quota), a skewed clock is
 * measured from the reply and corrected once, expired credentials are read anew once.  One thread.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include "aws/credentials.h"
#include "base/bytes.h"
#include "base/err.h"

struct aws_client;
struct anywhere_card;

struct aws_call {
        const char *service;   /* "acm-pca", "sts" … */
        const char *region;    /* to sign for and to build the host name from */
        const char *operation; /* "IssueCertificate" */
        const char *path;      /* rest-json: "/sessions"; NULL for the other protocols */
        const char *query;     /* rest-json: encoded, behind the '?'; or NULL */
        struct view body;      /* JSON; for STS and IAM a form without Action; copied, wiped */
        bool unsigned_call;    /* needs no credentials (AssumeRoleWithWebIdentity) */
        const struct anywhere_card *card; /* signs in place of credentials; borrowed; or NULL */
        void *tag;                        /* comes back with the reply */
        /*
         * No attempt is started after this moment (clock_boot_ms(); 0: no such bound): an
         * idempotency token is worth nothing after five minutes.
         */
        int64_t no_attempt_after_ms;
        int most_attempts;   /* 0: as configured (3, AWS_MAX_ATTEMPTS) */
        bool throttled_once; /* a throttled attempt is the reply: the caller has a pace of its own
                              */
};

struct aws_reply {
        void *tag;
        char *operation;
        bool ok;
        struct buf body;    /* of a 2xx reply: JSON, from STS and IAM XML */
        struct error error; /* when not ok: kind, and what AWS said */
        char *request_id;   /* or NULL */
        /*
         * Could the service have acted on it?  False when no byte of any attempt was sent, or when
         * the last word of every attempt was a modelled refusal.
         */
        bool maybe_done;
        unsigned attempts;
        unsigned throttled; /* attempts that were throttled */
};

/*
 * Make a client.  No network yet; credentials are looked for at the first call.
 * `settings` stays with the caller and outlives the client.
 */
struct aws_client *aws_client_open(struct aws_settings *settings, struct error *err);

/*
 * The same with these credentials (NULL: for unsigned calls only), whatever the settings would
 * find; they are not renewed.
 */
struct aws_client *aws_client_open_as(struct aws_settings *settings,
                                      const struct credentials *credentials, struct error *err);

/* How long a connection and a whole attempt may take, in place of 5 and 60 seconds. */
void aws_client_set_timeouts(struct aws_client *client, int64_t connect_ms, int64_t attempt_ms);

void aws_client_close(struct aws_client *client); /* drops what is under way; NULL does nothing */

/*
 * Start a call.  Never blocks (but for finding credentials: at the first call, and again when they
 * expire); failures come as replies.
 */
void aws_send(struct aws_client *client, const struct aws_call *call);

/*
 * Move bytes until a reply is there, `fd` (-1: none) is readable, or the time is over.
 * Returns at once when a reply already waits.
 */
void aws_wait(struct aws_client *client, int fd, int timeout_ms);

/* The next reply, or NULL; the caller frees with aws_reply_free(). */
struct aws_reply *aws_receive(struct aws_client *client);
void aws_reply_free(struct aws_reply *reply);

/* Calls whose reply has not been received yet. */
size_t aws_pending(const struct aws_client *client);

/* End all waiting for retries: what is under way gets its last attempt's reply. */
void aws_cancel(struct aws_client *client);

/*
 * One call, waited for.  `reply` gets the body.  For the verbs that ask one thing.
 * time: up to the attempts' timeouts (connect 5 s, whole attempt 60 s) and waits between them
 */
bool aws_call(struct aws_client *client, const struct aws_call *call, struct buf *reply,
              struct error *err) MUST_CHECK;

/* Server time minus ours in seconds, as measured from the last reply; 0 before. */
int64_t aws_clock_offset(const struct aws_client *client);

/* Who signs: the access key id and where it came from; ERROR_CREDENTIALS_*. */
bool aws_client_identity(struct aws_client *client, const char **access_key_id, const char **origin,
                         struct error *err) MUST_CHECK;

#endif
