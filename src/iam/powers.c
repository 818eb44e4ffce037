#include "iam/powers.h"

#include <stdlib.h>
#include <string.h>

/* -- what nobody needs who only issues ---------------------------------------------------- */

enum target {
        ON_ANYTHING, /* "*" */
        ON_OUR_CAS,
        ON_OTHER_CAS,
        ON_USER, /* somebody else's */
        ON_ROLE,
        ON_POLICY,
};

static const struct {
        const char *action;
        enum target target;
        const char *what;
} forbidden[] = {
        { "acm-pca:CreateCertificateAuthority", ON_ANYTHING, "make certificate authorities" },
        { "acm-pca:DeleteCertificateAuthority", ON_OUR_CAS, "delete the CA" },
        { "acm-pca:DeleteCertificateAuthority", ON_OTHER_CAS, "delete other CAs" },
        { "acm-pca:UpdateCertificateAuthority", ON_OUR_CAS, "disable or change the CA" },
        { "acm-pca:RestoreCertificateAuthority", ON_OUR_CAS, "restore the CA" },
        { "acm-pca:ImportCertificateAuthorityCertificate", ON_OUR_CAS,
          "replace the CA's certificate" },
        { "acm-pca:PutPolicy", ON_OUR_CAS, "share the CA with others" },
        { "acm-pca:DeletePolicy", ON_OUR_CAS, "end the sharing of the CA" },
        { "acm-pca:CreatePermission", ON_OUR_CAS, "let ACM issue from the CA" },
        { "acm-pca:DeletePermission", ON_OUR_CAS, "keep ACM from renewing" },
        { "acm-pca:CreateCertificateAuthorityAuditReport", ON_OUR_CAS,
          "have the CA's audit report written" },
        { "acm-pca:TagCertificateAuthority", ON_OUR_CAS, "tag the CA" },
        { "acm-pca:RevokeCertificate", ON_OUR_CAS, "revoke certificates" },
        { "acm-pca:RevokeCertificate", ON_OTHER_CAS, "revoke certificates of other CAs" },
        { "iam:CreateUser", ON_USER, "make users (iam)" },
        { "iam:CreateAccessKey", ON_USER, "make keys for users (iam)" },
        { "iam:PutUserPolicy", ON_USER, "give users permissions (iam)" },
        { "iam:AttachUserPolicy", ON_USER, "give users permissions (iam)" },
        { "iam:CreateRole", ON_ROLE, "make roles (iam)" },
        { "iam:PutRolePolicy", ON_ROLE, "give roles permissions (iam)" },
        { "iam:AttachRolePolicy", ON_ROLE, "give roles permissions (iam)" },
        { "iam:UpdateAssumeRolePolicy", ON_ROLE, "let others assume roles (iam)" },
        { "iam:PassRole", ON_ROLE, "hand roles to services (iam)" },
        { "iam:CreatePolicyVersion", ON_POLICY, "change policies (iam)" },
        { "sts:AssumeRole", ON_ROLE, "become any role" },
};

/* What a template gives away that is not the wish's. */
static const struct {
        const char *name;
        const char *what;
} templates[] = {
        { "SubordinateCACertificate_PathLen0/V1", "issue a subordinate CA" },
        { "SubordinateCACertificate_PathLen3/V1", "issue a subordinate CA" },
        { "RootCACertificate/V1", "issue a root CA" },
        { "BlankSubordinateCACertificate_PathLen0_APIPassthrough/V1", "issue a subordinate CA" },
        { "SubordinateCACertificate_PathLen0_APIPassthrough/V1", "issue a subordinate CA" },
        { "EndEntityCertificate_APIPassthrough/V1", "choose extensions" },
        { "EndEntityCertificate_CSRPassthrough/V1", "choose extensions" },
        { "BlankEndEntityCertificate_APIPassthrough/V1", "choose all extensions" },
        { "BlankEndEntityCertificate_CSRPassthrough/V1", "choose all extensions" },
        { "CodeSigningCertificate/V1", "issue for code signing" },
        { "OCSPSigningCertificate/V1", "issue for OCSP signing" },
        { "EndEntityCertificate/V1", "issue from another template" },
        { "EndEntityClientAuthCertificate/V1", "issue from another template" },
        { "EndEntityServerAuthCertificate/V1", "issue from another template" },
};

/* -- the questions ------------------------------------------------------------------------ */

/* What is asked about, and where. */
struct survey {
        const struct iam_wish *wish;
        const struct power_others *others;
        char *partition;
        char *account;
        char *made_up; /* a CA that nobody has */
        struct powers *out;
};

static void
survey_clear(struct survey *survey)
{
        free(survey->partition);
        free(survey->account);
        free(survey->made_up);
}

void
powers_clear(struct powers *powers)
{
        for (size_t i = 0; i < powers->count; i++) {
                free(powers->all[i].resource);
                free(powers->all[i].template_arn);
        }
        free(powers->all);
        *powers = (struct powers){ 0 };
}

/* Each question once. */
static void
ask(struct survey *survey, enum power_kind kind, const char *action, const char *resource,
    const char *template_arn, const char *what)
{
        struct powers *out = survey->out;

        for (size_t i = 0; i < out->count; i++) {
                if (strcmp(out->all[i].action, action) == 0 &&
                    strcmp(out->all[i].resource, resource) == 0 &&
                    text_equal(out->all[i].template_arn, template_arn))
                        return;
        }
        out->all = memory_grow(out->all, out->count + 1, sizeof(*out->all));
        out->all[out->count++] = (struct power){ .kind = kind,
                                                 .action = action,
                                                 .resource = text_copy(resource),
                                                 .template_arn = text_copy(template_arn),
                                                 .what = what,
                                                 .answer = IAM_UNKNOWN };
}

static bool
list_has(const char *const *list, size_t count, const char *text)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(list[i], text) == 0)
                        return true;
        }
        return false;
}

static void
ask_on_cas(struct survey *survey, const struct iam_grant *grant)
{
        const struct iam_wish *wish = survey->wish;
        enum power_kind kind = grant->needed ? POWER_NEEDED : POWER_COMFORT;

        for (size_t i = 0; i < wish->ca_count; i++) {
                if (grant->bound != BOUND_BY_TEMPLATE) {
                        ask(survey, kind, grant->action, wish->cas[i], NULL,
                            iam_use_summary(grant->use));
                        continue;
                }
                for (size_t j = 0; j < wish->template_count; j++)
                        ask(survey, kind, grant->action, wish->cas[i], wish->templates[j],
                            iam_use_summary(grant->use));
        }
}

static void
ask_needed(struct survey *survey)
{
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use != survey->wish->use || (survey->wish->strict && !grant->needed))
                        continue;
                if (grant->resource == RESOURCE_CA)
                        ask_on_cas(survey, grant);
                else if (grant->resource == RESOURCE_ANY)
                        ask(survey, grant->needed ? POWER_NEEDED : POWER_COMFORT, grant->action,
                            "*", NULL, iam_use_summary(grant->use));
        }
}

/* Whatever the use itself takes is not held against it. */
static bool
use_takes(enum iam_use use, const char *action)
{
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use == use && strcmp(grant->action, action) == 0)
                        return true;
        }
        return false;
}

static void
ask_on_others(struct survey *survey, const char *action, const char *template_arn, const char *what)
{
        const struct power_others *others = survey->others;

        if (survey->made_up)
                ask(survey, POWER_FORBIDDEN, action, survey->made_up, template_arn, what);
        for (size_t i = 0; i < others->ca_count; i++) {
                if (!list_has(survey->wish->cas, survey->wish->ca_count, others->cas[i]))
                        ask(survey, POWER_FORBIDDEN, action, others->cas[i], template_arn, what);
        }
}

static void
ask_forbidden(struct survey *survey)
{
        static const char *const kinds[] = { [ON_USER] = "user/somebody",
                                             [ON_ROLE] = "role/somebody",
                                             [ON_POLICY] = "policy/something" };
        const struct iam_wish *wish = survey->wish;

        for (size_t i = 0; i < ARRAY_LENGTH(forbidden); i++) {
                const char *action = forbidden[i].action;
                const char *what = forbidden[i].what;
                enum target target = forbidden[i].target;

                if (target == ON_OTHER_CAS)
                        ask_on_others(survey, action, NULL, what);
                if (target == ON_ANYTHING && !use_takes(wish->use, action))
                        ask(survey, POWER_FORBIDDEN, action, "*", NULL, what);
                for (size_t j = 0;
                     target == ON_OUR_CAS && !use_takes(wish->use, action) && j < wish->ca_count;
                     j++)
                        ask(survey, POWER_FORBIDDEN, action, wish->cas[j], NULL, what);
                if (target < ON_USER)
                        continue;
                CLEANUP(free_cleanup)
                char *arn = text_format("arn:%s:iam::%s:%s", survey->partition, survey->account,
                                        kinds[target]);

                ask(survey, POWER_FORBIDDEN, action, arn, NULL, what);
        }
}

static void
ask_other_template(struct survey *survey, const char *arn, const char *what)
{
        const struct iam_wish *wish = survey->wish;

        if (use_takes(wish->use, "acm-pca:IssueCertificate") &&
            list_has(wish->templates, wish->template_count, arn))
                return;
        for (size_t i = 0; i < wish->ca_count; i++)
                ask(survey, POWER_FORBIDDEN, "acm-pca:IssueCertificate", wish->cas[i], arn, what);
}

static void
ask_issuing(struct survey *survey)
{
        const struct iam_wish *wish = survey->wish;
        CLEANUP(free_cleanup)
        char *plain =
                text_format("arn:%s:acm-pca:::template/EndEntityCertificate/V1", survey->partition);

        for (size_t i = 0; i < ARRAY_LENGTH(templates); i++) {
                CLEANUP(free_cleanup)
                char *arn = text_format("arn:%s:acm-pca:::template/%s", survey->partition,
                                        templates[i].name);

                ask_other_template(survey, arn, templates[i].what);
        }
        for (size_t i = 0; i < survey->others->template_count; i++)
                ask_other_template(survey, survey->others->templates[i],
                                   "issue from another template");
        ask_on_others(survey, "acm-pca:IssueCertificate", plain, "issue from another CA");
        for (size_t i = 0; i < wish->template_count; i++)
                ask_on_others(survey, "acm-pca:IssueCertificate", wish->templates[i],
                              "issue from another CA");
}

/* The parts of the wish's first CA, or of its account. */
static void
survey_place(struct survey *survey)
{
        const struct iam_wish *wish = survey->wish;
        const char *arn = wish->ca_count ? wish->cas[0] : NULL;
        const char *part[6] = { NULL };
        size_t length[6] = { 0 };

        for (size_t i = 0; arn && i < ARRAY_LENGTH(part); i++) {
                part[i] = arn;
                length[i] = strcspn(arn, ":");
                arn += length[i] + (arn[length[i]] == ':');
        }
        survey->partition = part[1] ? text_copy_length(part[1], length[1])
                                    : text_copy(wish->partition ? wish->partition : "aws");
        if (wish->account)
                survey->account = text_copy(wish->account);
        else
                survey->account =
                        part[4] ? text_copy_length(part[4], length[4]) : text_copy("111122223333");
        if (part[4])
                survey->made_up =
                        text_format("arn:%s:acm-pca:%.*s:%s:certificate-authority/"
                                    "00000000-0000-4000-8000-00000000000a",
                                    survey->partition, (int)length[3], part[3], survey->account);
}

bool
powers_of(const struct iam_wish *wish, const struct power_others *others, struct powers *out,
          struct error *err)
{
        CLEANUP(free_cleanup) char *policy = NULL;
        CLEANUP(survey_clear)
        struct survey survey = { .wish = wish, .others = others, .out = out };

        /* What can be written can be asked about: it checks the wish. */
        if (!iam_write_policy(wish, false, &policy, err))
                return false;
        survey_place(&survey);
        ask_needed(&survey);
        ask_forbidden(&survey);
        ask_issuing(&survey);
        return true;
}

/* -- judging ------------------------------------------------------------------------------ */

/* The keys of a request: those that we can know, the rest may be there. */
static struct iam_context
context_of(const struct power *power, const struct iam_wish *wish, struct iam_key keys[3],
           const char **values, char *address)
{
        static const char *const yes[] = { "true" };
        size_t count = 0;

        if (power->template_arn) {
                values[0] = power->template_arn;
                keys[count++] = (struct iam_key){ "acm-pca:TemplateArn", &values[0], 1, false };
        }
        if (wish->mfa)
                keys[count++] = (struct iam_key){ "aws:MultiFactorAuthPresent", yes, 1, false };
        if (wish->source_count) {
                size_t length = strcspn(wish->sources[0], "/");

                memcpy(address, wish->sources[0], length < 63 ? length : 63);
                values[1] = address;
                keys[count++] = (struct iam_key){ "aws:SourceIp", &values[1], 1, false };
        }
        return (struct iam_context){ .keys = keys, .count = count, .open = true };
}

/* Who asks as a role is a session of it; NULL for a user.  The caller frees. */
static char *
session_of(const char *principal)
{
        const char *role = strstr(principal, ":role/");
        const char *iam = strstr(principal, ":iam::");

        if (!role || !iam || iam > role)
                return NULL;
        const char *account = iam + strlen(":iam::");

        return text_format("%.*s:sts::%.*s:assumed-role/%s/check", (int)(iam - principal),
                           principal, (int)(role - account), account, strrchr(role, '/') + 1);
}

void
powers_evaluate(struct powers *powers, const struct iam_policies *policies, const char *principal,
                const struct iam_wish *wish)
{
        CLEANUP(free_cleanup) char *session = session_of(principal);

        for (size_t i = 0; i < powers->count; i++) {
                struct power *power = &powers->all[i];
                struct iam_key keys[3];
                const char *values[2];
                char address[64] = "";
                struct iam_request request = {
                        .action = power->action,
                        .resource = power->resource,
                        .principal = session ? session : principal,
                        .role = session ? principal : NULL,
                        .context = context_of(power, wish, keys, values, address),
                };
                struct iam_answer answer;

                iam_evaluate(policies, &request, &answer);
                power->answer = answer.decision;
                /* The identity's side is what is judged: another account may share its CA. */
                if (answer.decision == IAM_IMPLICIT_DENY && answer.layer == IAM_LAYER_RESOURCE)
                        power->answer = IAM_ALLOWED;
        }
}

enum power_verdict
powers_verdict(const struct powers *powers)
{
        bool missing = false;
        bool unknown = false;

        for (size_t i = 0; i < powers->count; i++) {
                const struct power *power = &powers->all[i];
                bool allowed = power->answer == IAM_ALLOWED;
                bool open = power->answer == IAM_UNKNOWN;

                if (power->kind == POWER_FORBIDDEN && allowed)
                        return VERDICT_TOO_POWERFUL;
                unknown = unknown || (open && power->kind != POWER_COMFORT);
                missing = missing || (power->kind == POWER_NEEDED && !allowed && !open);
        }
        if (unknown)
                return VERDICT_UNKNOWN;
        return missing ? VERDICT_INSUFFICIENT : VERDICT_LIMITED;
}

const char *
power_verdict_name(enum power_verdict verdict)
{
        static const char *const names[] = {
                [VERDICT_LIMITED] = "limited",
                [VERDICT_INSUFFICIENT] = "insufficient",
                [VERDICT_TOO_POWERFUL] = "too-powerful",
                [VERDICT_UNKNOWN] = "unknown",
        };

        return names[verdict];
}
