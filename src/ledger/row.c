/*
 * An order as a row: one table says where each member lives and how it is written.
 */
#include "ledger/internal.h"

#include <stdlib.h>
#include <string.h>

enum kind {
        KIND_TEXT,       /* char *; NULL stays NULL */
        KIND_CHARS,      /* char[extra]; "" as NULL */
        KIND_BYTES,      /* struct buf; empty as NULL */
        KIND_NUMBER,     /* int64_t; 0 as NULL */
        KIND_UNSIGNED,   /* unsigned; 0 as NULL */
        KIND_BOOL,       /* 0 or 1 */
        KIND_WORD,       /* an enumeration, by the names in `words` */
        KIND_LIST,       /* char **, with its count at extra: a line each */
        KIND_ATTRIBUTES, /* struct attribute *, with its count at extra: a line "name=value" each */
};

/* An enumeration's names; NULL or "" is stored as NULL. */
struct words {
        const char *(*name)(int value);
        int count;
        int unknown; /* what a name that this version does not know is read as; -1: corrupt */
};

static const char *
name_of_state(int value)
{
        return order_state_name((enum order_state)value);
}

static const char *
name_of_key_type(int value)
{
        return key_type_name((enum key_type)value);
}

static const char *
name_of_hash(int value)
{
        return hash_name((enum hash)value);
}

static const char *
name_of_answer(int value)
{
        static const char *const names[] = { [ANSWER_NO] = "no", [ANSWER_YES] = "yes" };

        return names[value];
}

static const char *
name_of_validity(int value)
{
        static const char *const names[VALIDITY_TYPES] = {
                [VALIDITY_DAYS] = "days",         [VALIDITY_MONTHS] = "months",
                [VALIDITY_YEARS] = "years",       [VALIDITY_END_DATE] = "end-date",
                [VALIDITY_ABSOLUTE] = "absolute", [VALIDITY_CA_END] = "ca-end",
        };

        return names[value];
}

static const char *
name_of_error(int value)
{
        return value == ERROR_NONE ? NULL : error_kind_name((enum error_kind)value);
}

static const struct words state_words = { name_of_state, ORDER_STATES, -1 };
static const struct words key_type_words = { name_of_key_type, KEY_TYPES, -1 };
static const struct words hash_words = { name_of_hash, HASHES, -1 };
static const struct words answer_words = { name_of_answer, ANSWER_YES + 1, -1 };
static const struct words validity_words = { name_of_validity, VALIDITY_TYPES, -1 };
static const struct words error_words = { name_of_error, ERROR_KINDS, ERROR_INTERNAL };

static const struct column {
        const char *name;
        enum kind kind;
        size_t offset;
        size_t extra;
        const struct words *words;
} columns[] = {
#define AT(member) offsetof(struct order, member)
#define TEXT(column, member)                  \
        {                                     \
                column, KIND_TEXT, AT(member) \
        }
#define CHARS(column, member)                                                       \
        {                                                                           \
                column, KIND_CHARS, AT(member), sizeof(((struct order *)0)->member) \
        }
#define BYTES(column, member)                  \
        {                                      \
                column, KIND_BYTES, AT(member) \
        }
#define NUMBER(column, member)                  \
        {                                       \
                column, KIND_NUMBER, AT(member) \
        }
#define UNSIGNED(column, member)                  \
        {                                         \
                column, KIND_UNSIGNED, AT(member) \
        }
#define BOOL(column, member)                  \
        {                                     \
                column, KIND_BOOL, AT(member) \
        }
#define WORD(column, member, words)                      \
        {                                                \
                column, KIND_WORD, AT(member), 0, &words \
        }
#define LIST(column, member, count)                      \
        {                                                \
                column, KIND_LIST, AT(member), AT(count) \
        }
        WORD("state", state, state_words),
        BOOL("held", held),
        BOOL("maybe_duplicate", maybe_duplicate),
        NUMBER("created_at", created_at),
        NUMBER("updated_at", updated_at),
        TEXT("name", wishes.name),
        TEXT("profile", wishes.profile),
        TEXT("ca_arn", wishes.ca_arn),
        TEXT("region", wishes.region),
        TEXT("endpoint", wishes.endpoint),
        TEXT("aws_profile", wishes.aws_profile),
        TEXT("module", wishes.module),
        TEXT("wanted_token_uri", wishes.token_uri),
        TEXT("wanted_key_uri", wishes.key_uri),
        BOOL("csr_given", wishes.csr_given),
        WORD("key_type", wishes.key_type, key_type_words),
        TEXT("wanted_label", wishes.label),
        BYTES("wanted_key_id", wishes.given_id),
        BOOL("replace_key", wishes.replace),
        TEXT("subject", wishes.subject),
        LIST("sans", wishes.sans, wishes.san_count),
        UNSIGNED("key_usage", wishes.usages.key_usage),
        LIST("extended_usages", wishes.usages.extended, wishes.usages.extended_count),
        LIST("policies", wishes.usages.policies, wishes.usages.policy_count),
        TEXT("template_arn", wishes.template_arn),
        WORD("validity_type", wishes.validity.type, validity_words),
        NUMBER("validity_value", wishes.validity.value),
        NUMBER("wanted_not_before", wishes.not_before),
        TEXT("signing_algorithm", wishes.signing_algorithm),
        UNSIGNED("stores", wishes.stores),
        UNSIGNED("formats", wishes.formats),
        TEXT("folder", wishes.folder),
        BOOL("prove", wishes.prove),
        TEXT("holder", wishes.holder),
        TEXT("place", wishes.place),
        { "attributes", KIND_ATTRIBUTES, AT(wishes.attributes), AT(wishes.attribute_count) },
        TEXT("token_label", token.label),
        TEXT("token_serial", token.serial),
        TEXT("token_manufacturer", token.manufacturer),
        TEXT("token_model", token.model),
        TEXT("token_uri", token.uri),
        BYTES("key_id", key_id),
        TEXT("key_label", key_label),
        TEXT("key_uri", key_uri),
        BYTES("old_key_sha256", old_key_sha256),
        WORD("evidence_local", evidence.local, answer_words),
        WORD("evidence_sensitive", evidence.sensitive, answer_words),
        WORD("evidence_always_sensitive", evidence.always_sensitive, answer_words),
        WORD("evidence_extractable", evidence.extractable, answer_words),
        WORD("evidence_never_extractable", evidence.never_extractable, answer_words),
        TEXT("idempotency_token", idempotency_token),
        NUMBER("first_sent_at", first_sent_at),
        NUMBER("first_sent_boot_ms", first_sent_boot_ms),
        TEXT("boot_id", boot_id),
        UNSIGNED("issue_failures", issue_failures),
        TEXT("certificate_arn", certificate_arn),
        TEXT("serial", serial),
        TEXT("fingerprint", fingerprint),
        NUMBER("not_before", not_before),
        NUMBER("not_after", not_after),
        TEXT("file_certificate", file_certificate),
        TEXT("file_chain", file_chain),
        TEXT("file_fullchain", file_fullchain),
        TEXT("file_root", file_root),
        NUMBER("replaces", replaces),
        NUMBER("superseded_by", superseded_by),
        NUMBER("issued_at", issued_at),
        NUMBER("delivered_at", delivered_at),
        NUMBER("installed_at", installed_at),
        WORD("error_kind", error.kind, error_words),
        CHARS("error_what", error.what),
        CHARS("error_about", error.about),
        CHARS("error_next", error.next),
        CHARS("error_aws_code", error.aws.code),
        CHARS("error_aws_message", error.aws.message),
        CHARS("error_aws_request_id", error.aws.request_id),
        BYTES("spki", spki),
        BYTES("csr", csr),
        BYTES("request", request),
        BYTES("certificate", certificate),
        BYTES("chain", chain),
        BYTES("root", root),
        LIST("extensions", wishes.extensions, wishes.extension_count),
        UNSIGNED("path_length", wishes.path_length),
        WORD("csr_hash", wishes.hash, hash_words),
        LIST("allowed_differences", wishes.allowed, wishes.allowed_count),
        UNSIGNED("over_csr", wishes.over_csr),
        TEXT("differences", differences),
        UNSIGNED("file_mode", wishes.file_mode),
        TEXT("file_owner", wishes.file_owner),
        TEXT("deploy_hook", wishes.deploy_hook),
        NUMBER("renew_before_s", wishes.renewal.before_s),
        UNSIGNED("renew_percent", wishes.renewal.percent),
        NUMBER("renew_at", renew_at),
};

/* Where row_select_text() puts what is not a column of `orders`. */
enum { STATE_COLUMN = 0 }; /* of `columns` */
enum { NUMBER_COLUMN = 0, FIRST_COLUMN = 1 };
enum { REVOKED_COLUMN = FIRST_COLUMN + ARRAY_LENGTH(columns), REASON_COLUMN };

/* -- lists in one text: a line each, with a backslash before what would end or split one ---------
 */

static void
add_escaped(struct buf *out, const char *text, bool is_name)
{
        for (; *text; text++) {
                if (*text == '\n') {
                        buf_add_text(out, "\\n");
                        continue;
                }
                if (*text == '\\' || (is_name && *text == '='))
                        buf_add_byte(out, '\\');
                buf_add_byte(out, (uint8_t)*text);
        }
}

/* Read up to `end` (or a line's end, or the text's); what ended it is left at `*at`. */
static char *
take_escaped(const char **at, char end)
{
        struct buf out = { 0 };

        for (; **at && **at != end && **at != '\n'; (*at)++) {
                if (**at == '\\' && (*at)[1]) {
                        (*at)++;
                        buf_add_byte(&out, **at == 'n' ? '\n' : (uint8_t) * *at);
                } else {
                        buf_add_byte(&out, (uint8_t) * *at);
                }
        }
        return out.data ? (char *)out.data : text_copy("");
}

static char *
list_encode(char *const *list, size_t count)
{
        struct buf out = { 0 };

        for (size_t i = 0; i < count; i++) {
                add_escaped(&out, list[i], false);
                buf_add_byte(&out, '\n');
        }
        return (char *)out.data;
}

static void
list_decode(const char *text, char ***list, size_t *count)
{
        while (text && *text) {
                *list = memory_grow(*list, *count + 1, sizeof(**list));
                (*list)[(*count)++] = take_escaped(&text, '\n');
                text += *text == '\n';
        }
}

static char *
attributes_encode(const struct attribute *attributes, size_t count)
{
        struct buf out = { 0 };

        for (size_t i = 0; i < count; i++) {
                add_escaped(&out, attributes[i].name, true);
                buf_add_byte(&out, '=');
                add_escaped(&out, attributes[i].value, false);
                buf_add_byte(&out, '\n');
        }
        return (char *)out.data;
}

static void
attributes_decode(const char *text, struct attribute **attributes, size_t *count)
{
        while (text && *text) {
                struct attribute *next;

                *attributes = memory_grow(*attributes, *count + 1, sizeof(**attributes));
                next = *attributes + (*count)++;
                next->name = take_escaped(&text, '=');
                text += *text == '=';
                next->value = take_escaped(&text, '\n');
                text += *text == '\n';
        }
}

/* -- binding ------------------------------------------------------------------------------------
 */

/* A member as it stands in a row. */
struct value {
        int type; /* SQLITE_NULL, SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB */
        int64_t number;
        struct view bytes;
        char *own; /* what `bytes` shows, where it was made for it */
};

static void
value_cleanup(struct value *value)
{
        free(value->own);
}

static struct value
value_of_text(const char *text)
{
        return (struct value){ .type = text ? SQLITE_TEXT : SQLITE_NULL, .bytes = view_text(text) };
}

static struct value
value_of_own(char *text)
{
        struct value value = value_of_text(text);

        value.own = text;
        return value;
}

static struct value
value_of_number(int64_t number)
{
        return (struct value){ .type = number ? SQLITE_INTEGER : SQLITE_NULL, .number = number };
}

/* Enumerations are as wide as int on every compiler we build with; read one as such. */
static const char *
word_of(const struct words *words, const void *member)
{
        int value;
        const char *name;

        memcpy(&value, member, sizeof(value));
        assert(value >= 0 && value < words->count);
        name = words->name(value);
        return name && *name ? name : NULL;
}

/* Borrows from the order; to be given to value_cleanup(). */
static struct value
value_of_member(const struct column *column, const struct order *order)
{
        const char *base = (const char *)order;
        const void *member = base + column->offset;
        const void *count = base + column->extra;
        struct view bytes;

        switch (column->kind) {
        case KIND_TEXT:
                return value_of_text(*(char *const *)member);
        case KIND_CHARS:
                return value_of_text(*(const char *)member ? member : NULL);
        case KIND_BYTES:
                bytes = view_buf(member);
                return (struct value){ .type = bytes.len ? SQLITE_BLOB : SQLITE_NULL,
                                       .bytes = bytes };
        case KIND_NUMBER:
                return value_of_number(*(const int64_t *)member);
        case KIND_UNSIGNED:
                return value_of_number(*(const unsigned *)member);
        case KIND_BOOL:
                return (struct value){ .type = SQLITE_INTEGER, .number = *(const bool *)member };
        case KIND_WORD:
                return value_of_text(word_of(column->words, member));
        case KIND_LIST:
                return value_of_own(list_encode(*(char **const *)member, *(const size_t *)count));
        case KIND_ATTRIBUTES:
                return value_of_own(attributes_encode(*(struct attribute *const *)member,
                                                      *(const size_t *)count));
        }
        abort();
}

/* Borrows from the statement, until its next step. */
static struct value
value_of_column(sqlite3_stmt *statement, int index)
{
        struct value value = { .type = sqlite3_column_type(statement, index) };

        if (value.type == SQLITE_INTEGER)
                value.number = sqlite3_column_int64(statement, index);
        else if (value.type != SQLITE_NULL)
                value.bytes = sql_column(statement, index);
        return value;
}

static bool
value_equal(const struct value *a, const struct value *b)
{
        return a->type == b->type && a->number == b->number && view_equal(a->bytes, b->bytes);
}

/* The statement may outlive `own`, so that goes over to it. */
static void
bind_value(sqlite3_stmt *statement, int index, struct value *value)
{
        switch (value->type) {
        case SQLITE_NULL:
                sqlite3_bind_null(statement, index);
                break;
        case SQLITE_INTEGER:
                sqlite3_bind_int64(statement, index, value->number);
                break;
        case SQLITE_BLOB:
                sql_bind_view(statement, index, value->bytes);
                break;
        default:
                sqlite3_bind_text64(statement, index, (const char *)value->bytes.data,
                                    value->bytes.len, value->own ? free : SQLITE_STATIC,
                                    SQLITE_UTF8);
                value->own = NULL;
                break;
        }
}

static bool
has_column(const struct row_columns *which, size_t i)
{
        return which->bits[i / 64] >> i % 64 & 1;
}

void
row_bind(sqlite3_stmt *statement, const struct order *order, const struct row_columns *which)
{
        int place = 2;

        if (order->number)
                sqlite3_bind_int64(statement, 1, order->number);
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
                CLEANUP(value_cleanup) struct value value = { .type = SQLITE_NULL };

                if (which && !has_column(which, i))
                        continue;
                value = value_of_member(&columns[i], order);
                bind_value(statement, place++, &value);
        }
}

bool
row_changes(sqlite3_stmt *statement, const struct order *order, struct row_columns *which)
{
        bool any = false;

        _Static_assert(ARRAY_LENGTH(columns) <= 64 * ARRAY_LENGTH(which->bits), "too many columns");
        *which = (struct row_columns){ 0 };
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
                CLEANUP(value_cleanup) struct value value = value_of_member(&columns[i], order);
                struct value recorded = value_of_column(statement, (int)i + FIRST_COLUMN);

                if (value_equal(&value, &recorded))
                        continue;
                which->bits[i / 64] |= UINT64_C(1) << i % 64;
                any = true;
        }
        return any;
}

/* -- reading ------------------------------------------------------------------------------------
 */

static bool
read_word(const struct words *words, const char *name, void *member)
{
        int found = name ? words->unknown : 0;

        for (int value = 0; name && value < words->count; value++) {
                const char *known = words->name(value);

                if (known && strcmp(known, name) == 0) {
                        found = value;
                        break;
                }
        }
        if (found < 0)
                return false;
        memcpy(member, &found, sizeof(found));
        return true;
}

/* Numbers that do not fit their member were not written by us. */
static bool
read_unsigned(int64_t number, unsigned *member)
{
        if (number < 0 || number > UINT32_MAX)
                return false;
        *member = (unsigned)number;
        return true;
}

static bool
read_member(sqlite3_stmt *statement, int index, const struct column *column, struct order *order)
{
        char *base = (char *)order;
        void *member = base + column->offset;
        void *count = base + column->extra;
        CLEANUP(free_cleanup) char *text = NULL;

        switch (column->kind) {
        case KIND_TEXT:
                *(char **)member = sql_column_text(statement, index);
                return true;
        case KIND_BYTES:
                buf_set(member, sql_column(statement, index));
                return true;
        case KIND_NUMBER:
                *(int64_t *)member = sqlite3_column_int64(statement, index);
                return true;
        case KIND_UNSIGNED:
                return read_unsigned(sqlite3_column_int64(statement, index), member);
        case KIND_BOOL:
                *(bool *)member = sqlite3_column_int64(statement, index) != 0;
                return true;
        default:
                text = sql_column_text(statement, index);
                break;
        }
        if (column->kind == KIND_WORD)
                return read_word(column->words, text, member);
        if (column->kind == KIND_LIST)
                list_decode(text, member, count);
        else if (column->kind == KIND_ATTRIBUTES)
                attributes_decode(text, member, count);
        else if (text)
                memcpy(member, text, strnlen(text, column->extra - 1));
        return true;
}

struct order *
row_read(struct ledger *ledger, sqlite3_stmt *statement, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();

        order->number = sqlite3_column_int64(statement, NUMBER_COLUMN);
        order->revoked_at = sqlite3_column_int64(statement, REVOKED_COLUMN);
        order->revocation_reason = sql_column_text(statement, REASON_COLUMN);
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
                if (read_member(statement, (int)i + FIRST_COLUMN, &columns[i], order))
                        continue;
                error_set(err, ERROR_LEDGER_CORRUPT, "nothing that p11cert writes is in column %s",
                          columns[i].name);
                error_about(err, "order %lld, ledger %s", (long long)order->number, ledger->path);
                error_advise(err, "somebody changed the file: run 'p11cert audit verify'");
                return NULL;
        }
        return MOVE(order);
}

bool
row_state(sqlite3_stmt *statement, enum order_state *state, struct error *err)
{
        CLEANUP(free_cleanup) char *name = sql_column_text(statement, FIRST_COLUMN + STATE_COLUMN);

        return order_state_named(name ? name : "", state, err);
}

static void
encode_value(struct buf *out, const char *name, const struct value *value)
{
        switch (value->type) {
        case SQLITE_NULL:
                break;
        case SQLITE_INTEGER:
                chain_encode_number(out, name, value->number);
                break;
        case SQLITE_BLOB:
                chain_encode(out, name, 'b', value->bytes);
                break;
        default:
                chain_encode(out, name, 't', value->bytes);
                break;
        }
}

void
row_digest(sqlite3_stmt *statement, uint8_t out[32])
{
        CLEANUP(buf_cleanup) struct buf content = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
                struct value value = value_of_column(statement, (int)i + FIRST_COLUMN);

                encode_value(&content, columns[i].name, &value);
        }
        sha256(view_buf(&content), out);
}

void
row_encode(const struct order *order, struct buf *rest)
{
        enum { ALL_BUT_THE_LONG = 4096 };

        buf_reserve(rest, ALL_BUT_THE_LONG + order->csr.len + order->request.len +
                                  order->certificate.len + order->chain.len + order->root.len);
        for (size_t i = STATE_COLUMN + 1; i < ARRAY_LENGTH(columns); i++) {
                CLEANUP(value_cleanup) struct value value = value_of_member(&columns[i], order);

                encode_value(rest, columns[i].name, &value);
        }
}

void
row_digest_of(enum order_state state, struct view rest, uint8_t out[32])
{
        CLEANUP(buf_cleanup) struct buf content = { 0 };
        const struct value value = value_of_text(order_state_name(state));

        buf_reserve(&content, 64 + rest.len);
        encode_value(&content, columns[STATE_COLUMN].name, &value);
        buf_add(&content, rest);
        sha256(view_buf(&content), out);
}

/* -- the statements ------------------------------------------------------------------------------
 */

void
row_insert_text(struct buf *sql)
{
        buf_add_text(sql, "INSERT INTO orders (number");
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
                buf_format(sql, ", %s", columns[i].name);
        buf_add_text(sql, ") VALUES (?1");
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
                buf_format(sql, ", ?%zu", i + 2);
        buf_add_text(sql, ")");
}

void
row_update_text(struct buf *sql, const struct row_columns *which)
{
        const char *between = "UPDATE orders SET ";
        int place = 2;

        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
                if (!has_column(which, i))
                        continue;
                buf_format(sql, "%s%s = ?%d", between, columns[i].name, place++);
                between = ", ";
        }
        buf_add_text(sql, " WHERE number = ?1");
}

void
row_select_text(struct buf *sql)
{
        buf_add_text(sql, "SELECT o.number");
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
                buf_format(sql, ", o.%s", columns[i].name);
        buf_add_text(sql, ", r.at, r.reason FROM orders o LEFT JOIN revocations r"
                          " ON r.ca_arn = o.ca_arn AND r.serial = o.serial ");
}
