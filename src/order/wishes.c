#include <stdlib.h>
#include <string.h>

#include "order/name.h"
#include "order/order.h"
#include "order/text_list.h"

/* The members that are lists of texts, each with the option that asks for one. */
static const struct {
        const char *option;
        size_t list;
        size_t count;
} lists[] = {
        { "--san", offsetof(struct wishes, sans), offsetof(struct wishes, san_count) },
        { "--extension", offsetof(struct wishes, extensions),
          offsetof(struct wishes, extension_count) },
        { "--allow-difference", offsetof(struct wishes, allowed),
          offsetof(struct wishes, allowed_count) },
};

/* The members that are plain texts, each with the option that asks for it. */
static const struct {
        const char *option;
        size_t offset;
} texts[] = {
        { "--name", offsetof(struct wishes, name) },
        { "--cert-profile", offsetof(struct wishes, profile) },
        { "--ca", offsetof(struct wishes, ca_arn) },
        { "--region", offsetof(struct wishes, region) },
        { "--endpoint-url", offsetof(struct wishes, endpoint) },
        { "--profile", offsetof(struct wishes, aws_profile) },
        { "--module", offsetof(struct wishes, module) },
        { "--token", offsetof(struct wishes, token_uri) },
        { "--key", offsetof(struct wishes, key_uri) },
        { "--label", offsetof(struct wishes, label) },
        { "--template", offsetof(struct wishes, template_arn) },
        { "--signing-algorithm", offsetof(struct wishes, signing_algorithm) },
        { "--out", offsetof(struct wishes, folder) },
        { "--holder", offsetof(struct wishes, holder) },
        { "--place", offsetof(struct wishes, place) },
        { "--file-owner", offsetof(struct wishes, file_owner) },
        { "--deploy-hook", offsetof(struct wishes, deploy_hook) },
};

static char **
text_slot(struct wishes *wishes, size_t index)
{
        return (char **)(void *)((char *)wishes + texts[index].offset);
}

static const char *
text_of(const struct wishes *wishes, size_t index)
{
        return *(char *const *)(const void *)((const char *)wishes + texts[index].offset);
}

static char ***
list_slot(struct wishes *wishes, size_t index)
{
        return (char ***)(void *)((char *)wishes + lists[index].list);
}

static size_t *
count_slot(struct wishes *wishes, size_t index)
{
        return (size_t *)(void *)((char *)wishes + lists[index].count);
}

static char *const *
list_of(const struct wishes *wishes, size_t index)
{
        return *(char *const *const *)(const void *)((const char *)wishes + lists[index].list);
}

static size_t
count_of(const struct wishes *wishes, size_t index)
{
        return *(const size_t *)(const void *)((const char *)wishes + lists[index].count);
}

static void
attributes_clear(struct wishes *wishes)
{
        for (size_t i = 0; i < wishes->attribute_count; i++) {
                free(wishes->attributes[i].name);
                free(wishes->attributes[i].value);
        }
        free(wishes->attributes);
        wishes->attributes = NULL;
        wishes->attribute_count = 0;
}

void
wishes_clear(struct wishes *wishes)
{
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                free(*text_slot(wishes, i));
        free(wishes->subject);
        buf_clear(&wishes->given_id);
        for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
                text_list_free(*list_slot(wishes, i), *count_slot(wishes, i));
        usages_clear(&wishes->usages);
        attributes_clear(wishes);
        *wishes = (struct wishes){ 0 };
}

void
wishes_copy(struct wishes *to, const struct wishes *from)
{
        struct wishes copy = *from; /* the plain values; whatever is owned is made anew below */

        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                *text_slot(&copy, i) = text_copy(text_of(from, i));
        copy.subject = text_copy(from->subject);
        copy.given_id = (struct buf){ 0 };
        if (from->given_id.len)
                buf_set(&copy.given_id, view_buf(&from->given_id));
        for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
                *list_slot(&copy, i) = NULL;
                *count_slot(&copy, i) = 0;
                text_list_copy(list_slot(&copy, i), count_slot(&copy, i), list_of(from, i),
                               count_of(from, i));
        }
        copy.usages = (struct usages){ 0 };
        usages_copy(&copy.usages, &from->usages);
        copy.attributes = NULL;
        copy.attribute_count = 0;
        for (size_t i = 0; i < from->attribute_count; i++)
                wishes_add_attribute(&copy, from->attributes[i].name, from->attributes[i].value);
        wishes_clear(to);
        *to = copy;
}

void
wishes_add_san(struct wishes *wishes, const char *san)
{
        text_list_add(&wishes->sans, &wishes->san_count, san);
}

static void
list_forget(char ***list, size_t *count)
{
        text_list_free(*list, *count);
        *list = NULL;
        *count = 0;
}

void
wishes_forget(struct wishes *wishes, unsigned parts)
{
        if (parts & WISH_SUBJECT)
                text_assign(&wishes->subject, NULL);
        if (parts & WISH_SANS)
                list_forget(&wishes->sans, &wishes->san_count);
        if (parts & WISH_KEY_USAGE)
                wishes->usages.key_usage = 0;
        if (parts & WISH_EXTENDED)
                list_forget(&wishes->usages.extended, &wishes->usages.extended_count);
        if (parts & WISH_POLICIES)
                list_forget(&wishes->usages.policies, &wishes->usages.policy_count);
        if (parts & WISH_EXTENSIONS)
                list_forget(&wishes->extensions, &wishes->extension_count);
}

enum hash
wishes_hash(const struct wishes *wishes, enum key_type type)
{
        return wishes->hash != HASH_NONE ? wishes->hash : key_type_hash(type);
}

void
wishes_add_attribute(struct wishes *wishes, const char *name, const char *value)
{
        size_t count = wishes->attribute_count + 1;

        wishes->attributes = memory_grow(wishes->attributes, count, sizeof(*wishes->attributes));
        wishes->attributes[count - 1] = (struct attribute){ text_copy(name), text_copy(value) };
        wishes->attribute_count = count;
}

void
wishes_take_attributes(struct wishes *wishes, struct wishes *from)
{
        attributes_clear(wishes);
        wishes->attributes = MOVE(from->attributes);
        wishes->attribute_count = from->attribute_count;
        from->attribute_count = 0;
}

/* -- comparing ---------------------------------------------------------------------------- */

/* Tell a difference: takes both texts over. */
static bool
differs(char **difference, const char *option, char *recorded, char *now)
{
        *difference = text_format("%s: %s, now %s", option,
                                  recorded && *recorded ? recorded : "not given", now);
        free(recorded);
        free(now);
        return false;
}

static bool
texts_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                const char *a = text_of(recorded, i);
                const char *b = text_of(now, i);

                if (b && *b && !text_equal(a, b))
                        return differs(difference, texts[i].option, text_copy(a), text_copy(b));
        }
        return true;
}

/* Two ways to write the same name ask for the same. */
static bool
subjects_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        struct error ignored = { 0 };
        X509_NAME *a = NULL;
        X509_NAME *b = NULL;

        if (!now->subject || !*now->subject || text_equal(recorded->subject, now->subject))
                return true;
        bool equal = recorded->subject && subject_parse(recorded->subject, &a, &ignored) &&
                     subject_parse(now->subject, &b, &ignored) && subject_equal(a, b);

        X509_NAME_free(a);
        X509_NAME_free(b);
        if (equal)
                return true;
        return differs(difference, "--subject", text_copy(recorded->subject),
                       text_copy(now->subject));
}

static bool
lists_equal(const char *option, char *const *recorded, size_t recorded_count, char *const *now,
            size_t now_count, char **difference)
{
        if (!now_count || text_list_same(recorded, recorded_count, now, now_count))
                return true;
        return differs(difference, option, text_list_join(recorded, recorded_count),
                       text_list_join(now, now_count));
}

static bool
all_lists_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
                if (!lists_equal(lists[i].option, list_of(recorded, i), count_of(recorded, i),
                                 list_of(now, i), count_of(now, i), difference))
                        return false;
        }
        return true;
}

static char *
path_length_text(const struct wishes *wishes)
{
        return wishes->path_length ? text_format("%u", wishes->path_length - 1) : NULL;
}

static bool
usages_equal(const struct usages *recorded, const struct usages *now, char **difference)
{
        if (now->key_usage && now->key_usage != recorded->key_usage)
                return differs(difference, "--key-usage", key_usage_format(recorded->key_usage),
                               key_usage_format(now->key_usage));
        return lists_equal("--ext-key-usage", recorded->extended, recorded->extended_count,
                           now->extended, now->extended_count, difference) &&
               lists_equal("--policy-oid", recorded->policies, recorded->policy_count,
                           now->policies, now->policy_count, difference);
}

static char *
time_text(int64_t when)
{
        struct validity moment = { VALIDITY_END_DATE, when };
        char *text = when ? validity_format(&moment) : NULL;

        if (text)
                memmove(text, text + strlen("end:"), strlen(text) - strlen("end:") + 1);
        return text;
}

static bool
times_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        const struct validity *a = &recorded->validity;
        const struct validity *b = &now->validity;

        if (b->type != VALIDITY_NONE && (a->type != b->type || a->value != b->value))
                return differs(difference, "--validity", validity_format(a), validity_format(b));
        if (now->not_before && now->not_before != recorded->not_before)
                return differs(difference, "--not-before", time_text(recorded->not_before),
                               time_text(now->not_before));
        return true;
}

static bool
key_wishes_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        if (now->key_type != KEY_NONE && now->key_type != recorded->key_type)
                return differs(difference, "--key-type",
                               text_copy(key_type_name(recorded->key_type)),
                               text_copy(key_type_name(now->key_type)));
        if (now->hash != HASH_NONE && now->hash != recorded->hash)
                return differs(difference, "--hash", text_copy(hash_name(recorded->hash)),
                               text_copy(hash_name(now->hash)));
        if (now->path_length && now->path_length != recorded->path_length)
                return differs(difference, "--path-length", path_length_text(recorded),
                               path_length_text(now));
        if (now->given_id.len &&
            !view_equal(view_buf(&now->given_id), view_buf(&recorded->given_id)))
                return differs(difference, "--id", hex_encode(view_buf(&recorded->given_id)),
                               hex_encode(view_buf(&now->given_id)));
        if (now->csr_given && !recorded->csr_given)
                return differs(difference, "--csr", NULL, text_copy("given"));
        if (now->over_csr & ~recorded->over_csr)
                return differs(difference, "--csr", NULL, text_copy("with wishes over it"));
        if (now->replace && !recorded->replace)
                return differs(difference, "--replace", NULL, text_copy("given"));
        return true;
}

static char *
set_text(unsigned set, const char *const names[], size_t count)
{
        struct buf text = { 0 };

        buf_add_text(&text, "");
        for (size_t i = 0; i < count; i++) {
                if (set & 1u << i)
                        buf_format(&text, "%s%s", text.len ? "," : "", names[i]);
        }
        return (char *)text.data;
}

static bool
targets_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        static const char *const stores[] = { "token", "files" };
        static const char *const formats[] = { "pem", "der", "p7b", "p7b-pem", "bundle" };

        if (now->stores && now->stores != recorded->stores)
                return differs(difference, "--store",
                               set_text(recorded->stores, stores, ARRAY_LENGTH(stores)),
                               set_text(now->stores, stores, ARRAY_LENGTH(stores)));
        if (now->formats && now->formats != recorded->formats)
                return differs(difference, "--format",
                               set_text(recorded->formats, formats, ARRAY_LENGTH(formats)),
                               set_text(now->formats, formats, ARRAY_LENGTH(formats)));
        if (now->file_mode && now->file_mode != recorded->file_mode)
                return differs(difference, "--file-mode", text_format("0%o", recorded->file_mode),
                               text_format("0%o", now->file_mode));
        CLEANUP(free_cleanup) char *before = renewal_format(&recorded->renewal);
        CLEANUP(free_cleanup) char *renewal = renewal_format(&now->renewal);

        if (renewal && !text_equal(before, renewal))
                return differs(difference, "--renew-before", MOVE(before), MOVE(renewal));
        return true;
}

static const char *
attribute_value(const struct wishes *wishes, const char *name)
{
        for (size_t i = 0; i < wishes->attribute_count; i++) {
                if (strcmp(wishes->attributes[i].name, name) == 0)
                        return wishes->attributes[i].value;
        }
        return NULL;
}

static bool
attributes_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        for (size_t i = 0; i < now->attribute_count; i++) {
                const struct attribute *attribute = &now->attributes[i];
                const char *before = attribute_value(recorded, attribute->name);

                if (text_equal(before, attribute->value))
                        continue;
                return differs(difference, "--attribute",
                               text_format("%s=%s", attribute->name, before ? before : ""),
                               text_format("%s=%s", attribute->name, attribute->value));
        }
        return true;
}

bool
wishes_equal(const struct wishes *recorded, const struct wishes *now, char **difference)
{
        return texts_equal(recorded, now, difference) &&
               subjects_equal(recorded, now, difference) &&
               all_lists_equal(recorded, now, difference) &&
               usages_equal(&recorded->usages, &now->usages, difference) &&
               times_equal(recorded, now, difference) &&
               key_wishes_equal(recorded, now, difference) &&
               targets_equal(recorded, now, difference) &&
               attributes_equal(recorded, now, difference);
}
