#include "drive/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "drive/deliver.h"
#include "drive/session.h"
#include "engine/openssl_key.h"
#include "order/cert.h"

enum { WITNESS_MS = 35 * 1000, DEFAULT_TOKEN_TIMEOUT_MS = 120 * 1000 };

/* -- rows ------------------------------------------------------------------------------------- */

static void PRINTF(4, 5) add_row(struct proof_report *report, const char *name, enum proof result,
                                 const char *format, ...)
{
        va_list arguments;

        assert(report->count < PROOFS);
        struct proof_row *row = &report->rows[report->count++];

        row->name = name;
        row->result = result;
        va_start(arguments, format);
        vsnprintf(row->detail, sizeof(row->detail), format, arguments);
        va_end(arguments);
}

/* A row that failed; the first failure is the error of the whole. */
static void
add_failure(struct proof_report *report, const char *name, const struct error *failure,
            struct error *first)
{
        add_row(report, name, PROOF_FAILED, "%s", failure->what);
        if (first->kind == ERROR_NONE)
                *first = *failure;
}

/* -- what needs no token ---------------------------------------------------------------------- */

static void
prove_chain(const struct order *order, int64_t now, struct proof_report *report,
            struct error *first)
{
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct error err = { 0 };

        if (certificate_chain(view_buf(&order->certificate), view_buf(&order->chain),
                              view_buf(&order->root), now, &path, &err))
                add_row(report, "chain", PROOF_PASSED, "leads to the pinned root");
        else
                add_failure(report, "chain", &err, first);
}

static void
prove_dates(const struct order *order, int64_t now, struct proof_report *report,
            struct error *first)
{
        struct error err = { 0 };
        char from[CLOCK_TEXT];
        char until[CLOCK_TEXT];

        clock_format(order->not_before, from);
        clock_format(order->not_after, until);
        if (now >= order->not_before && now <= order->not_after) {
                add_row(report, "dates", PROOF_PASSED, "valid from %s until %s", from, until);
                return;
        }
        error_set(&err, ERROR_NOT_PROVED, "the certificate %s on %s",
                  now < order->not_before ? "begins" : "ended",
                  now < order->not_before ? from : until);
        error_advise(&err, "renew it with: p11cert renew %s", order_call(order->wishes.name).text);
        add_failure(report, "dates", &err, first);
}

static void
prove_revocation(const struct order *order, struct proof_report *report, struct error *first)
{
        struct error err = { 0 };
        char when[CLOCK_TEXT];

        if (!order->revoked_at) {
                add_row(report, "revocation", PROOF_PASSED, "no revocation is recorded here");
                return;
        }
        error_set(&err, ERROR_NOT_PROVED, "the certificate was revoked on %s (%s)",
                  clock_format(order->revoked_at, when),
                  order->revocation_reason ? order->revocation_reason : "no reason recorded");
        error_advise(&err, "issue another one; a revoked certificate must not be used");
        add_failure(report, "revocation", &err, first);
}

static void
prove_files(const struct order *order, struct proof_report *report, struct error *first)
{
        struct error err = { 0 };

        if (!order->file_certificate)
                add_row(report, "files", PROOF_SKIPPED, "it was not delivered to files");
        else if (deliver_check(order, &err))
                add_row(report, "files", PROOF_PASSED, "%s", order->wishes.folder);
        else
                add_failure(report, "files", &err, first);
}

/* -- what the token has to say ---------------------------------------------------------------- */

struct token_proof {
        const struct drive_options *options;
        const struct order *order;
        struct proof_report report;
        struct error first;
};

static void
prove_certificate_object(struct token *token, struct token_proof *proof)
{
        const struct order *order = proof->order;
        struct error err = { 0 };

        if (!(order->wishes.stores & STORE_TOKEN)) {
                add_row(&proof->report, "token-certificate", PROOF_SKIPPED,
                        "it was not to be stored on the token");
                return;
        }
        if (token_has_certificate(token, view_buf(&order->certificate), view_buf(&order->key_id),
                                  &err)) {
                add_row(&proof->report, "token-certificate", PROOF_PASSED,
                        "it is on the token under the key's id");
                return;
        }
        if (err.kind == ERROR_NONE) {
                error_set(&err, ERROR_NOT_PROVED, "the certificate is not on the token");
                error_advise(&err,
                             "something removed it; the ledger still has it: `p11cert show "
                             "%s`",
                             order->wishes.name);
        }
        add_failure(&proof->report, "token-certificate", &err, &proof->first);
}

static void
prove_application(struct token *token, struct token_proof *proof)
{
        const struct order *order = proof->order;
        struct error err = { 0 };

        if (!(order->wishes.stores & STORE_TOKEN))
                add_row(&proof->report, "application-view", PROOF_SKIPPED,
                        "the certificate was not to be stored on the token");
        else if (token_facts(token)->pin_pad)
                add_row(&proof->report, "application-view", PROOF_SKIPPED,
                        "the token takes its PIN from a pad");
        else if (session_prove(token, order, &err))
                add_row(&proof->report, "application-view", PROOF_PASSED,
                        "libp11 finds key and certificate and does TLS with them");
        else
                add_failure(&proof->report, "application-view", &err, &proof->first);
}

/* `token` NULL: a key that OpenSSL reaches. */
static struct key *
find_key(struct token *token, const struct token_proof *proof, struct error *err)
{
        const struct order *order = proof->order;

        if (!token)
                return session_open_key(proof->options, order->wishes.module, order->wishes.key_uri,
                                        err);
        return key_find(token, view_buf(&order->key_id), NULL, view_buf(&order->spki), err);
}

static void
prove_key(struct token *token, struct token_proof *proof)
{
        const struct order *order = proof->order;
        struct certificate_facts facts = { 0 };
        struct error err = { 0 };
        struct key *key = find_key(token, proof, &err);

        if (!key || !key_check(key, view_buf(&order->spki), &err)) {
                add_failure(&proof->report, "token-key", &err, &proof->first);
                key_free(key);
                return;
        }
        if (token)
                add_row(&proof->report, "token-key", PROOF_PASSED, "'%s' is on token '%s'",
                        order->key_label ? order->key_label : "the key",
                        order->token.label ? order->token.label : "?");
        else
                add_row(&proof->report, "token-key", PROOF_PASSED, "OpenSSL finds %s",
                        order->wishes.key_uri);
        if (certificate_facts_read(view_buf(&order->certificate), &facts, &err) &&
            session_test_signature(key, &facts, &err))
                add_row(&proof->report, "test-signature", PROOF_PASSED,
                        "the certificate verifies what the token signs");
        else
                add_failure(&proof->report, "test-signature", &err, &proof->first);
        certificate_facts_clear(&facts);
        key_free(key);
}

static bool
prove_token(void *context, struct error *err)
{
        struct token_proof *proof = context;
        const struct order *order = proof->order;
        struct modules *modules = NULL;

        if (!order->token.uri) {
                prove_key(NULL, proof);
                return true;
        }
        struct token *token =
                session_open(proof->options, order->wishes.module, order->token.uri, &modules, err);

        if (!token) {
                modules_close(modules);
                return false;
        }
        prove_key(token, proof);
        prove_certificate_object(token, proof);
        prove_application(token, proof);
        token_close(token);
        modules_close(modules);
        return true;
}

static void
merge(struct proof_report *report, const struct token_proof *proof, struct error *first)
{
        for (size_t i = 0; i < proof->report.count; i++)
                report->rows[report->count++] = proof->report.rows[i];
        if (first->kind == ERROR_NONE)
                *first = proof->first;
}

static void
prove_at_token(const struct drive_options *options, const struct order *order,
               struct proof_report *report, struct error *first)
{
        struct token_proof *proof = memory_new(1, sizeof(*proof));
        int64_t timeout =
                options->token_timeout_ms ? options->token_timeout_ms : DEFAULT_TOKEN_TIMEOUT_MS;
        struct error err = { 0 };

        proof->options = options;
        proof->order = order;
        if (drive_guarded(prove_token, proof, timeout + WITNESS_MS, &err))
                merge(report, proof, first);
        else
                add_failure(report, "token", &err, first);
        /* A thread that hangs keeps what it writes to. */
        if (!drive_hangs())
                free(proof);
}

bool
drive_verify(const struct drive_options *options, const struct order *order,
             struct proof_report *report, struct error *err)
{
        int64_t now = clock_now();
        struct error first = { 0 };

        *report = (struct proof_report){ 0 };
        if (!order->certificate.len || !order->root.len) {
                error_set(err, ERROR_ORDER_STATE, "an order that is %s has nothing to verify yet",
                          order_state_name(order->state));
                error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
                return error_advise(err, "finish it first with: p11cert resume");
        }
        prove_chain(order, now, report, &first);
        prove_dates(order, now, report, &first);
        prove_revocation(order, report, &first);
        prove_files(order, report, &first);
        if (order->token.uri || openssl_key_is(order->wishes.key_uri))
                prove_at_token(options, order, report, &first);
        else
                add_row(report, "token-key", PROOF_SKIPPED,
                        "the key is not on a token that p11cert knows");
        if (first.kind == ERROR_NONE)
                return true;
        *err = first;
        return error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
}
