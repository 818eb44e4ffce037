#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "drive/session.h"
#include "drive/worker_inside.h"
#include "engine/openssl_key.h"
#include "order/cert.h"
#include "order/csr.h"
#include "order/fill.h"

enum { MOST_TROUBLE = 2 };

/* -- works -------------------------------------------------------------------------------- */

struct work *
work_new(enum work_kind kind, void *tag, const struct order *order)
{
        struct work *work = memory_new(1, sizeof(*work));

        work->kind = kind;
        work->tag = tag;
        work->order = order;
        return work;
}

void
work_free(struct work *work)
{
        if (!work)
                return;
        buf_clear(&work->old_certificate);
        certificate_facts_clear(&work->facts);
        order_token_clear(&work->token);
        wishes_clear(&work->wishes);
        buf_clear(&work->key_id);
        free(work->key_label);
        free(work->key_uri);
        buf_clear(&work->spki);
        buf_clear(&work->csr);
        buf_clear(&work->message);
        buf_clear(&work->signature);
        buf_clear(&work->old_key_sha256);
        free(work->notes);
        free(work);
}

/* -- the thread's side --------------------------------------------------------------------- */

/* Another token may have come under the same label: the order's is known by its serial number. */
static bool
check_identity(struct worker *worker, const struct work *work, struct error *err)
{
        const struct order *order = work->order;
        const char *serial = token_facts(worker->token)->serial;

        if (work->kind == WORK_LOOK || !order->token.serial ||
            text_equal(order->token.serial, serial))
                return true;
        error_set(err, ERROR_TOKEN_SWAPPED, "another token is there: serial %s, not %s", serial,
                  order->token.serial);
        return error_advise(err, "insert the order's token and go on with: p11cert resume");
}

/* The token, opened or still the same one. */
static bool
need_token(struct worker *worker, struct work *work)
{
        if (worker->by_openssl)
                return true;
        if (worker->token)
                return check_identity(worker, work, &work->error);
        if (worker->spoiled && work->may_reload) {
                log_info("module-reload", "module=%s", worker->module ? worker->module : "-");
                modules_close(MOVE(worker->modules));
        }
        worker->spoiled = false;
        worker->token = session_open(worker->options, worker->module, worker->token_uri,
                                     &worker->modules, &work->error);
        return worker->token && check_identity(worker, work, &work->error);
}

static void
copy_token_facts(const struct token_facts *facts, struct order_token *out)
{
        text_assign(&out->label, facts->label);
        text_assign(&out->serial, facts->serial);
        text_assign(&out->manufacturer, facts->manufacturer);
        text_assign(&out->model, facts->model);
        free(out->uri);
        out->uri = uri_of_token(facts);
}

static enum answer
answer_of(enum key_answer answer)
{
        static const enum answer answers[] = {
                [KEY_ANSWER_UNKNOWN] = ANSWER_UNKNOWN,
                [KEY_ANSWER_NO] = ANSWER_NO,
                [KEY_ANSWER_YES] = ANSWER_YES,
        };

        return answers[answer];
}

static void
report_key(struct work *work, struct key *key)
{
        struct key_evidence evidence;

        key_evidence(key, &evidence);
        work->evidence = (struct evidence){
                .local = answer_of(evidence.local),
                .sensitive = answer_of(evidence.sensitive),
                .always_sensitive = answer_of(evidence.always_sensitive),
                .extractable = answer_of(evidence.extractable),
                .never_extractable = answer_of(evidence.never_extractable),
        };
        buf_set(&work->spki, key_spki(key));
        buf_set(&work->key_id, key_id(key));
        text_assign(&work->key_label, key_label(key));
        text_assign(&work->key_uri, key_uri(key));
        work->have_key = true;
}

static void
hold_key(struct worker *worker, struct work *work, struct key *key)
{
        struct hold *hold = work->hold;

        if (!hold) {
                hold = memory_new(1, sizeof(*hold));
                hold->next = worker->holds;
                hold->link = &worker->holds;
                if (hold->next)
                        hold->next->link = &hold->next;
                worker->holds = hold;
                work->hold = hold;
        }
        key_free(hold->key);
        hold->key = key;
}

/* The order's key, held and told of. */
static void
take_key(struct worker *worker, struct work *work, struct key *key)
{
        hold_key(worker, work, key);
        report_key(work, key);
}

static void
hold_drop(struct work *work)
{
        struct hold *hold = work->hold;

        if (!hold)
                return;
        key_free(hold->key);
        *hold->link = hold->next;
        if (hold->next)
                hold->next->link = hold->link;
        free(hold);
        work->hold = NULL;
}

void
worker_close_token(struct worker *worker)
{
        for (struct hold *hold = worker->holds; hold; hold = hold->next) {
                key_free(hold->key);
                hold->key = NULL;
        }
        token_close(worker->token);
        worker->token = NULL;
}

static struct key *
find_key(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;

        if (worker->by_openssl)
                return session_open_key(worker->options, worker->module, worker->token_uri,
                                        &work->error);
        return key_find(worker->token, view_buf(&order->key_id), NULL, view_buf(&order->spki),
                        &work->error);
}

/* The order's key: the handle that is held, or found by the recorded id. */
static struct key *
need_key(struct worker *worker, struct work *work)
{
        struct key *key = work->hold ? work->hold->key : NULL;

        if (key)
                return key;
        key = find_key(worker, work);
        if (!key && work->error.kind == ERROR_KEY_ABSENT && !worker->by_openssl) {
                struct error absent = work->error;

                error_set(&work->error, ERROR_KEY_LOST,
                          "the order's key is no longer on its token");
                error_advise(&work->error,
                             "look for the token that holds it; where it was erased or "
                             "initialised again, the order cannot go on: issue a new one");
                log_info("key-lost", "order=%lld what=%s", (long long)work->order->number,
                         absent.what);
        }
        if (key)
                hold_key(worker, work, key);
        return key;
}

/* --key URI: the existing key, by its id or label. */
static bool
look_for_key(struct worker *worker, struct work *work)
{
        const struct wishes *wishes = &work->order->wishes;
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(wishes->key_uri, &work->error);
        struct view id = { 0 };

        if (!uri)
                return false;
        bool has_id = uri_id(uri, &id);

        if (!has_id && !uri_object(uri)) {
                error_set(&work->error, ERROR_USAGE, "'%s' does not say which key is meant",
                          wishes->key_uri);
                return error_advise(&work->error, "add its object=LABEL or id=%%01%%02…; `p11cert "
                                                  "key list` prints the URIs");
        }
        struct key *key =
                key_find(worker->token, id, uri_object(uri), view_of(NULL, 0), &work->error);

        if (!key)
                return false;
        take_key(worker, work, key);
        return true;
}

/* --csr FILE: the key that made it. */
static bool
look_for_public(struct worker *worker, struct work *work)
{
        struct key *key =
                key_find_public(worker->token, view_buf(&work->order->spki), &work->error);

        if (!key)
                return false;
        take_key(worker, work, key);
        return true;
}

/*
 * Whose digest is recorded, so that it is never taken for the new key.  A key that p11cert cannot
 * read is none that it could take; of several, one digest would leave the others in doubt.
 */
static bool
note_old_key(struct worker *worker, struct work *work)
{
        const struct wishes *wishes = &work->order->wishes;
        struct error trouble = { 0 };
        struct key *old = key_find(worker->token, view_buf(&wishes->given_id), NULL,
                                   view_of(NULL, 0), &trouble);
        uint8_t digest[32];

        if (!old && (trouble.kind == ERROR_KEY_ABSENT || trouble.kind == ERROR_MECHANISM))
                return true;
        if (!old && trouble.kind == ERROR_KEY_AMBIGUOUS) {
                error_set(&work->error, ERROR_KEY_AMBIGUOUS,
                          "several keys have that id, and --replace takes the place of one");
                return error_advise(&work->error, "delete those that are not needed with the "
                                                  "token's own tool, or give another --id");
        }
        if (!old) {
                work->error = trouble;
                return false;
        }
        sha256(key_spki(old), digest);
        buf_set(&work->old_key_sha256, view_of(digest, sizeof(digest)));
        key_free(old);
        return true;
}

/* The wishes with the label that the token's own facts gave. */
static const struct wishes *
looked_for(const struct work *work)
{
        return work->order->wishes.unfilled ? &work->wishes : &work->order->wishes;
}

/* What has the label under another id is not what --replace means. */
static bool
label_may_stay(struct worker *worker, struct work *work)
{
        const struct wishes *wishes = looked_for(work);
        struct object_facts *list = NULL;
        size_t count = 0;
        bool good = true;

        if (!wishes->label)
                return true;
        if (!token_find_objects(worker->token, NULL, view_of(NULL, 0), wishes->label, &list, &count,
                                &work->error))
                return false;
        for (size_t i = 0; good && i < count; i++) {
                good = view_equal(view_buf(&list[i].id), view_buf(&wishes->given_id));
                if (good)
                        continue;
                error_set(&work->error, ERROR_OBJECT_EXISTS,
                          "the token already has an object with that label under another id");
                error_about(&work->error, "%s", list[i].uri);
                error_advise(&work->error, "choose another --label");
        }
        objects_free(list, count);
        return good;
}

/* An id or a label given by hand must be free. */
static bool
look_for_taken(struct worker *worker, struct work *work)
{
        const struct wishes *wishes = looked_for(work);
        CLEANUP(free_cleanup) char *uris = NULL;

        if (!wishes->given_id.len && !wishes->label)
                return true;
        if (!token_taken(worker->token, view_buf(&wishes->given_id), wishes->label, &uris,
                         &work->error))
                return false;
        if (!uris)
                return true;
        if (wishes->replace && wishes->given_id.len)
                return label_may_stay(worker, work) && note_old_key(worker, work);
        error_set(&work->error, ERROR_OBJECT_EXISTS, "the token already has an object with that %s",
                  wishes->given_id.len ? "id" : "label");
        error_about(&work->error, "%s", uris);
        return error_advise(&work->error,
                            "choose another --label or --id, use the key that is there with --key, "
                            "or give its --id with --replace");
}

/*
 * `facts` NULL: there is no token to tell of.
 * A serial number that is none of its own would tell two tokens' certificates apart by nothing.
 */
static bool
fill_in_token(const struct token_facts *facts, struct work *work)
{
        const struct order *order = work->order;
        bool is_identity = facts && token_serial_is_identity(facts->serial);
        const struct fill_facts known = {
                .name = order->wishes.name,
                .token_serial = is_identity ? facts->serial : NULL,
                .token_label = facts ? facts->label : NULL,
        };

        if (!order->wishes.unfilled)
                return true;
        wishes_copy(&work->wishes, &order->wishes);
        return fill_wishes(&work->wishes, &known, &work->error);
}

/* The key is all there is: nothing is known of a token, and nothing has to be free. */
static bool
look_by_openssl(struct worker *worker, struct work *work)
{
        struct key *key =
                session_open_key(worker->options, worker->module, worker->token_uri, &work->error);

        if (!key)
                return false;
        take_key(worker, work, key);
        if (!fill_in_token(NULL, work))
                return false;
        work->notes = text_format("nothing is known of where '%s' was made, and whether it can be "
                                  "taken out; p11cert found that OpenSSL does not hand it out",
                                  worker->token_uri);
        return true;
}

static bool
do_look(struct worker *worker, struct work *work)
{
        if (worker->by_openssl)
                return look_by_openssl(worker, work);
        const struct wishes *wishes = &work->order->wishes;
        const struct token_facts *facts = token_facts(worker->token);

        copy_token_facts(facts, &work->token);
        if (!fill_in_token(facts, work))
                return false;
        if (!token_serial_is_identity(facts->serial))
                work->notes = text_format("token '%s' has no serial number of its own; it can only "
                                          "be told from others by its label",
                                          facts->label);
        if (wishes->csr_given)
                return look_for_public(worker, work);
        if (wishes->key_uri)
                return look_for_key(worker, work);
        return session_can_serve(worker->token, wishes->key_type, wishes->hash, &work->error) &&
               look_for_taken(worker, work);
}

static bool
do_recover(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;
        struct key *key =
                key_recover(worker->token, order->wishes.key_type, view_buf(&order->key_id),
                            view_buf(&order->old_key_sha256), &work->error);

        if (!key)
                return work->error.kind == ERROR_NONE;
        take_key(worker, work, key);
        return true;
}

/*
 * --replace: what is kept under the given id goes, its certificate too, now that the intent is on
 * record.  A pair of our own was adopted before it came to this.
 */
static bool
clear_given_id(struct worker *worker, struct work *work)
{
        const struct wishes *wishes = &work->order->wishes;

        return !wishes->replace || !wishes->given_id.len ||
               token_clear_id(worker->token, view_buf(&wishes->given_id), &work->error);
}

static bool
sign_with_key(void *context, enum hash hash, struct view message, struct buf *signature,
              struct error *err)
{
        return key_sign(context, hash, message, signature, err);
}

/*
 * A CA verifies what it is asked to sign; and before delivery there is a test signature.  What is
 * held goes to a person first.
 */
static bool
sign_for_ca(void *context, enum hash hash, struct view message, struct buf *signature,
            struct error *err)
{
        return key_sign_for_verifier(context, hash, message, signature, err);
}

static bool
sign_request(struct work *work, struct key *key, struct view spki)
{
        const struct wishes *wishes = &work->order->wishes;
        struct signer signer = {
                .context = key,
                .sign = wishes->ca_arn && !work->order->held ? sign_for_ca : sign_with_key,
                .spki = key_spki(key),
        };

        if (!csr_build(wishes, spki, &signer, &work->csr, &work->error))
                return false;
        failpoint("csr-signed");
        return true;
}

static bool
do_key(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;

        if (!clear_given_id(worker, work))
                return false;
        failpoint("key-about-to-be-made");
        struct key *key = key_make(worker->token, order->wishes.key_type, view_buf(&order->key_id),
                                   order->key_label, &work->error);

        if (!key)
                return false;
        failpoint("key-made");
        take_key(worker, work, key);
        return sign_request(work, key, view_buf(&work->spki));
}

static bool
do_csr(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;
        struct key *key = need_key(worker, work);

        return key && key_check(key, view_buf(&order->spki), &work->error) &&
               sign_request(work, key, view_buf(&order->spki));
}

/* The handle does not lead to the order's key any more: is it another token?  False. */
static bool
tell_why(struct worker *worker, struct work *work)
{
        work->error = (struct error){ 0 };
        if (!worker->by_openssl && !token_check(worker->token, &work->error))
                return false;
        error_set(&work->error, ERROR_KEY_LOST,
                  "the token signed with another key than the one on record");
        error_about(&work->error, "key %s", work->order->key_uri);
        return error_advise(&work->error, "the token was swapped, or initialised anew; order the "
                                          "certificate again with a new key");
}

/* Whether it is still the order's key is what the signature is to tell. */
static bool
do_test(struct worker *worker, struct work *work)
{
        uint8_t message[64];

        /* In another session than the one that signed there is nothing to tell: it signs anew. */
        if (work->doubted && work->hold && work->hold->key)
                return tell_why(worker, work);
        struct key *key = need_key(worker, work);

        /* Before a PIN is given for the signature: is it the same token? */
        if (!key || !key_reach(key, &work->error))
                return false;
        random_bytes(message, sizeof(message));
        buf_set(&work->message, view_of(message, sizeof(message)));
        work->hash = key_type_hash(key_type(key));
        if (!key_sign_for_verifier(key, work->hash, view_buf(&work->message), &work->signature,
                                   &work->error))
                return work->error.kind == ERROR_KEY_LOST && tell_why(worker, work);
        failpoint("test-signature-made");
        return true;
}

static bool
do_deliver(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;
        const struct certificate_facts *facts = &work->facts;
        struct key *key = need_key(worker, work);

        /* Other works came between the test and this: the token may have been opened anew. */
        if (!key || !key_reach(key, &work->error))
                return false;
        if (!token_write_certificate(worker->token, view_buf(&order->certificate),
                                     view_buf(&facts->subject_der), view_buf(&facts->issuer_der),
                                     view_buf(&facts->serial_der), view_buf(&order->key_id),
                                     order->key_label, &work->error))
                return false;
        failpoint("certificate-written-to-token");
        return true;
}

static bool
do_retire(struct worker *worker, struct work *work)
{
        bool done = token_destroy_certificate(worker->token, view_buf(&work->old_certificate),
                                              view_buf(&work->order->key_id), &work->error);

        if (done)
                failpoint("old-certificate-destroyed");
        return done;
}

static bool
do_prove(struct worker *worker, struct work *work)
{
        const struct order *order = work->order;
        const struct token_facts *facts = token_facts(worker->token);

        if (!(order->wishes.stores & STORE_TOKEN)) {
                work->notes = text_copy("the application's view was skipped: the certificate was "
                                        "not to be stored on the token");
                return true;
        }
        if (facts->pin_pad) {
                work->notes = text_copy("the application's view was skipped: the token takes its "
                                        "PIN from a pad");
                return true;
        }
        return session_prove(worker->token, order, &work->error);
}

static bool
do_release(struct worker *worker, struct work *work)
{
        (void)worker;
        hold_drop(work);
        return true;
}

static const struct {
        const char *name;
        bool (*run)(struct worker *worker, struct work *work);
        bool needs_token;
} works[] = {
        [WORK_LOOK] = { "look", do_look, true },
        [WORK_RECOVER] = { "recover", do_recover, true },
        [WORK_KEY] = { "key", do_key, true },
        [WORK_CSR] = { "csr", do_csr, true },
        [WORK_TEST] = { "test", do_test, true },
        [WORK_DELIVER] = { "deliver", do_deliver, true },
        [WORK_RETIRE] = { "retire", do_retire, true },
        [WORK_PROVE] = { "prove", do_prove, true },
        [WORK_RELEASE] = { "release", do_release, false },
        [WORK_END] = { "end", NULL, false },
};

/* After these the session is worth nothing: the next work opens the token anew. */
static bool
lost_token(enum error_kind kind)
{
        return kind == ERROR_TOKEN_ABSENT || kind == ERROR_TOKEN_REMOVED ||
               kind == ERROR_TOKEN_SWAPPED || kind == ERROR_KEY_LOST;
}

/* The module says no more than that it failed: after the second time it is begun again with. */
static void
note_trouble(struct worker *worker, const struct work *work)
{
        enum error_kind kind = work->error.kind;

        if (kind == ERROR_TOKEN || kind == ERROR_MODULE)
                worker->trouble++;
        else
                worker->trouble = 0;
        if (!lost_token(kind) && worker->trouble < MOST_TROUBLE)
                return;
        worker->trouble = 0;
        worker->spoiled = true;
        worker_close_token(worker);
}

void
work_run(struct worker *worker, struct work *work)
{
        int64_t start = clock_boot_us();
        bool done = (!works[work->kind].needs_token || need_token(worker, work)) &&
                    works[work->kind].run(worker, work);

        assert(done == (work->error.kind == ERROR_NONE));
        if (done && work->last)
                hold_drop(work);
        work->took_us = clock_boot_us() - start;
        work->cannot_lock =
                worker->token &&
                modules_cannot_lock(worker->modules, token_facts(worker->token)->module_path);
        log_debug("work-done", "kind=%s order=%lld took_ms=%lld error=%s", works[work->kind].name,
                  (long long)work->order->number, (long long)work->took_us / 1000,
                  error_kind_name(work->error.kind));
        if (works[work->kind].needs_token)
                note_trouble(worker, work);
}

bool
work_needs_token(enum work_kind kind)
{
        return works[kind].needs_token;
}
