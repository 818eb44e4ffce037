#include "cli/narrow.h"

#include <stdlib.h>
#include <string.h>

#include "aws/pca.h"
#include "iam/write.h"

size_t
narrow_arguments(const struct command *command, const char **cas, size_t most)
{
        const char *configured = option_text(&command->options, OPTION_CA);
        size_t count = 0;

        for (size_t i = 0; i < command->argument_count && count < most; i++) {
                struct error ignored = { 0 };
                struct ca_arn parts;

                if (ca_arn_parse(command->arguments[i], &parts, &ignored))
                        cas[count++] = command->arguments[i];
        }
        if (!count && configured && most)
                cas[count++] = configured;
        return count;
}

/* "111122223333" of the role's ARN, for policies that name users and roles; the caller frees. */
static char *
account_of_role(const struct command *command)
{
        const char *arn = option_text(&command->options, OPTION_ROLE_ARN);
        const char *at = arn ? strstr(arn, ":iam::") : NULL;

        at = at ? at + strlen(":iam::") : NULL;
        /* What is wrong with an ARN is said by who assumes the role. */
        return at && strspn(at, "0123456789") == 12 && at[12] == ':' ? text_copy_length(at, 12)
                                                                     : NULL;
}

/* Judged as it is. */
static bool
stays_whole(const struct command *command)
{
        return option_flag(&command->options, OPTION_NO_NARROW) ||
               strcmp(command->verb->name, "identity check") == 0;
}

static bool
use_has_cas(enum iam_use use)
{
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use == use && grant->resource == RESOURCE_CA)
                        return true;
        }
        return false;
}

bool
narrow_policy(const struct command *command, const struct narrow_to *to, char **json,
              struct error *err)
{
        static const char *const usual[] = { "EndEntityCertificate/V1" };
        CLEANUP(free_cleanup) char *account = account_of_role(command);
        struct iam_wish wish = { .cas = to->cas,
                                 .ca_count = to->ca_count,
                                 .templates = to->template_count ? to->templates : usual,
                                 .template_count = to->template_count ? to->template_count : 1,
                                 .role_name = option_text(&command->options, OPTION_ROLE_NAME),
                                 .account = account };

        *json = NULL;
        if (stays_whole(command))
                return true;
        if (!iam_use_of_verb(command->verb->name, &wish.use)) {
                *json = text_copy(iam_cut_to_nothing);
                return true;
        }
        /* Without a CA nothing of one is asked. */
        if (use_has_cas(wish.use) && !wish.ca_count)
                wish.use = USE_CA_LIST;
        if (wish.use == USE_IDENTITY && !account)
                return true;
        return iam_write_cut(&wish, json, err);
}
