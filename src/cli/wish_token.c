/*
 * Where an order's key is: --token, --key, --module, and what is recorded beside them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/wish.h"
#include "engine/openssl_key.h"
#include "engine/uri.h"

/* Modules are found again from another folder, so a path is kept in its absolute form. */
static void
assign_module(struct wishes *wishes, const char *module)
{
        if (module && strchr(module, '/') && file_exists(module)) {
                CLEANUP(free_cleanup) char *absolute = file_absolute(module);

                text_assign(&wishes->module, absolute);
                return;
        }
        text_assign(&wishes->module, module);
}

static bool
check_uri(const char *text, const char *option, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, err);

        return uri || error_about(err, "%s", option);
}

/* `--token T --key pkcs11:object=k`: one URI that names both.  RFC 7512: path, '?', query. */
static char *
join_uris(const char *token, const char *key)
{
        static const char scheme[] = "pkcs11:";
        size_t scheme_length = sizeof(scheme) - 1;
        size_t token_length = strcspn(token, "?");
        size_t key_length = strcspn(key, "?");
        const char *query = key[key_length] ? key + key_length : token + token_length;

        if (!text_starts(token, scheme) || !text_starts(key, scheme))
                return text_copy(key);
        return text_format("%.*s;%.*s%s", (int)token_length, token,
                           (int)(key_length - scheme_length), key + scheme_length, query);
}

/* The key's URI has to say which token is meant, or --token does. */
static bool
read_key_uri(const char *token, const char *key, struct wishes *wishes, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(key, err);
        CLEANUP(free_cleanup) char *joined = NULL;

        if (!uri)
                return error_about(err, "--key");
        if (!uri_names_token(uri) && !token) {
                error_set(err, ERROR_USAGE, "--key does not say on which token the key is");
                return error_advise(err, "add --token URI; `p11cert key list` prints whole URIs");
        }
        joined = uri_names_token(uri) ? text_copy(key) : join_uris(token, key);
        text_assign(&wishes->key_uri, joined);
        return check_uri(joined, "--key", err);
}

bool
wish_read_token(const struct options *options, struct wishes *wishes, struct error *err)
{
        const char *token = option_text(options, OPTION_TOKEN);
        const char *key = option_text(options, OPTION_KEY);

        /* Such a key is on no token that p11cert knows, whatever the configuration says. */
        bool by_openssl = openssl_key_is(key);

        if (by_openssl && option_value(options, OPTION_TOKEN)->origin == ORIGIN_LINE) {
                error_set(err, ERROR_USAGE, "--token does not go with a key that OpenSSL reaches");
                return error_advise(err, "leave --token out");
        }
        if (by_openssl)
                token = NULL;
        if (!token && !key && !option_text(options, OPTION_CSR)) {
                error_set(err, ERROR_USAGE, "a certificate needs a token: --token URI");
                return error_advise(err, "`p11cert token list` shows the tokens with their URIs");
        }
        if ((token && !check_uri(token, option_value(options, OPTION_TOKEN)->where, err)) ||
            (by_openssl && !openssl_key_check(key, err)) ||
            (key && !by_openssl && !read_key_uri(token, key, wishes, err)))
                return false;
        if (by_openssl)
                text_assign(&wishes->key_uri, key);
        text_assign(&wishes->token_uri, token);
        assign_module(wishes, option_text(options, OPTION_MODULE));
        text_assign(&wishes->endpoint, option_text(options, OPTION_ENDPOINT_URL));
        text_assign(&wishes->aws_profile, option_text(options, OPTION_PROFILE));
        text_assign(&wishes->profile, option_text(options, OPTION_CERT_PROFILE));
        return true;
}
