/*
 * Keys and certificates on a token that breaks.
 */
#include "tests/unit/broken.h"

/* -- the ladder --------------------------------------------------------------------------- */

static const struct {
        const char *name;
        const char *rules;
} refusals[] = {
        { "ykcs11 2.2", "refuse-attribute=CKA_EXTRACTABLE in=private\n" },
        { "no usages", "refuse-attribute=CKA_DERIVE in=private rv=CKR_ATTRIBUTE_VALUE_INVALID\n" },
        { "both", "refuse-attribute=CKA_EXTRACTABLE in=private\n"
                  "refuse-attribute=CKA_UNWRAP in=private rv=CKR_TEMPLATE_INCONSISTENT\n" },
        { "NSS, vaguely", "refuse-attribute=CKA_SIGN_RECOVER rv=CKR_GENERAL_ERROR\n" },
        { "failed, vaguely", "refuse-attribute=CKA_EXTRACTABLE rv=CKR_FUNCTION_FAILED\n" },
        { "minimal", "refuse-attribute=CKA_SENSITIVE\n" },
        { "usages of the public half", "refuse-attribute=CKA_WRAP in=public\n" },
};

static void
a_token_that_refuses_attributes_still_makes_keys(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
                struct error err = { 0 };

                token_close(token);
                rules("");
                token = token_open(modules, uri, &login, &err);
                assert_done(token, err);
                rules(refusals[i].rules);
                struct key *key = make(KEY_EC_P256, &err);

                if (!key)
                        fail_msg("%s: %s", refusals[i].name, err.what);
                rules("");
                assert_int_equal(count_objects(key_id(key)), 2);
                assert_done(key_destroy(key, &err), err);
                key_free(key);
        }
}

static void
the_rung_that_worked_is_remembered(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("refuse-attribute=CKA_EXTRACTABLE\n");
        struct key *first = make(KEY_EC_P256, &err);
        unsigned long before = counted("C_GenerateKeyPair");
        struct key *second = make(KEY_EC_P256, &err);

        assert_true(first && second);
        assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        key_free(first);
        key_free(second);
}

static void
what_is_no_refusal_ends_the_descent_at_once(void **state)
{
        static const struct {
                const char *rule;
                enum error_kind kind;
        } rows[] = {
                { "C_GenerateKeyPair rv=CKR_DEVICE_MEMORY", ERROR_TOKEN_FULL },
                { "C_GenerateKeyPair rv=CKR_USER_TYPE_INVALID", ERROR_TOKEN },
                { "C_GenerateKeyPair rv=CKR_USER_NOT_LOGGED_IN", ERROR_TOKEN },
                { "C_GenerateKeyPair rv=CKR_MECHANISM_INVALID", ERROR_MECHANISM },
                { "C_GenerateKeyPair rv=0x62", ERROR_MECHANISM },
                { "C_GenerateKeyPair rv=CKR_TOKEN_WRITE_PROTECTED", ERROR_TOKEN_READ_ONLY },
                { "C_GenerateKeyPair rv=0xB5", ERROR_TOKEN_READ_ONLY },
                { "C_GenerateKeyPair rv=CKR_DEVICE_REMOVED", ERROR_TOKEN_REMOVED },
                { "C_GenerateKeyPair rv=0x80001234", ERROR_TOKEN },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                unsigned long before = counted("C_GenerateKeyPair");
                struct error err = { 0 };

                rules(rows[i].rule);
                assert_null(make(KEY_EC_P256, &err));
                if (err.kind != rows[i].kind)
                        fail_msg("%s: %s", rows[i].rule, err.what);
                assert_true(err.next[0] && err.about[0]);
                assert_non_null(strstr(err.what, "CKR"));
                assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        }
}

static void
a_vague_failure_after_successes_is_a_token_that_is_probably_full(void **state)
{
        struct error err = { 0 };

        (void)state;
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        rules("C_GenerateKeyPair rv=CKR_GENERAL_ERROR");
        unsigned long before = counted("C_GenerateKeyPair");

        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_FULL);
        assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        key_free(key);
}

/* -- what the token made ------------------------------------------------------------------ */

static void
a_key_that_can_be_taken_out_is_refused_and_destroyed(void **state)
{
        struct view id = view_text("weak-key");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_EXTRACTABLE value=01 in=private\n");
        assert_null(key_make(token, KEY_EC_P256, id, "weak", &err));
        assert_int_equal(err.kind, ERROR_KEY_WEAK);
        rules("");
        assert_int_equal(count_objects(id), 0);
}

static void
what_a_token_will_not_tell_is_unknown(void **state)
{
        struct key_evidence evidence;
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_LOCAL value=00 in=private\n"
              "force-attribute=CKA_ALWAYS_SENSITIVE value=unreadable in=private\n"
              "force-attribute=CKA_EXTRACTABLE value=unreadable in=private\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        key_evidence(key, &evidence);
        assert_int_equal(evidence.local, KEY_ANSWER_NO);
        assert_int_equal(evidence.always_sensitive, KEY_ANSWER_UNKNOWN);
        assert_int_equal(evidence.extractable, KEY_ANSWER_UNKNOWN);
        assert_int_equal(evidence.sensitive, KEY_ANSWER_YES);
        key_free(key);
}

static void
a_bare_ec_point_is_taken_too(void **state)
{
        static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521 };

        (void)state;
        rules("bare-point\n");
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf signature = { 0 };
                struct error err = { 0 };
                struct key *key = make(types[i], &err);

                assert_done(key, err);
                assert_int_equal(key_type_of_spki(key_spki(key)), types[i]);
                assert_done(key_sign(key, key_type_hash(types[i]), view_text("m"), &signature,
                                     &err),
                            err);
                key_free(key);
        }
}

static void
a_public_key_that_is_none_is_refused_and_destroyed(void **state)
{
        struct view id = view_text("nonsense");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_EC_POINT value=0404ffffffff in=public\n");
        assert_null(key_make(token, KEY_EC_P256, id, "nonsense", &err));
        assert_int_equal(err.kind, ERROR_TOKEN);
        rules("");
        assert_int_equal(count_objects(id), 0);
}

/* -- signing ------------------------------------------------------------------------------ */

static void
the_combined_mechanism_serves_where_the_raw_one_is_missing(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("hide-mechanism=CKM_ECDSA\nhide-mechanism=CKM_RSA_PKCS\n");
        /* SoftHSM has no combined ECDSA: without CKM_ECDSA it cannot sign at all. */
        assert_false(token_can_make(token, KEY_EC_P256));
        assert_true(token_can_make(token, KEY_RSA_2048));
        assert_false(token_can_sign(token, KEY_EC_P256, HASH_SHA512));
        assert_true(token_can_sign(token, KEY_RSA_2048, HASH_SHA512));
        struct key *key = make(KEY_RSA_2048, &err);

        assert_done(key, err);
        assert_done(signs(key, &err), err);
        key_free(key);
        key = make(KEY_EC_P256, &err);
        assert_done(key, err);
        assert_refused(signs(key, &err), err, ERROR_MECHANISM);
        key_free(key);
}

static void
a_key_that_wants_a_login_for_each_signature_gets_it(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("always-authenticate\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        unsigned long before = counted("C_Login");

        assert_done(signs(key, &err), err);
        assert_done(signs(key, &err), err);
        assert_int_equal(counted("C_Login") - before, 2);
        key_free(key);
}

static void
a_key_that_does_not_say_so_gets_it_once_it_refuses(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("always-authenticate\n"
              "force-attribute=CKA_ALWAYS_AUTHENTICATE value=unreadable in=private\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        assert_done(signs(key, &err), err);
        key_free(key);
}

static void
a_signature_by_another_key_is_never_handed_out(void **state)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error err = { 0 };
        struct key *one = make(KEY_EC_P256, &err);
        struct key *other = make(KEY_EC_P256, &err);

        (void)state;
        assert_true(one && other);
        /* The token claims that the second key's point is the first one's. */
        CLEANUP(free_cleanup) char *hex = hex_encode(key_spki(one));
        CLEANUP(free_cleanup)
        char *rule = text_format("force-attribute=CKA_EC_POINT value=0441%s in=public\n",
                                 hex + strlen(hex) - 130);
        struct view id = key_id(other);

        rules(rule);
        struct key *lie = key_find(token, id, NULL, view_of(NULL, 0), &err);

        assert_done(lie, err);
        assert_refused(key_sign(lie, HASH_SHA256, view_text("m"), &signature, &err), err,
                       ERROR_KEY_LOST);
        assert_int_equal(signature.len, 0);
        key_free(lie);
        key_free(one);
        key_free(other);
}

static void
a_session_that_somebody_closed_is_opened_again(void **state)
{
        static const char *const losses[] = {
                "C_SignInit rv=CKR_SESSION_HANDLE_INVALID count=1",
                "C_Sign rv=CKR_SESSION_CLOSED count=1",
                "C_SignInit rv=CKR_USER_NOT_LOGGED_IN count=1",
                "C_SignInit rv=CKR_KEY_HANDLE_INVALID count=1",
        };
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
                rules(losses[i]);
                assert_done(signs(key, &err), err);
                assert_int_equal(err.kind, ERROR_NONE);
        }
        key_free(key);
}

static void
a_session_that_ended_while_nobody_looked_is_opened_again(void **state)
{
        static const char *const losses[] = {
                "C_GetSessionInfo rv=CKR_SESSION_HANDLE_INVALID count=1",
                "C_GetSessionInfo rv=CKR_SESSION_CLOSED count=1",
        };
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
                unsigned long before = counted("C_Login");

                rules(losses[i]);
                assert_done(key_check(key, key_spki(key), &err), err);
                rules(losses[i]);
                struct key *another = make(KEY_EC_P256, &err);

                assert_done(another, err);
                assert_int_equal(counted("C_Login") - before, 2);
                key_free(another);
        }
        assert_done(signs(key, &err), err);
        key_free(key);
}

static void
a_failure_that_says_nothing_is_tried_once_more(void **state)
{
        struct error err = { 0 };
        struct view bytes = view_text("certificate");
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("C_Sign rv=CKR_GENERAL_ERROR count=1");
        assert_done(signs(key, &err), err);
        assert_int_equal(err.kind, ERROR_NONE);
        rules("C_CreateObject rv=CKR_FUNCTION_FAILED count=1");
        assert_done(token_write_certificate(token, bytes, bytes, bytes, bytes, key_id(key), "l",
                                            &err),
                    err);
        assert_int_equal(count_objects(key_id(key)), 3);
        rules("C_Sign rv=CKR_GENERAL_ERROR");
        assert_refused(signs(key, &err), err, ERROR_TOKEN);
        rules("C_CreateObject rv=CKR_GENERAL_ERROR");
        assert_refused(token_write_certificate(token, bytes, bytes, bytes, bytes,
                                               view_text("another"), "l", &err),
                       err, ERROR_TOKEN_FULL);
        key_free(key);
}

static void
a_failure_that_stays_is_reported_and_leaves_a_session_that_works(void **state)
{
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("C_Sign rv=CKR_DEVICE_ERROR");
        assert_refused(signs(key, &err), err, ERROR_TOKEN);
        assert_non_null(strstr(err.what, "CKR_DEVICE_ERROR"));
        rules("");
        assert_done(signs(key, &err), err);
        key_free(key);
}

/* -- throughput --------------------------------------------------------------------------- */

/*
 * Who verifies it anyway gets the later ones as they are; what is verified here is verified each
 * time, and so is the first one after the session was opened anew.
 */
static void
the_first_signature_of_a_session_is_verified_for_everybody(void **state)
{
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct view text = view_text("text");

        (void)state;
        assert_done(key, err);
        for (int round = 0; round < 2; round++) {
                assert_done(token_reopen(token, &err), err);
                rules("wrong-signature on=C_Sign count=1\n");
                assert_refused(key_sign_for_verifier(key, HASH_SHA256, text, &signature, &err), err,
                               ERROR_KEY_LOST);
                assert_done(key_sign_for_verifier(key, HASH_SHA256, text, &signature, &err), err);
                rules("wrong-signature on=C_Sign\n");
                assert_done(key_sign_for_verifier(key, HASH_SHA256, text, &signature, &err), err);
                assert_refused(key_sign(key, HASH_SHA256, text, &signature, &err), err,
                               ERROR_KEY_LOST);
                assert_refused(key_sign_for_verifier(key, HASH_SHA256, text, &signature, &err), err,
                               ERROR_KEY_LOST);
                rules("");
        }
        key_free(key);
}

static void
an_order_costs_no_search_and_no_login(void **state)
{
        static const char certificate[] = "not a certificate: SoftHSM does not mind";
        struct view bytes = view_text(certificate);
        unsigned long logins = counted("C_Login");
        unsigned long searches = counted("C_FindObjectsInit");
        struct error err = { 0 };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                struct key *key = make(KEY_EC_P256, &err);

                assert_done(key, err);
                assert_done(signs(key, &err), err);
                assert_done(key_check(key, key_spki(key), &err), err);
                assert_done(signs(key, &err), err);
                assert_done(token_write_certificate(token, bytes, bytes, bytes, bytes, key_id(key),
                                                    "l", &err),
                            err);
                key_free(key);
        }
        assert_int_equal(counted("C_Login"), logins);
        assert_int_equal(counted("C_FindObjectsInit"), searches);
}

static void
a_certificate_that_reads_back_differently_is_destroyed(void **state)
{
        struct view id = view_text("odd");
        struct view bytes = view_text("certificate");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_VALUE value=00 in=certificate\n");
        assert_refused(token_write_certificate(token, bytes, bytes, bytes, bytes, id, "l", &err),
                       err, ERROR_TOKEN);
        rules("");
        assert_int_equal(count_objects(id), 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                broken_test(a_token_that_refuses_attributes_still_makes_keys),
                broken_test(the_rung_that_worked_is_remembered),
                broken_test(what_is_no_refusal_ends_the_descent_at_once),
                broken_test(a_vague_failure_after_successes_is_a_token_that_is_probably_full),
                broken_test(a_key_that_can_be_taken_out_is_refused_and_destroyed),
                broken_test(what_a_token_will_not_tell_is_unknown),
                broken_test(a_bare_ec_point_is_taken_too),
                broken_test(a_public_key_that_is_none_is_refused_and_destroyed),
                broken_test(the_combined_mechanism_serves_where_the_raw_one_is_missing),
                broken_test(a_key_that_wants_a_login_for_each_signature_gets_it),
                broken_test(a_key_that_does_not_say_so_gets_it_once_it_refuses),
                broken_test(a_signature_by_another_key_is_never_handed_out),
                broken_test(a_session_that_somebody_closed_is_opened_again),
                broken_test(a_session_that_ended_while_nobody_looked_is_opened_again),
                broken_test(a_failure_that_says_nothing_is_tried_once_more),
                broken_test(a_failure_that_stays_is_reported_and_leaves_a_session_that_works),
                broken_test(the_first_signature_of_a_session_is_verified_for_everybody),
                broken_test(an_order_costs_no_search_and_no_login),
                broken_test(a_certificate_that_reads_back_differently_is_destroyed),
        };

        return cmocka_run_group_tests_name("keys on a token that breaks", tests, broken_prepare,
                                           broken_clean_up);
}
