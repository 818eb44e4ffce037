/*
 * The start-up line: what a client has to know, as JSON on stdout and in STATE/start.json.
 */
#ifndef LOCALPCA_START_H
#define LOCALPCA_START_H

#include "localpca/pca.h"

/*
 * Write STATE/root-ca.pem and STATE/start.json (0600), and append the line to `out`.  The only
 * place where the made-up secrets are told.
 */
bool start_tell(const struct pca *pca, struct buf *out, struct error *err) MUST_CHECK;

/*
 * Lines for AWS's shared config and credentials files, from STATE/start.json: the profiles
 * `localpca` (the limited issuer) and `localpca-admin`.  ERROR_NOTHING before the first start
 */
bool start_aws_config(const struct options *options, struct buf *out, struct error *err) MUST_CHECK;

#endif
