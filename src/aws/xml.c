#include "aws/xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct xml_element {
        size_t name; /* where it begins in the texts, as `text` */
        size_t text;
        struct xml_element *parent;
        struct xml_element *child; /* the first one */
        struct xml_element *last;  /* the last one */
        struct xml_element *next;
        const struct xml *xml;
};

struct xml {
        struct secret texts; /* names and texts, each with a NUL */
        struct xml_element *root;
};

/* -- reading ------------------------------------------------------------------------------ */

struct reader {
        struct xml *xml;
        XML_Parser parser;
        struct xml_element *open; /* the innermost one */
        size_t depth;
        size_t count;
        const char *refusal; /* a rule of ours that was broken, or NULL */
};

static void
refuse(struct reader *reader, const char *rule)
{
        if (!reader->refusal)
                reader->refusal = rule;
        XML_StopParser(reader->parser, XML_FALSE);
}

/*
 * What is kept never outgrows the document: a name stands in its tag with at least two characters
 * more, and a text is never longer than what it was written as.
 */
static void
keep(struct xml *xml, const char *bytes, size_t length)
{
        struct secret *texts = &xml->texts;

        assert(texts->len + length <= texts->capacity);
        memcpy(texts->data + texts->len, bytes, length);
        texts->len += length;
}

static bool
is_blank(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (!strchr(" \t\r\n", text[i]))
                        return false;
        }
        return true;
}

/* What has been kept of the open element's text so far. */
static const char *
open_text(const struct reader *reader, size_t *length)
{
        const struct secret *texts = &reader->xml->texts;

        *length = texts->len - reader->open->text;
        return (const char *)texts->data + reader->open->text;
}

/* A child begins: the text before it has to be blank and is dropped. */
static void
become_parent(struct reader *reader)
{
        size_t length = 0;
        const char *text = reader->open ? open_text(reader, &length) : NULL;

        if (!reader->open || reader->open->child)
                return;
        if (!is_blank(text, length))
                refuse(reader, "has text beside elements");
        reader->xml->texts.len = reader->open->text;
        keep(reader->xml, "", 1);
}

static void
take_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
        struct reader *reader = context;
        struct xml *xml = reader->xml;
        /* Namespace and name come with a blank between them. */
        const char *local = strrchr(name, ' ');

        (void)attributes;
        become_parent(reader);
        if (++reader->depth > XML_MOST_DEPTH)
                refuse(reader, "is nested too deep");
        if (++reader->count > XML_MOST_ELEMENTS)
                refuse(reader, "has too many elements");
        if (reader->refusal)
                return;
        struct xml_element *element = memory_new(1, sizeof(*element));

        local = local ? local + 1 : name;
        element->xml = xml;
        element->name = xml->texts.len;
        keep(xml, local, strlen(local) + 1);
        element->text = xml->texts.len;
        element->parent = reader->open;
        if (!element->parent)
                xml->root = element;
        else if (element->parent->last)
                element->parent->last->next = element;
        else
                element->parent->child = element;
        if (element->parent)
                element->parent->last = element;
        reader->open = element;
}

static void
take_end(void *context, const XML_Char *name)
{
        struct reader *reader = context;

        (void)name;
        if (reader->refusal)
                return;
        if (!reader->open->child)
                keep(reader->xml, "", 1);
        reader->open = reader->open->parent;
        reader->depth--;
}

static void
take_text(void *context, const XML_Char *text, int length)
{
        struct reader *reader = context;

        if (reader->refusal)
                return;
        if (!reader->open->child)
                keep(reader->xml, text, (size_t)length);
        else if (!is_blank(text, (size_t)length))
                refuse(reader, "has text beside elements");
}

/* Whoever may define entities can make a short document a huge one. */
static void
take_document_type(void *context, const XML_Char *name, const XML_Char *system,
                   const XML_Char *public, int has_internal_subset)
{
        (void)name;
        (void)system;
        (void)public;
        (void)has_internal_subset;
        refuse(context, "declares a document type");
}

static bool
say_wrong(const struct reader *reader, struct error *err)
{
        const char *why = reader->refusal ? reader->refusal
                                          : XML_ErrorString(XML_GetErrorCode(reader->parser));

        error_set(err, ERROR_AWS_ANSWER, "the XML that came as an answer %s%s (line %lu)",
                  reader->refusal ? "" : "is broken: ", why,
                  (unsigned long)XML_GetCurrentLineNumber(reader->parser));
        return error_advise(err, "something other than AWS may answer there; check the endpoint "
                                 "URL and HTTPS_PROXY");
}

struct xml *
xml_read(struct view text, struct error *err)
{
        if (text.len > XML_MOST_BYTES) {
                error_set(err, ERROR_AWS_ANSWER, "the XML that came as an answer is over 1 MiB");
                return NULL;
        }
        /* The parser believes a byte order mark more than us; no UTF-16 is without a NUL. */
        if (text.len && memchr(text.data, '\0', text.len)) {
                error_set(err, ERROR_AWS_ANSWER, "the XML that came as an answer is not UTF-8");
                return NULL;
        }
        /* UTF-8, whatever the document says; a blank between namespace and name. */
        XML_Parser parser = XML_ParserCreateNS("UTF-8", ' ');
        struct xml *xml = memory_new(1, sizeof(*xml));
        struct reader reader = { .xml = xml, .parser = parser };

        if (!parser)
                abort(); /* for want of memory only */
        secret_reserve(&xml->texts, text.len + 1);
        XML_SetUserData(parser, &reader);
        XML_SetElementHandler(parser, take_start, take_end);
        XML_SetCharacterDataHandler(parser, take_text);
        XML_SetStartDoctypeDeclHandler(parser, take_document_type);
        enum XML_Status status =
                XML_Parse(parser, text.len ? (const char *)text.data : "", (int)text.len, 1);
        bool done = status == XML_STATUS_OK || say_wrong(&reader, err);

        XML_ParserFree(parser);
        if (done)
                return xml;
        xml_free(xml);
        return NULL;
}

/* Children before parents, without recursion. */
void
xml_free(struct xml *xml)
{
        if (!xml)
                return;
        for (struct xml_element *next, *element = xml->root; element; element = next) {
                if (element->child) {
                        next = element->child;
                        element->child = NULL;
                        continue;
                }
                next = element->next ? element->next : element->parent;
                free(element);
        }
        secret_clear(&xml->texts);
        free(xml);
}

/* -- asking ------------------------------------------------------------------------------- */

const struct xml_element *
xml_root(const struct xml *xml)
{
        return xml->root;
}

static const char *
kept_text(const struct xml_element *element, size_t where)
{
        return (const char *)element->xml->texts.data + where;
}

bool
xml_is(const struct xml_element *element, const char *name)
{
        return element && strcmp(kept_text(element, element->name), name) == 0;
}

const struct xml_element *
xml_find(const struct xml_element *from, const char *path)
{
        while (from && *path) {
                size_t length = strcspn(path, "/");
                const struct xml_element *child = from->child;

                for (; child; child = child->next) {
                        const char *name = kept_text(child, child->name);

                        if (strlen(name) == length && memcmp(name, path, length) == 0)
                                break;
                }
                from = child;
                path += length + (path[length] == '/');
        }
        return from;
}

const struct xml_element *
xml_next(const struct xml_element *element)
{
        const char *name = kept_text(element, element->name);

        do
                element = element->next;
        while (element && !xml_is(element, name));
        return element;
}

const char *
xml_text(const struct xml_element *element)
{
        return element ? kept_text(element, element->text) : NULL;
}

const char *
xml_text_at(const struct xml_element *from, const char *path)
{
        return xml_text(xml_find(from, path));
}
