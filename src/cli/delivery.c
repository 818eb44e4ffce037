#include "cli/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "drive/deliver.h"
#include "drive/hook.h"
#include "engine/openssl_key.h"

struct word_bit {
        const char *word;
        unsigned bit;
};

/* "token,files" as bits. */
static bool
read_bits(const struct option_value *value, const struct word_bit *words, size_t count,
          unsigned *bits, struct error *err)
{
        for (size_t i = 0; i < value->count; i++) {
                for (const char *at = value->texts[i]; *at;) {
                        size_t length = strcspn(at, ",");
                        size_t j = 0;

                        while (j < count && (strlen(words[j].word) != length ||
                                             strncmp(words[j].word, at, length) != 0))
                                j++;
                        if (j == count) {
                                error_set(err, ERROR_USAGE, "%s does not know '%.*s'", value->where,
                                          (int)length, at);
                                return error_about(err, "%s", value->where);
                        }
                        *bits |= words[j].bit;
                        at += length + (at[length] == ',');
                }
        }
        return true;
}

/* Nothing can be written to where OpenSSL reaches a key. */
static bool
files_alone(const struct options *options, struct wishes *wishes, struct error *err)
{
        bool asked = option_value(options, OPTION_STORE)->origin == ORIGIN_LINE;

        if (asked && wishes->stores & STORE_TOKEN)
                return error_set(err, ERROR_USAGE,
                                 "--store token does not go with a key that OpenSSL reaches");
        wishes->stores = STORE_FILES;
        return true;
}

static bool
read_stores(const struct options *options, struct wishes *wishes, struct error *err)
{
        static const struct word_bit stores[] = {
                { "token", STORE_TOKEN },
                { "files", STORE_FILES },
        };
        static const struct word_bit formats[] = {
                { "pem", FORMAT_PEM },         { "der", FORMAT_DER },       { "p7b", FORMAT_P7B },
                { "p7b-pem", FORMAT_P7B_PEM }, { "bundle", FORMAT_BUNDLE },
        };

        if (!read_bits(option_value(options, OPTION_STORE), stores, ARRAY_LENGTH(stores),
                       &wishes->stores, err))
                return error_advise(err, "it knows token and files");
        if (!read_bits(option_value(options, OPTION_FORMAT), formats, ARRAY_LENGTH(formats),
                       &wishes->formats, err))
                return error_advise(err, "it knows pem, der, p7b, p7b-pem and bundle");
        if (openssl_key_is(wishes->key_uri))
                return files_alone(options, wishes, err);
        if (wishes->stores & STORE_TOKEN && !wishes->token_uri && !wishes->key_uri) {
                error_set(err, ERROR_USAGE, "--store token needs a token: --token URI");
                return error_advise(err, "`p11cert token list` shows the tokens with their URIs");
        }
        return true;
}

enum { MODE_MOST = 0777, MODE_OWNER_READS = 0400, MODE_OTHERS_WRITE = 0022 };

/* "0640": octal, as chmod has it. */
static bool
read_mode(const char *text, struct wishes *wishes, struct error *err)
{
        size_t digits = strspn(text, "01234567");
        unsigned mode = (unsigned)strtoul(text, NULL, 8);

        if (digits == 0 || digits > 4 || text[digits] || mode > MODE_MOST) {
                error_set(err, ERROR_USAGE, "'%.20s' is no mode of a file", text);
                return error_advise(err, "write it in octal, such as 0640");
        }
        if (!(mode & MODE_OWNER_READS) || (mode & MODE_OTHERS_WRITE)) {
                error_set(err, ERROR_USAGE, "files with mode %s %s", text,
                          mode & MODE_OTHERS_WRITE ? "could be changed by others"
                                                   : "could not be read by their owner");
                return error_advise(err, "0600, 0640 and 0644 are the usual ones");
        }
        wishes->file_mode = mode;
        return true;
}

/* "USER", "USER:GROUP" or ":GROUP"; both have to exist here. */
static bool
read_owner(const char *text, struct wishes *wishes, struct error *err)
{
        uid_t user;
        gid_t group;

        if (!deliver_owner(text, &user, &group, err))
                return false;
        text_assign(&wishes->file_owner, text);
        return true;
}

static bool
read_hook(const char *text, struct wishes *wishes, struct error *err)
{
        if (!hook_check(text, err))
                return false;
        text_assign(&wishes->deploy_hook, text);
        return true;
}

static bool
read_renewal(const char *text, struct wishes *wishes, struct error *err)
{
        return renewal_parse(text, &wishes->renewal, err);
}

bool
delivery_read(const struct options *options, struct wishes *wishes, struct error *err)
{
        static const struct {
                enum option_id id;
                bool (*read)(const char *text, struct wishes *wishes, struct error *err);
        } rows[] = {
                { OPTION_FILE_MODE, read_mode },
                { OPTION_FILE_OWNER, read_owner },
                { OPTION_DEPLOY_HOOK, read_hook },
                { OPTION_RENEW_BEFORE, read_renewal },
        };

        if (!read_stores(options, wishes, err))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                const char *text = option_text(options, rows[i].id);

                if (text && !rows[i].read(text, wishes, err))
                        return error_about(err, "%s", option_value(options, rows[i].id)->where);
        }
        return true;
}
