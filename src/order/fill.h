/*
 * Placeholders: a profile's or a manifest's texts are patterns, such as CN={token.serial}.  Pure.
 *
 *     {name}           the order's name
 *     {token.serial}   serial number of the token, and {token.label} its label
 *     {attr.x}         the attribute x of the order (--attribute x=…, a manifest's attr.x)
 *     {row}            number of the manifest's row, from 1
 *     {date}           the day, 2026-11-27; {date.compact} is 20261127
 *     {time}           2026-11-27T08:15:00Z; {time.compact} is 20261127T081500Z
 *     {{ and }}        a brace
 *
 * Patterns come from whoever asks for certificates; the values come from tokens and manifests and
 * are hostile.  So a value is escaped for the place where it goes and cannot become structure: no
 * further RDN, no other host of a URI, no folder above.  A text is filled once and never again: a
 * value that looks like a placeholder stays what it is.
 */
#ifndef ORDER_FILL_H
#define ORDER_FILL_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/order.h"

/* What has to be known before a pattern can be filled; a set of bits. */
enum fill_need {
        FILL_NEEDS_NAME = 1 << 0,
        FILL_NEEDS_TOKEN = 1 << 1,
        FILL_NEEDS_ATTRIBUTES = 1 << 2,
        FILL_NEEDS_ROW = 1 << 3,
        FILL_NEEDS_TIME = 1 << 4,
};

/* Where the filled text goes. */
enum fill_place {
        FILL_TEXT,    /* label, holder, place, the order's name: as it is */
        FILL_SUBJECT, /* attribute values of RFC 4514 */
        FILL_SAN,     /* TYPE:VALUE of san_parse(): what escapes depends on the type */
        FILL_FILE, /* a path: no '/' and no leading '.', other bytes than [A-Za-z0-9._-] as %HH */
        FILL_URI,  /* a part of a URI: what RFC 3986 does not call unreserved as %HH */
        FILL_PLACES
};

/* What is known.  Borrowed; NULL or 0 is not known. */
struct fill_facts {
        const char *name;
        const char *token_serial;
        const char *token_label;
        const struct attribute *attributes;
        size_t attribute_count;
        int64_t row;
        int64_t now;

        /* enum fill_need bits of what will be known later: its placeholders stay, and the result is
           a pattern again, with braces doubled.  `stand_in` takes their place for a lint. */
        unsigned later;
        const char *stand_in;
};

/*
 * Which facts does the pattern need?
 *
 * needs   out, enum fill_need bits; 0: there is no placeholder
 * errors  ERROR_USAGE: a placeholder that there is not (with the nearest one), a lone brace
 */
bool fill_needs(const char *pattern, unsigned *needs, struct error *err) MUST_CHECK;

/*
 * Fill the pattern.  Whether the result is a subject, an alternative name or a file name is for
 * their own parsers to say.
 *
 * out     the caller frees
 * errors  ERROR_USAGE: as fill_needs(); a fact that is not known or empty, with what would make it
 *         known; a value with a control character, or one that is not UTF-8; in an alternative name
 *         a value that would be more than the part it stands for ('*' of a DNS name, a second '@')
 */
bool fill_text(const char *pattern, enum fill_place place, const struct fill_facts *facts,
               char **out, struct error *err) MUST_CHECK;

/*
 * What the pattern could become: every placeholder has a stand-in with which the text is right for
 * its place, as a subject or an alternative name, too.  For a lint.  The caller frees `out`.
 */
bool fill_sample(const char *pattern, enum fill_place place, char **out,
                 struct error *err) MUST_CHECK;

/* The pattern that is filled to `text`: braces are doubled.  The caller frees. */
char *fill_quote(const char *text);

/*
 * The same for a subject, and for an alternative name, in their normal form once nothing is left
 * for later.  Before that the pattern is tried with stand-ins, so that what can never be right is
 * refused at once.  errors: those of subject_parse() and san_parse(), too
 */
bool fill_subject(const char *pattern, const struct fill_facts *facts, char **out,
                  struct error *err) MUST_CHECK;
bool fill_san(const char *pattern, const struct fill_facts *facts, char **out,
              struct error *err) MUST_CHECK;

/* The name of an order after its subject's common name; ERROR_USAGE if it has none.  Caller frees.
 */
bool fill_name(const char *subject, char **name, struct error *err) MUST_CHECK;

/*
 * Fill the texts that were left for later (wishes->unfilled): subject, alternative names, label,
 * folder, holder, place, and the name if it is open.  The others stay as they are.
 *
 * facts   of the token; what else there was is filled in already
 * errors  as above, and `wishes` are untouched
 */
bool fill_wishes(struct wishes *wishes, const struct fill_facts *facts,
                 struct error *err) MUST_CHECK;

#endif
