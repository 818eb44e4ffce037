#include "cli/manifest.h"

#include <cjson/cJSON.h>
#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/utf8.h"

enum { MOST_CELL = 64 * 1024, MOST_LINE = 1024 * 1024, MOST_COLUMNS = 256 };

static const char *const column_names[] = {
        [COLUMN_NAME] = "name",
        [COLUMN_SUBJECT] = "subject",
        [COLUMN_SAN] = "san",
        [COLUMN_TOKEN] = "token",
        [COLUMN_KEY_TYPE] = "key_type",
        [COLUMN_LABEL] = "label",
        [COLUMN_ID] = "id",
        [COLUMN_PROFILE] = "profile",
        [COLUMN_TEMPLATE] = "template",
        [COLUMN_VALIDITY] = "validity",
        [COLUMN_HOLDER] = "holder",
        [COLUMN_PLACE] = "place",
        [COLUMN_ATTRIBUTE] = "attr.",
};
static_assert(ARRAY_LENGTH(column_names) == COLUMNS, "a name for every column");

struct header {
        enum manifest_column column;
        char *name;
};

struct manifest {
        char *path;
        FILE *file;
        bool json;
        int64_t offset; /* of the next byte */
        int64_t line;   /* that it is in */
        int64_t rows;   /* read so far */
        bool after_cr;
        bool ended;
        struct header *headers;
        size_t header_count;

        /* the CSV row that is being read */
        struct csv_parser parser;
        bool parsing;
        struct manifest_row *row;
        bool row_done;
        size_t fields;
        int64_t field_line;
        struct error *err;
        bool failed;
        bool at_next; /* whatever was wrong: the next row begins where the file stands */
};

const char *
manifest_column_name(enum manifest_column column)
{
        return column_names[column];
}

void
manifest_row_clear(struct manifest_row *row)
{
        for (size_t i = 0; i < row->count; i++)
                free(row->cells[i].text);
        free(row->cells);
        for (size_t i = 0; i < row->name_count; i++)
                free(row->names[i]);
        free(row->names);
        *row = (struct manifest_row){ 0 };
}

const struct manifest_cell *
manifest_row_cell(const struct manifest_row *row, enum manifest_column column)
{
        for (size_t i = 0; i < row->count; i++) {
                if (row->cells[i].column == column)
                        return &row->cells[i];
        }
        return NULL;
}

const char *
manifest_path(const struct manifest *manifest)
{
        return manifest->path;
}

/* -- errors ---------------------------------------------------------------------------------- */

bool
manifest_blame_cell(const struct manifest *manifest, const struct manifest_cell *cell,
                    struct error *err)
{
        err->about[0] = '\0';
        return error_about(err, "%s, line %lld, column %lld (%s)", manifest->path,
                           (long long)cell->line, (long long)cell->place, cell->name);
}

bool
manifest_blame_row(const struct manifest *manifest, const struct manifest_row *row,
                   struct error *err)
{
        return error_about(err, "%s, line %lld", manifest->path, (long long)row->place.line);
}

static bool
blame_place(const struct manifest *manifest, int64_t line, int64_t place, struct error *err)
{
        error_about(err, "%s, line %lld, column %lld", manifest->path, (long long)line,
                    (long long)place);
        return error_advise(err, "mend the manifest and repeat the command; nothing was begun");
}

/* -- columns --------------------------------------------------------------------------------- */

static bool
refuse_column(const char *name, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf known = { 0 };
        const char *nearest = word_nearest(name, column_names, ARRAY_LENGTH(column_names));

        error_set(err, ERROR_INPUT, "there is no column '%s'", name);
        if (strchr(name, ';'))
                error_advise(err, "separate the columns with commas (RFC 4180)");
        if (nearest)
                error_advise(err, "did you mean '%s'?", nearest);
        for (size_t i = 0; i < COLUMN_ATTRIBUTE; i++)
                buf_format(&known, "%s, ", column_names[i]);
        return error_advise(err, "the columns are %sand attr.NAME for what is kept with the order",
                            buf_text(&known));
}

static bool
find_column(const char *name, enum manifest_column *out, struct error *err)
{
        for (size_t i = 0; i < COLUMN_ATTRIBUTE; i++) {
                if (strcmp(column_names[i], name) == 0) {
                        *out = (enum manifest_column)i;
                        return true;
                }
        }
        if (text_starts(name, "attr.") && name[5]) {
                *out = COLUMN_ATTRIBUTE;
                return true;
        }
        return refuse_column(name, err);
}

static bool
check_text(struct view text, struct error *err)
{
        if (text.len > MOST_CELL)
                return error_set(err, ERROR_INPUT, "a value is longer than %d bytes", MOST_CELL);
        if (text.len && memchr(text.data, '\0', text.len))
                return error_set(err, ERROR_INPUT, "a value has a NUL in it");
        if (utf8_length(text) < 0) {
                error_set(err, ERROR_INPUT, "a value is not UTF-8");
                return error_advise(err, "save the manifest as UTF-8 and repeat the command");
        }
        return true;
}

static void
add_cell(struct manifest_row *row, const struct manifest_cell *cell)
{
        row->cells = memory_grow(row->cells, row->count + 1, sizeof(row->cells[0]));
        row->cells[row->count++] = *cell;
}

/* -- bytes ----------------------------------------------------------------------------------- */

static int
next_byte(struct manifest *manifest)
{
        int byte = getc_unlocked(manifest->file);

        if (byte == EOF)
                return EOF;
        manifest->offset++;
        if (byte == '\r' || (byte == '\n' && !manifest->after_cr))
                manifest->line++;
        manifest->after_cr = byte == '\r';
        return byte;
}

static bool
check_reading(struct manifest *manifest, struct error *err)
{
        if (!ferror(manifest->file))
                return true;
        error_set(err, ERROR_INPUT, "cannot read '%s': %s", manifest->path, strerror(errno));
        return false;
}

/* The next byte that is not a blank line's, not consumed; EOF at the end. */
static int
skip_blank_lines(struct manifest *manifest)
{
        for (;;) {
                int byte = getc_unlocked(manifest->file);

                ungetc(byte, manifest->file);
                if (byte != '\r' && byte != '\n')
                        return byte;
                next_byte(manifest);
        }
}

/* -- CSV -------------------------------------------------------------------------------------- */

static int
no_space(unsigned char byte)
{
        (void)byte;
        return 0;
}

static void
begin_parser(struct manifest *manifest)
{
        if (manifest->parsing)
                csv_free(&manifest->parser);
        if (csv_init(&manifest->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0)
                abort();
        csv_set_space_func(&manifest->parser, no_space);
        manifest->parsing = true;
}

static void
fail_field(struct manifest *manifest)
{
        manifest->failed = true;
        blame_place(manifest, manifest->field_line, (int64_t)manifest->fields, manifest->err);
}

static void
take_header(struct manifest *manifest, struct view text)
{
        struct header header = { 0 };

        header.name = text_copy_length(text.data, text.len);
        if (!find_column(header.name, &header.column, manifest->err)) {
                free(header.name);
                fail_field(manifest);
                return;
        }
        for (size_t i = 0; i < manifest->header_count; i++) {
                if (strcmp(manifest->headers[i].name, header.name) != 0)
                        continue;
                error_set(manifest->err, ERROR_INPUT, "the column '%s' is there twice",
                          header.name);
                free(header.name);
                fail_field(manifest);
                return;
        }
        manifest->headers = memory_grow(manifest->headers, manifest->header_count + 1,
                                        sizeof(manifest->headers[0]));
        manifest->headers[manifest->header_count++] = header;
}

static void
take_field(void *bytes, size_t length, void *context)
{
        struct manifest *manifest = context;
        struct view text = view_of(bytes, length);
        size_t i = manifest->fields++;

        if (manifest->failed)
                return;
        if (!check_text(text, manifest->err)) {
                fail_field(manifest);
        } else if (!manifest->row) {
                take_header(manifest, text);
        } else if (i >= manifest->header_count) {
                error_set(manifest->err, ERROR_INPUT,
                          "the row has more fields than the header, which has %zu",
                          manifest->header_count);
                error_advise(manifest->err, "put a value that has a comma in it into quotes");
                fail_field(manifest);
        } else if (length) {
                struct manifest_cell cell = { .column = manifest->headers[i].column,
                                              .name = manifest->headers[i].name,
                                              .text = text_copy_length(bytes, length),
                                              .line = manifest->field_line,
                                              .place = (int64_t)i + 1 };

                add_cell(manifest->row, &cell);
        }
        manifest->field_line = manifest->line;
}

static void
take_row(int byte, void *context)
{
        struct manifest *manifest = context;

        (void)byte;
        manifest->row_done = true;
}

static bool
refuse_syntax(struct manifest *manifest, bool at_end, struct error *err)
{
        if (at_end)
                error_set(err, ERROR_INPUT, "a quote is opened and not closed");
        else
                error_set(err, ERROR_INPUT, "a quote stands where none may be");
        error_advise(err, "put the whole value into quotes, and write each quote in it twice");
        return blame_place(manifest, manifest->field_line, (int64_t)manifest->fields + 1, err);
}

/* Bytes until a row is whole; `*end` when there is none. */
static bool
read_record(struct manifest *manifest, bool *end, struct error *err)
{
        int byte = skip_blank_lines(manifest);

        manifest->row_done = manifest->failed = false;
        manifest->fields = 0;
        manifest->field_line = manifest->line;
        manifest->err = err;
        *end = byte == EOF;
        if (*end)
                return check_reading(manifest, err);
        if (manifest->row)
                manifest->row->place = (struct manifest_place){ manifest->offset, manifest->line,
                                                                manifest->rows + 1 };
        begin_parser(manifest);
        while (!manifest->row_done) {
                byte = next_byte(manifest);
                if (byte == EOF) {
                        if (csv_fini(&manifest->parser, take_field, take_row, manifest) != 0)
                                return !manifest->failed && refuse_syntax(manifest, true, err);
                        break;
                }
                unsigned char one = (unsigned char)byte;

                if (csv_parse(&manifest->parser, &one, 1, take_field, take_row, manifest) != 1)
                        return !manifest->failed && refuse_syntax(manifest, false, err);
                if (csv_get_buffer_size(&manifest->parser) > 2 * MOST_CELL) {
                        if (manifest->failed)
                                return false;
                        error_set(err, ERROR_INPUT, "a value is longer than %d bytes", MOST_CELL);
                        return blame_place(manifest, manifest->field_line,
                                           (int64_t)manifest->fields + 1, err);
                }
        }
        manifest->at_next = manifest->row_done;
        return !manifest->failed && check_reading(manifest, err);
}

static bool
next_csv(struct manifest *manifest, struct manifest_row *row, bool *end, struct error *err)
{
        bool whole;

        manifest->row = row;
        whole = read_record(manifest, end, err);
        if (!*end)
                manifest->rows++;
        if (!whole || *end)
                return whole;
        if (manifest->fields < manifest->header_count) {
                error_set(err, ERROR_INPUT, "the row has %zu fields, but the header has %zu",
                          manifest->fields, manifest->header_count);
                return blame_place(manifest, row->place.line, (int64_t)manifest->fields, err);
        }
        return true;
}

/* -- JSON lines ------------------------------------------------------------------------------- */

/* Where in the line a member's name stands, from 1; 1 when it cannot be found. */
static int64_t
place_of(const char *line, const char *name)
{
        CLEANUP(free_cleanup) char *quoted = text_format("\"%s\"", name);
        const char *at = strstr(line, quoted);

        return at ? at - line + 1 : 1;
}

/* A value as text: a string, a whole number, or for `san` an array of strings. */
static bool
json_text(const cJSON *value, bool list, struct buf *out, struct error *err)
{
        double number = cJSON_IsNumber(value) ? value->valuedouble : 0;
        const cJSON *item;

        if (cJSON_IsString(value)) {
                buf_add_text(out, value->valuestring);
                return true;
        }
        if (cJSON_IsNull(value))
                return true;
        if (cJSON_IsNumber(value) && number >= -1e15 && number <= 1e15 &&
            number == (double)(int64_t)number) {
                buf_format(out, "%lld", (long long)number);
                return true;
        }
        if (!list || !cJSON_IsArray(value))
                return error_set(err, ERROR_INPUT, "a value is neither text nor a whole number");
        cJSON_ArrayForEach(item, value)
        {
                if (!cJSON_IsString(item))
                        return error_set(err, ERROR_INPUT, "the list holds more than texts");
                buf_format(out, "%s%s", out->len ? ";" : "", item->valuestring);
        }
        return true;
}

static bool
take_member(struct manifest *manifest, struct manifest_row *row, const char *line, const char *name,
            const cJSON *value, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct manifest_cell cell = { .line = row->place.line, .place = place_of(line, name) };
        bool good = find_column(name, &cell.column, err) &&
                    json_text(value, cell.column == COLUMN_SAN, &text, err) &&
                    check_text(view_buf(&text), err);

        for (size_t i = 0; good && i < row->name_count; i++) {
                if (strcmp(row->names[i], name) == 0)
                        good = error_set(err, ERROR_INPUT, "'%s' is there twice", name);
        }
        if (!good)
                return blame_place(manifest, cell.line, cell.place, err);
        row->names = memory_grow(row->names, row->name_count + 1, sizeof(char *));
        cell.name = row->names[row->name_count++] = text_copy(name);
        if (!text.len)
                return true;
        cell.text = text_copy(buf_text(&text));
        add_cell(row, &cell);
        return true;
}

/* "attr": { "batch": "7" } is the same as "attr.batch": "7". */
static bool
take_members(struct manifest *manifest, struct manifest_row *row, const char *line,
             const cJSON *object, struct error *err)
{
        const cJSON *member;

        cJSON_ArrayForEach(member, object)
        {
                const cJSON *attribute;

                if (strcmp(member->string, "attr") != 0 || !cJSON_IsObject(member)) {
                        if (!take_member(manifest, row, line, member->string, member, err))
                                return false;
                        continue;
                }
                cJSON_ArrayForEach(attribute, member)
                {
                        CLEANUP(free_cleanup)
                        char *name = text_format("attr.%s", attribute->string);

                        if (!take_member(manifest, row, line, name, attribute, err))
                                return false;
                }
        }
        return true;
}

/* Where a text of the line holds a NUL, which cJSON would take for its end; NULL: nowhere. */
static const char *
find_nul(const char *line)
{
        for (const char *at = line; (at = strchr(at, '\\')); at += 2) {
                if (text_starts(at, "\\u0000"))
                        return at;
        }
        return NULL;
}

static bool
parse_line(struct manifest *manifest, struct manifest_row *row, const struct buf *line,
           struct error *err)
{
        const char *text = buf_text(line);
        const char *end = NULL;
        cJSON *object = cJSON_ParseWithOpts(text, &end, true);
        bool good = object && strlen(text) == line->len && cJSON_IsObject(object);

        if (!good) {
                if (object && text[strspn(text, " \t")] != '{')
                        error_set(err, ERROR_INPUT, "the line is not a JSON object");
                else
                        error_set(err, ERROR_INPUT, "the line is not JSON");
                error_advise(err, "write one object a line, such as {\"name\": \"device-1\", "
                                  "\"subject\": \"CN=device-1\"}");
                blame_place(manifest, row->place.line, (end ? end - text : 0) + 1, err);
        } else if (find_nul(text)) {
                good = error_set(err, ERROR_INPUT, "a value has a NUL in it");
                blame_place(manifest, row->place.line, find_nul(text) - text + 1, err);
        } else {
                good = take_members(manifest, row, text, object, err);
        }
        cJSON_Delete(object);
        return good;
}

static bool
next_json(struct manifest *manifest, struct manifest_row *row, bool *end, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf line = { 0 };
        int byte = skip_blank_lines(manifest);

        *end = byte == EOF;
        if (*end)
                return check_reading(manifest, err);
        row->place =
                (struct manifest_place){ manifest->offset, manifest->line, manifest->rows + 1 };
        while ((byte = next_byte(manifest)) != EOF && byte != '\n' && byte != '\r') {
                buf_add_byte(&line, (uint8_t)byte);
                if (line.len <= MOST_LINE)
                        continue;
                error_set(err, ERROR_INPUT, "the line is longer than %d bytes", MOST_LINE);
                return blame_place(manifest, row->place.line, 1, err);
        }
        if (!check_reading(manifest, err))
                return false;
        manifest->rows++;
        manifest->at_next = true;
        return parse_line(manifest, row, &line, err);
}

/* -- opening ---------------------------------------------------------------------------------- */

void
manifest_close(struct manifest *manifest)
{
        if (!manifest)
                return;
        if (manifest->parsing)
                csv_free(&manifest->parser);
        for (size_t i = 0; i < manifest->header_count; i++)
                free(manifest->headers[i].name);
        free(manifest->headers);
        if (manifest->file)
                fclose(manifest->file);
        free(manifest->path);
        free(manifest);
}

void
manifest_cleanup(struct manifest **manifest)
{
        manifest_close(*manifest);
        *manifest = NULL;
}

/* A pipe cannot be read twice: what comes out of it is kept in a file without a name. */
static FILE *
spool(FILE *from)
{
        FILE *file = tmpfile();
        char chunk[16384];
        size_t got;

        while (file && (got = fread(chunk, 1, sizeof(chunk), from)) > 0) {
                if (fwrite(chunk, 1, got, file) != got)
                        break;
        }
        if (file && (ferror(from) || ferror(file) || fseeko(file, 0, SEEK_SET) != 0)) {
                fclose(file);
                return NULL;
        }
        return file;
}

static bool
open_file(struct manifest *manifest, struct error *err)
{
        bool standard = strcmp(manifest->path, "-") == 0;
        FILE *file = standard ? stdin : fopen(manifest->path, "re");

        if (file && fseeko(file, 0, SEEK_SET) == 0 && !standard) {
                manifest->file = file;
        } else if (file) {
                manifest->file = spool(file);
                if (!standard)
                        fclose(file);
        }
        if (manifest->file)
                return true;
        error_set(err, ERROR_INPUT, "cannot read '%s': %s", manifest->path, strerror(errno));
        return error_advise(err, "name a CSV file with a header, or one of JSON lines");
}

static void
skip_mark(struct manifest *manifest)
{
        static const unsigned char mark[] = { 0xEF, 0xBB, 0xBF };
        unsigned char begin[sizeof(mark)];

        if (fread(begin, 1, sizeof(begin), manifest->file) == sizeof(begin) &&
            memcmp(begin, mark, sizeof(mark)) == 0)
                manifest->offset = sizeof(mark);
        (void)fseeko(manifest->file, manifest->offset, SEEK_SET);
}

static bool
read_header(struct manifest *manifest, struct error *err)
{
        bool end = false;
        int byte;

        manifest->line = 1;
        skip_mark(manifest);
        byte = skip_blank_lines(manifest);
        manifest->json = byte == '{';
        if (byte == '[') {
                error_set(err, ERROR_INPUT, "a JSON array is not a manifest");
                error_about(err, "%s", manifest->path);
                return error_advise(err, "write one JSON object a line: jq -c '.[]' FILE");
        }
        if (manifest->json)
                return true;
        if (!read_record(manifest, &end, err))
                return false;
        if (!end)
                return true;
        error_set(err, ERROR_INPUT, "the manifest is empty");
        error_about(err, "%s", manifest->path);
        return error_advise(err, "its first line names the columns: name,subject,san,…");
}

struct manifest *
manifest_open(const char *path, struct error *err)
{
        CLEANUP(manifest_cleanup) struct manifest *manifest = memory_new(1, sizeof(*manifest));

        manifest->path = text_copy(path);
        if (!open_file(manifest, err) || !read_header(manifest, err))
                return NULL;
        return MOVE(manifest);
}

bool
manifest_next(struct manifest *manifest, struct manifest_row *row, bool *end, struct error *err)
{
        manifest_row_clear(row);
        manifest->at_next = false;
        return manifest->json ? next_json(manifest, row, end, err)
                              : next_csv(manifest, row, end, err);
}

bool
manifest_goes_on(const struct manifest *manifest)
{
        return manifest->at_next;
}

bool
manifest_seek(struct manifest *manifest, const struct manifest_place *place, struct error *err)
{
        manifest->rows = place->number - 1;
        manifest->line = place->line;
        manifest->after_cr = false;
        if (manifest->offset == place->offset)
                return true;
        manifest->offset = place->offset;
        if (fseeko(manifest->file, place->offset, SEEK_SET) == 0)
                return true;
        return error_set(err, ERROR_INPUT, "cannot read '%s' again: %s", manifest->path,
                         strerror(errno));
}
