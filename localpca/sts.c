#include "localpca/sts.h"

#include <string.h>

#define XMLNS "https://sts.amazonaws.com/doc/2011-06-15/"

/* What the json protocol's codes are called here, and their HTTP statuses. */
static const struct {
        const char *json_code, *code;
        unsigned status;
} codes[] = {
        { "UnrecognizedClientException", "InvalidClientTokenId", 403 },
        { "ExpiredTokenException", "ExpiredToken", 403 },
        { "MissingAuthenticationTokenException", "MissingAuthenticationToken", 403 },
        { "IncompleteSignatureException", "IncompleteSignature", 400 },
        { "SignatureDoesNotMatch", "SignatureDoesNotMatch", 403 },
        { "InvalidAction", "InvalidAction", 400 },
};

bool
sts_is_request(const struct sigv4_request *request)
{
        const char *type = sigv4_header(request, "Content-Type");

        return !sigv4_header(request, "X-Amz-Target") && type &&
               text_starts(type, "application/x-www-form-urlencoded");
}

static void
xml_add(struct buf *out, const char *name, const char *text)
{
        buf_format(out, "<%s>", name);
        for (; *text; text++) {
                if (*text == '&')
                        buf_add_text(out, "&amp;");
                else if (*text == '<')
                        buf_add_text(out, "&lt;");
                else if (*text == '>')
                        buf_add_text(out, "&gt;");
                else
                        buf_add_byte(out, (uint8_t)*text);
        }
        buf_format(out, "</%s>", name);
}

static void
identity_write(const struct call *call, struct answer *answer)
{
        struct buf *out = &answer->body;

        answer->status = 200;
        buf_add_text(out,
                     "<GetCallerIdentityResponse xmlns=\"" XMLNS "\"><GetCallerIdentityResult>");
        xml_add(out, "Arn", call->caller->arn);
        xml_add(out, "UserId", call->caller->access_key_id);
        xml_add(out, "Account", call->caller->account);
        buf_add_text(out, "</GetCallerIdentityResult><ResponseMetadata>");
        xml_add(out, "RequestId", answer->request_id);
        buf_add_text(out, "</ResponseMetadata></GetCallerIdentityResponse>\n");
}

static void
error_write(const struct refusal *refusal, struct answer *answer)
{
        struct buf *out = &answer->body;
        const char *code = refusal->code;

        answer->status = 400;
        for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
                if (strcmp(codes[i].json_code, refusal->code) != 0)
                        continue;
                code = codes[i].code;
                answer->status = codes[i].status;
        }
        buf_add_text(out, "<ErrorResponse xmlns=\"" XMLNS "\"><Error><Type>Sender</Type>");
        xml_add(out, "Code", code);
        xml_add(out, "Message", buf_text(&refusal->message));
        buf_add_text(out, "</Error>");
        xml_add(out, "RequestId", answer->request_id);
        buf_add_text(out, "</ErrorResponse>\n");
}

/* Is there a parameter `name=value` in the form? */
static bool
form_has(struct view body, const char *parameter)
{
        size_t len = strlen(parameter);
        const char *text = (const char *)body.data;

        for (size_t at = 0; at < body.len;) {
                const char *end = memchr(text + at, '&', body.len - at);
                size_t part = end ? (size_t)(end - text) - at : body.len - at;
                if (part == len && memcmp(text + at, parameter, len) == 0)
                        return true;
                at += part + 1;
        }
        return false;
}

void
sts_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer)
{
        struct call call = { .pca = pca, .now_ms = pca_now_ms(pca) };
        bool done = call_authenticate(&call, request, "sts");

        random_uuid(answer->request_id);
        answer->content_type = "text/xml";
        if (done && !form_has(request->body, "Action=GetCallerIdentity"))
                done = refuse(&call.refusal, "InvalidAction",
                              "localpca knows GetCallerIdentity only");
        if (done)
                identity_write(&call, answer);
        else
                error_write(&call.refusal, answer);
        refusal_clear(&call.refusal);
}
