#include "iam/match.h"

#include <string.h>

/*
 * In a pattern that is ready the two wildcards are bytes that no policy text can have, so that a
 * '*' that came out of a variable stays a star.
 */
enum { RUN = 0x01, ONE = 0x02 };
static const char wildcards_of_ours[] = { RUN, ONE, '\0' };

/* -- wildcards ---------------------------------------------------------------------------- */

static unsigned char
folded(char c, bool fold)
{
        return (unsigned char)(fold && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Behind the character that begins at `text`. */
static const char *
next_character(const char *text)
{
        text++;
        while (((unsigned char)*text & 0xC0) == 0x80)
                text++;
        return text;
}

/* `[pattern, end)` against `[text, stop)`; goes back to the last run only, so it cannot explode. */
static bool
matches(const char *pattern, const char *end, const char *text, const char *stop, bool fold)
{
        const char *run = NULL;  /* the pattern behind the last run, */
        const char *from = NULL; /* and where the text behind it is tried */

        while (text < stop) {
                if (pattern < end && *pattern == RUN) {
                        run = ++pattern;
                        from = text;
                } else if (pattern < end && *pattern == ONE) {
                        pattern++;
                        text = next_character(text);
                } else if (pattern < end && folded(*pattern, fold) == folded(*text, fold)) {
                        pattern++;
                        text++;
                } else if (run) {
                        pattern = run;
                        text = from = next_character(from);
                } else {
                        return false;
                }
        }
        while (pattern < end && *pattern == RUN)
                pattern++;
        return pattern == end && text == stop;
}

static void
add_plain(struct buf *out, char c, bool wildcards)
{
        if (wildcards && c == '*')
                buf_add_byte(out, RUN);
        else if (wildcards && c == '?')
                buf_add_byte(out, ONE);
        else
                buf_add_byte(out, (uint8_t)c);
}

bool
match_action(const char *pattern, const char *action)
{
        CLEANUP(buf_cleanup) struct buf ready = { 0 };
        const char *start;

        for (; *pattern; pattern++)
                add_plain(&ready, *pattern, true);
        start = buf_text(&ready);
        return matches(start, start + ready.len, action, action + strlen(action), true);
}

bool
match_ready(const struct buf *pattern, const char *text)
{
        const char *start = buf_text(pattern);

        return matches(start, start + pattern->len, text, text + strlen(text), false);
}

/* -- ARNs --------------------------------------------------------------------------------- */

enum { ARN_PARTS = 6 };

/* Where each part begins and, behind the last, where it ends (plus one); false if it has fewer. */
static bool
arn_split(const char *text, const char *part[ARN_PARTS + 1])
{
        for (size_t i = 0; i < ARN_PARTS; i++) {
                part[i] = text;
                if (i + 1 == ARN_PARTS)
                        break;
                text = strchr(text, ':');
                if (!text)
                        return false;
                text++;
        }
        part[ARN_PARTS] = text + strlen(text) + 1;
        return text_starts(part[0], "arn:");
}

enum iam_truth
match_ready_arn(const struct buf *pattern, const char *text)
{
        const char *want[ARN_PARTS + 1];
        const char *have[ARN_PARTS + 1];

        if (!arn_split(buf_text(pattern), want))
                return IAM_UNSURE;
        if (!arn_split(text, have))
                return IAM_NO;
        for (size_t i = 0; i < ARN_PARTS; i++) {
                if (!matches(want[i], want[i + 1] - 1, have[i], have[i + 1] - 1, false))
                        return IAM_NO;
        }
        return IAM_YES;
}

/* -- variables ---------------------------------------------------------------------------- */

static enum iam_truth
add_key(struct buf *out, const char *name, const char *otherwise, const struct iam_context *context)
{
        const struct iam_key *key = iam_context_find(context, name);
        enum iam_truth there = iam_context_has(context, name);

        if (there == IAM_YES && key->count == 1 && !strpbrk(key->values[0], wildcards_of_ours)) {
                buf_add_text(out, key->values[0]);
                return IAM_YES;
        }
        /* Several values cannot stand in a text, and our own marks must not. */
        if (there == IAM_YES)
                return IAM_UNSURE;
        if (there == IAM_NO && otherwise) {
                buf_add_text(out, otherwise);
                return IAM_YES;
        }
        return there;
}

/* What stands between "${" and "}". */
static enum iam_truth
add_variable(struct buf *out, char *inside, const struct iam_context *context)
{
        char *comma = strchr(inside, ',');
        char *otherwise = NULL;

        if (*inside && strchr("*?$", *inside) && !inside[1]) {
                buf_add_text(out, inside);
                return IAM_YES;
        }
        if (comma) {
                char *quote = comma + 1 + strspn(comma + 1, " ");
                size_t length = strlen(quote);

                if (length < 2 || *quote != '\'' || quote[length - 1] != '\'')
                        return IAM_UNSURE;
                quote[length - 1] = '\0';
                otherwise = quote + 1;
                *comma = '\0';
        }
        size_t length = strcspn(inside, " ");

        if (!length || inside[length + strspn(inside + length, " ")])
                return IAM_UNSURE;
        inside[length] = '\0';
        return add_key(out, inside, otherwise, context);
}

enum iam_truth
match_prepare(const char *pattern, bool variables, bool wildcards,
              const struct iam_context *context, struct buf *out)
{
        enum iam_truth truth = IAM_YES;

        while (*pattern) {
                if (!variables || !text_starts(pattern, "${")) {
                        add_plain(out, *pattern++, wildcards);
                        continue;
                }
                const char *end = strchr(pattern, '}');

                if (!end)
                        return IAM_UNSURE;
                CLEANUP(free_cleanup)
                char *inside = text_copy_length(pattern + 2, (size_t)(end - pattern) - 2);

                truth = iam_and(truth, add_variable(out, inside, context));
                pattern = end + 1;
        }
        return truth;
}
