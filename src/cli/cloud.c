#include "cli/cloud.h"

#include <stdlib.h>
#include <string.h>

#include "cli/caller.h"
#include "cli/narrow.h"

bool
cloud_open(struct cloud *cloud, const struct command *command, const char *endpoint,
           const char *profile, struct error *err)
{
        return cloud_open_at(cloud, command, endpoint, profile, NULL, err);
}

bool
cloud_open_at(struct cloud *cloud, const struct command *command, const char *endpoint,
              const char *profile, const char *ca_arn, struct error *err)
{
        struct narrow_to to = { .cas = &ca_arn, .ca_count = 1 };

        *cloud = (struct cloud){ 0 };
        cloud->settings = ca_arn ? command_aws_for(command, endpoint, profile, &to, err)
                                 : command_aws(command, endpoint, profile, err);
        if (!cloud->settings)
                return false;
        command_note_region(command, ca_arn);
        cloud->client = aws_client_open(cloud->settings, err);
        return cloud->client != NULL;
}

void
cloud_cleanup(struct cloud *cloud)
{
        aws_client_close(cloud->client);
        if (cloud->settings)
                aws_settings_free(cloud->settings);
        *cloud = (struct cloud){ 0 };
}

bool
cloud_call(struct cloud *cloud, const char *region, const char *operation, char *body,
           struct buf *reply, struct error *err)
{
        CLEANUP(free_cleanup) char *json = body;
        struct aws_call call = {
                .service = "acm-pca",
                .region = region,
                .operation = operation,
                .body = view_text(json),
        };

        return aws_call(cloud->client, &call, reply, err);
}

bool
cloud_describe(struct cloud *cloud, const char *ca_arn, struct pca_authority *authority,
               struct error *err)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        struct ca_arn parts;

        return ca_arn_parse(ca_arn, &parts, err) &&
               cloud_call(cloud, parts.region, "DescribeCertificateAuthority",
                          pca_write_describe(ca_arn), &reply, err) &&
               pca_read_describe(view_buf(&reply), authority, err);
}

char *
cloud_account(struct cloud *cloud, const char *region)
{
        struct caller caller = { 0 };
        struct error ignored = { 0 };
        char *account = NULL;

        if (caller_ask(cloud->client, region, &caller, &ignored))
                account = text_copy(caller.said.account);
        caller_clear(&caller);
        return account;
}

bool
cloud_is_shared(struct cloud *cloud, const char *ca_arn)
{
        struct error ignored = { 0 };
        struct ca_arn parts;

        if (!ca_arn_parse(ca_arn, &parts, &ignored))
                return false;
        CLEANUP(free_cleanup) char *account = cloud_account(cloud, parts.region);

        return account && strcmp(account, parts.account) != 0;
}
