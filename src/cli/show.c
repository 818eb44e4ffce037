#include "cli/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* -- text that may hold anything ---------------------------------------------------------- */

/* How many bytes the well-formed UTF-8 character at `s` has; 0 for none (RFC 3629, 4). */
static size_t
character_length(const unsigned char *s)
{
        unsigned char low = 0x80;
        unsigned char high = 0xBF;
        size_t length;

        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xC2 && s[0] <= 0xDF) {
                length = 2;
        } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
                length = 3;
                low = s[0] == 0xE0 ? 0xA0 : low;
                high = s[0] == 0xED ? 0x9F : high;
        } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
                length = 4;
                low = s[0] == 0xF0 ? 0x90 : low;
                high = s[0] == 0xF4 ? 0x8F : high;
        } else {
                return 0;
        }
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++) {
                if (s[i] < 0x80 || s[i] > 0xBF)
                        return 0;
        }
        return length;
}

/* C0, DEL and C1: what makes a terminal do things. */
static bool
is_control(const unsigned char *s, size_t length)
{
        return s[0] < ' ' || s[0] == 0x7F || (length == 2 && s[0] == 0xC2 && s[1] < 0xA0);
}

static char *
clean(const char *text, bool keep_controls)
{
        struct buf out = { 0 };

        buf_add_text(&out, "");
        for (const unsigned char *s = (const unsigned char *)text; *s;) {
                size_t length = character_length(s);
                bool drop = length == 0 || (!keep_controls && is_control(s, length));

                if (drop)
                        buf_add_text(&out, "\xEF\xBF\xBD"); /* U+FFFD */
                else
                        buf_add(&out, view_of(s, length));
                s += length ? length : 1;
        }
        return (char *)out.data;
}

char *
show_printable(const char *text)
{
        return clean(text, false);
}

char *
show_joined(const char *lines)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        for (size_t length; *lines; lines += length + (lines[length] == '\n')) {
                length = strcspn(lines, "\n");
                buf_format(&out, "%s%.*s", out.len ? "; " : "", (int)length, lines);
        }
        return text_copy(buf_text(&out));
}

/* -- JSON --------------------------------------------------------------------------------- */

void
show_add_text(cJSON *object, const char *name, const char *text)
{
        if (!text || !*text) {
                cJSON_AddNullToObject(object, name);
                return;
        }
        CLEANUP(free_cleanup) char *valid = clean(text, true);

        cJSON_AddStringToObject(object, name, valid);
}

void
show_add_item(cJSON *array, const char *text)
{
        CLEANUP(free_cleanup) char *valid = clean(text, true);

        cJSON_AddItemToArray(array, cJSON_CreateString(valid));
}

void
show_add_time(cJSON *object, const char *name, int64_t when)
{
        char text[CLOCK_TEXT];

        show_add_text(object, name, when ? clock_format(when, text) : NULL);
}

static void
add_answer(cJSON *object, const char *name, enum answer answer)
{
        if (answer == ANSWER_UNKNOWN)
                cJSON_AddNullToObject(object, name);
        else
                cJSON_AddBoolToObject(object, name, answer == ANSWER_YES);
}

static void
add_number(cJSON *object, const char *name, int64_t number)
{
        if (number)
                cJSON_AddNumberToObject(object, name, (double)number);
        else
                cJSON_AddNullToObject(object, name);
}

static enum key_type
order_key_type(const struct order *order)
{
        if (order->wishes.key_type != KEY_NONE)
                return order->wishes.key_type;
        return key_type_of_spki(view_buf(&order->spki));
}

static cJSON *
token_json(const struct order *order)
{
        cJSON *token = cJSON_CreateObject();

        show_add_text(token, "label", order->token.label);
        show_add_text(token, "serial", order->token.serial);
        show_add_text(token, "uri", order->token.uri);
        return token;
}

static cJSON *
key_json(const struct order *order)
{
        CLEANUP(free_cleanup) char *id = hex_encode(view_buf(&order->key_id));
        cJSON *key = cJSON_CreateObject();

        show_add_text(key, "type", key_type_name(order_key_type(order)));
        show_add_text(key, "id", id);
        show_add_text(key, "uri", order->key_uri);
        cJSON *evidence = cJSON_AddObjectToObject(key, "evidence");

        add_answer(evidence, "local", order->evidence.local);
        add_answer(evidence, "always_sensitive", order->evidence.always_sensitive);
        add_answer(evidence, "never_extractable", order->evidence.never_extractable);
        return key;
}

static cJSON *
files_json(const struct order *order)
{
        cJSON *files = cJSON_CreateObject();

        show_add_text(files, "certificate", order->file_certificate);
        show_add_text(files, "chain", order->file_chain);
        show_add_text(files, "fullchain", order->file_fullchain);
        show_add_text(files, "root", order->file_root);
        return files;
}

static cJSON *
sans_json(const struct wishes *wishes)
{
        cJSON *sans = cJSON_CreateArray();

        for (size_t i = 0; i < wishes->san_count; i++)
                show_add_item(sans, wishes->sans[i]);
        return sans;
}

static cJSON *
differences_json(const struct order *order)
{
        cJSON *array = cJSON_CreateArray();

        for (const char *at = order->differences; at && *at;) {
                size_t length = strcspn(at, "\n");
                CLEANUP(free_cleanup) char *line = text_copy_length(at, length);

                show_add_item(array, line);
                at += length + (at[length] == '\n');
        }
        return array;
}

static cJSON *
attributes_json(const struct wishes *wishes)
{
        cJSON *object = cJSON_CreateObject();

        for (size_t i = 0; i < wishes->attribute_count; i++)
                show_add_text(object, wishes->attributes[i].name, wishes->attributes[i].value);
        return object;
}

static void
add_history(cJSON *object, const struct order *order)
{
        add_number(object, "superseded_by", order->superseded_by);
        show_add_time(object, "created_at", order->created_at);
        show_add_time(object, "issued_at", order->issued_at);
        show_add_time(object, "delivered_at", order->delivered_at);
        show_add_time(object, "installed_at", order->installed_at);
        show_add_time(object, "revoked_at", order->revoked_at);
        show_add_text(object, "revocation_reason", order->revocation_reason);
}

cJSON *
show_order_json(const struct order *order)
{
        struct order *nothing = order ? NULL : order_new();
        const struct order *o = order ? order : nothing;
        bool recorded = o->number != 0;
        cJSON *object = cJSON_CreateObject();

        add_number(object, "order", o->number);
        show_add_text(object, "name", o->wishes.name);
        show_add_text(object, "state", recorded ? order_state_name(o->state) : NULL);
        cJSON_AddBoolToObject(object, "maybe_duplicate", o->maybe_duplicate);
        show_add_text(object, "ca_arn", o->wishes.ca_arn);
        show_add_text(object, "certificate_arn", o->certificate_arn);
        show_add_text(object, "serial", o->serial);
        show_add_text(object, "subject", o->wishes.subject);
        cJSON_AddItemToObject(object, "sans", order ? sans_json(&o->wishes) : cJSON_CreateNull());
        show_add_text(object, "template_arn", o->wishes.template_arn);
        show_add_time(object, "not_before", o->not_before);
        show_add_time(object, "not_after", o->not_after);
        show_add_text(object, "fingerprint_sha256", o->fingerprint);
        cJSON_AddItemToObject(object, "token", token_json(o));
        cJSON_AddItemToObject(object, "key", key_json(o));
        cJSON_AddItemToObject(object, "files", files_json(o));
        show_add_text(object, "holder", o->wishes.holder);
        show_add_text(object, "place", o->wishes.place);
        add_number(object, "replaces", o->replaces);
        cJSON_AddItemToObject(object, "error", show_error_json(&o->error));
        cJSON_AddItemToObject(object, "differences", differences_json(o));
        cJSON_AddItemToObject(object, "wishes",
                              order ? show_wishes_json(&o->wishes) : cJSON_CreateNull());
        add_history(object, o);
        cJSON_AddItemToObject(object, "attributes",
                              order ? attributes_json(&o->wishes) : cJSON_CreateNull());
        order_free(nothing);
        return object;
}

cJSON *
show_error_json(const struct error *err)
{
        if (err->kind == ERROR_NONE)
                return cJSON_CreateNull();
        cJSON *object = cJSON_CreateObject();

        show_add_text(object, "kind", error_kind_name(err->kind));
        show_add_text(object, "what", err->what);
        show_add_text(object, "about", err->about);
        show_add_text(object, "next", err->next);
        cJSON *aws = cJSON_AddObjectToObject(object, "aws");

        show_add_text(aws, "code", err->aws.code);
        show_add_text(aws, "message", err->aws.message);
        show_add_text(aws, "request_id", err->aws.request_id);
        return object;
}

/* -- text --------------------------------------------------------------------------------- */

/* Columns that UTF-8 takes: bytes that go on with a character take none. */
static size_t
columns_of(const char *text, size_t length)
{
        size_t columns = 0;

        for (size_t i = 0; i < length; i++)
                columns += (text[i] & 0xC0) != 0x80;
        return columns;
}

void
show_cell(struct buf *out, const char *text, size_t columns)
{
        size_t used = columns_of(text, strlen(text));

        buf_format(out, "%s%*s", text, used < columns ? (int)(columns - used) + 1 : 1, "");
}

void
show_wrapped(struct buf *out, const char *text, size_t indent, size_t width)
{
        size_t at = indent;

        if (!width || indent + columns_of(text, strlen(text)) <= width) {
                buf_add_text(out, text);
                return;
        }
        while (*text) {
                size_t blanks = strspn(text, " ");
                size_t word = strcspn(text + blanks, " ");
                size_t columns = columns_of(text + blanks, word);

                if (at > indent && at + blanks + columns > width) {
                        buf_format(out, "\n%*s", (int)indent, "");
                        text += blanks;
                        blanks = 0;
                        at = indent;
                }
                buf_add(out, view_of(text, blanks + word));
                at += blanks + columns;
                text += blanks + word;
        }
}

/* A sentence of an error; the lines of one that lists things are kept, indented. */
static void
add_sentence(struct buf *out, const char *head, const char *sentence, size_t width)
{
        enum { INDENT = 8 };

        for (const char *at = sentence; *at;) {
                size_t length = strcspn(at, "\n");
                CLEANUP(free_cleanup) char *line = text_copy_length(at, length);
                CLEANUP(free_cleanup) char *printable = show_printable(line);

                buf_add_text(out, at == sentence ? head : "        ");
                show_wrapped(out, printable, INDENT, width);
                buf_add_text(out, "\n");
                at += length + (at[length] == '\n');
        }
}

/* What AWS said, for a person: not what our own sentence repeats, and no page of it. */
static char *
aws_words(const struct error *err)
{
        enum { ENOUGH = 240 };
        const char *message = err->aws.message;
        size_t length = strlen(message);
        bool repeated = !length || strstr(err->what, message);

        if (length > ENOUGH) {
                length = ENOUGH;
                while (length && (message[length] & 0xC0) == 0x80)
                        length--;
        }
        return text_format("%s%s%.*s%s (request %s)", err->aws.code, repeated ? "" : ": ",
                           repeated ? 0 : (int)length, message,
                           !repeated && message[length] ? " …" : "",
                           err->aws.request_id[0] ? err->aws.request_id : "unknown");
}

void
show_error_text(struct buf *out, const struct error *err, bool color, size_t width)
{
        /* One column to the right of the others: the head has a letter more. */
        add_sentence(out, color ? "\033[1;31mp11cert:\033[0m " : "p11cert: ", err->what,
                     width ? width - 1 : 0);
        add_sentence(out, "  on:   ", err->about, width);
        if (err->aws.code[0]) {
                CLEANUP(free_cleanup) char *said = aws_words(err);

                add_sentence(out, "  aws:  ", said, width);
        }
        add_sentence(out, "  next: ", err->next, width);
}

void
show_fact(struct buf *out, const char *name, const char *value)
{
        if (!value || !*value)
                return;
        CLEANUP(free_cleanup) char *printable = show_printable(value);

        buf_format(out, "%-14s %s\n", name, printable);
}

void
show_lines(struct buf *out, int columns, const char *name, const char *text)
{
        for (size_t length; *text; text += length + (text[length] == '\n')) {
                length = strcspn(text, "\n");
                CLEANUP(free_cleanup) char *line = text_copy_length(text, length);
                CLEANUP(free_cleanup) char *printable = show_printable(line);

                buf_format(out, "%-*s %s\n", columns, name, printable);
                name = "";
        }
}

void
show_fact_format(struct buf *out, const char *name, const char *format, ...)
{
        CLEANUP(free_cleanup) char *value = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&value, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        show_fact(out, name, value);
}

static void
show_time(struct buf *out, const char *name, int64_t when)
{
        char text[CLOCK_TEXT];

        if (when)
                show_fact(out, name, clock_format(when, text));
}

static void
show_state(struct buf *out, const struct order *order)
{
        char text[CLOCK_TEXT];

        show_fact_format(out, "state", "%s%s%s", order_state_name(order->state),
                         order->held ? ", held: `submit` or `import` moves it" : "",
                         order->maybe_duplicate ? ", maybe issued twice" : "");
        if (order->revoked_at)
                show_fact_format(out, "revoked", "%s (%s)", clock_format(order->revoked_at, text),
                                 order->revocation_reason ? order->revocation_reason : "?");
}

static void
show_names(struct buf *out, const struct wishes *wishes)
{
        show_fact(out, "subject", wishes->subject);
        for (size_t i = 0; i < wishes->san_count; i++)
                show_fact(out, i ? "" : "alternatives", wishes->sans[i]);
}

static const char *
answer_text(enum answer answer)
{
        static const char *const texts[] = { "unknown", "no", "yes" };

        return texts[answer];
}

static void
show_key(struct buf *out, const struct order *order)
{
        CLEANUP(free_cleanup) char *id = hex_encode(view_buf(&order->key_id));
        const struct evidence *evidence = &order->evidence;

        show_fact(out, "token", order->token.uri ? order->token.uri : order->wishes.token_uri);
        show_fact(out, "module", order->wishes.module);
        show_fact(out, "key", order->key_uri);
        show_fact(out, "key type", key_type_name(order_key_type(order)));
        show_fact(out, "key id", id);
        show_fact(out, "key label", order->key_label);
        if (order->spki.len)
                show_fact_format(out, "key evidence",
                                 "made on the token: %s, always sensitive: %s, "
                                 "never extractable: %s",
                                 answer_text(evidence->local),
                                 answer_text(evidence->always_sensitive),
                                 answer_text(evidence->never_extractable));
}

static void
show_files(struct buf *out, const struct order *order)
{
        show_fact(out, "certificate", order->file_certificate);
        show_fact(out, "chain", order->file_chain);
        show_fact(out, "fullchain", order->file_fullchain);
        show_fact(out, "root", order->file_root);
}

static void
show_request(struct buf *out, const struct order *order)
{
        const struct wishes *wishes = &order->wishes;
        CLEANUP(free_cleanup)
        char *validity = wishes->validity.type ? validity_format(&wishes->validity) : NULL;

        show_fact(out, "CA", wishes->ca_arn);
        show_fact(out, "endpoint", wishes->endpoint);
        show_fact(out, "AWS profile", wishes->aws_profile);
        show_fact(out, "template", wishes->template_arn);
        show_fact(out, "asked for", validity);
        show_time(out, "from", wishes->not_before);
        show_fact(out, "profile", wishes->profile);
        show_fact(out, "request token", order->idempotency_token);
        show_time(out, "first sent", order->first_sent_at);
}

static void
show_certificate(struct buf *out, const struct order *order)
{
        show_fact(out, "ARN", order->certificate_arn);
        show_fact(out, "serial", order->serial);
        show_fact(out, "SHA-256", order->fingerprint);
        show_time(out, "not before", order->not_before);
        show_time(out, "not after", order->not_after);
}

static void
show_history(struct buf *out, const struct order *order)
{
        show_time(out, "created", order->created_at);
        show_time(out, "issued", order->issued_at);
        show_time(out, "delivered", order->delivered_at);
        show_time(out, "installed", order->installed_at);
        if (order->replaces)
                show_fact_format(out, "replaces", "order %lld", (long long)order->replaces);
        if (order->superseded_by)
                show_fact_format(out, "replaced by", "order %lld", (long long)order->superseded_by);
        show_fact(out, "holder", order->wishes.holder);
        show_fact(out, "place", order->wishes.place);
        for (size_t i = 0; i < order->wishes.attribute_count; i++)
                show_fact_format(out, i ? "" : "attributes", "%s=%s",
                                 order->wishes.attributes[i].name,
                                 order->wishes.attributes[i].value);
}

/* One line each: why it is kept back, or what was allowed. */
static void
show_differences(struct buf *out, const struct order *order)
{
        const char *name = order->state == ORDER_FAILED ? "not as asked" : "allowed";

        for (const char *at = order->differences; at && *at;) {
                size_t length = strcspn(at, "\n");
                CLEANUP(free_cleanup) char *line = text_copy_length(at, length);

                show_fact(out, at == order->differences ? name : "", line);
                at += length + (at[length] == '\n');
        }
}

void
show_order_text(struct buf *out, const struct order *order)
{
        if (order->number)
                show_fact_format(out, "order", "%lld", (long long)order->number);
        show_fact(out, "name", order->wishes.name);
        if (order->number)
                show_state(out, order);
        show_names(out, &order->wishes);
        show_wishes_text(out, &order->wishes);
        show_key(out, order);
        show_request(out, order);
        show_certificate(out, order);
        show_files(out, order);
        show_history(out, order);
        show_differences(out, order);
        if (order->error.kind == ERROR_NONE)
                return;
        show_lines(out, 14, "stands still", order->error.what);
        show_lines(out, 14, "", order->error.about);
        show_lines(out, 14, "", order->error.aws.code);
        show_lines(out, 14, "", order->error.next);
}

void
show_order_summary(struct buf *out, const struct order *order)
{
        char from[CLOCK_TEXT];
        char to[CLOCK_TEXT];

        show_fact_format(out, "order", "%lld", (long long)order->number);
        show_fact(out, "name", order->wishes.name);
        show_state(out, order);
        show_fact(out, "serial", order->serial);
        if (order->not_after)
                show_fact_format(out, "valid", "%s to %s", clock_format(order->not_before, from),
                                 clock_format(order->not_after, to));
        show_files(out, order);
        show_fact(out, "key", order->key_uri);
}

const char *
show_order_head(void)
{
        return "ORDER  NAME                     STATE       NOT AFTER             "
               "TOKEN          SERIAL\n";
}

void
show_order_line(struct buf *out, const struct order *order)
{
        char end[CLOCK_TEXT] = "-";
        CLEANUP(free_cleanup)
        char *name = show_printable(order->wishes.name ? order->wishes.name : "-");
        CLEANUP(free_cleanup)
        char *token = show_printable(order->token.label ? order->token.label : "-");
        const char *state = order->revoked_at ? "revoked"
                            : order->held     ? "held"
                                              : order_state_name(order->state);

        if (order->not_after)
                clock_format(order->not_after, end);
        /* One that is not recorded, as in a dry run, has no number and no state. */
        CLEANUP(free_cleanup)
        char *number =
                order->number ? text_format("%lld", (long long)order->number) : text_copy("-");

        buf_format(out, "%-6s ", number);
        show_cell(out, name, 24);
        buf_format(out, "%-11s %-21s ", order->number ? state : "-", end);
        show_cell(out, token, 14);
        buf_format(out, "%s\n", order->serial ? order->serial : "-");
}

bool
show_way_on(const struct order *order, struct error *err)
{
        struct order_call call = order_call(order->wishes.name);

        if (order->held)
                return error_advise(err,
                                    "p11cert submit %s sends it; p11cert import %s FILE takes a "
                                    "certificate in",
                                    call.text, call.text);
        if (order_state_is_open(order->state))
                return error_advise(err, "p11cert resume goes on with it");
        if (order->state == ORDER_SUPERSEDED)
                return error_advise(err, "p11cert show %lld shows the successor",
                                    (long long)order->superseded_by);
        return error_advise(err,
                            order->state == ORDER_FAILED ? "p11cert show %lld tells why"
                                                         : "p11cert show %lld tells what there is",
                            (long long)order->number);
}
