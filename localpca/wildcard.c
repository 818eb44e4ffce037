#include "localpca/wildcard.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What stands for a wildcard in a prepared pattern: no policy may hold these (policyDocumentType).
 */
enum { ANY_RUN = 1, ANY_ONE = 2, ARN_PARTS = 6 };

/* Bytes of the character that starts at `text`. */
static size_t
character_length(const char *text)
{
        size_t len = 1;

        while ((text[len] & 0xc0) == 0x80)
                len++;
        return len;
}

static bool
same(char a, char b, bool fold)
{
        return fold ? tolower((unsigned char)a) == tolower((unsigned char)b) : a == b;
}

/* Greedy with one place to go back to: the last run is the only one that ever has to grow. */
static bool
fits(const char *pattern, size_t pattern_len, const char *text, size_t text_len, bool fold)
{
        const char *pattern_end = pattern + pattern_len, *text_end = text + text_len;
        const char *run = NULL, *resume = NULL;

        while (text < text_end) {
                if (pattern < pattern_end && *pattern == ANY_RUN) {
                        run = pattern++;
                        resume = text;
                } else if (pattern < pattern_end && *pattern == ANY_ONE) {
                        pattern++;
                        text += character_length(text);
                } else if (pattern < pattern_end && same(*pattern, *text, fold)) {
                        pattern++;
                        text++;
                } else if (run) {
                        pattern = run + 1;
                        text = ++resume;
                } else {
                        return false;
                }
        }
        while (pattern < pattern_end && *pattern == ANY_RUN)
                pattern++;
        return pattern == pattern_end;
}

bool
wildcard_fits(const struct buf *pattern, const char *text, bool fold)
{
        return fits(buf_text(pattern), pattern->len, text, strlen(text), fold);
}

/* The length of an ARN's part at `at`, which is its last when `index` is 5. */
static size_t
part_length(const char *at, unsigned index)
{
        return index + 1 == ARN_PARTS ? strlen(at) : strcspn(at, ":");
}

bool
wildcard_fits_arn(const struct buf *pattern, const char *arn)
{
        const char *want = buf_text(pattern);

        if (!text_starts(arn, "arn:"))
                return false;
        for (unsigned i = 0; i < ARN_PARTS; i++) {
                size_t want_len = part_length(want, i), len = part_length(arn, i);

                if (!fits(want, want_len, arn, len, false))
                        return false;
                want += want_len;
                arn += len;
                if (i + 1 < ARN_PARTS && (*want++ != ':' || *arn++ != ':'))
                        return false;
        }
        return true;
}

bool
wildcard_action(const char *pattern, const char *action)
{
        static const struct context nothing;
        CLEANUP(buf_cleanup) struct buf ready = { 0 };

        return wildcard_prepare(pattern, false, true, &nothing, &ready) &&
               wildcard_fits(&ready, action, true);
}

/* The value of "key" or "key, 'otherwise'"; NULL when there is none.  The caller frees. */
static char *
variable_value(const char *inside, size_t len, const struct context *context)
{
        CLEANUP(free_cleanup) char *name = text_copy_length(inside, len);
        char *comma = strchr(name, ',');
        const char *otherwise = NULL;

        if (comma) {
                char *quote = strchr(comma, '\'');
                char *end = quote ? strchr(quote + 1, '\'') : NULL;
                if (!end)
                        return NULL;
                *end = '\0';
                otherwise = quote + 1;
                *comma = '\0';
        }
        for (size_t last = strlen(name); last && name[last - 1] == ' ';)
                name[--last] = '\0';
        const struct context_key *key = context_find(context, name);
        if (key && key->count == 1)
                return text_copy(key->values[0]);
        return text_copy(otherwise);
}

bool
wildcard_prepare(const char *text, bool variables, bool wildcards, const struct context *context,
                 struct buf *out)
{
        while (*text) {
                const char *end = variables && text[0] == '$' && text[1] == '{'
                                          ? strchr(text + 2, '}')
                                          : NULL;
                if (end) {
                        size_t len = (size_t)(end - text) - 2;
                        bool plain = len == 1 && strchr("*?$", text[2]);
                        CLEANUP(free_cleanup)
                        char *value = plain ? text_copy_length(text + 2, 1)
                                            : variable_value(text + 2, len, context);
                        if (!value)
                                return false;
                        buf_add_text(out, value);
                        text = end + 1;
                        continue;
                }
                if (wildcards && *text == '*')
                        buf_add_byte(out, ANY_RUN);
                else if (wildcards && *text == '?')
                        buf_add_byte(out, ANY_ONE);
                else
                        buf_add_byte(out, (uint8_t)*text);
                text++;
        }
        return true;
}
