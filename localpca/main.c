/*
 * localpca: a local AWS Private CA for tests, demos and CI.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "localpca/pca.h"
#include "localpca/server.h"
#include "localpca/start.h"

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

/* Print, and leave nothing of it in memory: it may hold secrets. */
static bool
show(struct buf *text, struct error *err)
{
        bool done = fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0;

        wipe(text->data, text->len);
        buf_clear(text);
        return done || error_set(err, ERROR_FILE, "cannot write to stdout");
}

static bool
serve(const struct options *options, struct error *err)
{
        struct pca pca = { 0 };
        struct buf line = { 0 };
        struct server *server = NULL;
        bool done = pca_open(&pca, options, err) && (server = server_open(&pca, err)) != NULL &&
                    start_tell(&pca, &line, err) && show(&line, err) && server_run(server, err);

        buf_clear(&line);
        server_close(server);
        pca_close(&pca);
        return done;
}

static bool
run(const struct options *options, struct error *err)
{
        struct buf text = { 0 };

        if (options->help)
                options_help(&text);
        else if (options->version)
                buf_format(&text, "localpca %s\n", PACKAGE_VERSION);
        else if (!options->aws_config)
                return serve(options, err);
        else if (!start_aws_config(options, &text, err))
                return false;
        return show(&text, err);
}

int
main(int argc, char **argv)
{
        struct options options = { 0 };
        struct error err = { 0 };
        bool done = options_read(&options, argc, argv, &err) && run(&options, &err);

        options_clear(&options);
        return done ? 0 : failure_show(&err);
}
