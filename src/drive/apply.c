#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "drive/conductor.h"
#include "drive/deliver.h"
#include "order/cert.h"
#include "order/csr.h"
#include "order/pem.h"

enum {
        MOST_ISSUE_FAILURES = 2,
        FIRST_POLL_WAIT_MS = 25,
        EARLY_MS = 60 * 1000,
        EARLY_POLL_WAIT_MS = 1000,
        LATE_POLL_WAIT_MS = 5000,
        ISSUE_TIME_STEPS = 8,
        FIRST_OUTAGE_WAIT_MS = 500,
        MOST_OUTAGE_WAIT_MS = 30 * 1000,
};

/* -- what a worker brings back --------------------------------------------------------------- */

static void
take_token(struct order_token *to, const struct order_token *token)
{
        text_assign(&to->label, token->label);
        text_assign(&to->serial, token->serial);
        text_assign(&to->manufacturer, token->manufacturer);
        text_assign(&to->model, token->model);
        text_assign(&to->uri, token->uri);
}

/*
 * What one look told of the token holds for the lane's next orders, until the token is opened anew.
 * What was given by hand, an id, a label or a key, has to be looked for.
 */
bool
ride_spare_look(struct ride *ride)
{
        struct order *order = ride->order;
        const struct wishes *wishes = &order->wishes;
        const struct lane *lane = ride->lane;

        if (!lane->known.uri || !(lane->can_make & 1U << wishes->key_type) ||
            wishes->given_id.len || wishes->label || wishes->key_uri || wishes->csr_given ||
            wishes->unfilled)
                return false;
        take_token(&order->token, &lane->known);
        ride->looked = true;
        return true;
}

static void
take_key(struct order *order, struct work *work)
{
        buf_set(&order->spki, view_buf(&work->spki));
        /* The recorded id stays where the token does not tell one. */
        if (work->key_id.len)
                buf_set(&order->key_id, view_buf(&work->key_id));
        text_assign(&order->key_label, work->key_label);
        text_assign(&order->key_uri, work->key_uri);
        order->evidence = work->evidence;
}

/* What a person should know of a key's birth, without being kept from using it. */
static void
note_evidence(struct ride *ride)
{
        const struct evidence *evidence = &ride->order->evidence;

        if (ride->notes ||
            (evidence->local != ANSWER_NO && evidence->always_sensitive != ANSWER_NO &&
             evidence->never_extractable != ANSWER_NO))
                return;
        ride->notes = text_format("the token says of the key: local %s, always sensitive %s, never "
                                  "extractable %s; some modules misreport this",
                                  evidence->local == ANSWER_NO ? "no" : "yes",
                                  evidence->always_sensitive == ANSWER_NO ? "no" : "yes",
                                  evidence->never_extractable == ANSWER_NO ? "no" : "yes");
}

static void
apply_look(struct ride *ride, struct work *work)
{
        struct order *order = ride->order;

        ride->looked = true;
        ride->have_key = work->have_key;
        take_token(&order->token, &work->token);
        take_token(&ride->lane->known, &work->token);
        if (order->wishes.unfilled) {
                wishes_clear(&order->wishes);
                order->wishes = work->wishes;
                work->wishes = (struct wishes){ 0 };
        }
        if (!work->have_key)
                ride->lane->can_make |= 1U << order->wishes.key_type;
        buf_set(&order->old_key_sha256, view_buf(&work->old_key_sha256));
        if (!work->have_key)
                return;
        take_key(order, work);
        order->wishes.key_type = key_type_of_spki(view_buf(&order->spki));
        note_evidence(ride);
}

/* Nothing usable was left under the recorded id: it was destroyed, so a fresh id is recorded. */
static void
start_afresh(struct ride *ride)
{
        struct order *order = ride->order;
        uint8_t id[20];

        if (!order->wishes.given_id.len) {
                random_bytes(id, sizeof(id));
                buf_set(&order->key_id, view_of(id, sizeof(id)));
        }
        ride_note(ride, ORDER_PLANNED, "planned-anew", EVENT_PLANNED);
}

static void
apply_csr(struct ride *ride, struct work *work)
{
        buf_set(&ride->order->csr, view_buf(&work->csr));
        ride_note(ride, ORDER_KEYED, "csr-signed", EVENT_CSR);
}

static void
apply_key(struct ride *ride, struct work *work)
{
        ride->recovered = true;
        if (!work->have_key) {
                start_afresh(ride);
                return;
        }
        take_key(ride->order, work);
        note_evidence(ride);
        ride_note(ride, ORDER_KEYED, "keyed", EVENT_KEYED);
        if (work->csr.len)
                apply_csr(ride, work);
}

/* The token signed: with the certificate's key? */
static void
apply_test(struct ride *ride, struct work *work)
{
        const struct order *order = ride->order;
        struct error ignored = { 0 };

        /* A resume has not judged it. */
        if (!ride->certificate.serial && !certificate_facts_read(view_buf(&order->certificate),
                                                                 &ride->certificate, &work->error))
                return;
        ride->tested =
                signature_verify(view_buf(&ride->certificate.spki), work->hash,
                                 view_buf(&work->message), view_buf(&work->signature), &ignored);
        ride->doubted = !ride->tested;
}

/* `work->error` is what is found wrong with it here. */
static void
apply_done_work(struct ride *ride, struct work *work)
{
        struct order *order = ride->order;

        switch (work->kind) {
        case WORK_LOOK:
                apply_look(ride, work);
                return;
        case WORK_RECOVER:
        case WORK_KEY:
                apply_key(ride, work);
                return;
        case WORK_CSR:
                apply_csr(ride, work);
                return;
        case WORK_TEST:
                apply_test(ride, work);
                return;
        case WORK_DELIVER:
                ride->delivered = true;
                return;
        case WORK_RETIRE:
                ride->retired = true;
                return;
        case WORK_PROVE:
                ride->proved = true;
                ride_note(ride, order->state, "proved", EVENT_PROVED);
                return;
        case WORK_RELEASE:
        case WORK_END:
                return;
        }
}

/* `fetch` without the token is no failure: the certificate waits in the ledger. */
static void
soften_missing_token(const struct conductor *conductor, const struct order *order,
                     struct error *err)
{
        if (!conductor->options->token_may_miss || order->state != ORDER_VERIFIED ||
            (err->kind != ERROR_TOKEN_ABSENT && err->kind != ERROR_MODULE))
                return;
        error_set(err, ERROR_PENDING,
                  "the certificate was fetched and is what was asked for, but "
                  "its token is not here");
        error_advise(err, "plug the token in, then: p11cert fetch %s",
                     order_call(order->wishes.name).text);
}

void
ride_apply_work(struct conductor *conductor, struct ride *ride, struct work *work)
{
        struct order *order = ride->order;

        ride->at_worker = false;
        ride->hold = work->hold;
        if (work->notes) {
                free(ride->notes);
                ride->notes = MOVE(work->notes);
        }
        if (work->error.kind == ERROR_NONE)
                apply_done_work(ride, work);
        if (work->error.kind == ERROR_NONE) {
                if (work->kind == WORK_LOOK)
                        conductor_tell(conductor, EVENT_TOKEN, order, order->token.uri);
                return;
        }
        /* The key was made, only its request could not be signed. */
        if (work->kind == WORK_KEY && work->have_key)
                apply_key(ride, work);
        /* The token may be another one when it is opened again. */
        text_assign(&ride->lane->known.uri, NULL);
        if (order->number)
                error_about(&work->error, "order %lld '%s'", (long long)order->number,
                            order->wishes.name);
        soften_missing_token(conductor, order, &work->error);
        ride_stop(ride, &work->error);
}

/* -- what AWS answers ------------------------------------------------------------------------ */

/* Wait for better times, as long as we were told to. */
static bool
wait_out(struct conductor *conductor, struct ride *ride, const struct error *err)
{
        int64_t now = clock_boot_ms();
        int64_t wait = FIRST_OUTAGE_WAIT_MS;

        if (!network_is_outage(err->kind) || !network_has_patience(conductor))
                return false;
        if (!ride->outage_ms)
                ride->outage_ms = now;
        if (now - ride->outage_ms > conductor->options->outage_ms)
                return false;
        /* Throttling is the pace's affair. */
        if (err->kind == ERROR_THROTTLED)
                return true;
        for (unsigned i = 0; i < ride->outages && wait < MOST_OUTAGE_WAIT_MS; i++)
                wait *= 2;
        ride->outages++;
        ride->wake_ms = now + network_jitter(wait);
        return true;
}

/*
 * Was it the token that made the CA refuse the request?  The signatures of requests are not all
 * verified when they are made.
 */
static void
blame_token(const struct order *order, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct wishes wishes = { 0 };
        struct error found = { 0 };
        bool good;

        if (strcmp(err->aws.code, "MalformedCSRException") != 0 || order->wishes.csr_given)
                return;
        good = csr_read(view_buf(&order->csr), &csr, &spki, &wishes, &found);
        wishes_clear(&wishes);
        if (good)
                return;
        found.aws = err->aws;
        error_set(err, ERROR_KEY_LOST, "the CA refused what the token signed: %s", found.what);
        err->aws = found.aws;
        error_advise(err, "look at the token with its own tool, and order the certificate "
                          "again with a new key");
}

static void
stop_over_reply(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        struct error err = reply->error;

        if (wait_out(conductor, ride, &err))
                return;
        blame_token(ride->order, &err);
        error_about(&err, "order %lld '%s'", (long long)ride->order->number,
                    ride->order->wishes.name);
        ride_stop(ride, &err);
}

static void
apply_issue(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        struct order *order = ride->order;
        struct error err = { 0 };
        char *arn = NULL;

        failpoint("issue-answered");
        if (reply->ok && pca_read_issue(view_buf(&reply->body), &arn, &err)) {
                text_assign(&order->certificate_arn, arn);
                free(arn);
                ride->outage_ms = 0;
                ride->outages = 0;
                conductor->proven = true;
                order->error = (struct error){ 0 };
                ride_note(ride, ORDER_SUBMITTED, "submitted", EVENT_SUBMITTED);
                return;
        }
        if (reply->ok) {
                /* It was done, but the answer does not say what: the same token asks again. */
                error_about(&err, "order %lld '%s'", (long long)order->number, order->wishes.name);
                ride_stop(ride, &err);
                return;
        }
        if (!reply->maybe_done && !ride->doubt) {
                /* No certificate can have come of it: the next attempt starts afresh. */
                order->first_sent_at = 0;
                ride->composed = false;
        } else {
                ride->doubt = true;
                ride->composed = false;
                /* A verdict is never sent again: what an earlier send may have led to stays. */
                order->maybe_duplicate |= error_is_verdict(reply->error.kind);
        }
        stop_over_reply(conductor, ride, reply);
}

/* RequestFailedException: this ARN will never work.  A new request once, then a verdict. */
static void
apply_issue_failure(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        struct order *order = ride->order;

        if (++order->issue_failures >= MOST_ISSUE_FAILURES) {
                stop_over_reply(conductor, ride, reply);
                return;
        }
        text_assign(&order->certificate_arn, NULL);
        order->first_sent_at = 0;
        ride->composed = false;
        ride->doubt = false;
        ride->submitted_ms = 0;
        ride_note(ride, ORDER_REQUESTED, "issue-failed", EVENT_FACT);
        free(ride->notes);
        ride->notes = text_copy("the CA could not issue the certificate; it is asked once more");
}

/*
 * How long the CA takes, so that an order's first poll comes when its certificate is ready.  A poll
 * in vain says that it takes longer, but not how much one odd certificate takes; one that was not
 * says that it takes no longer.  What an earlier run submitted says nothing.
 */
static void
learn_issue_time(struct ca *ca, const struct ride *ride, bool in_vain)
{
        int64_t asked = ride->polled_ms - ride->submitted_ms;
        int64_t enough = asked + asked / ISSUE_TIME_STEPS;

        if (!ride->composed)
                return;
        if (in_vain && enough > ca->issue_ms && asked < 2 * ca->issue_ms + EARLY_POLL_WAIT_MS)
                ca->issue_ms = enough;
        if (!in_vain && enough < ca->issue_ms)
                ca->issue_ms = enough;
}

/*
 * When to ask again: when it is thought to be ready, else a part of the time it has taken so far,
 * so that little is waited once it is, and never more than a second in the first minute.
 */
static void
wait_for_next_poll(const struct conductor *conductor, struct ride *ride, const struct ca *ca)
{
        int64_t now = clock_boot_ms();
        int64_t elapsed = now - ride->submitted_ms;
        int64_t most = elapsed < EARLY_MS ? EARLY_POLL_WAIT_MS : LATE_POLL_WAIT_MS;
        /* Many share a quota. */
        int64_t wait = elapsed / (conductor->ride_count > 1 ? ISSUE_TIME_STEPS : 10);

        if (ca->issue_ms > elapsed)
                wait = ca->issue_ms - elapsed;
        if (wait < FIRST_POLL_WAIT_MS)
                wait = FIRST_POLL_WAIT_MS;
        wait = network_jitter(wait);
        ride->wake_ms = now + (wait < most ? wait : most);
}

/*
 * What the CA calls the certificate.  Whether it is one, asking again does not change: that is for
 * the judgement, which keeps it.
 */
static bool
read_certificate(struct view text, struct buf *der, struct error *err)
{
        struct error broken = { 0 };

        if (pem_next(&text, "CERTIFICATE", der, &broken))
                return true;
        if (broken.kind != ERROR_NONE)
                *err = broken;
        else
                error_set(err, ERROR_INPUT, "there is no certificate");
        return false;
}

static bool
take_certificate(struct order *order, struct view body, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(buf_cleanup) struct buf chain_text = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf rest = { 0 };

        if (!pca_read_get_certificate(body, &text, &chain_text, err))
                return false;
        if (!read_certificate(view_buf(&text), &certificate, err) ||
            (chain_text.len && !certificates_read(view_buf(&chain_text), &first, &rest, err))) {
                err->kind = ERROR_AWS_ANSWER;
                return error_advise(err,
                                    "the order stays as it is; ask for it again with: p11cert "
                                    "fetch %s",
                                    order->wishes.name);
        }
        buf_set(&order->certificate, view_buf(&certificate));
        buf_set(&order->chain, view_buf(&first));
        buf_add(&order->chain, view_buf(&rest));
        return true;
}

static void
apply_certificate(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        struct order *order = ride->order;
        struct error err = { 0 };
        struct ca *ca = ca_get(&conductor->cas, order->wishes.ca_arn, &err);

        if (ca && !reply->ok && reply->error.kind == ERROR_PENDING) {
                learn_issue_time(ca, ride, true);
                wait_for_next_poll(conductor, ride, ca);
                return;
        }
        if (!reply->ok && reply->error.kind == ERROR_ISSUE_FAILED) {
                apply_issue_failure(conductor, ride, reply);
                return;
        }
        if (!reply->ok) {
                stop_over_reply(conductor, ride, reply);
                return;
        }
        failpoint("certificate-fetched");
        if (!take_certificate(order, view_buf(&reply->body), &err)) {
                error_about(&err, "order %lld '%s'", (long long)order->number, order->wishes.name);
                ride_stop(ride, &err);
                return;
        }
        if (ca)
                learn_issue_time(ca, ride, false);
        order->issued_at = clock_now();
        ride_note(ride, ORDER_ISSUED, "issued", EVENT_ISSUED);
}

void
ride_apply_reply(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        ride->at_network = false;
        if (ride->order->state == ORDER_REQUESTED)
                apply_issue(conductor, ride, reply);
        else
                apply_certificate(conductor, ride, reply);
}

/* -- the verdict ------------------------------------------------------------------------------ */

/*
 * What the ledger shows of the certificate.  One that cannot be read is not what was asked for; its
 * serial number is still what it is revoked by.
 */
static bool
note_certificate(struct ride *ride, struct error *err)
{
        struct order *order = ride->order;
        struct certificate_facts *facts = &ride->certificate;
        struct error broken = { 0 };

        if (!certificate_facts_read(view_buf(&order->certificate), facts, &broken)) {
                free(order->serial);
                order->serial = certificate_serial(view_buf(&order->certificate));
                return error_set(err, ERROR_NOT_AS_ASKED,
                                 "the certificate is not what was asked for: %s", broken.what);
        }
        text_assign(&order->serial, facts->serial);
        text_assign(&order->fingerprint, facts->fingerprint);
        order_note_dates(order, facts->not_before, facts->not_after);
        return true;
}

/*
 * A verdict is for good, and dates are part of it: before one, AWS is heard at least once in this
 * run, for its clock.  False while the answer is awaited, and when AWS cannot be reached.
 */
static bool
knows_clock(struct conductor *conductor, struct ride *ride, struct ca *ca)
{
        struct error err = { 0 };
        struct aws_client *aws = conductor->heard ? conductor->aws : conductor_aws(conductor, &err);

        if (!aws) {
                ride_stop(ride, &err);
                return false;
        }
        if (conductor->heard)
                return true;
        ca_ask_describe(ca, aws);
        if (ca->describe.state == KNOWLEDGE_ASKED)
                return false;
        if (ca->describe.state == KNOWLEDGE_REFUSED && network_is_outage(ca->describe.error.kind)) {
                ride_stop(ride, &ca->describe.error);
                return false;
        }
        return true;
}

/*
 * The certificate holds what only the CA's configuration can explain, and that was not asked for
 * yet in this run: true while the answer is awaited.  Whoever may not or cannot ask is told in a
 * note instead.
 */
static bool
asks_configuration(struct conductor *conductor, struct ca *ca, const struct comparison *found)
{
        struct error ignored = { 0 };
        struct aws_client *aws = found->wants_issuer && ca->describe.state == KNOWLEDGE_NONE
                                         ? conductor_aws(conductor, &ignored)
                                         : NULL;

        if (aws)
                ca_ask_describe(ca, aws);
        return ca->describe.state == KNOWLEDGE_ASKED;
}

/* What was allowed to differ, and what should be known, on one line for a person. */
static void
note_comparison(struct ride *ride, const struct comparison *found)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        buf_add(&text, view_buf(&found->allowed));
        buf_add(&text, view_buf(&found->notes));
        if (!text.len || ride->notes)
                return;
        text.len--; /* the last line's end */
        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] == '\n')
                        text.data[i] = ';';
        }
        ride->notes = text_copy_length(text.data, text.len);
}

/* What the wishes ask for came: it goes on to be delivered. */
static void
accept_certificate(struct ride *ride, const struct ca *ca, const struct buf *path,
                   const struct comparison *found)
{
        struct order *order = ride->order;

        buf_set(&order->chain, view_buf(path));
        buf_set(&order->root, view_buf(&ca->root));
        text_assign(&order->differences, found->allowed.len ? buf_text(&found->allowed) : NULL);
        note_comparison(ride, found);
        deliver_plan(order);
        ride_note(ride, ORDER_VERIFIED, "verified", EVENT_VERIFIED);
}

/* The verdict is kept with all its reasons; the certificate stays where it is, in the ledger. */
static void
quarantine(struct ride *ride, const struct comparison *found, struct error *err)
{
        struct order *order = ride->order;

        error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
        if (err->kind != ERROR_NOT_AS_ASKED) {
                ride_stop(ride, err);
                return;
        }
        if (found->differences.len)
                text_assign(&order->differences, buf_text(&found->differences));
        err->next[0] = '\0';
        error_advise(err,
                     "it was not delivered and never will be; p11cert show %lld says all that "
                     "differs; revoke it with: p11cert revoke %lld --reason superseded",
                     (long long)order->number, (long long)order->number);
        ride_stop(ride, err);
}

void
ride_judge(struct conductor *conductor, struct ride *ride, struct ca *ca)
{
        struct order *order = ride->order;
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        CLEANUP(comparison_clear) struct comparison found = { 0 };
        struct error broken = { 0 };
        struct error err = { 0 };
        int64_t offset = conductor->aws ? aws_clock_offset(conductor->aws) : 0;
        int64_t sent_at = order_sent_at(order, clock_now(), clock_boot_ms(), conductor->boot_id);
        const struct issuer_facts issuer = ca_issuer_facts(ca);
        struct certificate_expectation expected = {
                .csr = view_buf(&order->csr),
                .chain = view_buf(&order->chain),
                .root = view_buf(&ca->root),
                .asked_at = sent_at ? sent_at + offset : 0,
                .received_at = order->issued_at ? order->issued_at + offset : 0,
                .ca_not_after = issuer.not_after,
                .issuer = &issuer,
                .now = clock_now() + offset,
        };
        bool noted = note_certificate(ride, &broken);
        bool good = certificate_judge(&order->wishes, view_buf(&order->certificate), &expected,
                                      &path, &found, &err);

        if (good && !noted) {
                err = broken;
                good = false;
        }

        if (asks_configuration(conductor, ca, &found))
                return;
        if (good) {
                accept_certificate(ride, ca, &path, &found);
                return;
        }
        if (ca_chain_has_other_root(ca, view_buf(&order->chain))) {
                error_set(&err, ERROR_ROOT_CHANGED,
                          "the certificate's chain ends in another root than the one pinned for "
                          "its CA");
                error_advise(&err,
                             "find out from the CA's administrator whether it has another "
                             "root now; then: p11cert ca trust %s --root FILE, and p11cert "
                             "resume",
                             ca->arn);
        }
        if (error_is_verdict(err.kind) && !knows_clock(conductor, ride, ca))
                return;
        quarantine(ride, &found, &err);
}
