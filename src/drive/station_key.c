#include "drive/station_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/key.h"
#include "engine/uri.h"
#include "order/cert.h"

enum {
        FILE_BYTES = 1 << 20,
        CHAIN_MOST = 8,
};

struct station_key {
        char *uri_text;
        struct uri *uri;
        char *module_path; /* --module, or NULL */
        char *certificate_path;
        char *chain_path;
        struct pin_source pin;
        struct uri *other_token;
        struct pin_source other_pin;
        pin_ask *ask;
        void *ask_context;
        char *guard_folder;
        bool retry_pin;
        int64_t token_timeout_ms;

        struct modules *modules;
        struct token *token;
        struct key *key;
        struct token_facts known_token; /* a snapshot for other threads; filled once */
        struct secret known_pin;
        struct error refused; /* a PIN that was refused in this process */
        bool one_thread;      /* the module is for one thread at a time */
        bool shared;

        struct buf certificate;
        struct buf chain;
};

/* -- making ----------------------------------------------------------------------------------- */

static void
pin_source_copy(struct pin_source *to, const struct pin_source *from)
{
        if (from)
                *to = (struct pin_source){ .kind = from->kind,
                                           .argument = text_copy(from->argument) };
}

static bool
check_uri(const struct station_key *station, struct error *err)
{
        struct view id;

        if (uri_names_token(station->uri) &&
            (uri_object(station->uri) || uri_id(station->uri, &id) || station->certificate_path))
                return true;
        error_set(err, ERROR_CONFIG, "'%s' does not say which key of which token is meant",
                  station->uri_text);
        return error_advise(err, "write it as pkcs11:token=LABEL;object=LABEL; `p11cert key list` "
                                 "shows the keys");
}

struct station_key *
station_key_new(const struct station_key_options *options, struct error *err)
{
        struct station_key *station = memory_new(1, sizeof(*station));

        *station = (struct station_key){
                .uri_text = text_copy(options->uri),
                .uri = uri_parse(options->uri, err),
                .module_path = text_copy(options->module),
                .certificate_path = text_copy(options->certificate),
                .chain_path = text_copy(options->chain),
                .ask = options->ask,
                .ask_context = options->ask_context,
                .guard_folder = text_format("%s/pin-guard", options->state),
                .retry_pin = options->retry_pin,
                .token_timeout_ms = options->token_timeout_ms,
        };
        pin_source_copy(&station->pin, options->pin);
        pin_source_copy(&station->other_pin, options->other_pin);
        bool good = station->uri && check_uri(station, err);

        if (good && options->other_token) {
                station->other_token = uri_parse(options->other_token, err);
                good = station->other_token != NULL;
        }
        if (good)
                return station;
        if (err->kind == ERROR_USAGE)
                err->kind = ERROR_CONFIG;
        station_key_free(station);
        return NULL;
}

static void
close_token(struct station_key *station)
{
        key_free(MOVE(station->key));
        token_close(MOVE(station->token));
}

void
station_key_free(struct station_key *station)
{
        if (!station || drive_hangs())
                return;
        close_token(station);
        modules_leave(station->modules);
        uri_free(station->uri);
        uri_free(station->other_token);
        pin_source_clear(&station->pin);
        pin_source_clear(&station->other_pin);
        free(station->uri_text);
        free(station->module_path);
        free(station->certificate_path);
        free(station->chain_path);
        free(station->guard_folder);
        token_facts_clear(&station->known_token);
        secret_clear(&station->known_pin);
        buf_clear(&station->certificate);
        buf_clear(&station->chain);
        free(station);
}

/* -- the token -------------------------------------------------------------------------------- */

/* Is the key on the token that --token names, so that its --pin-source is meant as well? */
static bool
is_other_token(struct station_key *station, bool *same, struct error *err)
{
        *same = false;
        if (!station->other_token || station->other_pin.kind == PIN_NONE)
                return true;
        struct token *token = token_open(station->modules, station->uri, NULL, err);

        if (!token)
                return false;
        *same = uri_names_token(station->other_token) &&
                uri_matches(station->other_token, token_facts(token));
        token_close(token);
        return true;
}

static bool
log_in(struct station_key *station, struct error *err)
{
        bool named = station->pin.kind != PIN_NONE;
        bool same = false;

        if (!named && !uri_pin_source(station->uri) && !is_other_token(station, &same, err))
                return false;
        const struct token_login login = {
                .source = named  ? &station->pin
                          : same ? &station->other_pin
                                 : NULL,
                .ask = station->ask,
                .ask_context = station->ask_context,
                .guard_folder = station->guard_folder,
                .retry_pin = station->retry_pin,
                /* One that was pulled and is back takes the PIN that it took before. */
                .known_token = station->known_pin.data ? &station->known_token : NULL,
                .known_pin = station->known_pin.data ? &station->known_pin : NULL,
        };

        station->token = token_open(station->modules, station->uri, &login, err);
        return station->token != NULL;
}

static bool
is_about_pin(enum error_kind kind)
{
        return kind == ERROR_PIN_WRONG || kind == ERROR_PIN_REFUSED || kind == ERROR_PIN_MISSING ||
               kind == ERROR_PIN_LOCKED || kind == ERROR_PIN_LAST_TRY;
}

/* What other threads may see of the login; they begin after this. */
static void
remember_login(struct station_key *station)
{
        const struct secret *pin = token_pin(station->token);

        station->one_thread =
                modules_cannot_lock(station->modules, token_facts(station->token)->module_path);
        if (!pin || station->known_pin.data)
                return;
        token_facts_copy(&station->known_token, token_facts(station->token));
        secret_copy(&station->known_pin, pin);
}

static bool
open_token(struct station_key *station, struct error *err)
{
        const char *named = uri_module_path(station->uri);

        /* A second try would cost a card one more of its tries. */
        if (station->refused.kind != ERROR_NONE) {
                *err = station->refused;
                return false;
        }
        if (!station->modules)
                station->modules = modules_open(named ? named : station->module_path,
                                                uri_module_name(station->uri), NULL, err);
        if (!station->modules)
                return false;
        if (log_in(station, err)) {
                remember_login(station);
                return true;
        }
        if (is_about_pin(err->kind))
                station->refused = *err;
        return false;
}

/* The token, opened or still there; one that was pulled is opened again. */
static bool
need_token(struct station_key *station, struct error *err)
{
        struct error gone = { 0 };

        if (station->token && !token_check(station->token, &gone))
                close_token(station);
        return station->token || open_token(station, err);
}

/* -- the certificate -------------------------------------------------------------------------- */

/* Is the first one better than the second: valid for longer? */
static bool
ends_later(struct view first, struct view second)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts a = { 0 };
        CLEANUP(certificate_facts_clear) struct certificate_facts b = { 0 };
        struct error ignored = { 0 };

        return certificate_facts_read(first, &a, &ignored) &&
               (!second.len || !certificate_facts_read(second, &b, &ignored) ||
                a.not_after > b.not_after);
}

/* Among the certificates of the token the one of our key that lasts longest. */
static bool
choose_certificate(struct station_key *station, const struct object_facts *list, size_t count,
                   struct error *err)
{
        for (size_t i = 0; i < count; i++) {
                CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
                struct view der = view_buf(&list[i].certificate);
                struct error ignored = { 0 };

                if (certificate_facts_read(der, &facts, &ignored) &&
                    view_equal(view_buf(&facts.spki), key_spki(station->key)) &&
                    ends_later(der, view_buf(&station->certificate)))
                        buf_set(&station->certificate, der);
        }
        if (station->certificate.len)
                return true;
        error_set(err, ERROR_CONFIG, "there is no certificate for the station's key on its token");
        error_about(err, "%s", key_uri(station->key));
        return error_advise(err, "write it there with a tool of the token, or name its file with "
                                 "--rolesanywhere-certificate");
}

/* The certificate of the CA that issued `child`, or empty when there is none but a root. */
static struct view
issuer_among(const struct object_facts *list, size_t count, struct view child)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts below = { 0 };
        struct error ignored = { 0 };

        if (!certificate_facts_read(child, &below, &ignored))
                return (struct view){ 0 };
        for (size_t i = 0; i < count; i++) {
                CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
                struct view der = view_buf(&list[i].certificate);

                if (certificate_facts_read(der, &facts, &ignored) && facts.is_ca &&
                    !certificate_is_root(der) &&
                    view_equal(view_buf(&facts.subject_der), view_buf(&below.issuer_der)))
                        return der;
        }
        return (struct view){ 0 };
}

static void
link_chain(struct station_key *station, const struct object_facts *list, size_t count)
{
        struct view below = view_buf(&station->certificate);

        for (unsigned i = 0; i < CHAIN_MOST; i++) {
                below = issuer_among(list, count, below);
                if (!below.len)
                        return;
                buf_add(&station->chain, below);
        }
}

/* All but roots: the trust anchor has its own. */
static void
add_intermediates(struct buf *chain, struct view certificates)
{
        for (size_t length; (length = certificate_length(certificates)) > 0;) {
                struct view one = view_of(certificates.data, length);

                if (!certificate_is_root(one))
                        buf_add(chain, one);
                certificates = view_of(certificates.data + length, certificates.len - length);
        }
}

static bool
read_file(const char *path, struct buf *first, struct buf *rest, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (file_read(path, FILE_BYTES, &text, err) &&
            certificates_read(view_buf(&text), first, rest, err))
                return true;
        err->kind = ERROR_CONFIG;
        return error_about(err, "%s", path);
}

static bool
read_chain_file(struct station_key *station, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf rest = { 0 };

        if (!read_file(station->chain_path, &first, &rest, err))
                return false;
        add_intermediates(&station->chain, view_buf(&first));
        add_intermediates(&station->chain, view_buf(&rest));
        return true;
}

/* From its file, with what stands behind it there. */
static bool
read_certificate_file(struct station_key *station, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf rest = { 0 };

        if (!read_file(station->certificate_path, &station->certificate, &rest, err))
                return false;
        if (!station->chain_path)
                add_intermediates(&station->chain, view_buf(&rest));
        return true;
}

static bool
read_token_certificates(struct station_key *station, struct error *err)
{
        struct object_facts *list = NULL;
        size_t count = 0;

        if (!token_find_objects(station->token, "cert", (struct view){ 0 }, NULL, &list, &count,
                                err))
                return false;
        bool good = station->certificate_path || choose_certificate(station, list, count, err);

        if (good && !station->chain_path && !station->chain.len)
                link_chain(station, list, count);
        objects_free(list, count);
        return good;
}

/* -- the key ---------------------------------------------------------------------------------- */

static bool
find_key(struct station_key *station, struct error *err)
{
        struct view id = { 0 };
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        const char *label = uri_object(station->uri);
        bool has_id = uri_id(station->uri, &id);

        if (station->key)
                return true;
        if (!station->certificate_path) {
                station->key = key_find(station->token, id, label, (struct view){ 0 }, err);
                return station->key != NULL;
        }
        if (!certificate_facts_read(view_buf(&station->certificate), &facts, err))
                return false;
        station->key = has_id || label
                               ? key_find(station->token, id, label, view_buf(&facts.spki), err)
                               : key_find_public(station->token, view_buf(&facts.spki), err);
        return station->key != NULL;
}

static bool
check_pair(const struct station_key *station, struct error *err)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };

        if (!certificate_facts_read(view_buf(&station->certificate), &facts, err))
                return false;
        if (view_equal(view_buf(&facts.spki), key_spki(station->key)))
                return true;
        error_set(err, ERROR_CONFIG, "the station's certificate is not of its key on the token");
        error_about(err, "%s, %s", station->certificate_path, key_uri(station->key));
        return error_advise(err, "name the file that belongs to the key, or the key that belongs "
                                 "to the file");
}

static bool
read_all(void *context, struct error *err)
{
        struct station_key *station = context;

        buf_clear(&station->certificate);
        buf_clear(&station->chain);
        if (station->certificate_path && !read_certificate_file(station, err))
                return false;
        if (station->chain_path && strcmp(station->chain_path, "none") != 0 &&
            !read_chain_file(station, err))
                return false;
        return need_token(station, err) && find_key(station, err) &&
               read_token_certificates(station, err) && check_pair(station, err);
}

/* -- the header's functions ------------------------------------------------------------------- */

/* Another thread may be inside a module that takes one at a time. */
static bool
may_use_module(const struct station_key *station, struct error *err)
{
        if (!station->shared || (station->token && !station->one_thread))
                return true;
        if (!station->token)
                error_set(err, ERROR_MODULE, "the station's key was not there when the run began");
        else
                error_set(err, ERROR_MODULE,
                          "the module of the station's key is for one thread at "
                          "a time, and its tokens are at work");
        return error_advise(err, "p11cert resume goes on with a new session of Roles Anywhere");
}

bool
station_key_read(struct station_key *station, struct view *certificate, struct view *chain,
                 struct error *err)
{
        if (!may_use_module(station, err) ||
            !drive_guarded(read_all, station, station->token_timeout_ms, err))
                return false;
        return station_key_seen(station, certificate, chain);
}

bool
station_key_seen(const struct station_key *station, struct view *certificate, struct view *chain)
{
        *certificate = view_buf(&station->certificate);
        *chain = view_buf(&station->chain);
        return station->certificate.len > 0;
}

/* A signature under way; on the heap, since the thread may be left behind with it. */
struct signing {
        struct station_key *station;
        struct buf message;
        struct buf signature;
};

static bool
sign_on_thread(void *context, struct error *err)
{
        struct signing *signing = context;

        return key_sign(signing->station->key, HASH_SHA256, view_buf(&signing->message),
                        &signing->signature, err);
}

static bool
sign(void *context, struct view message, struct buf *signature, struct error *err)
{
        struct station_key *station = context;
        struct signing *signing = NULL;
        int64_t begun_ms = clock_boot_ms();

        if (!may_use_module(station, err))
                return false;
        signing = memory_new(1, sizeof(*signing));
        signing->station = station;
        buf_set(&signing->message, message);
        bool done = drive_guarded(sign_on_thread, signing, station->token_timeout_ms, err);

        if (drive_hangs())
                return false;
        if (done)
                buf_set(signature, view_buf(&signing->signature));
        buf_clear(&signing->message);
        buf_clear(&signing->signature);
        free(signing);
        log_debug("station-signed", "done=%d took_ms=%lld", done,
                  (long long)(clock_boot_ms() - begun_ms));
        return done;
}

bool
station_key_identity(void *context, struct anywhere_identity *out, struct error *err)
{
        struct station_key *station = context;
        struct view certificate;
        struct view chain;

        if (drive_hangs()) {
                error_set(err, ERROR_TOKEN_HANGS, "the token's module does not answer");
                return false;
        }
        if (!station_key_read(station, &certificate, &chain, err) ||
            !anywhere_certificate_check(certificate, clock_now(), err))
                return error_about(err, "Roles Anywhere, key %s", station->uri_text);
        *out = (struct anywhere_identity){
                .certificate = certificate, .chain = chain, .sign = sign, .context = station
        };
        return true;
}

/* Did one of these CAs sign this certificate? */
static bool
is_issued_among(struct view certificate, struct view cas)
{
        for (size_t length; (length = certificate_length(cas)) > 0;) {
                if (certificate_is_issued_by(certificate, view_of(cas.data, length)))
                        return true;
                cas = view_of(cas.data + length, cas.len - length);
        }
        return false;
}

bool
station_key_shares_anchor(const void *context, struct view ca_path)
{
        const struct station_key *station = context;
        struct view rest = view_buf(&station->chain);

        if (is_issued_among(view_buf(&station->certificate), ca_path))
                return true;
        for (size_t length; (length = certificate_length(rest)) > 0;) {
                if (is_issued_among(view_of(rest.data, length), ca_path))
                        return true;
                rest = view_of(rest.data + length, rest.len - length);
        }
        return false;
}

void
station_key_tell(const struct station_key *station, bool guard, struct drive_options *run)
{
        if (!station)
                return;
        if (station->known_pin.data) {
                run->known_token = &station->known_token;
                run->known_pin = &station->known_pin;
        }
        run->station = station;
        run->shares_anchor = guard ? station_key_shares_anchor : NULL;
}

void
station_key_share(struct station_key *station, bool shared)
{
        if (station)
                station->shared = shared;
}
