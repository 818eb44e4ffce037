/*
 * Certificate objects: written once, read back, destroyed by value.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/objects.h"

/* The certificate objects with this value and id. */
static bool
find_certificates(struct token *token, struct view certificate, struct view id,
                  CK_OBJECT_HANDLE **handles, size_t *count, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *found = NULL;
        size_t found_count = 0;
        size_t same = 0;

        /* Values are compared here: not every module searches by value. */
        if (!objects_of_class(token, CKO_CERTIFICATE, id, NULL, &found, &found_count, err))
                return false;
        for (size_t i = 0; i < found_count; i++) {
                CLEANUP(buf_cleanup) struct buf value = { 0 };

                if (attribute_read(token, found[i], CKA_VALUE, &value) &&
                    view_equal(view_buf(&value), certificate))
                        found[same++] = found[i];
        }
        *handles = MOVE(found);
        *count = same;
        return true;
}

bool
token_has_certificate(struct token *token, struct view certificate, struct view id,
                      struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t count = 0;

        *err = (struct error){ 0 };
        return token_check(token, err) &&
               find_certificates(token, certificate, id, &handles, &count, err) && count > 0;
}

static CK_RV
create(struct token *token, struct attributes *attributes, CK_OBJECT_HANDLE *object)
{
        return MODULE_CALL(token->module->calls->C_CreateObject(token->session, attributes->list,
                                                                attributes->count, object));
}

/* A full token says so in several ways. */
static bool
cannot_write(struct token *token, CK_RV rv, struct error *err)
{
        token_error(token, err, rv, "cannot write the certificate");
        if (!ckr_is_vague(rv) || !token->writes || err->kind != ERROR_TOKEN)
                return false;
        error_set(err, ERROR_TOKEN_FULL,
                  "cannot write another certificate: the token is probably full");
        error_advise(err, "delete what is no longer needed from it, or take another one");
        return error_about(err, "token '%s'", token->facts.label);
}

static bool
reads_back(struct token *token, CK_OBJECT_HANDLE object, struct view certificate, struct view id,
           struct error *err)
{
        static const CK_ATTRIBUTE_TYPE written[] = { CKA_VALUE, CKA_ID };
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        CLEANUP(buf_cleanup) struct buf value_id = { 0 };

        attributes_glance(token, object, written, ARRAY_LENGTH(written));
        bool read = attribute_read(token, object, CKA_VALUE, &value) &&
                    attribute_read(token, object, CKA_ID, &value_id);

        attributes_forget(token);
        if (read && view_equal(view_buf(&value), certificate) &&
            view_equal(view_buf(&value_id), id))
                return true;
        (void)MODULE_CALL(token->module->calls->C_DestroyObject(token->session, object));
        error_set(err, ERROR_TOKEN, "the certificate that was written reads back differently");
        error_advise(err, "it was destroyed again; look at the token with its own tool");
        return error_about(err, "token '%s'", token->facts.label);
}

/*
 * A failure that says nothing is tried once more on a fresh session, unless the certificate is
 * there all the same.
 */
static CK_RV
create_again(struct token *token, struct attributes *wanted, struct view certificate,
             struct view id, CK_OBJECT_HANDLE *object)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        struct error ignored = { 0 };
        size_t count = 0;

        token_replace_session(token);
        if (!find_certificates(token, certificate, id, &handles, &count, &ignored))
                return CKR_GENERAL_ERROR;
        if (!count)
                return create(token, wanted, object);
        *object = handles[0];
        return CKR_OK;
}

bool
token_write_certificate(struct token *token, struct view certificate, struct view subject,
                        struct view issuer, struct view serial, struct view id, const char *label,
                        struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        struct attributes wanted = { 0 };
        CK_OBJECT_HANDLE object = CK_NO_HANDLE;
        size_t count = 0;

        if (!token_may_write(token, err))
                return false;
        /* Under an id that was made here there is no certificate yet: nothing is searched. */
        if (!token_is_fresh(token, id) &&
            !find_certificates(token, certificate, id, &handles, &count, err))
                return false;
        if (count)
                return true;
        attributes_add_number(&wanted, CKA_CLASS, CKO_CERTIFICATE);
        attributes_add_number(&wanted, CKA_CERTIFICATE_TYPE, CKC_X_509);
        attributes_add_bool(&wanted, CKA_TOKEN, true);
        attributes_add_bool(&wanted, CKA_PRIVATE, false);
        attributes_add(&wanted, CKA_SUBJECT, subject);
        attributes_add(&wanted, CKA_ISSUER, issuer);
        attributes_add(&wanted, CKA_SERIAL_NUMBER, serial);
        attributes_add(&wanted, CKA_VALUE, certificate);
        attributes_add(&wanted, CKA_ID, id);
        if (label && *label)
                attributes_add(&wanted, CKA_LABEL, view_text(label));
        token_forget_fresh(token, id);
        CK_RV rv = create(token, &wanted, &object);

        if (ckr_is_vague(rv))
                rv = create_again(token, &wanted, certificate, id, &object);
        if (rv != CKR_OK)
                return cannot_write(token, rv, err);
        token->writes++;
        return reads_back(token, object, certificate, id, err);
}

bool
token_destroy_certificate(struct token *token, struct view certificate, struct view id,
                          struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t count = 0;

        if (!token_may_write(token, err) ||
            !find_certificates(token, certificate, id, &handles, &count, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                CK_RV rv = MODULE_CALL(
                        token->module->calls->C_DestroyObject(token->session, handles[i]));

                if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
                        return token_error(token, err, rv, "cannot destroy the certificate");
        }
        return true;
}
