#include "cli/roster.h"

#include <stdlib.h>
#include <string.h>

#include "cli/show.h"
#include "cli/wish.h"
#include "order/template.h"

enum { SAID_MISTAKES = 20 };

/* -- a set of texts ---------------------------------------------------------------------------- */

/* Texts one behind the other, found by their hash. */
struct texts {
        struct buf bytes;
        size_t *starts;
        size_t count;
        uint32_t *table; /* index + 1; 0: free */
        size_t size;     /* a power of two */
};

static uint64_t
hash_of(const char *text)
{
        uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
        return hash;
}

static const char *
texts_at(const struct texts *texts, size_t index)
{
        return (const char *)texts->bytes.data + texts->starts[index];
}

static size_t
texts_slot(const struct texts *texts, const char *text)
{
        size_t slot = (size_t)hash_of(text) & (texts->size - 1);

        while (texts->table[slot] && strcmp(texts_at(texts, texts->table[slot] - 1), text) != 0)
                slot = (slot + 1) & (texts->size - 1);
        return slot;
}

static void
texts_widen(struct texts *texts)
{
        if (texts->size > 2 * texts->count)
                return;
        free(texts->table);
        texts->size = texts->size ? 2 * texts->size : 64;
        texts->table = memory_new(texts->size, sizeof(*texts->table));
        for (size_t i = 0; i < texts->count; i++)
                texts->table[texts_slot(texts, texts_at(texts, i))] = (uint32_t)i + 1;
}

static ptrdiff_t
texts_find(const struct texts *texts, const char *text)
{
        return texts->size ? (ptrdiff_t)texts->table[texts_slot(texts, text)] - 1 : ROSTER_NONE;
}

/* Its number, the one it has already if it is there. */
static size_t
texts_add(struct texts *texts, const char *text)
{
        ptrdiff_t there = texts_find(texts, text);

        if (there >= 0)
                return (size_t)there;
        texts_widen(texts);
        if ((texts->count & (texts->count - 1)) == 0)
                texts->starts = memory_grow(texts->starts, texts->count ? 2 * texts->count : 1,
                                            sizeof(*texts->starts));
        texts->starts[texts->count] = texts->bytes.len;
        buf_add(&texts->bytes, view_of(text, strlen(text) + 1));
        size_t slot = texts_slot(texts, text);

        texts->table[slot] = (uint32_t)++texts->count;
        return texts->count - 1;
}

static void
texts_clear(struct texts *texts)
{
        buf_clear(&texts->bytes);
        free(texts->starts);
        free(texts->table);
}

/* -- the roster -------------------------------------------------------------------------------- */

/* The options that the rows of one profile start from. */
struct base {
        char *profile; /* NULL: the command's own */
        struct options options;
};

struct entry {
        struct manifest_place place;
        uint32_t token;
        int32_t name; /* in `names`; ROSTER_NONE: open */
};

struct roster {
        struct command *command;
        struct manifest *manifest;
        bool open_names;
        struct entry *entries;
        size_t count;
        struct texts names;
        uint32_t *rows; /* of each name: its entry */
        struct texts tokens;
        struct texts cas;
        struct texts templates;
        const char **ca_list;
        const char **template_list;
        struct base *bases;
        size_t base_count;
        size_t mistakes;
};

void
roster_close(struct roster *roster)
{
        if (!roster)
                return;
        manifest_close(roster->manifest);
        texts_clear(&roster->names);
        texts_clear(&roster->tokens);
        texts_clear(&roster->cas);
        texts_clear(&roster->templates);
        free(roster->ca_list);
        free(roster->template_list);
        for (size_t i = 0; i < roster->base_count; i++) {
                free(roster->bases[i].profile);
                options_clear(&roster->bases[i].options);
        }
        free(roster->bases);
        free(roster->entries);
        free(roster->rows);
        free(roster);
}

void
roster_cleanup(struct roster **roster)
{
        roster_close(*roster);
        *roster = NULL;
}

/* -- a row's options --------------------------------------------------------------------------- */

static const enum option_id options_of[] = {
        [COLUMN_NAME] = OPTION_NAME,
        [COLUMN_SUBJECT] = OPTION_SUBJECT,
        [COLUMN_SAN] = OPTION_SAN,
        [COLUMN_TOKEN] = OPTION_TOKEN,
        [COLUMN_KEY_TYPE] = OPTION_KEY_TYPE,
        [COLUMN_LABEL] = OPTION_LABEL,
        [COLUMN_ID] = OPTION_ID,
        [COLUMN_PROFILE] = OPTION_CERT_PROFILE,
        [COLUMN_TEMPLATE] = OPTION_TEMPLATE,
        [COLUMN_VALIDITY] = OPTION_VALIDITY,
        [COLUMN_HOLDER] = OPTION_HOLDER,
        [COLUMN_PLACE] = OPTION_PLACE,
        [COLUMN_ATTRIBUTE] = OPTION_ATTRIBUTE,
};
static_assert(ARRAY_LENGTH(options_of) == COLUMNS, "an option for every column");

/* What the rows of a profile start from: made once. */
static struct base *
base_of(struct roster *roster, const char *profile, struct error *err)
{
        const struct command *command = roster->command;
        const struct option_list list = { .own = command->verb->options,
                                          .groups = command->verb->groups,
                                          .verb = command->verb->name };
        CLEANUP(options_clear) struct options options = { 0 };

        for (size_t i = 0; i < roster->base_count; i++) {
                if (text_equal(roster->bases[i].profile, profile))
                        return &roster->bases[i];
        }
        options_copy(&options, &command->options, profile ? ORIGIN_VARIABLE : ORIGIN_NONE);
        if (profile &&
            (!options_set(&options, OPTION_CERT_PROFILE, profile, ORIGIN_ROW, "profile", err) ||
             !config_apply(&command->config, &list, &options, err)))
                return NULL;
        roster->bases = memory_grow(roster->bases, roster->base_count + 1, sizeof(struct base));
        roster->bases[roster->base_count] =
                (struct base){ .profile = text_copy(profile), .options = options };
        options = (struct options){ 0 };
        return &roster->bases[roster->base_count++];
}

/* "dns:a;ip:10.0.0.1": several values. */
static bool
set_each(struct options *options, enum option_id id, const char *texts, const char *where,
         struct error *err)
{
        while (*texts) {
                size_t length = strcspn(texts, ";");
                size_t blanks = strspn(texts, " ");
                CLEANUP(free_cleanup) char *one = NULL;

                if (blanks > length)
                        blanks = length;
                one = text_copy_length(texts + blanks, length - blanks);
                if (!options_set(options, id, one, ORIGIN_ROW, where, err))
                        return false;
                texts += length + (texts[length] == ';');
        }
        return true;
}

static bool
set_cell(struct options *options, const struct manifest_cell *cell, struct error *err)
{
        enum option_id id = options_of[cell->column];

        if (cell->column == COLUMN_SAN)
                return set_each(options, id, cell->text, cell->name, err);
        if (cell->column != COLUMN_ATTRIBUTE)
                return options_set(options, id, cell->text, ORIGIN_ROW, cell->name, err);
        CLEANUP(free_cleanup)
        char *text = text_format("%s=%s", cell->name + strlen("attr."), cell->text);

        return options_set(options, id, text, ORIGIN_ROW, cell->name, err);
}

/* A row's mistake belongs to the cell that its option came from, else to the row. */
static bool
blame(const struct roster *roster, const struct manifest_row *row, const struct manifest_cell *cell,
      struct error *err)
{
        for (size_t i = 0; !cell && i < row->count; i++) {
                const struct manifest_cell *one = &row->cells[i];
                CLEANUP(free_cleanup)
                char *option = text_format("--%s", option_row(options_of[one->column])->name);
                size_t length = strlen(one->name);

                if (strstr(err->about, option) ||
                    (strncmp(err->about, one->name, length) == 0 &&
                     (!err->about[length] || err->about[length] == ',')))
                        cell = one;
        }
        if (cell && (err->kind == ERROR_USAGE || err->kind == ERROR_CONFIG))
                err->kind = ERROR_INPUT;
        return cell ? manifest_blame_cell(roster->manifest, cell, err)
                    : manifest_blame_row(roster->manifest, row, err);
}

static bool
row_options(struct roster *roster, const struct manifest_row *row, struct options *options,
            struct error *err)
{
        const struct manifest_cell *profile = manifest_row_cell(row, COLUMN_PROFILE);
        const struct base *base = base_of(roster, profile ? profile->text : NULL, err);

        if (!base)
                return blame(roster, row, profile, err);
        options_copy(options, &base->options, ORIGIN_NONE);
        for (size_t i = 0; i < row->count; i++) {
                if (row->cells[i].column != COLUMN_PROFILE &&
                    !set_cell(options, &row->cells[i], err))
                        return blame(roster, row, &row->cells[i], err);
        }
        return true;
}

static bool
row_order(struct roster *roster, const struct manifest_row *row, struct order *order,
          struct error *err)
{
        CLEANUP(options_clear) struct options options = { 0 };

        if (!row_options(roster, row, &options, err))
                return false;
        if (!wish_read_row(&options, true, row->place.number, order, err))
                return blame(roster, row, NULL, err);
        if (roster->open_names || !wish_name_is_open(&order->wishes))
                return true;
        error_set(err, ERROR_INPUT, "the row's name waits for the token");
        manifest_blame_row(roster->manifest, row, err);
        return error_advise(err, "give each row a name of its own, in a column 'name': it is what "
                                 "keeps a row from being issued twice");
}

/* -- reading it whole ---------------------------------------------------------------------------
 */

static bool
add_name(struct roster *roster, const struct manifest_row *row, const char *name, struct error *err)
{
        size_t before = roster->names.count;
        size_t index = texts_add(&roster->names, name);
        const struct manifest_cell *cell = manifest_row_cell(row, COLUMN_NAME);

        if (index < before) {
                error_set(err, ERROR_INPUT, "the name '%s' is there twice: in lines %lld and %lld",
                          name, (long long)roster->entries[roster->rows[index]].place.line,
                          (long long)row->place.line);
                error_advise(err, "a name is one certificate: give each row another");
                return cell ? manifest_blame_cell(roster->manifest, cell, err)
                            : manifest_blame_row(roster->manifest, row, err);
        }
        if ((index & (index - 1)) == 0)
                roster->rows =
                        memory_grow(roster->rows, index ? 2 * index : 1, sizeof(*roster->rows));
        roster->rows[index] = (uint32_t)roster->count;
        return true;
}

static void
add_entry(struct roster *roster, const struct manifest_row *row, const struct wishes *wishes)
{
        bool open = wish_name_is_open(wishes);
        const char *uri = wishes->key_uri ? wishes->key_uri : wishes->token_uri;
        struct entry entry = { .place = row->place,
                               .token = (uint32_t)texts_add(&roster->tokens, uri ? uri : ""),
                               .name = open ? ROSTER_NONE : (int32_t)roster->names.count - 1 };

        if (wishes->ca_arn)
                texts_add(&roster->cas, wishes->ca_arn);
        if (wishes->template_arn)
                texts_add(&roster->templates, wishes->template_arn);
        if ((roster->count & (roster->count - 1)) == 0)
                roster->entries = memory_grow(roster->entries,
                                              roster->count ? 2 * roster->count : 1, sizeof(entry));
        roster->entries[roster->count++] = entry;
}

static bool
check_row(struct roster *roster, const struct manifest_row *row, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();

        if (!row_order(roster, row, order, err))
                return false;
        if (!wish_name_is_open(&order->wishes) && !add_name(roster, row, order->wishes.name, err))
                return false;
        add_entry(roster, row, &order->wishes);
        return true;
}

/* Said, and kept for the answer; the first is the error. */
static void
note_mistake(struct roster *roster, const struct error *mistake, struct error *err)
{
        struct command *command = roster->command;
        cJSON *list, *item;

        if (!roster->mistakes++)
                *err = *mistake;
        if (roster->mistakes > SAID_MISTAKES)
                return;
        if (!command->answer)
                command->answer = cJSON_CreateObject();
        list = cJSON_GetObjectItemCaseSensitive(command->answer, "mistakes");
        if (!list)
                list = cJSON_AddArrayToObject(command->answer, "mistakes");
        item = show_error_json(mistake);
        cJSON_AddItemToArray(list, item);
        if (command->output == OUTPUT_TEXT)
                command_say(command, "mistake   %s: %s", mistake->about, mistake->what);
}

static bool
read_rows(struct roster *roster, struct error *err)
{
        struct manifest_row row = { 0 };
        struct error mistake = { 0 };
        bool end = false;
        bool going = true;

        while (going && !end) {
                mistake = (struct error){ 0 };
                /* An open quote leaves in doubt where the next row begins. */
                if (!manifest_next(roster->manifest, &row, &end, &mistake)) {
                        note_mistake(roster, &mistake, err);
                        going = manifest_goes_on(roster->manifest);
                        continue;
                }
                if (end || check_row(roster, &row, &mistake))
                        continue;
                /* An option that is missing is missing in every row. */
                going = mistake.kind == ERROR_INPUT;
                note_mistake(roster, &mistake, err);
        }
        manifest_row_clear(&row);
        return !roster->mistakes;
}

static bool
finish(struct roster *roster, struct error *err)
{
        if (roster->mistakes > 1) {
                struct error first = *err;

                error_set(err, ERROR_INPUT, "%s (and %zu more mistake%s)", first.what,
                          roster->mistakes - 1, roster->mistakes == 2 ? "" : "s");
                error_about(err, "%s", first.about);
                error_advise(err, "%s", first.next);
        }
        if (roster->mistakes)
                return error_advise(err, "mend the manifest and repeat the command; nothing was "
                                         "begun");
        if (roster->count)
                return true;
        error_set(err, ERROR_NOTHING, "the manifest has no rows");
        return error_about(err, "%s", manifest_path(roster->manifest));
}

struct roster *
roster_open(struct command *command, const char *path, bool open_names, struct error *err)
{
        CLEANUP(roster_cleanup) struct roster *roster = memory_new(1, sizeof(*roster));

        roster->command = command;
        roster->open_names = open_names;
        roster->manifest = manifest_open(path, err);
        if (!roster->manifest)
                return NULL;
        (void)read_rows(roster, err);
        if (!finish(roster, err))
                return NULL;
        cJSON_Delete(MOVE(command->answer));
        roster->ca_list = memory_new(roster->cas.count + 1, sizeof(char *));
        roster->template_list = memory_new(roster->templates.count + 1, sizeof(char *));
        for (size_t i = 0; i < roster->cas.count; i++)
                roster->ca_list[i] = texts_at(&roster->cas, i);
        for (size_t i = 0; i < roster->templates.count; i++)
                roster->template_list[i] = texts_at(&roster->templates, i);
        return MOVE(roster);
}

/* -- asking it ----------------------------------------------------------------------------------
 */

size_t
roster_count(const struct roster *roster)
{
        return roster->count;
}

const struct manifest_place *
roster_place(const struct roster *roster, size_t index)
{
        return &roster->entries[index].place;
}

const char *
roster_name(const struct roster *roster, size_t index)
{
        int32_t name = roster->entries[index].name;

        return name < 0 ? NULL : texts_at(&roster->names, (size_t)name);
}

ptrdiff_t
roster_find(const struct roster *roster, const char *name)
{
        ptrdiff_t index = texts_find(&roster->names, name);

        return index < 0 ? ROSTER_NONE : (ptrdiff_t)roster->rows[index];
}

const char *
roster_nearest(const struct roster *roster, const char *name)
{
        const char *nearest = NULL;
        unsigned best = UINT32_MAX;

        for (size_t i = 0; i < roster->names.count; i++) {
                unsigned distance = text_distance(name, texts_at(&roster->names, i));

                if (distance >= best)
                        continue;
                best = distance;
                nearest = texts_at(&roster->names, i);
        }
        return nearest ? word_nearest(name, &nearest, 1) : NULL;
}

size_t
roster_tokens(const struct roster *roster)
{
        return roster->tokens.count;
}

const char *
roster_token_uri(const struct roster *roster, size_t token)
{
        return texts_at(&roster->tokens, token);
}

size_t
roster_token_of(const struct roster *roster, size_t index)
{
        return roster->entries[index].token;
}

void
roster_targets(const struct roster *roster, struct narrow_to *to)
{
        *to = (struct narrow_to){ .cas = roster->ca_list,
                                  .ca_count = roster->cas.count,
                                  .templates = roster->template_list,
                                  .template_count = roster->templates.count };
}

struct order *
roster_order(struct roster *roster, size_t index, const struct order *known, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();
        struct manifest_row row = { 0 };
        const char *name = roster_name(roster, index);
        bool end = false;
        bool good = manifest_seek(roster->manifest, &roster->entries[index].place, err) &&
                    manifest_next(roster->manifest, &row, &end, err);

        if (known) {
                order->created_at = known->created_at;
                order->token.serial = text_copy(known->token.serial);
                order->token.label = text_copy(known->token.label);
        }
        good = good && (end || row_order(roster, &row, order, err));
        if (good && (end || (name && !text_equal(order->wishes.name, name)))) {
                good = error_set(err, ERROR_INPUT, "the manifest was changed while it was read");
                error_about(err, "%s", manifest_path(roster->manifest));
                error_advise(err, "repeat the command: what was begun is in the ledger");
        }
        manifest_row_clear(&row);
        return good ? MOVE(order) : NULL;
}
