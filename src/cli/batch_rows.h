/*
 * The rows of a manifest as a source of orders: what each row still needs, which rows go next, and
 * what became of them.
 *
 * A row is one order, and never a second one for its name: what was delivered is skipped, what is
 * open goes on, what failed waits for --retry-failed.  Rows of several tokens take turns.  A token
 * or a CA that is out of use keeps its own rows back.
 */
#ifndef CLI_BATCH_ROWS_H
#define CLI_BATCH_ROWS_H

#include "cli/bar.h"
#include "cli/roster.h"
#include "cli/row_report.h"
#include "drive/batch.h"

/* What a row's name stands for in the ledger. */
enum row_standing {
        STANDING_NEW,           /* nothing */
        STANDING_OPEN,          /* an order that goes on */
        STANDING_HELD,          /* one that only submit or import moves */
        STANDING_DONE,          /* delivered, installed or superseded */
        STANDING_FAILED,        /* a verdict; the CA issued nothing */
        STANDING_FAILED_ISSUED, /* a verdict, and there is, or may be, a certificate */
};

enum row_standing row_standing_of(const struct order *order);

/* Whom does an error keep from going on: this row, its token's rows, or all of them? */
enum row_scope { SCOPE_ROW, SCOPE_TOKEN, SCOPE_ALL };

enum row_scope row_scope_of(enum error_kind kind);

struct token_rows;

struct batch_rows {
        struct command *command;
        struct roster *roster;
        struct ledger *ledger;
        struct row_report *report; /* or NULL */
        struct bar bar;
        bool resume;       /* open orders go on as they were recorded */
        bool retry_failed; /* where there is no certificate */
        size_t limit;      /* orders to move; 0: all */

        size_t counts[ROW_RESULTS];
        size_t moved;  /* orders given to the conductor */
        size_t chosen; /* rows that are to be looked at */
        size_t passed; /* rows that needed no moving: delivered before, or not to be moved */
        struct error blocked;
        struct error first; /* the first failure */

        uint32_t *next; /* of each row: the next one of its token */
        struct token_rows *tokens;
        size_t token_count;
        size_t started; /* tokens before this one have begun */
        size_t active[64];
        size_t active_count;
        size_t turn;
};

/*
 * Line the rows up: `only` (a flag for each row, or NULL) leaves others out, and what the ledger
 * has open goes first.
 */
bool batch_rows_open(struct batch_rows *rows, const bool *only, struct error *err) MUST_CHECK;
void batch_rows_close(struct batch_rows *rows);

/* Of how many rows it is known what became of them in this run; the others are left for the next.
 */
size_t batch_rows_settled(const struct batch_rows *rows);

/* Of struct drive_source and struct drive_options; `context` is the rows. */
enum drive_supply batch_rows_next(void *context, struct conductor *conductor, struct order **order);
void batch_rows_done(void *context, struct conductor *conductor, struct order *order);
void batch_rows_turn(void *context, struct conductor *conductor);
void batch_rows_event(void *context, enum drive_event event, const struct order *order,
                      const char *text);

/*
 * Report the rows that a token or a CA out of use kept from being begun; those that a limit or a
 * signal leaves for another run are none of them.
 */
void batch_rows_report_left(struct batch_rows *rows);

#endif
