/*
 * XML as AWS's query services answer it (STS, IAM): a tree of elements with text at its leaves.
 *
 * Strict and bounded, since it reads what the network brings: UTF-8 only, no document type and so
 * no entities of its own, limits on size, depth and number of elements, no text beside elements.
 * Attributes, comments and namespaces are skipped.  The texts may hold secret keys, so they live in
 * a struct secret and are wiped with the tree.
 */
#ifndef AWS_XML_H
#define AWS_XML_H

#include "base/bytes.h"
#include "base/err.h"

enum { XML_MOST_BYTES = 1024 * 1024, XML_MOST_DEPTH = 32, XML_MOST_ELEMENTS = 50000 };

struct xml;
struct xml_element;

/*
 * Read a document.  NULL on failure.
 *
 * errors  ERROR_AWS_ANSWER: no well-formed XML, a document type, a limit exceeded; with the line
 */
struct xml *xml_read(struct view text, struct error *err);
void xml_free(struct xml *xml); /* NULL does nothing */

/* The outermost element; borrowed from the tree, as all that follows. */
const struct xml_element *xml_root(const struct xml *xml);

/* Is it an element of that name (without namespace)?  False for NULL. */
bool xml_is(const struct xml_element *element, const char *name);

/*
 * The element at a path of names below `from` ("Error/Code"), the first one at each step; "" is
 * `from` itself.  NULL if there is none, or if `from` is NULL.
 */
const struct xml_element *xml_find(const struct xml_element *from, const char *path);

/* The next element of the same name beside this one, or NULL: <member>…</member><member>… */
const struct xml_element *xml_next(const struct xml_element *element);

/* The text of a leaf, as it stands; "" for an empty element.  NULL for NULL. */
const char *xml_text(const struct xml_element *element);

/* xml_text() of xml_find(). */
const char *xml_text_at(const struct xml_element *from, const char *path);

#endif
