#include "cli/lint.h"

#include <stdlib.h>
#include <string.h>

#include "aws/pca.h"
#include "base/clock.h"
#include "cli/anywhere.h"
#include "cli/wish.h"
#include "engine/pin.h"
#include "engine/openssl_key.h"
#include "engine/uri.h"
#include "order/csr.h"
#include "order/custom.h"
#include "order/field.h"
#include "order/fill.h"
#include "order/predict.h"

/* Stands in for the CA and the token that a profile leaves to the command line. */
static const char some_ca[] = "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/"
                              "11111111-2222-3333-4444-555555555555";
static const char some_token[] = "pkcs11:token=x0";

/* -- each value by itself -------------------------------------------------------------------- */

static bool
check_ca(const char *text, struct error *err)
{
        struct ca_arn parts;

        return ca_arn_parse(text, &parts, err);
}

static bool
check_uri(const char *text, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, err);

        return uri != NULL;
}

static bool
check_key(const char *text, struct error *err)
{
        return openssl_key_is(text) ? openssl_key_check(text, err) : check_uri(text, err);
}

static bool
check_pin_source(const char *text, struct error *err)
{
        struct pin_source source = { 0 };
        bool good = pin_source_parse(text, &source, err);

        pin_source_clear(&source);
        return good;
}

static bool
check_key_type(const char *text, struct error *err)
{
        enum key_type type;

        return key_type_named(text, &type, err);
}

static bool
check_template(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *arn = NULL;

        return template_resolve(text, some_ca, &arn, err);
}

static bool
check_validity(const char *text, struct error *err)
{
        struct validity validity;

        return validity_parse(text, &validity, err);
}

static bool
check_hash(const char *text, struct error *err)
{
        enum hash hash;

        return hash_named(text, &hash, err);
}

static bool
check_key_usage(const char *text, struct error *err)
{
        CLEANUP(usages_clear) struct usages usages = { 0 };

        return usages_add_key_usage(&usages, text, err);
}

static bool
check_extended(const char *text, struct error *err)
{
        CLEANUP(usages_clear) struct usages usages = { 0 };

        return usages_add_extended(&usages, text, err);
}

static bool
check_policy(const char *text, struct error *err)
{
        CLEANUP(usages_clear) struct usages usages = { 0 };

        return usages_add_policy(&usages, text, err);
}

static bool
check_extension(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *normal = NULL;

        return custom_parse(text, &normal, err);
}

static bool
check_allowed(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *normal = NULL;

        return field_allow_parse(text, &normal, err);
}

static bool
check_subject(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *sample = NULL;

        return fill_sample(text, FILL_SUBJECT, &sample, err);
}

static bool
check_san(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *sample = NULL;

        return fill_sample(text, FILL_SAN, &sample, err);
}

static bool
check_pattern(const char *text, struct error *err)
{
        CLEANUP(free_cleanup) char *sample = NULL;

        return fill_sample(text, FILL_TEXT, &sample, err);
}

static const struct {
        enum option_id id;
        bool (*check)(const char *text, struct error *err);
} checks[] = {
        { OPTION_CA, check_ca },
        { OPTION_TOKEN, check_uri },
        { OPTION_KEY, check_key },
        { OPTION_PIN_SOURCE, check_pin_source },
        { OPTION_KEY_TYPE, check_key_type },
        { OPTION_TEMPLATE, check_template },
        { OPTION_VALIDITY, check_validity },
        { OPTION_HASH, check_hash },
        { OPTION_KEY_USAGE, check_key_usage },
        { OPTION_EXT_KEY_USAGE, check_extended },
        { OPTION_POLICY_OID, check_policy },
        { OPTION_EXTENSION, check_extension },
        { OPTION_ALLOW_DIFFERENCE, check_allowed },
        { OPTION_SIGNING_ALGORITHM, pca_signing_algorithm_check },
        { OPTION_SUBJECT, check_subject },
        { OPTION_SAN, check_san },
        { OPTION_NAME, check_pattern },
        { OPTION_LABEL, check_pattern },
        { OPTION_OUT, check_pattern },
        { OPTION_HOLDER, check_pattern },
        { OPTION_PLACE, check_pattern },
};

/* What the command line would have to give. */
static bool
fill_gaps(struct options *options, struct error *err)
{
        static const struct {
                enum option_id id;
                const char *text;
        } gaps[] = {
                { OPTION_CA, some_ca },
                { OPTION_TOKEN, some_token },
                { OPTION_SUBJECT, "CN=x0" },
                { OPTION_NAME, "x0" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(gaps); i++) {
                if (!option_value(options, gaps[i].id)->count &&
                    !options_set(options, gaps[i].id, gaps[i].text, ORIGIN_GENERAL, "", err))
                        return false;
        }
        return true;
}

/* Values that are read as part of the wishes only, whatever the others are. */
static bool
check_as_wish(const struct config_entry *entry, struct error *err)
{
        static const enum option_id ids[] = {
                OPTION_NOT_BEFORE, OPTION_PATH_LENGTH, OPTION_STORE,       OPTION_FORMAT,
                OPTION_FILE_MODE,  OPTION_FILE_OWNER,  OPTION_DEPLOY_HOOK, OPTION_RENEW_BEFORE,
        };
        CLEANUP(options_clear) struct options options = { 0 };
        CLEANUP(order_cleanup) struct order *order = order_new();
        bool is_one = false;

        for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
                is_one = is_one || ids[i] == entry->id;
        if (!is_one)
                return true;
        if (options_set(&options, entry->id, entry->text, ORIGIN_PROFILE, entry->where, err) &&
            fill_gaps(&options, err) && wish_read(&options, true, order, err))
                return true;
        err->about[0] = '\0'; /* the place, which is told anyway */
        return false;
}

static bool
check_entry(const struct config_entry *entry, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(checks); i++) {
                if (checks[i].id == entry->id)
                        return checks[i].check(entry->text, err);
        }
        return check_as_wish(entry, err);
}

static bool
lint_entry(struct config *config, const struct config_entry *entry)
{
        struct error err = { 0 };

        if (check_entry(entry, &err))
                return true;
        error_about(&err, "%s", option_row(entry->id)->name);
        error_advise(&err, "p11cert.conf(5) says what it may be");
        config_problem_add(config, entry->where, &err);
        return false;
}

/* -- a profile as a whole -------------------------------------------------------------------- */

/* Replace the patterns by what they could become. */
static bool
fill_samples(struct options *options, struct error *err)
{
        static const struct {
                enum option_id id;
                enum fill_place place;
        } patterns[] = {
                { OPTION_SUBJECT, FILL_SUBJECT }, { OPTION_SAN, FILL_SAN },
                { OPTION_NAME, FILL_TEXT },       { OPTION_LABEL, FILL_TEXT },
                { OPTION_OUT, FILL_FILE },        { OPTION_HOLDER, FILL_TEXT },
                { OPTION_PLACE, FILL_TEXT },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
                const struct option_value *value = option_value(options, patterns[i].id);

                for (size_t j = 0; j < value->count; j++) {
                        CLEANUP(free_cleanup) char *sample = NULL;

                        if (!fill_sample(value->texts[j], patterns[i].place, &sample, err))
                                return false;
                        /* It is no pattern any more, whatever it holds. */
                        free(value->texts[j]);
                        value->texts[j] = fill_quote(sample);
                }
        }
        return true;
}

/* Would the certificate carry every wish of the profile? */
static bool
foretell(const struct options *options, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();
        CLEANUP(buf_cleanup) struct buf used = { 0 };
        const struct issuer_facts nothing = { 0 };

        if (!wish_read(options, true, order, err) || !wish_default(&order->wishes, "/", &used, err))
                return false;
        predict_default_validity(&order->wishes, false);
        CLEANUP(prediction_clear) struct prediction prediction;

        predict(&order->wishes, view_of(NULL, 0), &nothing, clock_now(), &prediction);
        return prediction_check(&prediction, err);
}

static bool
lint_whole(const struct config *config, const struct command *command, const char *profile,
           struct error *err)
{
        static const struct option_list everything = { .groups = ~0U };
        struct options options = { 0 };
        bool good = (!profile || options_set(&options, OPTION_CERT_PROFILE, profile, ORIGIN_LINE,
                                             "--cert-profile", err)) &&
                    config_apply(config, &everything, &options, err) &&
                    anywhere_check(command, &options, err) && fill_samples(&options, err) &&
                    fill_gaps(&options, err) && foretell(&options, err);

        options_clear(&options);
        return good;
}

/* The line that the error is about, where it says one. */
static const char *
line_of(const struct config *config, const struct error *err)
{
        for (size_t i = 0; i < config->count; i++) {
                const char *where = config->entries[i].where;
                char next = err->about[strlen(where) < sizeof(err->about) ? strlen(where) : 0];

                if (text_starts(err->about, where) && (next == '\0' || next == ','))
                        return where;
        }
        return NULL;
}

static void
add_problem(struct config *config, const char *section, const char *where, struct error *err)
{
        const char *line = line_of(config, err);

        if (line)
                err->about[0] = '\0';
        error_about(err, "%s", section);
        error_advise(err, "p11cert.conf(5) says what it may be");
        config_problem_add(config, line ? line : where, err);
}

/* A mistake of the general part, or of a parent, shows in every profile: once is enough. */
static bool
is_told(const struct config *config, const struct error *err)
{
        for (size_t i = 0; i < config->problem_count; i++) {
                if (strcmp(config->problems[i].error.what, err->what) == 0)
                        return true;
        }
        return false;
}

static int
compare_problems(const void *a, const void *b)
{
        const struct config_problem *first = a;
        const struct config_problem *second = b;

        /* "/a/b:7" before "/a/b:12" */
        return strverscmp(first->where, second->where);
}

static void
lint_profiles(struct config *config, const struct command *command)
{
        struct error err = { 0 };

        if (config->count && !lint_whole(config, command, NULL, &err))
                add_problem(config, "the general part", config->files[0], &err);
        for (size_t i = 0; i < config->profile_count; i++) {
                const struct config_profile *profile = &config->profiles[i];

                err = (struct error){ 0 };
                if (lint_whole(config, command, profile->name, &err) || is_told(config, &err))
                        continue;
                CLEANUP(free_cleanup) char *section = text_format("[profile %s]", profile->name);

                add_problem(config, section, profile->where, &err);
        }
}

void
lint_config(struct config *config, const struct command *command)
{
        bool good = config->problem_count == 0;

        for (size_t i = 0; i < config->count; i++)
                good = lint_entry(config, &config->entries[i]) && good;
        /* Whatever is wrong by itself would be found a second time in the whole. */
        if (good)
                lint_profiles(config, command);
        if (config->problem_count)
                qsort(config->problems, config->problem_count, sizeof(*config->problems),
                      compare_problems);
}
