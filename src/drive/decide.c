#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "drive/conductor.h"
#include "drive/deliver.h"
#include "order/csr.h"
#include "order/predict.h"

enum {
        LEAST_FREE_BYTES = 1 << 20,
        KEY_ID_BYTES = 20,
        WORTH_WAITING_MS = 20,
        PROBE_EVERY = 64,
};

void
ride_note(struct ride *ride, enum order_state state, const char *name, enum drive_event event)
{
        assert(ride->fact_count < RIDE_FACTS);
        ride->order->state = state;
        ride->facts[ride->fact_count].state = state;
        ride->facts[ride->fact_count].name = name;
        ride->facts[ride->fact_count].event = event;
        ride->fact_count++;
}

/* Whoever made the error may not have known for which order it was. */
static void
name_order(const struct order *order, struct error *err)
{
        if (order->number)
                error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
        else
                error_about(err, "order '%s'", order->wishes.name);
}

void
ride_stop(struct ride *ride, const struct error *err)
{
        struct order *order = ride->order;

        order->error = *err;
        if (!text_starts(order->error.about, "order "))
                name_order(order, &order->error);
        ride->deed = DEED_FINISH;
        if (!order->number)
                return;
        if (error_is_verdict(err->kind))
                ride_note(ride, ORDER_FAILED, "failed", EVENT_STOPPED);
        else
                ride_note(ride, order->state, "stopped", EVENT_STOPPED);
}

static void
ride_finish(struct ride *ride)
{
        ride->deed = DEED_FINISH;
}

static void
ride_work(struct ride *ride, enum work_kind kind)
{
        ride->deed = DEED_WORK;
        ride->work_kind = kind;
}

static bool
needs_token(const struct order *order)
{
        return !order->wishes.csr_given || order->wishes.token_uri || order->wishes.key_uri;
}

/* -- what a CA has to tell ------------------------------------------------------------------ */

/* There is no root to trust: say what would help. */
static void
stop_without_root(struct ride *ride, const struct ca *ca)
{
        struct error err = ca->certificate.error;

        if (err.kind == ERROR_NONE)
                error_set(&err, ERROR_ROOT_CHANGED, "the CA's chain does not end in a root");
        error_about(&err, "the root of %s", ca->arn);
        err.next[0] = '\0';
        error_advise(&err, "say which root to trust with --root FILE, or let the identity call "
                           "acm-pca:GetCertificateAuthorityCertificate");
        ride_stop(ride, &err);
}

/*
 * AWS was out of reach when the CA was asked, and there is patience left: the ride waits, and then
 * the CA is asked again.
 */
static bool
waits_for_aws(struct conductor *conductor, struct ride *ride, struct ca *ca)
{
        bool refused = (ca->describe.state == KNOWLEDGE_REFUSED &&
                        network_is_outage(ca->describe.error.kind)) ||
                       (ca->certificate.state == KNOWLEDGE_REFUSED &&
                        network_is_outage(ca->certificate.error.kind));

        if (!refused || !network_has_patience(conductor))
                return false;
        if (conductor->outage.until_ms > clock_boot_ms()) {
                ride->wake_ms = conductor->outage.until_ms;
                return true;
        }
        ca_ask_again(ca);
        return false;
}

/* The CA with its root to trust; NULL while it is asked (the ride sleeps) or the order stopped. */
static struct ca *
need_root(struct conductor *conductor, struct ride *ride)
{
        struct error err = { 0 };
        struct ca *ca = ca_get(&conductor->cas, ride->order->wishes.ca_arn, &err);

        if (!ca || !ca_load_root(ca, conductor->options, &err)) {
                ride_stop(ride, &err);
                return NULL;
        }
        if (ca->root.len)
                return ca;
        struct aws_client *aws = conductor_aws(conductor, &err);

        if (!aws) {
                ride_stop(ride, &err);
                return NULL;
        }
        if (waits_for_aws(conductor, ride, ca))
                return NULL;
        ca_ask_certificate(ca, aws);
        if (ca->certificate.state != KNOWLEDGE_ASKED)
                stop_without_root(ride, ca);
        return NULL;
}

/*
 * May the station's identity issue from this CA?  Not when its own trust anchor takes what the CA
 * issues: any device could then log in as an issuer.
 */
static bool
check_anchor(const struct conductor *conductor, const struct ca *ca, struct error *err)
{
        const struct drive_options *options = conductor->options;
        CLEANUP(buf_cleanup) struct buf path = { 0 };

        if (!options->shares_anchor)
                return true;
        buf_add(&path, view_buf(&ca->own));
        buf_add(&path, view_buf(&ca->chain));
        buf_add(&path, view_buf(&ca->root));
        bool shared = options->shares_anchor(options->station, view_buf(&path));

        if (!shared && ca->own.len)
                return true;
        if (shared)
                error_set(err, ERROR_ANCHOR_SHARED,
                          "the trust anchor that takes this station's certificate takes those of "
                          "the CA, too: every device could become an issuer");
        else
                error_set(err, ERROR_ANCHOR_SHARED,
                          "whether the station's trust anchor takes what the CA issues is not "
                          "known, since the CA's certificate could not be read");
        error_about(err, "%s", ca->arn);
        return error_advise(err, "%s",
                            shared ? "let a CA of their own issue the stations' certificates (if "
                                     "it does and is the anchor itself: --rolesanywhere-chain "
                                     "none); "
                                     "--allow-self-renew accepts it, and with that that this "
                                     "station can impersonate every station of the anchor"
                                   : "let the identity call "
                                     "acm-pca:GetCertificateAuthorityCertificate; "
                                     "--allow-self-renew does without knowing");
}

/* A CA below the CA: how long its path may be, the CA's own certificate says. */
static bool
makes_ca(const struct wishes *wishes)
{
        const struct template_facts *facts =
                wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL;

        return facts && facts->is_ca && !facts->is_root;
}

/*
 * The CA, asked and judged, with its root.  NULL while its answers are awaited (the ride sleeps)
 * and when the order was stopped over it.
 */
static struct ca *
need_ca(struct conductor *conductor, struct ride *ride)
{
        struct error err = { 0 };
        const struct wishes *wishes = &ride->order->wishes;

        if (!wishes->ca_arn) {
                error_set(&err, ERROR_USAGE, "the order has no CA to ask");
                error_advise(&err, "p11cert csr and import make a certificate without AWS");
                ride_stop(ride, &err);
                return NULL;
        }
        struct ca *ca = ca_get(&conductor->cas, wishes->ca_arn, &err);
        struct aws_client *aws = ca ? conductor_aws(conductor, &err) : NULL;

        if (!aws || !ca_load_root(ca, conductor->options, &err)) {
                ride_stop(ride, &err);
                return NULL;
        }
        if (waits_for_aws(conductor, ride, ca))
                return NULL;
        ca_ask_describe(ca, aws);
        /* Who may not describe the CA may still learn its key from the CA's certificate. */
        if (!ca->root.len || conductor->options->shares_anchor || makes_ca(wishes) ||
            (ca->describe.state == KNOWLEDGE_REFUSED && !wishes->signing_algorithm))
                ca_ask_certificate(ca, aws);
        if (ca_is_asking(ca))
                return NULL;
        if (!ca_judge(ca, clock_now(), &err)) {
                ride_stop(ride, &err);
                return NULL;
        }
        if (!ca->root.len) {
                stop_without_root(ride, ca);
                return NULL;
        }
        if (!check_anchor(conductor, ca, &err)) {
                ride_stop(ride, &err);
                return NULL;
        }
        return ca;
}

/* -- a new order ---------------------------------------------------------------------------- */

/* Give the key a label that no other of ours has on that token. */
static bool
choose_label(struct conductor *conductor, struct order *order, struct error *err)
{
        bool taken = true;

        if (order->wishes.label) {
                text_assign(&order->key_label, order->wishes.label);
                return true;
        }
        for (unsigned i = 1; taken; i++) {
                CLEANUP(free_cleanup)
                char *label = i == 1 ? text_copy(order->wishes.name)
                                     : text_format("%s-%u", order->wishes.name, i);

                if (!ledger_label_taken(conductor->options->ledger, order->token.serial, label,
                                        &taken, err))
                        return false;
                if (!taken)
                        text_assign(&order->key_label, label);
        }
        return true;
}

static void
choose_id(struct order *order)
{
        uint8_t id[KEY_ID_BYTES];

        if (order->wishes.given_id.len) {
                buf_set(&order->key_id, view_buf(&order->wishes.given_id));
                return;
        }
        random_bytes(id, sizeof(id));
        buf_set(&order->key_id, view_of(id, sizeof(id)));
}

/* Would the certificate carry every wish, and would the CA issue it at all? */
static bool
check_outlook(const struct order *order, const struct ca *ca, struct error *err)
{
        const struct issuer_facts issuer = ca_issuer_facts(ca);
        CLEANUP(prediction_clear) struct prediction prediction;

        predict(&order->wishes, view_buf(&order->csr), &issuer, clock_now(), &prediction);
        return prediction_check(&prediction, err);
}

/* What only the CA can tell: the default validity, and that what was asked for can be. */
static bool
settle_wishes(struct ride *ride, const struct ca *ca, struct error *err)
{
        struct wishes *wishes = &ride->order->wishes;
        const char *algorithm;

        predict_default_validity(wishes, ca_is_short_lived(ca));
        if (!wishes->signing_algorithm) {
                algorithm = ca_signing_algorithm(ca, err);
                if (!algorithm)
                        return false;
                text_assign(&wishes->signing_algorithm, algorithm);
        }
        /* What was found when it was planned holds for the CSR that was then made of it. */
        if (ride->foretold)
                return true;
        ride->foretold = check_outlook(ride->order, ca, err);
        return ride->foretold;
}

static bool
plan(struct conductor *conductor, struct ride *ride, struct error *err)
{
        struct order *order = ride->order;

        /* Better now than when there is a certificate that cannot be delivered. */
        if ((order->wishes.stores & STORE_FILES) && order->wishes.folder &&
            !file_check_folder(order->wishes.folder, err)) {
                error_advise(err, "choose another folder with --out, or make it writable");
                return error_about(err, "order '%s'", order->wishes.name);
        }
        if (ride->have_key || !needs_token(order))
                return true;
        choose_id(order);
        return choose_label(conductor, order, err);
}

static void
decide_new(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        struct error err = { 0 };
        /* A CSR is made without AWS; what the CA thinks of it, `submit` will hear. */
        bool asks = order->wishes.ca_arn && !order->held;
        struct ca *ca = NULL;

        if (asks) {
                ca = need_ca(conductor, ride);
                if (ride->deed == DEED_FINISH)
                        return;
        }
        /* The token is looked at while the CA is being asked. */
        if (needs_token(order) && !ride->looked && !ride_spare_look(ride)) {
                ride_work(ride, WORK_LOOK);
                return;
        }
        if (asks && !ca)
                return;
        if ((ca && !settle_wishes(ride, ca, &err)) || !plan(conductor, ride, &err)) {
                ride_stop(ride, &err);
                return;
        }
        ride_note(ride, ORDER_PLANNED, "planned", EVENT_PLANNED);
        if (ride->have_key || !needs_token(order))
                ride_note(ride, ORDER_KEYED, "keyed", EVENT_KEYED);
        else
                ride->recovered = true; /* a fresh id: there is nothing to look for */
}

/* -- PLANNED and KEYED ---------------------------------------------------------------------- */

static void
decide_planned(struct ride *ride)
{
        ride_work(ride, ride->recovered ? WORK_KEY : WORK_RECOVER);
}

/*
 * Write the request down: from here on these bytes and this token are what was asked.
 */
static bool
compose_request(struct conductor *conductor, struct ride *ride, const struct ca *ca,
                struct error *err)
{
        struct order *order = ride->order;
        CLEANUP(free_cleanup) char *pem = csr_pem(view_buf(&order->csr));
        char token[37];
        struct pca_issue issue = {
                .ca_arn = order->wishes.ca_arn,
                .csr = view_buf(&order->csr),
                .csr_pem = pem,
                .signing_algorithm = order->wishes.signing_algorithm,
                .template_arn = order->wishes.template_arn,
                .not_before = order->wishes.not_before,
                .idempotency_token = token,
        };

        if (!validity_for_api(&order->wishes.validity, ca_not_after(ca), &issue.validity_type,
                              &issue.validity_value, err))
                return false;
        random_uuid(token);
        CLEANUP(free_cleanup)
        char *passthrough = pca_write_passthrough(
                &order->wishes,
                order->wishes.template_arn ? template_of_arn(order->wishes.template_arn) : NULL);

        issue.api_passthrough = passthrough;
        CLEANUP(free_cleanup) char *body = pca_write_issue(&issue);

        buf_set(&order->request, view_text(body));
        text_assign(&order->idempotency_token, token);
        order->first_sent_at = clock_now();
        order->first_sent_boot_ms = clock_boot_ms();
        text_assign(&order->boot_id, conductor->boot_id);
        ride->composed = true;
        ride->doubt = false;
        return true;
}

static bool
have_room(const struct conductor *conductor, struct error *err)
{
        int64_t free_bytes = file_free_bytes(conductor->options->state);

        if (free_bytes < 0 || free_bytes >= LEAST_FREE_BYTES)
                return true;
        error_set(err, ERROR_DISK_FULL, "only %lld bytes are free where the ledger is",
                  (long long)free_bytes);
        error_about(err, "%s", conductor->options->state);
        return error_advise(err, "free some space there, then: p11cert resume; nothing was asked "
                                 "of the CA");
}

static void
decide_keyed(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        struct error err = { 0 };

        if (!order->csr.len) {
                ride_work(ride, WORK_CSR);
                return;
        }
        if (order->held) {
                ride_finish(ride);
                return;
        }
        struct ca *ca = need_ca(conductor, ride);

        if (!ca)
                return;
        if (!settle_wishes(ride, ca, &err)) {
                /* As it is it is never sent: it waits for a `submit` with other options. */
                order->held = err.kind == ERROR_WISH_LOST || err.kind == ERROR_USAGE;
                ride_stop(ride, &err);
                return;
        }
        /* A request is as old as its first sending, so it is written when it may be sent. */
        if (!network_grant(conductor, ride, CALL_ISSUE))
                return;
        if (!have_room(conductor, &err) || !compose_request(conductor, ride, ca, &err)) {
                ride_stop(ride, &err);
                return;
        }
        ride_note(ride, ORDER_REQUESTED, "requested", EVENT_REQUESTED);
}

/* -- REQUESTED and SUBMITTED ---------------------------------------------------------------- */

static void
decide_requested(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        struct error err = { 0 };
        struct ca *ca = need_ca(conductor, ride);

        if (!ca)
                return;
        if (!network_grant(conductor, ride, CALL_ISSUE))
                return;
        if (!have_room(conductor, &err)) {
                ride_stop(ride, &err);
                return;
        }
        if (!ride->composed) {
                /* A resume: was the recorded request sent, and may it be sent again? */
                ride->doubt = order->first_sent_at != 0;
                ride->composed =
                        ride->doubt &&
                        order_may_repeat(order, clock_now(), clock_boot_ms(), conductor->boot_id);
        }
        if (!ride->composed) {
                bool doubt = ride->doubt;

                if (!compose_request(conductor, ride, ca, &err)) {
                        ride_stop(ride, &err);
                        return;
                }
                order->maybe_duplicate = order->maybe_duplicate || doubt;
                ride_note(ride, ORDER_REQUESTED, "requested-anew", EVENT_REQUESTED);
                return;
        }
        ride->deed = DEED_ISSUE;
}

/* Polling begins; false: the CA needs its time first, and is not asked before that is over. */
static bool
wait_for_issuing(struct conductor *conductor, struct ride *ride)
{
        struct error ignored = { 0 };
        struct ca *ca = ca_get(&conductor->cas, ride->order->wishes.ca_arn, &ignored);
        bool early = ca && ++ca->issued % PROBE_EVERY == 0;

        ride->submitted_ms = clock_boot_ms();
        if (!ca || ca->issue_ms < WORTH_WAITING_MS)
                return true;
        /* Now and then one finds out whether it takes less by now. */
        ride->wake_ms = ride->submitted_ms + ca->issue_ms - (early ? ca->issue_ms / 4 : 0);
        return false;
}

static void
decide_submitted(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        int64_t now = clock_boot_ms();
        int64_t patience =
                conductor->options->pending_ms ? conductor->options->pending_ms : 600 * 1000;
        struct error err = { 0 };

        if (conductor->options->no_wait) {
                error_set(&err, ERROR_PENDING, "the request was submitted");
                error_advise(&err, "fetch the certificate with: p11cert fetch %s",
                             order_call(order->wishes.name).text);
                ride_stop(ride, &err);
                return;
        }
        if (!conductor_aws(conductor, &err)) {
                ride_stop(ride, &err);
                return;
        }
        if (!ride->submitted_ms && !wait_for_issuing(conductor, ride))
                return;
        if (now - ride->submitted_ms > patience) {
                error_set(&err, ERROR_PENDING, "the CA has not issued the certificate yet");
                error_advise(&err, "try again later: p11cert fetch %s",
                             order_call(order->wishes.name).text);
                ride_stop(ride, &err);
                return;
        }
        if (network_grant(conductor, ride, CALL_GET))
                ride->deed = DEED_POLL;
}

/* -- ISSUED, VERIFIED, DELIVERED ------------------------------------------------------------ */

static void
decide_issued(struct conductor *conductor, struct ride *ride)
{
        struct ca *ca = need_root(conductor, ride);

        if (ca)
                ride_judge(conductor, ride, ca);
}

static void
decide_verified(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        struct error err = { 0 };

        if (needs_token(order) && !ride->tested) {
                ride_work(ride, WORK_TEST);
                return;
        }
        if (needs_token(order) && (order->wishes.stores & STORE_TOKEN) && !ride->delivered) {
                ride_work(ride, WORK_DELIVER);
                return;
        }
        if (!ride->written && !deliver_files(order, &err)) {
                ride_stop(ride, &err);
                return;
        }
        ride->written = true;
        if (!ride_deploy(conductor, ride))
                return;
        ride->unflushed = (order->wishes.stores & STORE_FILES) && order->file_certificate;
        ride->files_fresh = ride->unflushed;
        order->delivered_at = clock_now();
        order->error = (struct error){ 0 };
        ride_note(ride, ORDER_DELIVERED, "delivered", EVENT_DELIVERED);
}

/* The predecessor, as long as it has not been superseded. */
static bool
load_predecessor(struct conductor *conductor, struct ride *ride, struct error *err)
{
        if (!ride->order->replaces || ride->retired || ride->predecessor)
                return true;
        ride->predecessor = ledger_get(conductor->options->ledger, ride->order->replaces, err);
        if (!ride->predecessor)
                return false;
        if (ride->predecessor->state == ORDER_DELIVERED ||
            ride->predecessor->state == ORDER_INSTALLED)
                return true;
        order_free(MOVE(ride->predecessor));
        ride->retired = true;
        return true;
}

static bool
keeps_old_object(const struct ride *ride)
{
        const struct order *order = ride->order;
        const struct order *old = ride->predecessor;

        return needs_token(order) && (order->wishes.stores & STORE_TOKEN) &&
               (old->wishes.stores & STORE_TOKEN) && old->certificate.len &&
               view_equal(view_buf(&old->key_id), view_buf(&order->key_id)) &&
               !view_equal(view_buf(&old->certificate), view_buf(&order->certificate));
}

/* What was delivered before and is not there any more. */
static bool
write_again(const struct order *order, struct error *err)
{
        struct deliver_flush alone = { 0 };

        return deliver_files(order, err) && deliver_flush(&alone, order, err);
}

static void
decide_delivered(struct conductor *conductor, struct ride *ride)
{
        struct order *order = ride->order;
        struct error err = { 0 };

        if (!load_predecessor(conductor, ride, &err) ||
            ((order->wishes.stores & STORE_FILES) && !ride->files_fresh &&
             !deliver_check(order, &err) && !write_again(order, &err))) {
                ride_stop(ride, &err);
                return;
        }
        if (ride->predecessor && !ride->retired && keeps_old_object(ride)) {
                ride_work(ride, WORK_RETIRE);
                return;
        }
        if (ride->predecessor) {
                /* Recorded by the commit, together with the successor's own fact. */
                ride->retired = true;
                ride_note(ride, order->state, "predecessor-superseded", EVENT_FACT);
                free(ride->notes);
                ride->notes = text_format("order %lld is superseded", (long long)order->replaces);
                return;
        }
        if (order->wishes.prove && !ride->proved && needs_token(order)) {
                ride_work(ride, WORK_PROVE);
                return;
        }
        ride_finish(ride);
}

void
ride_decide(struct conductor *conductor, struct ride *ride)
{
        ride->deed = DEED_NONE;
        if (!ride->order->number) {
                decide_new(conductor, ride);
                return;
        }
        switch (ride->order->state) {
        case ORDER_PLANNED:
                decide_planned(ride);
                return;
        case ORDER_KEYED:
                decide_keyed(conductor, ride);
                return;
        case ORDER_REQUESTED:
                decide_requested(conductor, ride);
                return;
        case ORDER_SUBMITTED:
                decide_submitted(conductor, ride);
                return;
        case ORDER_ISSUED:
                decide_issued(conductor, ride);
                return;
        case ORDER_VERIFIED:
                decide_verified(conductor, ride);
                return;
        case ORDER_DELIVERED:
        case ORDER_INSTALLED:
                decide_delivered(conductor, ride);
                return;
        default:
                ride_finish(ride);
                return;
        }
}
