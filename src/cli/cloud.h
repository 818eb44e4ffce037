/*
 * One question to AWS after the other, for the verbs that move no order.
 */
#ifndef CLI_CLOUD_H
#define CLI_CLOUD_H

#include "aws/pca.h"
#include "cli/command.h"

struct cloud {
        struct aws_settings *settings;
        struct aws_client *client;
};

/* `endpoint` and `profile` are those of an order, or NULL: those of the options. */
bool cloud_open(struct cloud *cloud, const struct command *command, const char *endpoint,
                const char *profile, struct error *err) MUST_CHECK;
/* The same, with a role's session cut to this CA (NULL: to that of the command line). */
bool cloud_open_at(struct cloud *cloud, const struct command *command, const char *endpoint,
                   const char *profile, const char *ca_arn, struct error *err) MUST_CHECK;
void cloud_cleanup(struct cloud *cloud);

/*
 * Call an operation of AWS Private CA in a Region and wait for the answer.
 *
 * body  its JSON; taken over and freed
 * time  as aws_call()
 */
bool cloud_call(struct cloud *cloud, const char *region, const char *operation, char *body,
                struct buf *reply, struct error *err) MUST_CHECK;

/* DescribeCertificateAuthority. */
bool cloud_describe(struct cloud *cloud, const char *ca_arn, struct pca_authority *authority,
                    struct error *err) MUST_CHECK;

/*
 * The account whose credentials are used, 12 digits, as STS says; NULL when it cannot be asked.
 * The caller frees.
 */
char *cloud_account(struct cloud *cloud, const char *region);

/* Is that CA another account's?  False where it is not known whose we are. */
bool cloud_is_shared(struct cloud *cloud, const char *ca_arn);

#endif
