/*
 * The configuration file: an INI file whose keys are the long names of options.
 *
 *     ca = arn:aws:acm-pca:…            general part: in front of the first section
 *     [profile server]                  wishes that --cert-profile server takes
 *     extends = base                    what this one does not say, [profile base] does
 *     key-type = ec:p384
 *
 * Files are small and hostile until read: an unknown key or section, a key twice, a line that is
 * too long or a file that others may write is a problem, with file and line.  All are collected.
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

struct config_profile {
        char *name;
        char *parent; /* of `extends`, or NULL */
        char *where;  /* "/etc/p11cert/config:7": of `extends`, else of the section */
};

/* Something that is wrong with it. */
struct config_problem {
        struct error error; /* about: "/etc/p11cert/config, line 3" */
        char *where;        /* "/etc/p11cert/config:3", or the file alone */
};

struct config {
        struct config_entry *entries;
        size_t count;
        struct config_profile *profiles; /* those without a key, too */
        size_t profile_count;
        char **files; /* what was read, absolute */
        size_t file_count;
        struct config_problem *problems;
        size_t problem_count;
};

/* How long a row of profiles that extend one another may be. */
enum { CONFIG_DEPTH = 8 };

void config_clear(struct config *config);

/*
 * The file that is read when nobody names one: ~/.config/p11cert/config where it or its config.d
 * exists, else /etc/p11cert/config where that does, else NULL.  The caller frees.
 */
char *config_find(void);

/* Where `config init` writes: ~/.config/p11cert/config.  NULL without a home.  The caller frees. */
char *config_home(void);

/*
 * Read the configuration: `given` alone, or with NULL the file of config_find() and then
 * config.d/?*.conf beside it by name; values replace those of files read before.  None at all is
 * fine.  With problems it fails, and what could be read is there all the same.
 *
 * errors  ERROR_CONFIG: the first problem, with how many more there are
 */
bool config_load(struct config *config, const char *given, struct error *err) MUST_CHECK;

/* Note a problem; `where` is "FILE:LINE", or a file alone.  Takes what `error` says. */
void config_problem_add(struct config *config, const char *where, const struct error *error);

const struct config_profile *config_profile_named(const struct config *config, const char *name);

/*
 * The profile and those it extends, itself first.  Only of a configuration without problems.
 * Returns how many, CONFIG_DEPTH at most.
 */
size_t config_lineage(const struct config *config, const char *name,
                      const struct config_profile *lineage[CONFIG_DEPTH]);

/*
 * Hand values to options, as far as `list` accepts them: the general part first, then the profile
 * that OPTION_CERT_PROFILE names with what it inherits: a key that it has itself replaces that of
 * the profile it extends, all of a list, too.  An AWS option yields to the variables that AWS's
 * tools read.
 * ERROR_CONFIG for a profile that does not exist, with those that do.
 */
bool config_apply(const struct config *config, const struct option_list *list,
                  struct options *options, struct error *err) MUST_CHECK;

#endif
