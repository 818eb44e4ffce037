/*
 * From options to wishes: what a person wrote becomes what an order records.  Reads the CSR file of
 * --csr; otherwise pure.
 */
#ifndef CLI_WISH_H
#define CLI_WISH_H

#include "cli/options.h"
#include "order/order.h"

/*
 * The wishes that were given, and nothing else: members that nobody asked for stay empty, so that
 * they can be compared with those of an order of the same name (order.h, wishes_equal).  The name
 * comes from the common name if need be.
 *
 * Texts with placeholders (order/fill.h) are filled.  Where one needs the token and order->token is
 * not known yet, they stay patterns: wishes->unfilled, for fill_wishes() once the token is known;
 * then the name may be open, too (NULL or a pattern).
 *
 * needs_ca  is --ca required (issue), or may it come later (csr)?
 * order     in: its token where that is known, and when it was made; out: its wishes, and with
 *           --csr the CSR and its public key
 * row       of a manifest, from 1; 0: none
 * errors    ERROR_USAGE, ERROR_INPUT (the CSR file)
 */
bool wish_read(const struct options *options, bool needs_ca, struct order *order,
               struct error *err) MUST_CHECK;
bool wish_read_row(const struct options *options, bool needs_ca, int64_t row, struct order *order,
                   struct error *err) MUST_CHECK;

/*
 * The part of it about the key's place (wish_token.c): token, key, module, endpoint, AWS profile.
 * ERROR_USAGE
 */
bool wish_read_token(const struct options *options, struct wishes *wishes,
                     struct error *err) MUST_CHECK;

/* Is the name still open, so that the token has to be found before the order can be looked up? */
bool wish_name_is_open(const struct wishes *wishes);

/* What was made without AWS, as a CSR is, takes endpoint and AWS profile from the options of now.
 */
void wish_adopt_endpoint(const struct options *options, struct wishes *wishes);

/*
 * Fill in the defaults of cli.md, and say which were used: "template EndEntityCertificate/V1, key
 * ec:p256", appended to `used`.  The validity stays open: it depends on the CA.
 */
bool wish_default(struct wishes *wishes, const char *state, struct buf *used,
                  struct error *err) MUST_CHECK;

/*
 * Options that were recorded with an order and are given again on the command line: they have to
 * be the same, unless `override`, which then replaces them in `recorded`.  Variables and the
 * configuration are meant for new orders and do not count.
 * ERROR_ORDER_DIFFERS names the option and both values.
 */
bool wish_check_recorded(const struct options *options, bool override, struct wishes *recorded,
                         struct error *err) MUST_CHECK;

/*
 * What `submit` and `renew` may still change: --ca, --template, --validity, --not-before,
 * --signing-algorithm, --prove.  A CA that is recorded stays (ERROR_USAGE
 * for another).  Defaults of the configuration fill in only what is not recorded.
 */
bool wish_amend(const struct options *options, struct wishes *wishes, struct error *err) MUST_CHECK;

/* "EndEntityCertificate/V1" of a template's ARN; borrowed. */
const char *wish_template_name(const char *template_arn);

#endif
