/*
 * The query protocol, which STS and IAM speak: a form comes in, XML goes out.
 *
 * A form is read into the same JSON that the table of facts (facts.h) describes, so that one
 * validator serves all protocols, and an operation fills call->output, whose members become
 * elements in their order; lists become <member>s.
 */
#ifndef LOCALPCA_QUERY_H
#define LOCALPCA_QUERY_H

#include "localpca/facts.h"
#include "localpca/pca.h"

struct query_operation {
        const char *name;
        bool (*run)(struct call *call);
        bool is_unsigned;  /* nobody signs it: call->caller is NULL */
        bool empty_result; /* there is a result element, and nothing in it */
};

/* The operations of each service; the last one has no name. */
extern const struct query_operation sts_operations[], iam_operations[];

/* Is this a request of the query protocol (a form, and no X-Amz-Target)? */
bool query_is_request(const struct sigv4_request *request);

void query_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer);

/* -- forms and XML ------------------------------------------------------------------------ */

/* The fields of a form, decoded.  `{ 0 }` is empty. */
struct form {
        char **names, **values;
        size_t count;
};

/* False: it has too many fields to be one of ours.  Clear it in any case. */
bool form_read(struct view body, struct form *form) MUST_CHECK;
void form_clear(struct form *form);

/* The value of a field; NULL when it is not there. */
const char *form_value(const struct form *form, const char *name);

/* The form as the input of an operation; the caller deletes it. */
cJSON *form_input(const struct form *form, const struct shape *shape);

/* The members of an object as elements. */
void xml_write(struct buf *out, const cJSON *object);

#endif
