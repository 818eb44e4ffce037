/*
 * What settings.c and the credential providers share: the files behind `struct aws_settings`.
 */
#ifndef AWS_SETTINGS_H
#define AWS_SETTINGS_H

#include "aws/credentials.h"
#include "aws/shared.h"

struct aws_settings {
        /* Copies of struct aws_options. */
        char *option_profile;
        char *option_region;
        char *fallback_region;
        char *option_endpoint_url;
        char *option_ca_bundle;
        char *option_role_arn;
        char *option_external_id;
        char *option_role_session_name;
        char *option_session_policy;
        bool option_cut_others;
        char *option_mfa_code;
        struct anywhere *anywhere; /* borrowed */
        mfa_asker *ask_mfa;
        void *ask_context;
        bool mfa_code_used;  /* a code serves once */
        const char *exposed; /* one of the files below, or NULL */
        char *unnarrowed;    /* why a session could not be cut; then it is not tried again */
        struct credentials looked_at; /* found, and not given to a client yet; or the error */
        struct error look_error;

        char *profile;
        char *config_path;
        char *credentials_path;
        struct shared_file config;
        struct shared_file credentials;
        char *config_section; /* the heading that is the profile in the config file */
        bool fips;
        bool dual_stack;
        bool sts_global;
        struct aws_retry_settings retry;
};

/* The heading that is a profile in the config file: "profile NAME" or "default"; caller frees. */
char *settings_config_section(const struct shared_file *config, const char *profile);

/* Read both files again, for credentials that somebody else has renewed in them meanwhile. */
bool settings_read_files(const struct aws_settings *settings, struct shared_file *config,
                         struct shared_file *credentials, struct error *err) MUST_CHECK;

/* A variable of the environment that is set and not empty, or NULL. */
const char *environment_get(const char *name);

#endif
