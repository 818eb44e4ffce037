#include "cli/successor.h"

#include <stdlib.h>

#include "cli/show.h"

/* The wishes of the predecessor, but for what belongs to its key alone. */
static struct order *
successor_of(const struct order *before)
{
        struct order *order = order_new();

        wishes_copy(&order->wishes, &before->wishes);
        text_assign(&order->wishes.key_uri, before->key_uri);
        text_assign(&order->wishes.label, NULL);
        buf_clear(&order->wishes.given_id);
        order->wishes.replace = false;
        order->wishes.not_before = 0;
        order->replaces = before->number;
        if (before->wishes.csr_given) {
                /* The request of a CSR that was given is the same one again. */
                buf_set(&order->csr, view_buf(&before->csr));
                buf_set(&order->spki, view_buf(&before->spki));
                text_assign(&order->wishes.key_uri, before->wishes.key_uri);
        }
        return order;
}

static bool
refuse(const struct order *order, enum error_kind kind, const char *what, struct error *err)
{
        error_set(err, kind, "%s", what);
        return error_about(err, "order %lld '%s', %s", (long long)order->number, order->wishes.name,
                           order_state_name(order->state));
}

/* Only what was delivered, is not revoked and has no successor yet is renewed. */
static bool
check_predecessor(const struct order *before, struct error *err)
{
        if (before->state == ORDER_DELIVERED || before->state == ORDER_INSTALLED) {
                if (!before->revoked_at)
                        return true;
                refuse(before, ERROR_ORDER_STATE, "its certificate was revoked", err);
                return error_advise(err, "issue a new certificate under another name");
        }
        if (before->state == ORDER_SUPERSEDED)
                refuse(before, ERROR_NOTHING, "it has a successor already", err);
        else
                refuse(before, ERROR_ORDER_STATE, "only what was delivered can be renewed", err);
        return show_way_on(before, err);
}

struct order *
successor_new(const struct order *before, struct error *err)
{
        return check_predecessor(before, err) ? successor_of(before) : NULL;
}

struct order *
successor_under_way(struct ledger *ledger, const struct order *before, struct error *err)
{
        CLEANUP(order_cleanup)
        struct order *newest = ledger_newest(ledger, before->wishes.name, err);

        if (!newest || newest->number == before->number || before->state == ORDER_SUPERSEDED)
                return NULL;
        /* Also one that was delivered, but did not come to take its predecessor's place. */
        bool mine = order_state_is_open(newest->state) || newest->replaces == before->number;

        return mine ? MOVE(newest) : NULL;
}
