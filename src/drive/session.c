#include "drive/session.h"

#include <unistd.h>

#include "engine/openssl_key.h"
#include "engine/witness.h"

enum { LOADS = 5, FIRST_PAUSE_US = 20 * 1000 };

/*
 * Load the module and open the token.  A module that reads its tokens only while it is loaded
 * (SoftHSM) misses one that another process is writing at that moment, so an absent token is looked
 * for again with the module loaded anew: a third of a second in all.  Nobody else can have a
 * session in a module that was loaded just now.
 */
static struct token *
load_and_open(const struct drive_options *options, const char *path, const struct uri *uri,
              const struct token_login *login, struct modules **modules, struct error *err)
{
        struct error last = { 0 };

        for (unsigned load = 0; load < LOADS; load++) {
                struct error why = { 0 };

                if (load) {
                        modules_close(MOVE(*modules));
                        usleep(FIRST_PAUSE_US << (load - 1));
                }
                *modules = modules_open(path, uri_module_name(uri), options->init_args, err);
                if (!*modules)
                        return NULL;
                struct token *token = token_open(*modules, uri, login, &why);

                if (token)
                        return token;
                last = why;
                if (why.kind != ERROR_TOKEN_ABSENT)
                        break;
        }
        *err = last;
        return NULL;
}

struct token *
session_open(const struct drive_options *options, const char *module, const char *token_uri,
             struct modules **modules, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(token_uri, err);
        CLEANUP(free_cleanup) char *guard = text_format("%s/pin-guard", options->state);

        if (!uri)
                return NULL;
        if (!uri_names_token(uri)) {
                error_set(err, ERROR_USAGE, "'%s' does not say which token is meant", token_uri);
                error_advise(err, "name it with --token 'pkcs11:token=LABEL' or 'pkcs11:serial=…'; "
                                  "`p11cert token list` shows what is there");
                return NULL;
        }
        const char *path = module ? module : uri_module_path(uri);

        struct token_login login = {
                .source = options->pin,
                .ask = options->ask,
                .ask_context = options->ask_context,
                .guard_folder = guard,
                .retry_pin = options->retry_pin,
                .known_token = options->known_token,
                .known_pin = options->known_pin,
        };

        if (!*modules)
                return load_and_open(options, path, uri, &login, modules, err);
        return token_open(*modules, uri, &login, err);
}

struct key *
session_open_key(const struct drive_options *options, const char *module, const char *key_uri,
                 struct error *err)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/pin-guard", options->state);
        const struct token_login login = {
                .source = options->pin,
                .ask = options->ask,
                .ask_context = options->ask_context,
                .guard_folder = guard,
                .retry_pin = options->retry_pin,
        };

        return openssl_key_open(key_uri, module, &login, err);
}

bool
session_test_signature(struct key *key, const struct certificate_facts *facts, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        enum hash hash = key_type_hash(facts->key_type);
        uint8_t message[64];
        struct view text = view_of(message, sizeof(message));

        random_bytes(message, sizeof(message));
        if (!key_sign(key, hash, text, &signature, err))
                return false;
        /* key_sign() verified it with the key's own public key. */
        return view_equal(key_spki(key), view_buf(&facts->spki)) ||
               signature_verify(view_buf(&facts->spki), hash, text, view_buf(&signature), err);
}

bool
session_prove(struct token *token, const struct order *order, struct error *err)
{
        const struct token_facts *facts = token_facts(token);
        struct witness_question question = {
                .module_path = facts->module_path,
                .token_serial = facts->serial,
                .token_label = facts->label,
                .key_id = view_buf(&order->key_id),
                .certificate = view_buf(&order->certificate),
                .pin = token_pin(token),
        };

        return witness_ask("/proc/self/exe", &question, err);
}

bool
session_can_serve(struct token *token, enum key_type type, enum hash hash, struct error *err)
{
        if (!token_can_make(token, type)) {
                error_set(err, ERROR_MECHANISM, "the token cannot make keys of type %s",
                          key_type_name(type));
                return error_advise(err, "choose another --key-type; `p11cert token info` shows "
                                         "what the token can do");
        }
        if (hash == HASH_NONE || token_can_sign(token, type, hash))
                return true;
        error_set(err, ERROR_MECHANISM, "the token does not sign with %s", hash_name(hash));
        return error_advise(err, "leave --hash out; `p11cert token info` shows what the token can "
                                 "do");
}
