/*
 * The generic validator: a request against the table of facts (facts.h).
 *
 * Two kinds of refusal, as AWS has them: a value of the wrong JSON type is a
 * SerializationException; values that break a constraint are counted together in one
 * ValidationException that names each member, its value and the constraint.
 */
#ifndef LOCALPCA_VALIDATE_H
#define LOCALPCA_VALIDATE_H

#include <cjson/cJSON.h>

#include "localpca/facts.h"
#include "localpca/refusal.h"

/* Members that the shape does not know are passed over, as AWS does; a null counts as absent. */
bool validate(const struct shape *shape, const cJSON *input, struct refusal *refusal) MUST_CHECK;

#endif
