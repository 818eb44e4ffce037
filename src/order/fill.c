#include "order/fill.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "order/name.h"
#include "order/utf8.h"

/* How a value is written so that it stays one. */
enum escape {
        ESCAPE_NOTHING,
        ESCAPE_RFC4514,
        ESCAPE_URI,
        ESCAPE_FILE,
        ESCAPE_KRB5,    /* '/', '@' and a backslash with a backslash in front (RFC 1964, 2.1.1) */
        ESCAPE_DNS,     /* nothing, but '*' is refused */
        ESCAPE_ADDRESS, /* nothing, but a second '@' is refused, and '/' */
};

/* -- the placeholders ----------------------------------------------------------------------- */

enum value_id {
        VALUE_NAME,
        VALUE_TOKEN_SERIAL,
        VALUE_TOKEN_LABEL,
        VALUE_ROW,
        VALUE_DATE,
        VALUE_DATE_COMPACT,
        VALUE_TIME,
        VALUE_TIME_COMPACT,
        VALUE_ATTRIBUTE, /* the last: its text goes on with the attribute's name */
        VALUES
};

static const struct {
        const char *text;
        unsigned needs;
        const char *missing; /* what would make it known */
} values[] = {
        [VALUE_NAME] = { "name", FILL_NEEDS_NAME, "give the order a name with --name" },
        [VALUE_TOKEN_SERIAL] = { "token.serial", FILL_NEEDS_TOKEN,
                                 "name a token that has a serial number with --token" },
        [VALUE_TOKEN_LABEL] = { "token.label", FILL_NEEDS_TOKEN,
                                "name a token that has a label with --token" },
        [VALUE_ROW] = { "row", FILL_NEEDS_ROW, "only the rows of a manifest have numbers" },
        [VALUE_DATE] = { "date", FILL_NEEDS_TIME, "the time is not known" },
        [VALUE_DATE_COMPACT] = { "date.compact", FILL_NEEDS_TIME, "the time is not known" },
        [VALUE_TIME] = { "time", FILL_NEEDS_TIME, "the time is not known" },
        [VALUE_TIME_COMPACT] = { "time.compact", FILL_NEEDS_TIME, "the time is not known" },
        [VALUE_ATTRIBUTE] = { "attr.", FILL_NEEDS_ATTRIBUTES, NULL },
};
static_assert(ARRAY_LENGTH(values) == VALUES, "a row for every placeholder");

/* One placeholder of a pattern. */
struct placeholder {
        enum value_id id;
        char *text; /* between the braces */
};

static bool
advise_syntax(struct error *err)
{
        return error_advise(err, "placeholders are {name}, {token.serial}, {token.label}, "
                                 "{attr.x}, {row}, {date} and {time}; a brace itself is written "
                                 "twice: {{ or }}");
}

static bool
refuse_unknown(const char *text, struct error *err)
{
        const char *names[VALUES];

        for (size_t i = 0; i < VALUES; i++)
                names[i] = i == VALUE_ATTRIBUTE ? "attr.x" : values[i].text;
        const char *nearest = word_nearest(text, names, VALUES);

        error_set(err, ERROR_USAGE, "there is no placeholder {%.60s}", text);
        if (nearest)
                error_advise(err, "did you mean {%s}? A brace itself is written twice: {{ or }}",
                             nearest);
        return advise_syntax(err);
}

static bool
placeholder_find(const char *text, enum value_id *id)
{
        const char *prefix = values[VALUE_ATTRIBUTE].text;

        if (text_starts(text, prefix) && text[strlen(prefix)]) {
                *id = VALUE_ATTRIBUTE;
                return true;
        }
        for (size_t i = 0; i < VALUE_ATTRIBUTE; i++) {
                if (strcmp(values[i].text, text) == 0) {
                        *id = (enum value_id)i;
                        return true;
                }
        }
        return false;
}

/*
 * Read what comes next of a pattern: a stretch of plain text (appended to `plain`), or one
 * placeholder, whose text the caller frees.  `*at` moves behind it.
 */
static bool
read_next(const char **at, struct buf *plain, struct placeholder *found, struct error *err)
{
        size_t length = strcspn(*at, "{}");

        *found = (struct placeholder){ 0 };
        buf_add(plain, view_of(*at, length));
        *at += length;
        if (**at == '\0')
                return true;
        if ((*at)[0] == (*at)[1]) {
                buf_add_byte(plain, (uint8_t) * *at);
                *at += 2;
                return true;
        }
        const char *end = **at == '{' ? strpbrk(*at + 1, "{}") : NULL;

        if (!end || *end != '}') {
                error_set(err, ERROR_USAGE, "a brace stands alone at '%.40s'", *at);
                return advise_syntax(err);
        }
        CLEANUP(free_cleanup) char *text = text_copy_length(*at + 1, (size_t)(end - *at - 1));

        if (!placeholder_find(text, &found->id))
                return refuse_unknown(text, err);
        found->text = MOVE(text);
        *at = end + 1;
        return true;
}

bool
fill_needs(const char *pattern, unsigned *needs, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf plain = { 0 };
        unsigned found = 0;

        while (*pattern) {
                struct placeholder next;

                if (!read_next(&pattern, &plain, &next, err))
                        return false;
                if (next.text)
                        found |= values[next.id].needs;
                free(next.text);
        }
        *needs = found;
        return true;
}

/* -- their values --------------------------------------------------------------------------- */

static char *
format_time(enum value_id id, int64_t now)
{
        char text[CLOCK_TEXT];
        struct buf out = { 0 };
        bool compact = id == VALUE_DATE_COMPACT || id == VALUE_TIME_COMPACT;
        bool day = id == VALUE_DATE || id == VALUE_DATE_COMPACT;

        for (const char *at = clock_format(now, text); *at && !(day && *at == 'T'); at++) {
                if (!compact || (*at != '-' && *at != ':'))
                        buf_add_byte(&out, (uint8_t)*at);
        }
        return (char *)out.data;
}

static bool
refuse_attribute(const char *name, const struct fill_facts *facts, struct error *err)
{
        CLEANUP(free_cleanup)
        const char **names = memory_new(facts->attribute_count + 1, sizeof(*names));

        for (size_t i = 0; i < facts->attribute_count; i++)
                names[i] = facts->attributes[i].name;
        const char *nearest = word_nearest(name, names, facts->attribute_count);

        error_set(err, ERROR_USAGE, "there is no attribute '%.60s' to fill in", name);
        if (nearest)
                return error_advise(err, "did you mean {attr.%s}?", nearest);
        return error_advise(err, "give it: --attribute %.60s=VALUE, or a column attr.%.60s", name,
                            name);
}

/* The last one counts where an attribute is given twice. */
static bool
find_attribute(const char *name, const struct fill_facts *facts, char **value, struct error *err)
{
        for (size_t i = facts->attribute_count; i > 0; i--) {
                if (strcmp(facts->attributes[i - 1].name, name) == 0) {
                        *value = text_copy(facts->attributes[i - 1].value);
                        return true;
                }
        }
        return refuse_attribute(name, facts, err);
}

static bool
find_value(const struct placeholder *found, const struct fill_facts *facts, char **value,
           struct error *err)
{
        switch (found->id) {
        case VALUE_NAME:
                *value = text_copy(facts->name);
                return true;
        case VALUE_TOKEN_SERIAL:
                *value = text_copy(facts->token_serial);
                return true;
        case VALUE_TOKEN_LABEL:
                *value = text_copy(facts->token_label);
                return true;
        case VALUE_ROW:
                *value = facts->row ? text_format("%lld", (long long)facts->row) : NULL;
                return true;
        case VALUE_DATE:
        case VALUE_DATE_COMPACT:
        case VALUE_TIME:
        case VALUE_TIME_COMPACT:
                *value = facts->now ? format_time(found->id, facts->now) : NULL;
                return true;
        case VALUE_ATTRIBUTE:
                return find_attribute(found->text + strlen(values[VALUE_ATTRIBUTE].text), facts,
                                      value, err);
        case VALUES:
                break;
        }
        return error_set(err, ERROR_INTERNAL, "a placeholder without a value");
}

/* -- escaping ------------------------------------------------------------------------------- */

static void
add_rfc4514(struct buf *out, const char *value)
{
        size_t last = strlen(value) - 1;

        for (size_t i = 0; value[i]; i++) {
                if (strchr("\"+,;<>\\=#", value[i]) || (value[i] == ' ' && (i == 0 || i == last)))
                        buf_add_byte(out, '\\');
                buf_add_byte(out, (uint8_t)value[i]);
        }
}

static void
add_percent(struct buf *out, const char *value, const char *plain)
{
        for (size_t i = 0; value[i]; i++) {
                unsigned char c = (unsigned char)value[i];

                if ((c < 0x80 && isalnum(c)) || strchr(plain, c))
                        buf_add_byte(out, c);
                else
                        buf_format(out, "%%%02X", c);
        }
}

/* "..", and files that are hidden, are nothing that a value may make. */
static void
add_file(struct buf *out, const char *value)
{
        if (*value == '.') {
                buf_add_text(out, "%2E");
                value++;
        }
        add_percent(out, value, "-._");
}

static const char *
escape_rule(enum escape escape, const char *value, bool has_at)
{
        if (escape == ESCAPE_DNS && strchr(value, '*'))
                return "'*' of a DNS name is written in the pattern itself";
        if (escape == ESCAPE_ADDRESS && has_at && strpbrk(value, "@/"))
                return "it would be more than one part of the address";
        return NULL;
}

/* `has_at`: the pattern itself has the '@' of an address. */
static bool
add_escaped(struct buf *out, enum escape escape, const char *value, bool has_at, struct error *err)
{
        const char *rule = escape_rule(escape, value, has_at);

        if (rule)
                return error_set(err, ERROR_USAGE, "the value '%.60s' cannot be filled in: %s",
                                 value, rule);
        switch (escape) {
        case ESCAPE_RFC4514:
                add_rfc4514(out, value);
                return true;
        case ESCAPE_URI:
                add_percent(out, value, "-._~");
                return true;
        case ESCAPE_KRB5:
                for (; *value; value++) {
                        if (strchr("/@\\", *value))
                                buf_add_byte(out, '\\');
                        buf_add_byte(out, (uint8_t)*value);
                }
                return true;
        case ESCAPE_FILE:
                add_file(out, value);
                return true;
        case ESCAPE_NOTHING:
        case ESCAPE_DNS:
        case ESCAPE_ADDRESS:
                break;
        }
        buf_add_text(out, value);
        return true;
}

static const struct {
        const char *type;
        enum escape escape;
} san_escapes[] = {
        { "dns:", ESCAPE_DNS },
        { "krb5:", ESCAPE_KRB5 },
        { "uri:", ESCAPE_URI },
        { "dirname:", ESCAPE_RFC4514 },
};

/* An alternative name says its type itself; a value cannot choose it. */
static bool
choose_escape(const char *pattern, enum fill_place place, enum escape *escape, struct error *err)
{
        static const enum escape escapes[] = {
                [FILL_TEXT] = ESCAPE_NOTHING, [FILL_SUBJECT] = ESCAPE_RFC4514,
                [FILL_SAN] = ESCAPE_ADDRESS,  [FILL_FILE] = ESCAPE_FILE,
                [FILL_URI] = ESCAPE_URI,
        };
        static_assert(ARRAY_LENGTH(escapes) == FILL_PLACES, "an escape for every place");
        size_t type = strcspn(pattern, ":{");

        *escape = escapes[place];
        if (place != FILL_SAN || !strchr(pattern, '{'))
                return true;
        if (pattern[type] != ':') {
                error_set(err, ERROR_USAGE, "the kind of an alternative name is no placeholder");
                return error_advise(err, "write it in front, such as dns:{name}.example");
        }
        for (size_t i = 0; i < ARRAY_LENGTH(san_escapes); i++) {
                if (strncasecmp(pattern, san_escapes[i].type, type + 1) == 0)
                        *escape = san_escapes[i].escape;
        }
        return true;
}

/* What no text of a certificate may hold; the value is not shown where it could harm a terminal. */
static bool
check_value(const struct placeholder *found, const char *value, struct error *err)
{
        const char *rule = NULL;

        if (!value || !*value) {
                error_set(err, ERROR_USAGE, "there is nothing to fill {%.60s} with", found->text);
                if (values[found->id].missing)
                        return error_advise(err, "%s", values[found->id].missing);
                return error_advise(err, "give the attribute a value");
        }
        if (utf8_length(view_text(value)) < 0)
                rule = "is not UTF-8";
        else if (utf8_has_control(view_text(value)))
                rule = "holds a control character";
        return !rule || error_set(err, ERROR_USAGE, "the value of {%.60s} %s", found->text, rule);
}

static bool
add_value(struct buf *out, const struct placeholder *found, enum escape escape, bool has_at,
          const struct fill_facts *facts, struct error *err)
{
        CLEANUP(free_cleanup) char *value = NULL;

        if (values[found->id].needs & facts->later)
                value = text_copy(facts->stand_in);
        else if (!find_value(found, facts, &value, err))
                return false;
        return check_value(found, value, err) && (add_escaped(out, escape, value, has_at, err) ||
                                                  error_about(err, "{%.60s}", found->text));
}

/* One step of filling: `*at` moves on. */
static bool
fill_next(const char **at, enum escape escape, bool has_at, const struct fill_facts *facts,
          struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf piece = { 0 };
        struct placeholder next;

        if (!read_next(at, &piece, &next, err))
                return false;
        CLEANUP(free_cleanup) char *held = next.text;
        bool stays = held && (values[next.id].needs & facts->later) && !facts->stand_in;

        if (held && !stays && !add_value(&piece, &next, escape, has_at, facts, err))
                return false;
        if (facts->later && !facts->stand_in) {
                CLEANUP(free_cleanup) char *quoted = fill_quote(buf_text(&piece));

                buf_add_text(out, quoted);
        } else {
                buf_add(out, view_buf(&piece));
        }
        if (stays)
                buf_format(out, "{%s}", held);
        return true;
}

bool
fill_text(const char *pattern, enum fill_place place, const struct fill_facts *facts, char **out,
          struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        bool has_at = strchr(pattern, '@') != NULL;
        enum escape escape;

        if (!choose_escape(pattern, place, &escape, err))
                return false;
        while (*pattern) {
                if (!fill_next(&pattern, escape, has_at, facts, &text, err))
                        return false;
        }
        *out = text_copy(buf_text(&text));
        return true;
}

char *
fill_quote(const char *text)
{
        struct buf out = { 0 };

        buf_add_text(&out, "");
        for (; *text; text++) {
                if (*text == '{' || *text == '}')
                        buf_add_byte(&out, (uint8_t)*text);
                buf_add_byte(&out, (uint8_t)*text);
        }
        return (char *)out.data;
}

/* -- subjects and alternative names --------------------------------------------------------- */

static bool
normal_subject(const char *text, char **out, struct error *err)
{
        X509_NAME *name = NULL;

        if (!subject_parse(text, &name, err))
                return false;
        *out = subject_format(name);
        X509_NAME_free(name);
        return true;
}

typedef bool normalize(const char *text, char **out, struct error *err);

static bool
normal_text(const char *text, char **out, struct error *err)
{
        (void)err;
        *out = text_copy(text);
        return true;
}

static normalize *const normal_forms[] = {
        [FILL_TEXT] = normal_text, [FILL_SUBJECT] = normal_subject, [FILL_SAN] = san_parse,
        [FILL_FILE] = normal_text, [FILL_URI] = normal_text,
};
static_assert(ARRAY_LENGTH(normal_forms) == FILL_PLACES, "a normal form for every place");

/*
 * Is there a value with which the pattern would be right?  The error is that of the first one
 * tried.
 */
static bool
try_stand_ins(const char *pattern, enum fill_place place, const struct fill_facts *facts,
              char **out, struct error *err)
{
        static const char *const stand_ins[] = { "XX", "192.0.2.1", "x0@host.example", "1.2.3" };

        for (size_t i = 0; i < ARRAY_LENGTH(stand_ins); i++) {
                CLEANUP(free_cleanup) char *text = NULL;
                struct fill_facts known = *facts;
                struct error why = { 0 };

                known.stand_in = stand_ins[i];
                if (fill_text(pattern, place, &known, &text, &why) &&
                    normal_forms[place](text, out, &why))
                        return true;
                if (i == 0)
                        *err = why;
        }
        return false;
}

bool
fill_sample(const char *pattern, enum fill_place place, char **out, struct error *err)
{
        const struct fill_facts nothing = { .later = ~0U };

        return try_stand_ins(pattern, place, &nothing, out, err);
}

static bool
fill_normal(const char *pattern, enum fill_place place, const struct fill_facts *facts, char **out,
            struct error *err)
{
        CLEANUP(free_cleanup) char *text = NULL;
        CLEANUP(free_cleanup) char *sample = NULL;

        if (facts->later && !try_stand_ins(pattern, place, facts, &sample, err))
                return false;
        if (!fill_text(pattern, place, facts, &text, err))
                return false;
        if (!facts->later)
                return normal_forms[place](text, out, err);
        *out = MOVE(text);
        return true;
}

bool
fill_subject(const char *pattern, const struct fill_facts *facts, char **out, struct error *err)
{
        return fill_normal(pattern, FILL_SUBJECT, facts, out, err);
}

bool
fill_san(const char *pattern, const struct fill_facts *facts, char **out, struct error *err)
{
        return fill_normal(pattern, FILL_SAN, facts, out, err);
}

bool
fill_name(const char *subject, char **name, struct error *err)
{
        X509_NAME *parsed = NULL;

        if (!subject_parse(subject, &parsed, err))
                return false;
        CLEANUP(free_cleanup) char *common = subject_common_name(parsed);

        X509_NAME_free(parsed);
        if (!common || !*common) {
                error_set(err, ERROR_USAGE, "the subject has no common name to call the order by");
                return error_advise(err, "give the order a name with --name");
        }
        *name = order_name_from(common);
        return true;
}

/* -- all texts of the wishes ---------------------------------------------------------------- */

/* Put the filled text in the pattern's place; NULL is none. */
static bool
fill_slot(char **slot, enum fill_place place, const struct fill_facts *facts, const char *option,
          struct error *err)
{
        CLEANUP(free_cleanup) char *filled = NULL;

        if (!*slot)
                return true;
        if (!fill_text(*slot, place, facts, &filled, err))
                return error_about(err, "%s %.100s", option, *slot);
        text_assign(slot, filled);
        return true;
}

static bool
fill_names(struct wishes *wishes, struct fill_facts *facts, struct error *err)
{
        CLEANUP(free_cleanup) char *subject = NULL;

        if (!fill_slot(&wishes->name, FILL_TEXT, facts, "--name", err) ||
            (wishes->name && !order_name_check(wishes->name, err)))
                return false;
        facts->name = wishes->name;
        if (!wishes->csr_given) {
                if (!fill_subject(wishes->subject, facts, &subject, err))
                        return error_about(err, "--subject %.100s", wishes->subject);
                text_assign(&wishes->subject, subject);
        }
        if (!wishes->name && !fill_name(wishes->subject, &wishes->name, err))
                return false;
        facts->name = wishes->name;
        return true;
}

/* Two patterns may become the same name: once is enough. */
static bool
fill_sans(struct wishes *wishes, const struct fill_facts *facts, struct error *err)
{
        char **sans = NULL;
        size_t count = 0;
        bool good = true;

        for (size_t i = 0; good && i < wishes->san_count; i++) {
                CLEANUP(free_cleanup) char *normal = NULL;

                good = fill_san(wishes->sans[i], facts, &normal, err) ||
                       error_about(err, "--san %.100s", wishes->sans[i]);
                if (good && !text_list_has(sans, count, normal))
                        text_list_add(&sans, &count, normal);
        }
        if (good)
                text_list_copy(&wishes->sans, &wishes->san_count, sans, count);
        text_list_free(sans, count);
        return good;
}

bool
fill_wishes(struct wishes *wishes, const struct fill_facts *facts, struct error *err)
{
        struct fill_facts known = *facts;
        struct wishes filled = { 0 };

        if (!wishes->unfilled)
                return true;
        wishes_copy(&filled, wishes);
        if (!fill_names(&filled, &known, err) ||
            (!filled.csr_given && !fill_sans(&filled, &known, err)) ||
            !fill_slot(&filled.label, FILL_TEXT, &known, "--label", err) ||
            (filled.label && !order_label_check(filled.label, err)) ||
            !fill_slot(&filled.folder, FILL_FILE, &known, "--out", err) ||
            !fill_slot(&filled.holder, FILL_TEXT, &known, "--holder", err) ||
            !fill_slot(&filled.place, FILL_TEXT, &known, "--place", err)) {
                wishes_clear(&filled);
                return false;
        }
        filled.unfilled = false;
        wishes_clear(wishes);
        *wishes = filled;
        return true;
}
