/*
 * The parameters of a query service's call (STS, IAM), as application/x-www-form-urlencoded:
 * "RoleArn=arn%3Aaws%3A…&Tags.member.1.Key=a".  Pure.  Action and Version are the client's
 * business.
 */
#ifndef AWS_FORM_H
#define AWS_FORM_H

#include "base/bytes.h"

/* Add a parameter; one whose value is NULL is left out. */
void form_add(struct buf *form, const char *name, const char *value);
void form_add_number(struct buf *form, const char *name, int64_t value);

/*
 * Add to a list: "Tags.member.1.Key=…" for list "Tags", index 1 (the first), member "Key"; member
 * NULL for a list of plain texts.
 */
void form_add_member(struct buf *form, const char *list, size_t index, const char *member,
                     const char *value);

/* What stays as it is: letters, digits, "-_.~"; all else becomes %XX (RFC 3986, 2.3). */
void form_encode(struct buf *out, const char *text);

#endif
