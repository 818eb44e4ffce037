/*
 * How the tables of facts are written (facts.c, facts_iam.c, facts_sts.c): a line for each shape.
 */
#ifndef LOCALPCA_FACTS_MACROS_H
#define LOCALPCA_FACTS_MACROS_H

#include "localpca/facts.h"

/* Each shape is one entry; what it refers to stands above it. */
#define TEXT(id, shape_name, shortest, longest, expression)    \
        static const struct shape id = { .name = shape_name,   \
                                         .type = SHAPE_STRING, \
                                         .least = shortest,    \
                                         .most = longest,      \
                                         .pattern = expression }
#define PLAIN(id, shape_name, shape_type, lowest, highest)                               \
        static const struct shape id = {                                                 \
                .name = shape_name, .type = shape_type, .least = lowest, .most = highest \
        }
#define ENUM(id, shape_name, ...)                                       \
        static const char *const id##_values[] = { __VA_ARGS__, NULL }; \
        static const struct shape id = { .name = shape_name,            \
                                         .type = SHAPE_STRING,          \
                                         .values = id##_values }
#define LIST(id, shape_name, fewest, greatest, each)         \
        static const struct shape id = { .name = shape_name, \
                                         .type = SHAPE_LIST, \
                                         .least = fewest,    \
                                         .most = greatest,   \
                                         .element = &each }
#define STRUCTURE(id, shape_name, ...)                               \
        static const struct member id##_members[] = { __VA_ARGS__ }; \
        static const struct shape id = { .name = shape_name,         \
                                         .type = SHAPE_STRUCTURE,    \
                                         .members = id##_members,    \
                                         .member_count = ARRAY_LENGTH(id##_members) }
#define REQUIRED(member_name, id)      \
        {                              \
                member_name, &id, true \
        }
#define OPTIONAL(member_name, id)       \
        {                               \
                member_name, &id, false \
        }

#endif
