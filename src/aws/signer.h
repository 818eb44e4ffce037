/*
 * Who signs, and with which time: credentials that are kept fresh, the clock of each host, and the
 * signed header lines of an attempt.
 */
#ifndef AWS_SIGNER_H
#define AWS_SIGNER_H

#include "aws/credentials.h"
#include "aws/sigv4.h"

struct anywhere_card;

struct signer {
        struct aws_settings *settings; /* borrowed */
        struct credentials credentials;
        bool fixed;          /* these credentials and no others: nothing is looked for */
        unsigned generation; /* counts renewals; 0: none found yet */
        int64_t looked_at;   /* when credentials were last looked for */
        int64_t refresh_at;  /* when newer ones are looked for, though these are good; 0: never */
        struct sigv4_key key;
        struct skew *skews; /* server time minus ours, by host */
};

void signer_clear(struct signer *signer);

/*
 * Have credentials that do not expire in the next minutes, if such can be had.  A refresh that
 * fails early leaves the old ones in use.
 *
 * time  credential_process may take up to 60 s
 */
bool signer_need(struct signer *signer, struct error *err) MUST_CHECK;

/* Look for credentials anew; true if there are others now than before, ERROR_NOTHING if not. */
bool signer_renew(struct signer *signer, struct error *err);

/* When credentials that were got at `now` and end then are looked for anew; 0: never. */
int64_t signer_refresh_time(int64_t expires_at, int64_t now);

/* With what an attempt was signed. */
struct signer_stamp {
        int64_t offset;
        unsigned generation;
};

struct signer_request {
        const char *host;
        const char *path;
        const char *query; /* behind the '?', or NULL */
        const char *region;
        const char *service;
        const char *content_type;
        const char *target; /* "ACMPrivateCA.IssueCertificate"; NULL for the query services */
        struct view body;
};

enum { SIGNER_LINES = 6 };

/*
 * Sign a request with the time and keys of now: "Name: value" lines, the first NULL ends them.  The
 * caller frees with signer_lines_free().
 */
struct signer_stamp signer_sign(struct signer *signer, const struct signer_request *request,
                                char *lines[SIGNER_LINES]);
/*
 * The same with a certificate in place of an access key (rolesanywhere.h): whoever has its private
 * key signs, which can fail and take as long as a token does.
 */
bool signer_sign_card(struct signer *signer, const struct signer_request *request,
                      const struct anywhere_card *card, struct signer_stamp *stamp,
                      char *lines[SIGNER_LINES], struct error *err) MUST_CHECK;
/* The same lines without a signature, for the few calls that have none. */
void signer_leave_unsigned(const struct signer_request *request, char *lines[SIGNER_LINES]);

void signer_lines_free(char *lines[SIGNER_LINES]);

/*
 * Was it the clock that had a signature refused?  Then it is signed with the server's from now on.
 * `server`: its time, 0 when it gave none.
 */
bool signer_correct_clock(struct signer *signer, const char *host, const struct signer_stamp *stamp,
                          int64_t server);

#endif
