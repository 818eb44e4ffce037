#include "drive/ca.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "order/cert.h"

struct ca *
ca_get(struct ca **list, const char *arn, struct error *err)
{
        struct ca_arn parts;

        for (struct ca *ca = *list; ca; ca = ca->next) {
                if (strcmp(ca->arn, arn) == 0)
                        return ca;
        }
        if (!ca_arn_parse(arn, &parts, err))
                return NULL;
        struct ca *ca = memory_new(1, sizeof(*ca));

        ca->arn = text_copy(arn);
        ca->parts = parts;
        ca->next = *list;
        *list = ca;
        return ca;
}

void
ca_list_free(struct ca *list)
{
        while (list) {
                struct ca *ca = list;

                list = ca->next;
                free(ca->arn);
                pca_authority_clear(&ca->facts);
                buf_clear(&ca->own);
                certificate_facts_clear(&ca->read);
                buf_clear(&ca->chain);
                buf_clear(&ca->root);
                free(ca);
        }
}

/* -- the root ------------------------------------------------------------------------------ */

bool
ca_load_root(struct ca *ca, const struct drive_options *options, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf pinned = { 0 };
        CLEANUP(free_cleanup) char *how = NULL;
        int64_t since = 0;
        char text[CLOCK_TEXT];

        if (ca->root.len)
                return true;
        if (!ledger_root(options->ledger, ca->arn, &pinned, &how, &since, err))
                return false;
        if (options->root.len && pinned.len &&
            !certificate_same_root(options->root, view_buf(&pinned))) {
                error_set(err, ERROR_ROOT_CHANGED,
                          "--root is not the root that is pinned for this CA");
                error_about(err, "%s, pinned %s (%s)", ca->arn, clock_format(since, text), how);
                return error_advise(err,
                                    "if the CA really has another root now: p11cert ca trust "
                                    "%s --root FILE",
                                    ca->arn);
        }
        if (pinned.len) {
                buf_set(&ca->root, view_buf(&pinned));
        } else if (options->root.len) {
                buf_set(&ca->root, options->root);
                ca->root_how = "--root";
        }
        return true;
}

/* The self-signed certificate at the end of the CA's own chain (for a root CA: itself). */
static struct view
find_root(struct view own, struct view chain)
{
        while (chain.len) {
                size_t length = certificate_length(chain);

                if (!length)
                        break;
                if (certificate_is_root(view_of(chain.data, length)))
                        return view_of(chain.data, length);
                chain = view_of(chain.data + length, chain.len - length);
        }
        return certificate_is_root(own) ? own : view_of(NULL, 0);
}

bool
ca_chain_has_other_root(const struct ca *ca, struct view chain)
{
        struct view root = find_root(view_of(NULL, 0), chain);

        return root.len && ca->root.len && !certificate_same_root(root, view_buf(&ca->root));
}

/* -- asking -------------------------------------------------------------------------------- */

static void
ask(struct ca *ca, struct aws_client *aws, struct ca_question *question, const char *operation,
    char *body)
{
        struct aws_call call = {
                .service = "acm-pca",
                .region = ca->parts.region,
                .operation = operation,
                .body = view_text(body),
                .tag = question,
        };

        question->state = KNOWLEDGE_ASKED;
        aws_send(aws, &call);
        free(body);
}

void
ca_ask_describe(struct ca *ca, struct aws_client *aws)
{
        if (ca->describe.state == KNOWLEDGE_NONE)
                ask(ca, aws, &ca->describe, "DescribeCertificateAuthority",
                    pca_write_describe(ca->arn));
}

void
ca_ask_certificate(struct ca *ca, struct aws_client *aws)
{
        if (ca->certificate.state == KNOWLEDGE_NONE)
                ask(ca, aws, &ca->certificate, "GetCertificateAuthorityCertificate",
                    pca_write_get_ca_certificate(ca->arn));
}

static bool
read_certificate(struct ca *ca, struct view body, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf own = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        CLEANUP(buf_cleanup) struct buf last = { 0 };
        struct error ignored = { 0 };

        if (!pca_read_get_ca_certificate(body, &own, &chain, err) ||
            !certificates_read(view_buf(&own), &ca->own, NULL, err))
                return false;
        if (!certificate_facts_read(view_buf(&ca->own), &ca->read, &ignored)) {
                log_debug("ca-certificate-not-read", "ca=%s what=%s", ca->arn, ignored.what);
                ca->read.path_length = -1;
        }
        if (chain.len && !certificates_read(view_buf(&chain), &last, &ca->chain, err))
                return false;
        if (chain.len) {
                /* certificates_read() gives the first apart; here they are one list. */
                buf_add(&last, view_buf(&ca->chain));
                buf_set(&ca->chain, view_buf(&last));
        }
        return true;
}

static void
take_certificate(struct ca *ca, const struct aws_reply *reply)
{
        if (!read_certificate(ca, view_buf(&reply->body), &ca->certificate.error)) {
                ca->certificate.error.kind = ERROR_AWS_ANSWER;
                ca->certificate.state = KNOWLEDGE_REFUSED;
                return;
        }
        ca->certificate.state = KNOWLEDGE_KNOWN;
        struct view root = find_root(view_buf(&ca->own), view_buf(&ca->chain));

        if (ca->root.len || !root.len)
                return;
        buf_set(&ca->root, root);
        ca->root_how = "first use";
}

bool
ca_take(struct ca *ca, const struct aws_reply *reply)
{
        struct ca_question *question = reply->tag;

        if (question != &ca->describe && question != &ca->certificate)
                return false;
        if (!reply->ok) {
                question->state = KNOWLEDGE_REFUSED;
                question->error = reply->error;
        } else if (question == &ca->certificate) {
                take_certificate(ca, reply);
        } else if (pca_read_describe(view_buf(&reply->body), &ca->facts, &question->error)) {
                question->state = KNOWLEDGE_KNOWN;
        } else {
                question->state = KNOWLEDGE_REFUSED;
        }
        log_debug("ca-answered", "operation=%s known=%d error=%s", reply->operation,
                  question->state == KNOWLEDGE_KNOWN, error_kind_name(question->error.kind));
        return true;
}

static void
ask_again(struct ca_question *question)
{
        enum error_kind kind = question->error.kind;

        if (question->state == KNOWLEDGE_REFUSED &&
            (kind == ERROR_NETWORK || kind == ERROR_THROTTLED || kind == ERROR_AWS_UNAVAILABLE))
                *question = (struct ca_question){ 0 };
}

void
ca_ask_again(struct ca *ca)
{
        ask_again(&ca->describe);
        ask_again(&ca->certificate);
}

bool
ca_is_asking(const struct ca *ca)
{
        return ca->describe.state == KNOWLEDGE_ASKED || ca->certificate.state == KNOWLEDGE_ASKED;
}

/* -- judging ------------------------------------------------------------------------------- */

bool
ca_judge(const struct ca *ca, int64_t now, struct error *err)
{
        char text[CLOCK_TEXT];

        if (ca->describe.state == KNOWLEDGE_REFUSED && ca->describe.error.kind != ERROR_DENIED) {
                *err = ca->describe.error;
                return error_about(err, "%s", ca->arn);
        }
        if (ca->describe.state != KNOWLEDGE_KNOWN)
                return true;
        if (strcmp(ca->facts.status, "EXPIRED") == 0 ||
            (ca->facts.not_after && ca->facts.not_after <= now)) {
                error_set(err, ERROR_CA_EXPIRED, "the CA's own certificate ended on %s",
                          ca->facts.not_after ? clock_format(ca->facts.not_after, text)
                                              : "a day "
                                                "past");
                error_about(err, "%s", ca->arn);
                return error_advise(err,
                                    "an administrator has to import a new certificate for the "
                                    "CA, or choose another with --ca; nothing was asked of it");
        }
        if (strcmp(ca->facts.status, "ACTIVE") != 0) {
                error_set(err, ERROR_CA_STATE, "the CA is %s; only an ACTIVE one issues",
                          ca->facts.status);
                error_about(err, "%s", ca->arn);
                return error_advise(err, "ask its administrator to activate it, then repeat the "
                                         "command; nothing was asked of it");
        }
        return true;
}

static const char *
algorithm_of_own_key(const struct ca *ca)
{
        static const char *const algorithms[] = {
                [KEY_NONE] = NULL,
                [KEY_EC_P256] = "EC_prime256v1",
                [KEY_EC_P384] = "EC_secp384r1",
                [KEY_EC_P521] = "EC_secp521r1",
                [KEY_RSA_2048] = "RSA_2048",
                [KEY_RSA_3072] = "RSA_3072",
                [KEY_RSA_4096] = "RSA_4096",
        };
        const char *name = algorithms[ca->read.key_type];

        return name ? pca_signing_algorithm(name, NULL) : NULL;
}

const char *
ca_signing_algorithm(const struct ca *ca, struct error *err)
{
        const char *algorithm = NULL;

        if (ca->describe.state == KNOWLEDGE_KNOWN)
                algorithm =
                        pca_signing_algorithm(ca->facts.key_algorithm, ca->facts.signing_algorithm);
        if (!algorithm)
                algorithm = algorithm_of_own_key(ca);
        if (algorithm)
                return algorithm;
        if (ca->describe.state == KNOWLEDGE_REFUSED)
                *err = ca->describe.error;
        else
                error_set(err, ERROR_CA_UNKNOWN, "no signing algorithm is known for the CA's key");
        error_about(err, "%s", ca->arn);
        err->next[0] = '\0';
        error_advise(err, "say which algorithm the CA signs with, e.g. --signing-algorithm "
                          "SHA256WITHECDSA (and --root FILE): then the identity needs no more than "
                          "acm-pca:IssueCertificate and acm-pca:GetCertificate");
        return NULL;
}

int64_t
ca_not_after(const struct ca *ca)
{
        return ca->facts.not_after ? ca->facts.not_after : ca->read.not_after;
}

bool
ca_is_short_lived(const struct ca *ca)
{
        return text_equal(ca->facts.usage_mode, "SHORT_LIVED_CERTIFICATE");
}

static void
issuer_facts_add(struct issuer_facts *issuer, const struct certificate_facts *own)
{
        issuer->has_path_length = own->path_length >= 0;
        issuer->path_length = own->path_length;
}

void
issuer_facts_add_own(struct issuer_facts *issuer, struct view own)
{
        struct certificate_facts facts = { 0 };
        struct error ignored = { 0 };

        if (!own.len || !certificate_facts_read(own, &facts, &ignored))
                return;
        issuer_facts_add(issuer, &facts);
        certificate_facts_clear(&facts);
}

struct issuer_facts
ca_issuer_facts(const struct ca *ca)
{
        struct issuer_facts facts = pca_issuer_facts(&ca->facts);

        facts.described = ca->describe.state == KNOWLEDGE_KNOWN;
        facts.not_after = ca_not_after(ca);
        if (ca->own.len)
                issuer_facts_add(&facts, &ca->read);
        return facts;
}
