/*
 * Certificates that came another way than through the API.
 */
#include <string.h>

#include "base/clock.h"
#include "drive/batch.h"
#include "drive/deliver.h"
#include "order/cert.h"

static bool
find_root(const struct drive_options *options, const struct order *order, struct buf *root,
          struct error *err)
{
        CLEANUP(free_cleanup) char *how = NULL;
        int64_t since = 0;

        buf_set(root, options->root);
        if (root->len)
                return true;
        if (order->wishes.ca_arn &&
            !ledger_root(options->ledger, order->wishes.ca_arn, root, &how, &since, err))
                return false;
        if (root->len)
                return true;
        error_set(err, ERROR_ROOT_CHANGED, "no root is known that this certificate should lead to");
        return error_advise(err, "say which root to trust with --root FILE");
}

static bool
check_state(const struct order *order, struct error *err)
{
        if (order->state == ORDER_KEYED && order->csr.len)
                return true;
        if (order->state == ORDER_SUBMITTED || order->state == ORDER_REQUESTED)
                return true;
        error_set(err, ERROR_ORDER_STATE, "an order that is %s takes no certificate",
                  order_state_name(order->state));
        error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
        return error_advise(err,
                            "only one whose CSR was made and that has no certificate does; "
                            "`p11cert show %lld` tells where it stands",
                            (long long)order->number);
}

static bool
record(struct ledger *ledger, struct order *order, int64_t now, struct error *err)
{
        order->state = ORDER_ISSUED;
        if (!ledger_update(ledger, order, "imported", now, err))
                return false;
        order->state = ORDER_VERIFIED;
        return ledger_update(ledger, order, "verified", now, err);
}

/*
 * A request of our own that may have led to another certificate than this one.  (The last part of a
 * certificate's ARN is its serial number.)
 */
static bool
leaves_another(const struct order *order, const char *serial)
{
        const char *last = order->certificate_arn ? strrchr(order->certificate_arn, '/') : NULL;

        return last ? strcmp(last + 1, serial) != 0 : order->first_sent_at != 0;
}

bool
drive_import(const struct drive_options *options, struct order *order, struct view certificate,
             struct view chain, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf root = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        CLEANUP(comparison_clear) struct comparison found = { 0 };
        struct certificate_facts facts = { 0 };
        int64_t now = clock_now();

        if (!check_state(order, err) || !find_root(options, order, &root, err))
                return false;
        /* Whoever issued it was asked by somebody else: how long it is valid is theirs to say. */
        struct certificate_expectation expected = {
                .csr = view_buf(&order->csr),
                .chain = chain,
                .root = view_buf(&root),
                .received_at = now,
                .now = now,
        };

        if (!certificate_judge(&order->wishes, certificate, &expected, &path, &found, err) ||
            !certificate_facts_read(certificate, &facts, err))
                return error_about(err, "order %lld '%s'", (long long)order->number,
                                   order->wishes.name);
        buf_set(&order->certificate, certificate);
        buf_set(&order->chain, view_buf(&path));
        buf_set(&order->root, view_buf(&root));
        order->maybe_duplicate |= leaves_another(order, facts.serial);
        text_assign(&order->serial, facts.serial);
        text_assign(&order->fingerprint, facts.fingerprint);
        order_note_dates(order, facts.not_before, facts.not_after);
        certificate_facts_clear(&facts);
        order->issued_at = now;
        order->held = false;
        order->error = (struct error){ 0 };
        text_assign(&order->differences, found.allowed.len ? buf_text(&found.allowed) : NULL);
        deliver_plan(order);
        if (!ledger_begin(options->ledger, err))
                return false;
        if (record(options->ledger, order, now, err) && ledger_commit(options->ledger, err))
                return true;
        ledger_rollback(options->ledger);
        return false;
}
