#include "cli/inquiry.h"

#include <stdlib.h>

#include "drive/batch.h"
#include "engine/uri.h"

struct inquiry {
        char *uri;
        char *module;
        bool log_in;
        struct token_login login;
        char *guard_folder;
        bool (*look)(struct modules *modules, struct token *token, void *context,
                     struct error *err);
        void *context;
};

static bool
look_at_token(struct inquiry *inquiry, struct modules *modules, const struct uri *uri,
              struct error *err)
{
        struct token *token = NULL;

        if (uri) {
                token = token_open(modules, uri, inquiry->log_in ? &inquiry->login : NULL, err);
                if (!token)
                        return false;
        }
        bool good = inquiry->look(modules, token, inquiry->context, err);

        token_close(token);
        return good;
}

static bool
run_inquiry(void *context, struct error *err)
{
        struct inquiry *inquiry = context;
        CLEANUP(uri_cleanup) struct uri *uri = NULL;

        if (inquiry->uri) {
                uri = uri_parse(inquiry->uri, err);
                if (!uri)
                        return false;
        }
        const char *path = inquiry->module ? inquiry->module : uri ? uri_module_path(uri) : NULL;
        struct modules *modules = modules_open(path, uri ? uri_module_name(uri) : NULL, NULL, err);

        if (!modules)
                return false;
        bool good = look_at_token(inquiry, modules, uri, err);

        modules_close(modules);
        return good;
}

bool
inquire(const struct command *command, const char *uri, const char *module, bool log_in,
        bool (*look)(struct modules *modules, struct token *token, void *context,
                     struct error *err),
        void *context, struct error *err)
{
        struct inquiry *inquiry = memory_new(1, sizeof(*inquiry));

        if (!module)
                module = option_text(&command->options, OPTION_MODULE);
        inquiry->uri = text_copy(uri);
        inquiry->module = text_copy(module);
        inquiry->log_in = log_in;
        inquiry->look = look;
        inquiry->context = context;
        command_login(command, &inquiry->login, &inquiry->guard_folder);
        bool good = drive_guarded(run_inquiry, inquiry, command_token_timeout_ms(command), err);

        if (drive_hangs())
                return good;
        free(inquiry->uri);
        free(inquiry->module);
        free(inquiry->guard_folder);
        free(inquiry);
        return good;
}

void
inquiry_free(void *pointer_to_pointer)
{
        if (!drive_hangs())
                free_cleanup(pointer_to_pointer);
}
