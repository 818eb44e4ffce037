/*
 * The configuration file: an INI file whose keys are the long names of options.
 *
 *     ca = arn:aws:acm-pca:…            general part: in front of the first section
 *     [profile server]                  wishes that --cert-profile server takes
 *     key-type = ec:p384
 *
 * Files are small and hostile until read: an unknown key or section, a key twice, a line that is
 * too long or a file that others may write is an error with file and line.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "cli/options.h"

struct config_entry {
        char *profile; /* NULL: general part */
        enum option_id id;
        char *text;
        char *where; /* "/etc/p11cert/config:3" */
};

struct config {
        struct config_entry *entries;
        size_t count;
        char **profiles; /* names of the sections, those without a key too */
        size_t profile_count;
        char **files; /* what was read, absolute */
        size_t file_count;
};

void config_clear(struct config *config);

/*
 * The file that is read when nobody names one: ~/.config/p11cert/config where it or its config.d
 * exists, else /etc/p11cert/config where that does, else NULL.  The caller frees.
 */
char *config_find(void);

/* Where `config init` writes: ~/.config/p11cert/config.  NULL without a home.  The caller frees. */
char *config_home(void);

/*
 * Read one file, adding to what is there; its values replace those of files read before.
 * errors: ERROR_CONFIG
 */
bool config_read(struct config *config, const char *path, struct error *err) MUST_CHECK;

/*
 * Read the configuration: `given` alone, or with NULL the file of config_find() and then
 * config.d/?*.conf beside it by name.  None at all is fine.
 */
bool config_load(struct config *config, const char *given, struct error *err) MUST_CHECK;

/*
 * Hand values to options, as far as `list` accepts them: the general part first, then the profile
 * that OPTION_CERT_PROFILE names.  An AWS option yields to the variables that AWS's tools read.
 * ERROR_CONFIG for a profile that does not exist, with those that do.
 */
bool config_apply(const struct config *config, const struct option_list *list,
                  struct options *options, struct error *err) MUST_CHECK;

#endif
