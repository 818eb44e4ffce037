#include "iam/write.h"

#include <string.h>

/* -- lengths ------------------------------------------------------------------------------ */

static const struct {
        const char *what;
        size_t most;
        bool blanks; /* are counted */
} places[] = {
        [PLACE_SESSION] = { "a session policy", 2048, true },
        [PLACE_USER] = { "the inline policies of a user", 2048, false },
        [PLACE_ROLE] = { "the inline policies of a role", 10240, false },
        [PLACE_MANAGED] = { "a managed policy", 6144, false },
        [PLACE_TRUST] = { "a role's trust policy", 2048, false },
};
static_assert(ARRAY_LENGTH(places) == IAM_PLACES, "a length for every place");

size_t
iam_policy_length(enum iam_place place, const char *json)
{
        size_t length = 0;

        for (; *json; json++) {
                bool inside = ((unsigned char)*json & 0xC0) == 0x80; /* a UTF-8 character */
                bool blank = strchr(" \t\r\n", *json) != NULL;

                length += !inside && (places[place].blanks || !blank);
        }
        return length;
}

bool
iam_policy_fits(enum iam_place place, const char *json, struct error *err)
{
        size_t length = iam_policy_length(place, json);

        if (length <= places[place].most)
                return true;
        error_set(err, ERROR_INPUT, "the policy has %zu characters; %s may have %zu", length,
                  places[place].what, places[place].most);
        return error_advise(err, "name fewer CAs and templates, or leave comforts out with "
                                 "--strict");
}

/* -- limits in words ---------------------------------------------------------------------- */

static const char *const of_uses[] = {
        [USE_ISSUE] = "IAM cannot restrict names: this identity may obtain a certificate for any "
                      "subject, any alternative name and any validity.",
        [USE_RENEW] = "IAM cannot tell a renewal from a new certificate: this identity may obtain "
                      "one for any name and any validity.",
        [USE_FETCH] = "IAM knows only the CA: this identity may fetch every certificate of it "
                      "whose ARN it learns.",
        [USE_REVOKE] = "IAM knows only the CA: this identity may revoke every certificate of it.",
        [USE_CA_LIST] = "The action knows no resource: every CA of the account is listed.",
        [USE_AUDIT_REPORT] = "The report goes to whatever bucket the request names and Private CA "
                             "may write to; it lists every certificate of the CA.",
        [USE_PERMISSIONS] = "Whoever may grant permissions on the CA lets ACM issue from it.",
        [USE_MANAGED] = "This identity may request a certificate for any name from these CAs; of "
                        "ACM's other certificates in the account it may read the public part.",
        [USE_CONNECTOR] = "What this identity may do in an account is what the role of that name "
                          "may do there.",
        [USE_IDENTITY] = "Whoever may write policies may give them any permission: this identity "
                         "is an administrator of everything under /p11cert/, unless a permissions "
                         "boundary stops it.",
        [USE_VERIFY] = NULL,
        [USE_CA_SHOW] = NULL,
};
static_assert(ARRAY_LENGTH(of_uses) == IAM_USES, "the limit of every use");

/* What a template gives away, by its name; the first row that fits speaks. */
static const struct {
        const char *part;
        const char *limit;
} of_templates[] = {
        { "CACertificate", "it may make certificate authorities that are trusted as this CA is" },
        { "/Blank", "it may choose the extensions, key usages among them" },
        { "Passthrough", "it may add extensions of its own" },
        { "PASSTHROUGH", "it may add extensions of its own" },
        { "CodeSigning", "it may sign software in any name" },
        { "OCSPSigning", "it may answer for the revocation state of the CA's certificates" },
};

static void
template_limit(const char *template, struct buf *out)
{
        const char *name = strrchr(template, ':');
        CLEANUP(free_cleanup)
        char *path = text_format("/%s", name ? name + 1 : template);

        for (size_t i = 0; i < ARRAY_LENGTH(of_templates); i++) {
                if (!strstr(path, of_templates[i].part))
                        continue;
                buf_format(out, "With template %s %s.\n",
                           text_starts(path, "/template/") ? path + strlen("/template/") : path + 1,
                           of_templates[i].limit);
                return;
        }
}

void
iam_limits(const struct iam_wish *wish, struct buf *out)
{
        bool issues = wish->use == USE_ISSUE || wish->use == USE_RENEW;

        if (of_uses[wish->use])
                buf_format(out, "%s\n", of_uses[wish->use]);
        for (size_t i = 0; issues && i < wish->template_count; i++)
                template_limit(wish->templates[i], out);
        if (wish->source_count)
                buf_add_text(out, "Requests through a VPC endpoint have no aws:SourceIp and are "
                                  "refused.\n");
        if (wish->mfa)
                buf_add_text(out,
                             "A user's own access keys carry no second factor and are refused: "
                             "a session has to be made with a code first.\n");
}
