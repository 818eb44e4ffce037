#include "order/cert.h"
#include "tests/unit/fuzz_feed.h"
#include "tests/unit/scene.h"
#include "tests/unit/unit.h"

static const char *const texts[] = {
        "CN=device-1,O=Example\\, Inc.+OU=a,C=DE",
        "CN=#1e0400610062,1.2.3=#3003020101,UID=\\20x\\ ",
        "CN=Lu\\C4\\8Di\\C4\\87,DC=example,serialNumber=7",
        ("dns:*.b\xc3\xbc"
         "cher.example"),
        "ip:2001:db8::ffff:10.0.0.1",
        "email:some.one@example.com",
        "uri:https://user@host.example:8443/a%20b?c#d",
        "upn:j\xc3\xb6rg@realm",
        "dirname:CN=a,O=b",
        "othername:1.3.6.1.4.1.99999.1;UTF8:text",
        "othername:1.3.6.1.4.1.99999.1;DER:3006020101040100",
        "krb5:host/www.example.com@EXAMPLE.COM",
        "1.3.6.1.4.1.99999.1,critical:3006020101040100",
        "1.3.6.1.4.1.99999.1:base64:MAMCAQE=",
        "1.3.6.1.4.1.99999.1,cps=https://pki.example/cps",
        "extension:1.3.6.1.4.1.99999.1",
        "end:2049-12-31T23:59:59Z",
        "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
};

static void
mutated_texts_do_no_harm(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                fuzz_feed(view_text(texts[i]), 1000, 7 + (uint32_t)i);
}

static void
mutated_certificates_do_no_harm(void **state)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        maker_set(&scene.leaf, "certificatePolicies", "1.2.3.4");
        maker_set(&scene.leaf, "nameConstraints", "permitted;DNS:example");
        X509 *leaf = maker_sign(&scene.leaf);

        maker_der(leaf, &der);
        certificate_pem_add(&pem, view_buf(&der));
        fuzz_feed(view_buf(&der), 1500, 101);
        fuzz_feed(view_buf(&pem), 500, 102);
        X509_free(leaf);
        scene_clear(&scene);
}

/* A certificate that was changed anywhere is never what was asked for. */
static void
no_mutated_certificate_is_taken_for_the_one_that_was_asked_for(void **state)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(buf_cleanup) struct buf root = { 0 };
        CLEANUP(buf_cleanup) struct buf issuer = { 0 };
        uint32_t seed = 77;
        struct scene scene;

        (void)state;
        scene_init(&scene);
        scene_make_request(&scene);
        scene_sign(&scene, &root, &issuer, &der);
        scene.expected.csr = view_buf(&scene.csr);
        scene.expected.chain = view_buf(&issuer);
        scene.expected.root = view_buf(&root);
        for (int i = 0; i < 500; i++) {
                CLEANUP(buf_cleanup) struct buf changed = { 0 };
                CLEANUP(buf_cleanup) struct buf path = { 0 };
                struct comparison found = { 0 };
                struct error err = { 0 };

                buf_set(&changed, view_buf(&der));
                for (uint32_t n = i ? 1 + fuzz_random(&seed) % 3 : 0; n; n--)
                        fuzz_mutate(&seed, &changed);
                bool same = view_equal(view_buf(&changed), view_buf(&der));
                bool good = certificate_judge(&scene.wishes, view_buf(&changed), &scene.expected,
                                              &path, &found, &err);

                assert_int_equal(good, same);
                assert_int_equal(!good, found.differences.len > 0);
                comparison_clear(&found);
        }
        scene_clear(&scene);
}

static void
mutated_requests_do_no_harm(void **state)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        struct signer signer = maker_signer(keys.leaf);
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        maker_spki(keys.leaf, &spki);
        assert_done(csr_build(&scene.wishes, view_buf(&spki), &signer, &csr, &err), err);
        CLEANUP(free_cleanup) char *pem = csr_pem(view_buf(&csr));

        fuzz_feed(view_buf(&csr), 1500, 201);
        fuzz_feed(view_text(pem), 500, 202);
        scene_clear(&scene);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mutated_texts_do_no_harm),
                cmocka_unit_test(mutated_certificates_do_no_harm),
                cmocka_unit_test(no_mutated_certificate_is_taken_for_the_one_that_was_asked_for),
                cmocka_unit_test(mutated_requests_do_no_harm),
        };

        return cmocka_run_group_tests_name("fuzz_order", tests, scene_make_keys, scene_free_keys);
}
