#include "localpca/access.h"

#include <stdlib.h>
#include <string.h>

#include "localpca/policy.h"

enum denial { NO_IDENTITY_POLICY, NO_RESOURCE_POLICY, EXPLICIT_DENY };

/* Every denial has AWS's sentence; how it ends depends on who said no. */
static bool
denied(struct call *call, enum denial denial)
{
        const char *resource = call_resource(call);
        static const char *const reasons[] = {
                [NO_IDENTITY_POLICY] = "because no identity-based policy allows the acm-pca:",
                [NO_RESOURCE_POLICY] = "because no resource-based policy allows the acm-pca:",
                [EXPLICIT_DENY] = "with an explicit deny in an identity-based policy",
        };
        bool names_action = denial != EXPLICIT_DENY;

        return refuse(&call->refusal, "AccessDeniedException",
                      "User: %s is not authorized to perform: acm-pca:%s on resource: %s %s%s%s",
                      call->caller->arn, call->operation, resource ? resource : "*",
                      reasons[denial], names_action ? call->operation : "",
                      names_action ? " action" : "");
}

bool
access_refuse(struct call *call)
{
        return denied(call, NO_IDENTITY_POLICY);
}

static enum policy_answer
shared_ask(const struct authority *authority, struct policy_question *question)
{
        cJSON *document = authority->policy ? cJSON_Parse(authority->policy) : NULL;
        enum policy_answer answer = document ? policy_ask(document, question) : POLICY_SILENT;

        cJSON_Delete(document);
        return answer;
}

bool
access_is_shared(const struct authority *authority, const struct identity *caller)
{
        struct policy_question question = { .action = "acm-pca:DescribeCertificateAuthority",
                                            .resource = authority->arn,
                                            .principal_account = caller->account,
                                            .principal_arn = caller->arn,
                                            .organization = caller->organization };

        return shared_ask(authority, &question) == POLICY_ALLOWS;
}

bool
access_check(struct call *call)
{
        const struct identity *caller = call->caller;
        const char *resource = call_resource(call);
        const struct authority *authority =
                resource ? authority_find(&call->pca->authorities, resource) : NULL;
        CLEANUP(free_cleanup) char *action = text_format("acm-pca:%s", call->operation);
        struct policy_question question = { .action = action,
                                            .resource = resource ? resource : "*",
                                            .template_arn = call_text(call, "TemplateArn"),
                                            .principal_account = caller->account,
                                            .principal_arn = caller->arn,
                                            .organization = caller->organization };
        enum policy_answer answer = policy_ask(caller->policy, &question);

        if (answer != POLICY_ALLOWS)
                return denied(call, answer == POLICY_DENIES ? EXPLICIT_DENY : NO_IDENTITY_POLICY);
        if (!authority || strcmp(authority->account, caller->account) == 0)
                return true;
        if (shared_ask(authority, &question) != POLICY_ALLOWS)
                return denied(call, NO_RESOURCE_POLICY);
        return true;
}
