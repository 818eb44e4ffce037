/*
 * What may stand in a request: one table of facts about every member of every operation's input.
 *
 * Type, length, pattern, enum values and "required" of each member, as AWS publishes them for
 * Private CA 2017-08-22, IAM 2010-05-08 and STS 2011-06-15.  Nothing else in localpca checks a
 * member's form: validate.h walks this table.  The tests compare it, member by member, with the
 * published service models.
 */
#ifndef LOCALPCA_FACTS_H
#define LOCALPCA_FACTS_H

#include "base/compiler.h"

enum shape_type {
        SHAPE_NONE,
        SHAPE_STRUCTURE,
        SHAPE_LIST,
        SHAPE_STRING,
        SHAPE_BLOB,
        SHAPE_INTEGER,
        SHAPE_LONG,
        SHAPE_BOOLEAN,
        SHAPE_TYPES
};

struct member;

/* Bounds count characters of a string, decoded bytes of a blob, elements of a list. */
struct shape {
        const char *name;
        enum shape_type type;
        int64_t least;             /* 0: no lower bound */
        int64_t most;              /* 0: no upper bound */
        const char *pattern;       /* of the whole string; NULL: any */
        const char *const *values; /* an enum, ended by NULL; NULL: any */
        const struct shape *element;
        const struct member *members;
        size_t member_count;
};

struct member {
        const char *name;
        const struct shape *shape;
        bool required;
};

/*
 * The operations of the query protocol and of Roles Anywhere, and their inputs; the last one has no
 * name.
 */
struct facts_operation {
        const char *name;
        const struct shape *input;
};
extern const struct facts_operation facts_iam[], facts_rolesanywhere[], facts_sts[];

/* The input of an operation of Private CA such as "IssueCertificate"; NULL for one that does not
 * exist. */
const struct shape *facts_input(const char *operation);

/* The n-th operation's name of Private CA, counted from 0; NULL behind the last. */
const char *facts_operation(size_t index);

/*
 * Every operation of every service by the name that faults, rates and statistics use: Private CA's
 * as they are, the others behind their service, "sts.AssumeRole".  Counted from 0; NULL behind the
 * last.
 */
const char *facts_name(size_t index);

/* The index of such a name; -1 when there is none. */
int facts_index(const char *name);

#endif
