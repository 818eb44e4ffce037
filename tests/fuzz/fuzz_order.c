/*
 * Whatever comes in from outside through src/order: subjects, alternative names, certificates and
 * requests.  Build with clang's -fsanitize=fuzzer, or let tests/unit/test_fuzz_order feed it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "order/cert.h"
#include "order/csr.h"
#include "order/custom.h"
#include "order/field.h"
#include "order/name.h"
#include "order/passthrough.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses has to come back the same. */
static void
fuzz_subject(const char *text)
{
        struct error err = { 0 };
        X509_NAME *name = NULL;
        X509_NAME *again = NULL;

        if (!subject_parse(text, &name, &err))
                return;
        CLEANUP(free_cleanup) char *written = subject_format(name);

        if (!subject_parse(written, &again, &err) || !subject_equal(name, again))
                abort();
        free(subject_common_name(name));
        X509_NAME_free(name);
        X509_NAME_free(again);
}

static void
fuzz_san(const char *text)
{
        CLEANUP(free_cleanup) char *normal = NULL;
        CLEANUP(free_cleanup) char *again = NULL;
        GENERAL_NAMES *names = NULL;
        struct error err = { 0 };
        char **listed = NULL;
        size_t count = 0;

        if (!san_parse(text, &normal, &err))
                return;
        if (!san_parse(normal, &again, &err) || strcmp(normal, again) != 0)
                abort();
        if (!san_build(&normal, 1, &names, &err))
                abort();
        san_list(names, &listed, &count);
        if (count != 1 || strcmp(listed[0], normal) != 0)
                abort();
        text_list_free(listed, count);
        GENERAL_NAMES_free(names);
}

/* What the options of wishes take: a normal form is read as itself. */
static void
fuzz_wishes(const char *text)
{
        static bool (*const parsers[])(const char *text, char **normal, struct error *err) = {
                custom_parse,
                field_allow_parse,
        };
        struct passthrough_name name = { 0 };
        struct validity validity;
        struct usages usages = { 0 };
        struct error err = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(parsers); i++) {
                CLEANUP(free_cleanup) char *normal = NULL;
                CLEANUP(free_cleanup) char *again = NULL;

                if (parsers[i](text, &normal, &err) &&
                    (!parsers[i](normal, &again, &err) || strcmp(normal, again) != 0))
                        abort();
        }
        if (usages_add_policy(&usages, text, &err) && strcmp(usages.policies[0], text) != 0)
                abort();
        usages_clear(&usages);
        if (validity_parse(text, &validity, &err)) {
                CLEANUP(free_cleanup) char *written = validity_format(&validity);
                struct validity again;

                if (!validity_parse(written, &again, &err) || again.type != validity.type ||
                    again.value != validity.value)
                        abort();
        }
        if (passthrough_name_read(text, &name, &err))
                passthrough_name_clear(&name);
}

static void
fuzz_certificates(struct view bytes)
{
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf rest = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct certificate_facts facts = { 0 };
        struct error err = { 0 };

        if (!certificates_read(bytes, &first, &rest, &err))
                return;
        if (certificate_length(view_buf(&first)) != first.len)
                abort();
        if (certificate_facts_read(view_buf(&first), &facts, &err))
                certificate_facts_clear(&facts);
        if (certificate_chain(view_buf(&first), view_buf(&rest), view_buf(&first), 0, &path, &err))
                abort();
}

static void
fuzz_request(struct view bytes)
{
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct wishes wishes = { 0 };
        struct error err = { 0 };

        if (!csr_read(bytes, &csr, &spki, &wishes, &err))
                return;
        free(csr_pem(view_buf(&csr)));
        wishes_clear(&wishes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(free_cleanup) char *text = text_copy_length(data, size);

        fuzz_subject(text);
        fuzz_san(text);
        fuzz_wishes(text);
        fuzz_certificates(view_of(data, size));
        fuzz_request(view_of(data, size));
        return 0;
}
