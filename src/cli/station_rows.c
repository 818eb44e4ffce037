#include "cli/station_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/roster.h"
#include "engine/uri.h"

/* Stands for every token. */
static const char any_token[] = "pkcs11:";

struct station_rows {
        struct roster *roster;
        struct uri **uris; /* of the roster's tokens; NULL: any token */
        bool *taken;       /* of each row */
        size_t first;      /* rows before this one are taken, or for one token alone */
        bool any;          /* is there a row for any token? */
};

struct station_rows *
station_rows_open(struct command *command, const char *path, struct error *err)
{
        const char *token = option_text(&command->options, OPTION_TOKEN);
        struct station_rows *rows = memory_new(1, sizeof(*rows));
        const char *rest = token ? token : any_token;

        if (!token && !options_set(&command->options, OPTION_TOKEN, any_token, ORIGIN_GENERAL,
                                   "--manifest", err)) {
                free(rows);
                return NULL;
        }
        rows->roster = roster_open(command, path, false, err);
        if (!rows->roster) {
                free(rows);
                return NULL;
        }
        rows->taken = memory_new(roster_count(rows->roster), sizeof(*rows->taken));
        rows->uris = memory_new(roster_tokens(rows->roster), sizeof(struct uri *));
        for (size_t i = 0; i < roster_tokens(rows->roster); i++) {
                const char *uri = roster_token_uri(rows->roster, i);

                if (strcmp(uri, rest) == 0) {
                        rows->any = true;
                        continue;
                }
                rows->uris[i] = uri_parse(uri, err);
                if (!rows->uris[i]) {
                        station_rows_free(rows);
                        return NULL;
                }
        }
        return rows;
}

void
station_rows_free(struct station_rows *rows)
{
        if (!rows)
                return;
        for (size_t i = 0; rows->uris && i < roster_tokens(rows->roster); i++)
                uri_free(rows->uris[i]);
        free(rows->uris);
        free(rows->taken);
        roster_close(rows->roster);
        free(rows);
}

void
station_rows_targets(const struct station_rows *rows, struct narrow_to *to)
{
        roster_targets(rows->roster, to);
}

/* Does the ledger have an order of that name that another one must not follow? */
static bool
look_up(struct ledger *ledger, const char *name, bool *has, struct error *err)
{
        CLEANUP(free_cleanup) char *reference = text_format("name:%s", name);
        struct error none = { 0 };
        CLEANUP(order_cleanup) struct order *order = ledger_find(ledger, reference, &none);

        if (!order && none.kind != ERROR_ORDER_UNKNOWN) {
                *err = none;
                return false;
        }
        *has = order && (order->state != ORDER_FAILED || order->certificate_arn);
        return true;
}

/* Is the row free?  What the ledger has is taken for good. */
static bool
is_free(struct station_rows *rows, struct ledger *ledger, size_t index, bool *free,
        struct error *err)
{
        bool has = false;

        *free = false;
        if (rows->taken[index])
                return true;
        if (!look_up(ledger, roster_name(rows->roster, index), &has, err))
                return false;
        rows->taken[index] = has;
        *free = !has;
        return true;
}

/* -- three ways to a row ------------------------------------------------------------------------
 */

/* Labels have blanks and other marks in them that names have not. */
static bool
find_scanned(struct station_rows *rows, struct ledger *ledger, const char *scan, ptrdiff_t *found,
             struct error *err)
{
        CLEANUP(free_cleanup) char *name = order_name_from(scan);
        bool free = false;

        *found = roster_find(rows->roster, scan);
        if (*found == ROSTER_NONE)
                *found = roster_find(rows->roster, name);
        if (*found == ROSTER_NONE) {
                const char *nearest = roster_nearest(rows->roster, name);

                error_set(err, ERROR_INPUT, "no row of the manifest has the scanned name");
                error_about(err, "'%s'", scan);
                return error_advise(err,
                                    nearest ? "scan it again; '%s' would be there"
                                            : "scan it again",
                                    nearest);
        }
        if (!is_free(rows, ledger, (size_t)*found, &free, err))
                return false;
        if (free)
                return true;
        error_set(err, ERROR_INPUT, "the scanned name has its certificate already");
        error_about(err, "'%s'", scan);
        return error_advise(err, "p11cert show %s tells on which token", order_call(name).text);
}

static bool
find_for_token(struct station_rows *rows, struct ledger *ledger, const struct token_facts *facts,
               ptrdiff_t *found, struct error *err)
{
        bool free = false;

        for (size_t i = 0; i < roster_count(rows->roster); i++) {
                const struct uri *uri = rows->uris[roster_token_of(rows->roster, i)];

                if (!uri || !uri_matches(uri, facts))
                        continue;
                if (!is_free(rows, ledger, i, &free, err))
                        return false;
                if (free) {
                        *found = (ptrdiff_t)i;
                        return true;
                }
        }
        return true;
}

static bool
find_next(struct station_rows *rows, struct ledger *ledger, ptrdiff_t *found, struct error *err)
{
        bool free = false;

        for (size_t i = rows->first; i < roster_count(rows->roster); i++) {
                if (!rows->uris[roster_token_of(rows->roster, i)]) {
                        if (!is_free(rows, ledger, i, &free, err))
                                return false;
                        if (free) {
                                *found = (ptrdiff_t)i;
                                return true;
                        }
                }
                /* Taken, or for one token alone: not looked at again. */
                rows->first = i + 1;
        }
        return true;
}

static bool
find_row(struct station_rows *rows, struct ledger *ledger, const struct token_facts *facts,
         const char *scan, ptrdiff_t *found, struct error *err)
{
        if (scan)
                return find_scanned(rows, ledger, scan, found, err);
        if (!find_for_token(rows, ledger, facts, found, err))
                return false;
        if (*found == ROSTER_NONE && !find_next(rows, ledger, found, err))
                return false;
        if (*found != ROSTER_NONE)
                return true;
        return error_set(err, ERROR_NOTHING, "%s",
                         rows->any ? "no row of the manifest is left"
                                   : "the manifest has no row for this token, or none is left");
}

struct order *
station_rows_take(struct station_rows *rows, struct ledger *ledger, const struct token_facts *facts,
                  const struct order *known, const char *scan, struct error *err)
{
        ptrdiff_t found = ROSTER_NONE;

        if (!find_row(rows, ledger, facts, scan, &found, err))
                return NULL;
        struct order *order = roster_order(rows->roster, (size_t)found, known, err);

        rows->taken[found] = order != NULL;
        return order;
}

void
station_rows_give_back(struct station_rows *rows, const char *name)
{
        ptrdiff_t index = roster_find(rows->roster, name);

        if (index == ROSTER_NONE)
                return;
        rows->taken[index] = false;
        if ((size_t)index < rows->first)
                rows->first = (size_t)index;
}
