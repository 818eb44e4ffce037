#include "localpca/pattern.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

enum { UNBOUNDED = 1 << 30 };

/* What has to follow once the current piece is through: the rest of the pattern, outwards. */
struct rest {
        bool (*match)(const struct rest *rest, const char *text);
        const char *pattern; /* the pieces that follow, up to `end` */
        const char *end;
        const struct rest *outer;
        /* inside a repeated group only */
        const struct group *group;
        unsigned times;
        const char *started;
};

struct group {
        const char *inside, *inside_end; /* between the parentheses */
        unsigned least, most;
        const struct rest *after;
};

static uint32_t
character_read(const char **text)
{
        const uint8_t *at = (const uint8_t *)*text;
        uint32_t value = at[0];
        int more = value >= 0xf0 ? 3 : value >= 0xe0 ? 2 : value >= 0xc0 ? 1 : 0;

        if (more)
                value &= 0x3fU >> more;
        at++;
        for (; more > 0 && (*at & 0xc0) == 0x80; more--)
                value = value << 6 | (*at++ & 0x3f);
        /* What goes on without need belongs to it, so that the way back finds the same start. */
        while ((*at & 0xc0) == 0x80)
                at++;
        *text = (const char *)at;
        return value;
}

size_t
pattern_characters(const char *text)
{
        size_t count = 0;

        for (; *text; text++)
                count += (*text & 0xc0) != 0x80;
        return count;
}

static bool
is_separator(uint32_t c)
{
        return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
               c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* \p{L} or \p{N}: the C library does not tell letters from the digits of other scripts. */
static bool
is_letter_or_number(uint32_t c)
{
        static locale_t unicode;

        if (c < 0x80)
                return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!unicode)
                unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        return unicode && iswalnum_l((wint_t)c, unicode);
}

/* One escape behind its backslash.  A class answers by `*is_in`; a character by its value. */
static uint32_t
escape_read(const char **pattern, uint32_t c, bool *is_class, bool *is_in)
{
        char kind = *(*pattern)++;

        *is_class = kind == 'w' || kind == 'd' || kind == 'p';
        if (kind == 'w')
                *is_in = c < 0x80 && (is_letter_or_number(c) || c == '_');
        if (kind == 'd')
                *is_in = c >= '0' && c <= '9';
        if (kind == 'p') {
                *is_in = (*pattern)[1] == 'Z' ? is_separator(c) : is_letter_or_number(c);
                *pattern += 3;
        }
        if (kind != 'u')
                return (uint8_t)kind;
        uint32_t value = 0;
        for (int i = 0; i < 4; i++) {
                char digit = *(*pattern)++;
                value = value * 16 +
                        (uint32_t)(digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
        }
        return value;
}

static uint32_t
class_bound(const char **pattern, uint32_t c, bool *is_class, bool *is_in)
{
        *is_class = false;
        if (**pattern != '\\')
                return character_read(pattern);
        (*pattern)++;
        return escape_read(pattern, c, is_class, is_in);
}

/* A class behind its '['; leaves `*pattern` behind its ']'. */
static bool
class_has(const char **pattern, uint32_t c)
{
        bool negated = **pattern == '^', found = false;

        *pattern += negated;
        while (**pattern != ']') {
                bool is_class, is_in = false;
                uint32_t first = class_bound(pattern, c, &is_class, &is_in);
                uint32_t last = first;

                if (!is_class && (*pattern)[0] == '-' && (*pattern)[1] != ']') {
                        bool ignored = false;
                        (*pattern)++;
                        last = class_bound(pattern, c, &ignored, &ignored);
                }
                found |= is_class ? is_in : c >= first && c <= last;
        }
        (*pattern)++;
        return found != negated;
}

/* Does one single-character piece match `c`?  `*pattern` moves behind the piece. */
static bool
single_has(const char **pattern, uint32_t c)
{
        bool is_class = false, is_in = false;

        if (**pattern == '[') {
                (*pattern)++;
                return class_has(pattern, c);
        }
        if (**pattern != '\\')
                return character_read(pattern) == c;
        (*pattern)++;
        uint32_t value = escape_read(pattern, c, &is_class, &is_in);
        return is_class ? is_in : value == c;
}

static unsigned
number_read(const char **pattern)
{
        unsigned value = 0;

        while (**pattern >= '0' && **pattern <= '9')
                value = value * 10 + (unsigned)(*(*pattern)++ - '0');
        return value;
}

static void
quantifier_read(const char **pattern, unsigned *least, unsigned *most)
{
        *least = **pattern == '*' || **pattern == '?' ? 0 : 1;
        *most = **pattern == '*' || **pattern == '+' ? UNBOUNDED : 1;
        if (**pattern == '*' || **pattern == '+' || **pattern == '?') {
                (*pattern)++;
                return;
        }
        if (**pattern != '{')
                return;
        (*pattern)++;
        *least = *most = number_read(pattern);
        if (**pattern == ',') {
                (*pattern)++;
                *most = **pattern == '}' ? UNBOUNDED : number_read(pattern);
        }
        assert(**pattern == '}');
        (*pattern)++;
}

/* The ')' that closes the group whose inside starts at `at`, or the next '|' of that level. */
static const char *
group_stop(const char *at, const char *end, bool at_bar)
{
        int depth = 0;

        for (; at < end; at++) {
                if (*at == '\\') {
                        at++;
                } else if (*at == '[') {
                        for (at++; *at != ']'; at++)
                                at += *at == '\\';
                } else if (*at == '(') {
                        depth++;
                } else if (*at == ')' && depth-- == 0) {
                        return at;
                } else if (*at == '|' && depth == 0 && at_bar) {
                        return at;
                }
        }
        return end;
}

static bool sequence_matches(const char *pattern, const char *end, const char *text,
                             const struct rest *rest);

static bool
alternatives_match(const char *pattern, const char *end, const char *text, const struct rest *rest)
{
        for (;;) {
                const char *stop = group_stop(pattern, end, true);

                if (sequence_matches(pattern, stop, text, rest))
                        return true;
                if (stop >= end)
                        return false;
                pattern = stop + 1;
        }
}

static bool group_again(const struct group *group, unsigned times, const char *text);

static bool
rest_of_group(const struct rest *rest, const char *text)
{
        if (text == rest->started) /* an empty round would go on for ever */
                return rest->group->after->match(rest->group->after, text);
        return group_again(rest->group, rest->times, text);
}

static bool
group_again(const struct group *group, unsigned times, const char *text)
{
        struct rest rest = {
                .match = rest_of_group, .group = group, .times = times + 1, .started = text
        };

        if (times < group->most &&
            alternatives_match(group->inside, group->inside_end, text, &rest))
                return true;
        return times >= group->least && group->after->match(group->after, text);
}

static bool
rest_of_sequence(const struct rest *rest, const char *text)
{
        return sequence_matches(rest->pattern, rest->end, text, rest->outer);
}

static bool
rest_is_end(const struct rest *rest, const char *text)
{
        (void)rest;
        return !*text;
}

static bool
group_matches(const char *pattern, const char *end, const char *text, const struct rest *rest)
{
        struct group group = { .inside = pattern + 1 };

        if (strncmp(group.inside, "?:", 2) == 0)
                group.inside += 2;
        group.inside_end = group_stop(group.inside, end, false);
        const char *after = group.inside_end + 1;
        quantifier_read(&after, &group.least, &group.most);
        struct rest follows = {
                .match = rest_of_sequence, .pattern = after, .end = end, .outer = rest
        };
        group.after = &follows;
        return group_again(&group, 0, text);
}

static bool
sequence_matches(const char *pattern, const char *end, const char *text, const struct rest *rest)
{
        if (pattern >= end)
                return rest->match(rest, text);
        if (*pattern == '(')
                return group_matches(pattern, end, text, rest);

        const char *after = pattern;
        unsigned least, most, count = 0;
        const char *at = text;

        (void)single_has(&after, 0);
        quantifier_read(&after, &least, &most);
        while (count < most && *at) {
                const char *piece = pattern, *next = at;
                if (!single_has(&piece, character_read(&next)))
                        break;
                at = next;
                count++;
        }
        for (; count + 1 > least; count--) {
                if (sequence_matches(after, end, at, rest))
                        return true;
                if (count == 0)
                        break;
                do
                        at--;
                while (at > text && (*at & 0xc0) == 0x80);
        }
        return false;
}

bool
pattern_matches(const char *pattern, const char *text)
{
        struct rest end = { .match = rest_is_end };

        return alternatives_match(pattern, pattern + strlen(pattern), text, &end);
}
