/*
 * localpca: a local AWS Private CA for tests, demos and CI.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "localpca/pca.h"
#include "localpca/server.h"

static int
failure_show(const struct error *err)
{
        fprintf(stderr, "localpca: %s\n", err->what);
        if (err->about[0])
                fprintf(stderr, "  on:   %s\n", err->about);
        if (err->next[0])
                fprintf(stderr, "  next: %s\n", err->next);
        return error_exit_status(err->kind);
}

/* Where the root's certificate lies for everybody to trust. */
static char *
root_write(const struct pca *pca, struct error *err)
{
        char *folder = file_absolute(pca->options->state);
        char *path = text_format("%s/root-ca.pem", folder);
        char *pem = text_format("%s\n", pca->authorities.all[0]->certificate_pem);
        bool done = file_write(path, 0600, view_text(pem), err);

        free(folder);
        free(pem);
        if (done)
                return path;
        free(path);
        return NULL;
}

static void
secret_add(cJSON *object, const char *name, const struct secret *secret)
{
        char *text = text_copy_length(secret->data, secret->len);

        cJSON_AddStringToObject(object, name, text);
        wipe(text, secret->len);
        free(text);
}

/* The start-up line: the one place where the made-up secrets are told. */
static bool
start_show(const struct pca *pca, struct error *err)
{
        const struct identity *issuer = pca->identities.all[0];
        const struct identity *administrator = pca->identities.all[1];
        char *root = root_write(pca, err);
        cJSON *line = cJSON_CreateObject();

        if (!root) {
                cJSON_Delete(line);
                return false;
        }
        cJSON_AddStringToObject(line, "endpoint", pca->endpoint);
        cJSON_AddStringToObject(line, "ca_arn", pca->authorities.all[1]->arn);
        cJSON_AddStringToObject(line, "root_ca", root);
        cJSON_AddStringToObject(line, "access_key_id", issuer->access_key_id);
        secret_add(line, "secret_access_key", &issuer->secret);
        cJSON_AddStringToObject(line, "admin_access_key_id", administrator->access_key_id);
        secret_add(line, "admin_secret_access_key", &administrator->secret);
        char *text = cJSON_PrintUnformatted(line);
        printf("%s\n", text);
        cJSON_free(text);
        cJSON_Delete(line);
        free(root);
        return fflush(stdout) == 0 || error_set(err, ERROR_FILE, "cannot write to stdout");
}

static bool
serve(const struct options *options, struct error *err)
{
        struct pca pca = { 0 };
        struct server *server = NULL;
        bool done = pca_open(&pca, options, err) && (server = server_open(&pca, err)) != NULL &&
                    start_show(&pca, err) && server_run(server, err);

        server_close(server);
        pca_close(&pca);
        return done;
}

int
main(int argc, char **argv)
{
        struct options options = { 0 };
        struct error err = { 0 };
        struct buf help = { 0 };
        bool done = options_read(&options, argc, argv, &err);

        if (done && options.help) {
                options_help(&help);
                fputs(buf_text(&help), stdout);
        } else if (done && options.version) {
                printf("localpca %s\n", PACKAGE_VERSION);
        } else if (done) {
                done = serve(&options, &err);
        }
        buf_clear(&help);
        options_clear(&options);
        return done ? 0 : failure_show(&err);
}
