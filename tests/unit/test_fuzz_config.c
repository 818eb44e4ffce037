#include "tests/unit/fuzz_feed.h"
#include "tests/unit/unit.h"

static const char *const files[] = {
        "module = /usr/lib/one.so\n"
        "ca = arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/1\n"
        "token = pkcs11:token=hsm\n"
        "[profile base]\n"
        "subject = CN={name},O=Example\\, Inc.\n"
        "name = {token.serial}\n"
        "san = dns:{name}.example\n"
        "san = upn:{attr.user}@realm\n"
        "[profile server]\n"
        "extends = base\n"
        "key-type = ec:p384\n"
        "template = BlankEndEntityCertificate_APIPassthrough\n"
        "key-usage = digitalSignature, keyAgreement\n"
        "ext-key-usage = serverAuth,1.2.3.4\n"
        "policy-oid = 1.2.3,cps=https://pki.example/\n"
        "extension = 1.2.3.4,critical:0500\n"
        "validity = ca-end\n"
        "allow-difference = not-after\n"
        "attribute = user=a\n",
        "# a comment\n[profile a]\nextends = b\n[profile b]\nextends = a\nsubject = "
        "CN={row}-{date}\n",
        "  validity = 13mo\n; another\n[profile x]\nsubject=CN=\xc3\xa4\nhash = sha384\n",
};

static void
a_mutated_configuration_is_read_or_refused_with_a_reason(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
                fuzz_feed(view_text(files[i]), 3000, 31 + (uint32_t)i);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_mutated_configuration_is_read_or_refused_with_a_reason),
        };

        return cmocka_run_group_tests_name("fuzz_config", tests, NULL, NULL);
}
