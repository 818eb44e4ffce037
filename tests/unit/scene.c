#include "tests/unit/scene.h"

#include "tests/unit/unit.h"

#define ROOT_NAME "CN=Root,O=Example"
#define ISSUER_NAME "CN=Issuing CA,O=Example"

struct scene_keys keys;

void
scene_init(struct scene *scene)
{
        const int64_t now = SCENE_NOW;

        *scene = (struct scene){
                .root = { .subject = ROOT_NAME,
                          .key = keys.root,
                          .issuer = ROOT_NAME,
                          .issuer_key = keys.root,
                          .version = 2,
                          .serial = "01",
                          .not_before = now - 100 * DAY,
                          .not_after = now + 3650 * DAY,
                          .md = EVP_sha256() },
                .issuer = { .subject = ISSUER_NAME,
                            .key = keys.issuer,
                            .issuer = ROOT_NAME,
                            .issuer_key = keys.root,
                            .version = 2,
                            .serial = "02",
                            .not_before = now - 50 * DAY,
                            .not_after = now + 1000 * DAY,
                            .md = EVP_sha256() },
                .leaf = { .subject = "CN=device-1,O=Example",
                          .key = keys.leaf,
                          .issuer = ISSUER_NAME,
                          .issuer_key = keys.issuer,
                          .version = 2,
                          .serial = "4a11bb",
                          .not_before = now - HOUR,
                          .not_after = now + 365 * DAY + 2,
                          .md = EVP_sha256() },
                .expected = { .asked_at = now, .received_at = now + 3, .now = now + 4 },
        };
        maker_set(&scene->root, "basicConstraints", "critical,CA:TRUE");
        maker_set(&scene->root, "keyUsage", "critical,keyCertSign,cRLSign");
        maker_set(&scene->root, "subjectKeyIdentifier", "hash");
        maker_set(&scene->issuer, "basicConstraints", "critical,CA:TRUE,pathlen:0");
        maker_set(&scene->issuer, "keyUsage", "critical,digitalSignature,keyCertSign,cRLSign");
        maker_set(&scene->issuer, "subjectKeyIdentifier", "hash");
        maker_set(&scene->leaf, "basicConstraints", "CA:FALSE");
        maker_set(&scene->leaf, "keyUsage", "critical,digitalSignature,keyEncipherment");
        maker_set(&scene->leaf, "extendedKeyUsage", "serverAuth,clientAuth");
        maker_set(&scene->leaf, "subjectAltName", "DNS:device-1.example,IP:10.0.0.1");
        maker_set(&scene->leaf, "subjectKeyIdentifier", "hash");
        maker_set(&scene->leaf, "authorityKeyIdentifier", "keyid:always");
        maker_set(&scene->leaf, "authorityInfoAccess", "OCSP;URI:http://ocsp.example/");
        maker_set(&scene->leaf, "crlDistributionPoints", "URI:http://crl.example/a.crl");
        scene->wishes.subject = text_copy("CN=device-1,O=Example");
        wishes_add_san(&scene->wishes, "dns:device-1.example");
        wishes_add_san(&scene->wishes, "ip:10.0.0.1");
        scene->wishes.template_arn = text_copy(TEMPLATE("EndEntityCertificate"));
        scene->wishes.validity = (struct validity){ VALIDITY_DAYS, 365 };
}

void
scene_clear(struct scene *scene)
{
        wishes_clear(&scene->wishes);
        buf_clear(&scene->csr);
        buf_clear(&scene->allowed);
        buf_clear(&scene->notes);
}

void
scene_make_request(struct scene *scene)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct signer signer = maker_signer(keys.leaf);
        struct error err = { 0 };

        if (scene->csr.len)
                return;
        maker_spki(keys.leaf, &spki);
        assert_done(csr_build(&scene->wishes, view_buf(&spki), &signer, &scene->csr, &err), err);
}

void
scene_sign(struct scene *scene, struct buf *root_der, struct buf *issuer_der, struct buf *leaf_der)
{
        X509 *root = maker_sign(&scene->root);

        scene->issuer.issuer_certificate = root;
        X509 *issuer = maker_sign(&scene->issuer);

        scene->leaf.issuer_certificate = issuer;
        X509 *leaf = maker_sign(&scene->leaf);

        maker_der(root, root_der);
        maker_der(issuer, issuer_der);
        maker_der(leaf, leaf_der);
        scene->issuer.issuer_certificate = scene->leaf.issuer_certificate = NULL;
        X509_free(leaf);
        X509_free(issuer);
        X509_free(root);
}

/* Sign all three and judge the leaf. */
bool
scene_judge(struct scene *scene, struct buf *differences, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf root_der = { 0 };
        CLEANUP(buf_cleanup) struct buf issuer_der = { 0 };
        CLEANUP(buf_cleanup) struct buf leaf_der = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };

        scene_sign(scene, &root_der, &issuer_der, &leaf_der);
        scene_make_request(scene);
        if (scene->pin_other_root) {
                struct maker_certificate other = scene->root;

                other.key = other.issuer_key = keys.other;
                X509 *root = maker_sign(&other);

                buf_clear(&root_der);
                maker_der(root, &root_der);
                X509_free(root);
        }
        if (scene->trailing_byte)
                buf_add_byte(&leaf_der, 0);
        if (scene->flip_signature)
                leaf_der.data[leaf_der.len - 1] ^= 1;
        scene->expected.csr = view_buf(&scene->csr);
        scene->expected.chain = scene->chain_missing ? view_text("") : view_buf(&issuer_der);
        scene->expected.root = view_buf(&root_der);
        struct comparison found = { 0 };
        bool good = certificate_judge(&scene->wishes, view_buf(&leaf_der), &scene->expected, &path,
                                      &found, err);

        buf_add(differences, view_buf(&found.differences));
        buf_set(&scene->allowed, view_buf(&found.allowed));
        buf_set(&scene->notes, view_buf(&found.notes));
        comparison_clear(&found);

        if (good)
                assert_true(view_equal(view_buf(&path), view_buf(&issuer_der)));
        return good;
}

int
scene_make_keys(void **state)
{
        (void)state;
        keys.root = EVP_EC_gen("P-256");
        keys.issuer = EVP_EC_gen("P-256");
        keys.leaf = EVP_EC_gen("P-256");
        keys.other = EVP_EC_gen("P-256");
        keys.rsa = EVP_RSA_gen(2048);
        return keys.rsa ? 0 : -1;
}

int
scene_free_keys(void **state)
{
        (void)state;
        EVP_PKEY_free(keys.root);
        EVP_PKEY_free(keys.issuer);
        EVP_PKEY_free(keys.leaf);
        EVP_PKEY_free(keys.other);
        EVP_PKEY_free(keys.rsa);
        return 0;
}
