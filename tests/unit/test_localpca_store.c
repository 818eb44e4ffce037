#include "tests/unit/unit.h"

#include "localpca/authority.h"
#include "localpca/identity.h"
#include "localpca/store.h"
#include "tests/unit/folder.h"

static int
setup(void **state)
{
        char *path = memory_new(64, 1);

        *state = path;
        return folder_make(path);
}

static int
teardown(void **state)
{
        int status = folder_remove(*state);

        free(*state);
        return status;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static struct store *
opened(const char *folder)
{
        struct error err = { 0 };
        struct store *store = store_open(folder, &err);

        if (!store)
                fail_msg("%s", err.what);
        return store;
}

static struct issued
sample(uint8_t number)
{
        struct issued issued = { .authority = 1,
                                 .serial = { 0, number },
                                 .issued_ms = 1000,
                                 .ready_ms = 2000,
                                 .not_after = 3000,
                                 .csr_digest = UINT64_MAX - number,
                                 .key_digest = number };

        buf_add_text(&issued.der, "der");
        text_assign(&issued.template_arn, "arn:template");
        return issued;
}

static void
what_is_committed_is_there_again_and_what_is_not_is_not(void **state)
{
        struct store *store = opened(*state);
        struct issued one = sample(1), two = sample(2), found = { 0 };
        struct error err = { 0 };
        bool is_there;

        assert_done(store_issued_add(store, &one, &err), err);
        assert_done(store_commit(store, &err), err);
        assert_done(store_issued_add(store, &two, &err), err);
        store_close(store);
        store = opened(*state);
        assert_done(store_issued_find(store, 1, one.serial, &found, &is_there, &err), err);
        assert_true(is_there);
        assert_int_equal(found.ready_ms, 2000);
        assert_true(found.csr_digest == UINT64_MAX - 1);
        assert_string_equal(buf_text(&found.der), "der");
        assert_string_equal(found.template_arn, "arn:template");
        assert_null(found.reason);
        assert_done(store_issued_find(store, 1, two.serial, &found, &is_there, &err), err);
        assert_false(is_there);
        assert_done(store_issued_find(store, 2, one.serial, &found, &is_there, &err), err);
        assert_false(is_there); /* of another CA */
        issued_clear(&one);
        issued_clear(&two);
        issued_clear(&found);
        store_close(store);
}

static void
a_turn_can_be_undone(void **state)
{
        struct store *store = opened(*state);
        struct issued one = sample(3), found = { 0 };
        struct error err = { 0 };
        bool is_there = true;

        assert_done(store_issued_add(store, &one, &err), err);
        store_rollback(store);
        assert_done(store_commit(store, &err), err);
        assert_done(store_issued_find(store, 1, one.serial, &found, &is_there, &err), err);
        assert_false(is_there);
        issued_clear(&one);
        issued_clear(&found);
        store_close(store);
}

static void
repeats_of_csr_and_key_are_seen(void **state)
{
        struct store *store = opened(*state);
        struct issued one = sample(4), other = sample(5);
        struct error err = { 0 };
        bool csr, key;

        assert_done(store_issued_add(store, &one, &err), err);
        assert_done(store_issued_seen(store, &one, &csr, &key, &err), err);
        assert_true(csr && key);
        other.key_digest = one.key_digest;
        assert_done(store_issued_seen(store, &other, &csr, &key, &err), err);
        assert_true(!csr && key);
        issued_clear(&one);
        issued_clear(&other);
        store_close(store);
}

static bool
visit_count(void *context, const struct issued *issued)
{
        unsigned *count = context;

        *count = *count * 10 + issued->serial[1];
        return true;
}

static void
revoked_ones_are_listed_apart_and_in_order(void **state)
{
        struct store *store = opened(*state);
        struct error err = { 0 };
        unsigned all = 0, revoked = 0;

        for (uint8_t i = 6; i < 9; i++) {
                struct issued issued = sample(i);
                issued.authority = 77;
                assert_done(store_issued_add(store, &issued, &err), err);
                issued.revoked_at = 5;
                text_assign(&issued.reason, "SUPERSEDED");
                if (i == 7)
                        assert_done(store_issued_revoke(store, &issued, &err), err);
                issued_clear(&issued);
        }
        assert_done(store_issued_each(store, 77, false, visit_count, &all, &err), err);
        assert_done(store_issued_each(store, 77, true, visit_count, &revoked, &err), err);
        assert_int_equal(all, 678);
        assert_int_equal(revoked, 7);
        store_close(store);
}

static void
tokens_are_found_replaced_and_forgotten(void **state)
{
        struct store *store = opened(*state);
        struct token_use use = {
                text_copy("scope"), text_copy("token"), { 1 }, text_copy("arn"), 50
        };
        struct token_use found = { 0 };
        struct error err = { 0 };
        bool is_there;

        assert_done(store_token_put(store, &use, &err), err);
        text_assign(&use.arn, "newer");
        assert_done(store_token_put(store, &use, &err), err);
        assert_done(store_token_find(store, "scope", "token", &found, &is_there, &err), err);
        assert_true(is_there);
        assert_string_equal(found.arn, "newer");
        assert_int_equal(found.digest[0], 1);
        assert_done(store_token_find(store, "other", "token", &found, &is_there, &err), err);
        assert_false(is_there);
        assert_done(store_token_purge(store, 50, &err), err);
        assert_done(store_token_find(store, "scope", "token", &found, &is_there, &err), err);
        assert_true(is_there);
        assert_done(store_token_purge(store, 51, &err), err);
        assert_done(store_token_find(store, "scope", "token", &found, &is_there, &err), err);
        assert_false(is_there);
        token_use_clear(&use);
        token_use_clear(&found);
        store_close(store);
}

static void
a_second_server_is_kept_out_and_a_reader_is_not(void **state)
{
        struct store *store = opened(*state);
        struct error err = { 0 };
        struct store *reader = store_open_reader(*state, &err);
        struct issued one = sample(9);

        assert_non_null(reader);
        assert_refused(store_issued_add(reader, &one, &err), err, ERROR_FILE);
        issued_clear(&one);
        store_close(reader);
        store_close(store);
}

static void
the_first_two_authorities_come_back_as_they_were(void **state)
{
        struct store *store = opened(*state);
        struct authorities made = { 0 }, loaded = { 0 };
        struct error err = { 0 };

        assert_done(authorities_found(&made, store, "us-east-1", "111122223333",
                                      key_kind_of_option("ec:p384"), 1800000000000, &err),
                    err);
        assert_done(authorities_load(&loaded, store, &err), err);
        assert_int_equal(loaded.count, 2);
        for (size_t i = 0; i < 2; i++) {
                const struct authority *a = made.all[i], *b = loaded.all[i];
                assert_string_equal(a->arn, b->arn);
                assert_int_equal(a->row, b->row);
                assert_string_equal(a->certificate_pem, b->certificate_pem);
                assert_string_equal(a->csr, b->csr);
                assert_int_equal(EVP_PKEY_eq(a->key, b->key), 1);
                assert_ptr_equal(a->kind, b->kind);
                assert_int_equal(b->root, i == 0);
                assert_true((b->chain != NULL) == (i == 1));
                assert_int_equal(X509_verify(b->certificate, made.all[0]->key), 1);
                assert_ptr_equal(authority_find(&loaded, a->arn), b);
                assert_int_equal(authority_status_at(b, b->not_after), AUTHORITY_ACTIVE);
                assert_int_equal(authority_status_at(b, b->not_after + 1), AUTHORITY_EXPIRED);
        }
        authorities_clear(&made);
        authorities_clear(&loaded);
        store_close(store);
}

static void
identities_are_made_once_and_come_back(void **state)
{
        static const char arn[] = "arn:aws:acm-pca:us-east-1:1:certificate-authority/a";
        struct store *store = opened(*state);
        struct identities first = { 0 }, again = { 0 };
        struct records users = { 0 };
        struct error err = { 0 };

        assert_done(identities_load(&first, &users, store, arn, "1", &err), err);
        assert_done(identities_load(&again, &users, store, arn, "1", &err), err);
        assert_int_equal(first.count, 2);
        assert_int_equal(again.count, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(first.all[i]->access_key_id, again.all[i]->access_key_id);
                assert_int_equal(strlen(first.all[i]->access_key_id), 20);
                assert_int_equal(first.all[i]->secret.len, 40);
                assert_true(view_equal(secret_view(&first.all[i]->secret),
                                       secret_view(&again.all[i]->secret)));
        }
        assert_ptr_equal(identity_find(&again, first.all[1]->access_key_id), again.all[1]);
        assert_null(identity_find(&again, "AKIA"));
        assert_int_equal(users.count, 2);
        records_clear(&users);
        identities_clear(&first);
        identities_clear(&again);
        store_close(store);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                IN_FOLDER(what_is_committed_is_there_again_and_what_is_not_is_not),
                IN_FOLDER(a_turn_can_be_undone),
                IN_FOLDER(repeats_of_csr_and_key_are_seen),
                IN_FOLDER(revoked_ones_are_listed_apart_and_in_order),
                IN_FOLDER(tokens_are_found_replaced_and_forgotten),
                IN_FOLDER(a_second_server_is_kept_out_and_a_reader_is_not),
                IN_FOLDER(the_first_two_authorities_come_back_as_they_were),
                IN_FOLDER(identities_are_made_once_and_come_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
