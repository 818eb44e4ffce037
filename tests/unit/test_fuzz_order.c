#include <openssl/err.h>

#include "order/cert.h"
#include "tests/unit/scene.h"
#include "tests/unit/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
};

/* xorshift: the same mutations in every run. */
static uint32_t
next_random(uint32_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        return *seed;
}

static void
mutate(uint32_t *seed, struct buf *input)
{
        static const char interesting[] = "\\\"#,+;=<> \x00\x01\x7f\x80\xff\x30\x82:@*.-";
        size_t at = input->len ? next_random(seed) % input->len : 0;

        if (!input->len)
                return;
        switch (next_random(seed) % 5) {
        case 0:
                input->data[at] ^= (uint8_t)(1 << next_random(seed) % 8);
                break;
        case 1:
                input->data[at] =
                        (uint8_t)interesting[next_random(seed) % (sizeof(interesting) - 1)];
                break;
        case 2: /* cut off the end */
                input->len = at;
                break;
        case 3: /* take a byte out */
                memmove(input->data + at, input->data + at + 1, input->len - at - 1);
                input->len--;
                break;
        default: { /* repeat a part */
                CLEANUP(buf_cleanup) struct buf part = { 0 };

                buf_add(&part, view_of(input->data + at, (input->len - at) % 64));
                buf_add(input, view_buf(&part));
                break;
        }
        }
}

/* Feed an input as it is, and changed in one to four places. */
static void
feed(struct view input, int rounds, uint32_t seed)
{
        LLVMFuzzerTestOneInput(input.data, input.len);
        for (int i = 0; i < rounds; i++) {
                CLEANUP(buf_cleanup) struct buf changed = { 0 };

                buf_set(&changed, input);
                for (uint32_t n = 1 + next_random(&seed) % 4; n; n--)
                        mutate(&seed, &changed);
                LLVMFuzzerTestOneInput(changed.data, changed.len);
                assert_int_equal(ERR_peek_error(), 0);
        }
}

static void
mutated_texts_do_no_harm(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                feed(view_text(texts[i]), 2000, 7 + (uint32_t)i);
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
        feed(view_buf(&der), 1500, 101);
        feed(view_buf(&pem), 500, 102);
        X509_free(leaf);
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

        feed(view_buf(&csr), 1500, 201);
        feed(view_text(pem), 500, 202);
        scene_clear(&scene);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mutated_texts_do_no_harm),
                cmocka_unit_test(mutated_certificates_do_no_harm),
                cmocka_unit_test(mutated_requests_do_no_harm),
        };

        return cmocka_run_group_tests_name("fuzz_order", tests, scene_make_keys, scene_free_keys);
}
