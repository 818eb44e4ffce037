/*
 * The rows of a manifest at a station: which one the token in a reader gets.
 *
 * By what was scanned: the row of that name.  Else by the token, where a row's `token` names one
 * that fits (pkcs11:serial=…).  Else the next row that is for any token.  A row whose name has an
 * order is taken, on whatever day, unless that failed without a certificate.
 */
#ifndef CLI_STATION_ROWS_H
#define CLI_STATION_ROWS_H

#include "cli/command.h"
#include "cli/narrow.h"
#include "engine/token.h"
#include "ledger/ledger.h"
#include "order/order.h"

struct station_rows;

/*
 * Read and check the manifest (cli/roster.h).  Every row needs a name of its own.  Rows without a
 * token take --token's, and without that they are for any token.
 */
struct station_rows *station_rows_open(struct command *command, const char *path,
                                       struct error *err);
void station_rows_free(struct station_rows *rows); /* NULL does nothing */

/* The CAs and templates of all rows; valid as long as they are. */
void station_rows_targets(const struct station_rows *rows, struct narrow_to *to);

/*
 * The new order that a row asks for, for this token; the row is taken from then on.
 *
 * known   what is known of the token
 * scan    the scanned line, or NULL
 * errors  ERROR_NOTHING: there is no row for it, or none left; ERROR_INPUT: nobody has the scanned
 *         name, or it is taken; those of the ledger and of the row's wishes
 */
struct order *station_rows_take(struct station_rows *rows, struct ledger *ledger,
                                const struct token_facts *facts, const struct order *known,
                                const char *scan, struct error *err);

/* Nothing was begun for the row after all. */
void station_rows_give_back(struct station_rows *rows, const char *name);

#endif
