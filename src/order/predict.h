/*
 * The certificate that would come out, before anything is asked of the CA: field by field with
 * where each comes from, what the template drops, and what AWS would refuse.  Pure.
 */
#ifndef ORDER_PREDICT_H
#define ORDER_PREDICT_H

#include "order/content.h"
#include "order/field.h"

struct predicted_row {
        enum field field;
        char *value;
        enum source source;
        enum answer critical; /* ANSWER_UNKNOWN where it is no extension, or not known */
};

/* Something that was asked for, or that the CSR holds, and the certificate will not. */
struct predicted_drop {
        enum field field;
        char *value;
        const char *rule;
        bool lost; /* it was wished for; what somebody else's CSR holds besides is not */
};

struct prediction {
        struct predicted_row *rows;
        size_t row_count;
        struct predicted_drop *drops;
        size_t drop_count;
        char **warnings;
        size_t warning_count;
        int64_t not_after;                    /* 0: not known */
        const struct template_facts *carries; /* the smallest template that drops no wish, or NULL
                                                 where none is lost or there is none */
        struct error refusal;                 /* ERROR_USAGE: what AWS would refuse for certain */
};

void prediction_clear(struct prediction *prediction);

/* The validity where none was wished for: 365 days, 6 on a CA for short-lived certificates. */
void predict_default_validity(struct wishes *wishes, bool short_lived);

/*
 * Predict the certificate that is issued at `now`.
 *
 * wishes  their validity has been settled; template and CA may be missing (a held order)
 * csr     DER, or empty while there is none: it is made from the wishes then
 */
void predict(const struct wishes *wishes, struct view csr, const struct issuer_facts *issuer,
             int64_t now, struct prediction *out);

/*
 * May it be asked for?  ERROR_USAGE for what AWS would refuse; ERROR_WISH_LOST when the template
 * would drop a wish, with the template that would carry it.
 */
bool prediction_check(const struct prediction *prediction, struct error *err) MUST_CHECK;

#endif
