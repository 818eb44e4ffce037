/*
 * version: ours, and that of each library.
 */
#include <config.h>

#include "cli/show.h"
#include "cli/verbs.h"

bool
cmd_version(struct command *command, struct error *err)
{
        static const struct {
                const char *name;
                const char *version;
        } libraries[] = {
                { "openssl", OPENSSL_BUILT_WITH }, { "p11-kit", P11KIT_BUILT_WITH },
                { "libp11", LIBP11_BUILT_WITH },   { "libcurl", CURL_BUILT_WITH },
                { "sqlite", SQLITE_BUILT_WITH },   { "cjson", CJSON_BUILT_WITH },
                { "expat", EXPAT_BUILT_WITH },     { "libcsv", CSV_BUILT_WITH },
        };

        (void)err;
        buf_format(&command->text, "p11cert %s\n", PACKAGE_VERSION);
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "version", PACKAGE_VERSION);
        cJSON *built = cJSON_AddObjectToObject(command->answer, "built_with");

        for (size_t i = 0; i < ARRAY_LENGTH(libraries); i++) {
                buf_format(&command->text, "  built with %s %s\n", libraries[i].name,
                           libraries[i].version);
                cJSON_AddStringToObject(built, libraries[i].name, libraries[i].version);
        }
        return true;
}
