#include "tests/unit/broken.h"

#include "base/file.h"

struct modules *modules;
struct token *token;
struct uri *uri;
static char *guard;
struct pin_source source = { .kind = PIN_FILE };
struct token_login login = { .source = &source };

/* The rules in force from the next call on; each file is new, so that the module reads it. */
void
rules(const char *text)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/rules", softhsm_folder());
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(text), &err), err);
}

int
broken_prepare(void **state)
{
        const char *module = getenv("P11CERT_BREAKABLE");
        struct error err = { 0 };

        if (!module || softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("breakable");
        CLEANUP(free_cleanup) char *path = text_format("%s/rules", softhsm_folder());
        CLEANUP(free_cleanup) char *counts = text_format("%s/counts", softhsm_folder());

        setenv("BREAKABLE_RULES", path, 1);
        setenv("BREAKABLE_COUNTS", counts, 1);
        guard = text_format("%s/guard", softhsm_folder());
        source.argument = text_format("%s/pin", softhsm_folder());
        rules("");
        if (!file_write(source.argument, 0600, view_text(SOFTHSM_PIN), &err))
                return -1;
        uri = uri_parse("pkcs11:token=breakable", &err);
        modules = modules_open(module, NULL, NULL, &err);
        return modules ? 0 : -1;
}

int
broken_clean_up(void **state)
{
        modules_close(modules);
        uri_free(uri);
        free(guard);
        pin_source_clear(&source);
        return softhsm_end(state);
}

int
broken_open_token(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("");
        token = token_open(modules, uri, &login, &err);
        return token ? 0 : -1;
}

int
broken_close_token(void **state)
{
        (void)state;
        rules("");
        token_close(token);
        return 0;
}

/* How often a function was called since the tests began. */
unsigned long
counted(const char *function)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/counts", softhsm_folder());
        FILE *file = fopen(path, "re");
        unsigned long number = 0;
        unsigned long found = 0;
        char name[64];

        assert_non_null(file);
        while (fscanf(file, "%63s %lu", name, &number) == 2) {
                if (strcmp(name, function) == 0)
                        found = number;
        }
        fclose(file);
        return found;
}

struct key *
make(enum key_type type, struct error *err)
{
        uint8_t id[20];

        random_bytes(id, sizeof(id));
        return key_make(token, type, view_of(id, sizeof(id)), "label", err);
}

/* Everything that carries the id. */
size_t
count_objects(struct view id)
{
        struct object_facts *list = NULL;
        struct error err = { 0 };
        size_t count = 0;

        assert_done(token_find_objects(token, NULL, id, NULL, &list, &count, &err), err);
        objects_free(list, count);
        return count;
}

bool
signs(struct key *key, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };

        return key_sign(key, key_type_hash(key_type(key)), view_text("message"), &signature, err);
}
