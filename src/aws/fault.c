#include "aws/fault.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/xml.h"
#include "base/clock.h"
#include "iam/write.h"

/* -- the table ---------------------------------------------------------------------------- */

/*
 * Codes without a final "Exception".  `operation`: only there; such rows stand before the general
 * ones.  `refusal`: nothing was done.
 */
static const struct rule {
        const char *code;
        const char *operation;
        enum error_kind kind;
        enum retry_class retry;
        bool refusal;
} rules[] = {
        /* Roles Anywhere names no other reason for a time that it does not accept. */
        { "AccessDenied", "CreateSession", ERROR_DENIED, RETRY_CLOCK, true },
        { "AccessDenied", NULL, ERROR_DENIED, RETRY_NEVER, true },
        { "NotAuthorized", NULL, ERROR_DENIED, RETRY_NEVER, true },
        { "UnauthorizedOperation", NULL, ERROR_DENIED, RETRY_NEVER, true },
        { "SubscriptionRequired", NULL, ERROR_DENIED, RETRY_NEVER, true },
        { "OptInRequired", NULL, ERROR_DENIED, RETRY_NEVER, true },

        { "ExpiredToken", NULL, ERROR_CREDENTIALS_EXPIRED, RETRY_CREDENTIALS, true },
        { "UnrecognizedClient", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CREDENTIALS, true },
        { "InvalidClientTokenId", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CREDENTIALS, true },
        { "InvalidAccessKeyId", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CREDENTIALS, true },
        { "InvalidSignature", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CLOCK, true },
        { "SignatureDoesNotMatch", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CLOCK, true },
        { "AuthFailure", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_CLOCK, true },
        { "RequestExpired", NULL, ERROR_CLOCK, RETRY_CLOCK, true },
        { "RequestInTheFuture", NULL, ERROR_CLOCK, RETRY_CLOCK, true },
        { "RequestTimeTooSkewed", NULL, ERROR_CLOCK, RETRY_CLOCK, true },
        { "InvalidIdentityToken", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_NEVER, true },
        { "IDPRejectedClaim", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_NEVER, true },
        { "IDPCommunicationError", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, true },
        { "RegionDisabled", NULL, ERROR_DENIED, RETRY_NEVER, true },
        { "MissingAuthenticationToken", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_NEVER, true },
        { "IncompleteSignature", NULL, ERROR_CREDENTIALS_REFUSED, RETRY_NEVER, true },

        { "Throttling", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "Throttled", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "RequestThrottled", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "TooManyRequests", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "ProvisionedThroughputExceeded", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "TransactionInProgress", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "RequestLimitExceeded", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "BandwidthLimitExceeded", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "SlowDown", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },
        { "EC2Throttled", NULL, ERROR_THROTTLED, RETRY_THROTTLED, true },

        /* A quota of the CA: the SDKs would try again, but that is pointless here. */
        { "LimitExceeded", NULL, ERROR_CA_QUOTA, RETRY_NEVER, true },
        { "ResourceNotFound", NULL, ERROR_CA_UNKNOWN, RETRY_NEVER, true },
        { "InvalidState", NULL, ERROR_CA_STATE, RETRY_NEVER, true },
        { "MalformedCSR", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "InvalidArgs", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "InvalidArn", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "InvalidRequest", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "Validation", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "ValidationError", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "Serialization", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "InvalidParameterValue", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "MalformedPolicyDocument", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "PackedPolicyTooLarge", NULL, ERROR_REQUEST_REFUSED, RETRY_NEVER, true },
        { "RequestInProgress", NULL, ERROR_PENDING, RETRY_NEVER, true },
        { "RequestFailed", "GetCertificate", ERROR_ISSUE_FAILED, RETRY_NEVER, true },
        { "RequestFailed", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "ConcurrentModification", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, true },
        { "RequestAlreadyProcessed", NULL, ERROR_AWS, RETRY_NEVER, true },

        { "InternalFailure", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "InternalError", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "InternalServer", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "InternalService", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "ServiceUnavailable", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
        { "RequestTimeout", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TIMEOUT, false },
        { "PriorRequestNotComplete", NULL, ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT, false },
};

static const struct rule *
rule_of(const char *code, const char *operation)
{
        static const char ending[] = "Exception";
        size_t length = strlen(code);

        if (length > strlen(ending) && strcmp(code + length - strlen(ending), ending) == 0)
                length -= strlen(ending);
        for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
                const struct rule *rule = &rules[i];

                if (strlen(rule->code) != length || memcmp(rule->code, code, length) != 0)
                        continue;
                if (!rule->operation || strcmp(rule->operation, operation) == 0)
                        return rule;
        }
        return NULL;
}

/* -- reading ------------------------------------------------------------------------------ */

/* "com.amazon.coral.service#AccessDeniedException:http://…" is AccessDeniedException. */
static void
reduce_code(const char *text, char *out, size_t size)
{
        size_t length = strcspn(text, ":");
        const char *from = text;
        size_t kept = 0;

        for (size_t i = 0; i < length; i++) {
                if (text[i] == '#')
                        from = text + i + 1;
        }
        for (; from < text + length && kept + 1 < size; from++) {
                char c = *from;

                if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-')
                        out[kept++] = c;
        }
        out[kept] = '\0';
}

/* A message is for people and logs: control characters become blanks, what does not fit is cut. */
static void
copy_message(const char *text, char *out, size_t size)
{
        size_t kept = 0;

        for (; *text && kept + 1 < size; text++)
                out[kept++] = (unsigned char)*text < ' ' || *text == 0x7F ? ' ' : *text;
        /* Where the cut falls inside a UTF-8 character, that one goes as a whole. */
        if (((unsigned char)*text & 0xC0) == 0x80) {
                while (kept && ((unsigned char)out[kept - 1] & 0xC0) == 0x80)
                        kept--;
                kept -= kept > 0;
        }
        out[kept] = '\0';
}

static const char *
json_text(const cJSON *json, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static void
read_json(const struct fault_answer *answer, struct fault *out)
{
        cJSON *json = cJSON_ParseWithLength((const char *)answer->body.data, answer->body.len);
        const char *code = answer->error_type;
        const char *message = json_text(json, "message");

        if (!code || !*code)
                code = json_text(json, "__type");
        if (!code || !*code)
                code = json_text(json, "code");
        if (!message)
                message = json_text(json, "Message");
        if (code)
                reduce_code(code, out->code, sizeof(out->code));
        if (message)
                copy_message(message, out->message, sizeof(out->message));
        cJSON_Delete(json);
}

/*
 * The query services' form, <ErrorResponse><Error>, and the old one, <Response><Errors><Error>.
 * Anything else in XML, such as a proxy's page, says nothing.
 */
static void
read_xml(const struct fault_answer *answer, struct fault *out)
{
        struct error ignored = { 0 };
        struct xml *xml = xml_read(answer->body, &ignored);
        const struct xml_element *root = xml ? xml_root(xml) : NULL;
        bool old = xml_is(root, "Response");
        const struct xml_element *error = old || xml_is(root, "ErrorResponse")
                                                  ? xml_find(root, old ? "Errors/Error" : "Error")
                                                  : NULL;
        const char *code = xml_text_at(error, "Code");
        const char *message = xml_text_at(error, "Message");
        const char *request_id = xml_text_at(root, old ? "RequestID" : "RequestId");

        if (code)
                reduce_code(code, out->code, sizeof(out->code));
        if (message)
                copy_message(message, out->message, sizeof(out->message));
        if (error && request_id && !*out->request_id)
                copy_message(request_id, out->request_id, sizeof(out->request_id));
        xml_free(xml);
}

static void
read_body(const struct fault_answer *answer, struct fault *out)
{
        size_t blanks = 0;

        if (answer->request_id)
                copy_message(answer->request_id, out->request_id, sizeof(out->request_id));
        while (blanks < answer->body.len && strchr(" \t\r\n", answer->body.data[blanks]))
                blanks++;
        if (blanks < answer->body.len && answer->body.data[blanks] == '<')
                read_xml(answer, out);
        if (!*out->code)
                read_json(answer, out);
}

/* Without a code, or with one that is not known, only the status is left to go by. */
static void
judge_status(int status, struct fault *out)
{
        bool named = *out->code != '\0';

        out->kind = named ? ERROR_AWS : ERROR_AWS_ANSWER;
        out->retry = RETRY_NEVER;
        out->refusal = named && status >= 400 && status < 500;
        if (status == 429) {
                out->kind = ERROR_THROTTLED;
                out->retry = RETRY_THROTTLED;
                out->refusal = true;
        } else if (status == 408) {
                out->kind = ERROR_AWS_UNAVAILABLE;
                out->retry = RETRY_TIMEOUT;
        } else if (status >= 500) {
                out->kind = ERROR_AWS_UNAVAILABLE;
                if (status == 500 || (status >= 502 && status <= 504) || status == 509)
                        out->retry = RETRY_TRANSIENT;
        }
}

void
fault_read(const struct fault_call *call, const struct fault_answer *answer, struct fault *out)
{
        int64_t server_time = 0;

        *out = (struct fault){ 0 };
        read_body(answer, out);
        const struct rule *rule = *out->code ? rule_of(out->code, call->operation) : NULL;

        if (!rule) {
                judge_status(answer->status, out);
                return;
        }
        out->kind = rule->kind;
        out->retry = rule->retry;
        out->refusal = rule->refusal;
        if (rule->retry == RETRY_CLOCK && fault_server_time(out->message, &server_time))
                out->kind = ERROR_CLOCK;
}

bool
fault_server_time(const char *message, int64_t *out)
{
        const char *open = strrchr(message, '(');
        int year, month, day, hour, minute, second;
        int used = 0;

        if (!open || sscanf(open, "(%4d%2d%2dT%2d%2d%2dZ%n", &year, &month, &day, &hour, &minute,
                            &second, &used) != 6)
                return false;
        if (used != 17 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
            minute < 0 || minute > 59 || second < 0 || second > 60)
                return false;
        *out = clock_civil(year, month, day, hour, minute, second);
        return true;
}

/* -- explaining --------------------------------------------------------------------------- */

/* What stands in `text` between two marks; the caller frees, NULL if they are not there. */
static char *
between(const char *text, const char *before, const char *after)
{
        const char *from = strstr(text, before);
        const char *to = NULL;

        if (!from)
                return NULL;
        from += strlen(before);
        if (after)
                to = strstr(from, after);
        return to ? text_copy_length(from, (size_t)(to - from)) : text_copy(from);
}

/* The template that the refused request asked for, or NULL; the caller frees. */
static char *
template_asked(const struct fault_call *call)
{
        cJSON *json = cJSON_ParseWithLength((const char *)call->request.data, call->request.len);
        char *template = text_copy(json_text(json, "TemplateArn"));

        cJSON_Delete(json);
        return template;
}

/* What a denial's message says; whatever it does not say is NULL. */
struct denial {
        char *user;
        char *action;
        char *resource;
        char *reason; /* "because …", "with an explicit deny in …" */
};

static void
denial_clear(struct denial *denial)
{
        free(denial->user);
        free(denial->action);
        free(denial->resource);
        free(denial->reason);
}

/* "User: U is not authorized to perform: A on resource: R because no identity-based policy …" */
static void
denial_read(const char *message, struct denial *out)
{
        static const char *const reasons[] = { " because ", " with an explicit deny" };
        const char *reason = NULL;

        for (size_t i = 0; !reason && i < ARRAY_LENGTH(reasons); i++)
                reason = strstr(message, reasons[i]);
        CLEANUP(free_cleanup)
        char *head =
                reason ? text_copy_length(message, (size_t)(reason - message)) : text_copy(message);

        *out = (struct denial){ .user = between(head, "User: ", " is not authorized"),
                                .action = between(head, "to perform: ", " on resource"),
                                .resource = between(head, "on resource: ", NULL),
                                .reason = reason ? text_copy(reason + 1) : NULL };
}

/*
 * Whose policy it is, by AWS's "because" clause: where a missing statement has to go, and where a
 * Deny stands.
 */
static const struct clause {
        const char *part;
        const char *missing;
        const char *denies; /* NULL: as `missing` */
        const char *more;   /* or NULL */
} clauses[] = {
        { "resource-based polic", "the identity's policy and to the CA's resource policy or share",
          "the CA's resource policy or share", NULL },
        { "permissions boundary", "the identity's permissions boundary", NULL, NULL },
        { "session polic", "the session policy that this session was made with", NULL,
          "; where p11cert made the session, --no-narrow leaves its policy out" },
        { "service control polic", "the organization's service control policy", NULL, NULL },
        { "resource control polic", "the organization's resource control policy", NULL, NULL },
        { "VPC endpoint polic", "the VPC endpoint's policy", NULL, NULL },
        { "", "the identity's policy", NULL, NULL },
};

static const struct clause *
clause_of(const char *reason)
{
        size_t i = 0;

        while (!strstr(reason ? reason : "", clauses[i].part))
                i++;
        return &clauses[i];
}

/* The statement that is missing, ready to paste, from the table that writes all our policies. */
static void
advise_statement(const struct fault_call *call, const struct denial *denial, struct error *err)
{
        CLEANUP(free_cleanup) char *template = template_asked(call);
        CLEANUP(buf_cleanup) struct buf statement = { 0 };
        const struct clause *clause = clause_of(denial->reason);

        if (!iam_write_statement(denial->action, denial->resource, template, &statement)) {
                error_advise(err, "have the identity's permissions checked");
                return;
        }
        error_advise(err, "have this statement added to %s: %s%s%s", clause->missing,
                     buf_text(&statement),
                     template ? "; a statement that is there already may name another template"
                              : "",
                     clause->more ? clause->more : "");
}

static void
explain_denied(const struct fault_call *call, const struct fault *fault, struct error *err)
{
        CLEANUP(denial_clear) struct denial denial;

        denial_read(fault->message, &denial);
        const struct clause *clause = clause_of(denial.reason);
        error_set(err, ERROR_DENIED, "AWS denies %s to %s%s%s%s",
                  denial.action ? denial.action : call->operation,
                  denial.user           ? denial.user
                  : call->access_key_id ? "access key "
                                        : "this caller",
                  denial.user || !call->access_key_id ? "" : call->access_key_id,
                  denial.reason ? " " : "", denial.reason ? denial.reason : "");
        if (!denial.action || !denial.resource)
                error_advise(err, "have the identity's permissions checked");
        else if (denial.reason && strstr(denial.reason, "explicit deny"))
                error_advise(err,
                             "a policy denies it by name, so no further permission helps: have "
                             "that Deny in %s changed for %s on %s%s",
                             clause->denies ? clause->denies : clause->missing, denial.action,
                             denial.resource, clause->more ? clause->more : "");
        else
                advise_statement(call, &denial, err);
}

static void
explain_clock(const struct fault *fault, struct error *err)
{
        int64_t server_time = 0;

        error_set(err, ERROR_CLOCK, "AWS does not accept the time of this computer's clock");
        if (fault_server_time(fault->message, &server_time)) {
                char when[CLOCK_TEXT];
                long long off = (long long)(server_time - clock_now());

                error_set(err, ERROR_CLOCK, "this computer's clock is %lld seconds %s AWS's (%s)",
                          off < 0 ? -off : off, off < 0 ? "ahead of" : "behind",
                          clock_format(server_time, when));
        }
        error_advise(err, "set the clock (timedatectl set-ntp true); certificate dates depend on "
                          "it as well");
}

/* An answer that no AWS service wrote: a proxy's page, an empty one. */
static void
explain_strange(const struct fault_call *call, const struct fault_answer *answer,
                const struct fault *fault, struct error *err)
{
        char start[81] = "";
        CLEANUP(free_cleanup)
        char *text = text_copy_length(answer->body.data,
                                      answer->body.len < 300 ? answer->body.len : 300);

        for (char *c = text; *c; c++)
                *c = (char)(*c < ' ' || *c >= 0x7F ? ' ' : *c);
        copy_message(text + strspn(text, " "), start, sizeof(start));
        const char *type =
                answer->content_type && *answer->content_type ? answer->content_type : NULL;

        error_set(err, fault->kind,
                  "%s answered with HTTP status %d and without an error code%s%s%s%s", call->host,
                  answer->status, type ? ", as " : "", type ? type : "",
                  *start ? ": " : " (nothing else)", start);
        if (answer->status >= 300 && answer->status < 400)
                error_advise(err, "redirects are not followed; check the endpoint URL and "
                                  "HTTPS_PROXY");
        else if (answer->status >= 500)
                error_advise(err, "the service or a proxy in between is in trouble; try again "
                                  "later");
        else
                error_advise(err, "something other than AWS answers there; check the endpoint URL "
                                  "and HTTPS_PROXY");
}

/* Kinds whose sentences need no figuring out. */
static const struct {
        enum error_kind kind;
        const char *what;
        const char *next;
} sentences[] = {
        { ERROR_DENIED, "AWS denies this", "have the identity's permissions checked" },
        { ERROR_CREDENTIALS_EXPIRED, "the AWS credentials have expired",
          "get fresh ones from where these came (log in again), then repeat the command" },
        { ERROR_CREDENTIALS_REFUSED, "AWS does not accept the AWS credentials",
          "check that access key id, secret access key and session token belong together, are "
          "active, and are of the CA's partition" },
        { ERROR_THROTTLED, "AWS throttles these calls",
          "try again later, with fewer at a time; the rate is a quota of account and Region" },
        { ERROR_CA_QUOTA, "a quota of the CA or the account is used up",
          "have the quota raised (Service Quotas, AWS Private CA), or use another CA" },
        { ERROR_CA_STATE, "the CA is not in a state for this",
          "look at its status with p11cert ca show; only an ACTIVE CA issues" },
        { ERROR_REQUEST_REFUSED, "AWS refuses the request as it stands",
          "correct what AWS names, then ask again" },
        { ERROR_PENDING, "the CA is still at work on the certificate", "try again in a moment" },
        { ERROR_ISSUE_FAILED, "the CA could not issue the certificate",
          "this certificate ARN stays empty for good; ask again with a new request" },
        { ERROR_AWS_UNAVAILABLE, "the AWS service is in trouble",
          "try again later; nothing has to be done here" },
        { ERROR_AWS, "AWS answered with an error", "see what AWS says, and its request id" },
};

/* The most usual reasons behind a code, better than the kind's advice. */
static const struct {
        const char *code;
        const char *next;
} hints[] = {
        { "MalformedCSRException",
          "the CSR or its signature is broken: check it with openssl req -verify" },
        { "PackedPolicyTooLarge",
          "STS packs session policy and session tags into a space of its own, which is full "
          "although the policy has its 2,048 characters or fewer: name fewer CAs and templates at "
          "a time, or leave the session uncut with --no-narrow" },
        { "InvalidClientTokenId",
          "that access key id is unknown there: check that it is active, of the right partition, "
          "and, if it is temporary, that its session token is set" },
        { "SignatureDoesNotMatch",
          "check that the secret access key is the one of this access key id" },
        { "InvalidIdentityToken",
          "check that the identity provider is set up in IAM, and the token meant for AWS" },
        { "IDPRejectedClaim", "get a fresh web identity token: this one expired or was revoked" },
        { "RegionDisabledException", "enable the Region for the account, or use another one" },
        { "InvalidSignatureException",
          "check that the secret access key is the one of this access key id" },
        { "UnrecognizedClientException",
          "that access key id is unknown there: check that it is active, of the CA's partition, "
          "and, if it is temporary, that its session token is set" },
        { "SubscriptionRequiredException", "have the account enabled for the service" },
        { "OptInRequired", "have the account enabled for the service or the Region" },
        { "RequestAlreadyProcessedException", "nothing has to be done: it was done before" },
};

static void
explain_by_table(const struct fault *fault, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(sentences); i++) {
                if (sentences[i].kind != fault->kind)
                        continue;
                /* A refused signature comes with pages of what was signed: not in a sentence. */
                bool quoted = *fault->message && fault->kind != ERROR_CREDENTIALS_REFUSED;

                error_set(err, fault->kind, "%s: %s", sentences[i].what,
                          quoted ? fault->message : fault->code);
                for (size_t j = 0; j < ARRAY_LENGTH(hints); j++) {
                        if (strcmp(hints[j].code, fault->code) == 0)
                                error_advise(err, "%s", hints[j].next);
                }
                error_advise(err, "%s", sentences[i].next);
                return;
        }
        error_set(err, fault->kind, "AWS answered %s: %s", fault->code, fault->message);
}

bool
fault_explain(const struct fault_call *call, const struct fault_answer *answer,
              const struct fault *fault, struct error *err)
{
        if (!*fault->code)
                explain_strange(call, answer, fault, err);
        else if (fault->kind == ERROR_DENIED && strstr(fault->message, "is not authorized"))
                explain_denied(call, fault, err);
        else if (fault->kind == ERROR_CLOCK)
                explain_clock(fault, err);
        else
                explain_by_table(fault, err);
        if (fault->kind == ERROR_CA_UNKNOWN && strcmp(call->service, "acm-pca") == 0) {
                error_set(err, ERROR_CA_UNKNOWN,
                          "AWS Private CA knows no such CA or certificate: %s", fault->message);
                error_advise(err,
                             "compare the ARN with the account, and its Region with the one asked "
                             "(%s); a shared CA must still be shared",
                             call->region);
        }
        error_about(err, "%s in %s (%s)", call->operation, call->region, call->host);
        return error_aws(err, fault->code, fault->message, fault->request_id);
}
