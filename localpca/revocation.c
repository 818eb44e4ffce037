#include "localpca/revocation.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/algorithm.h"

enum {
        CRL_FRESH_SECONDS = 60 * 60,
        CRL_DAYS = 7,
        DAY_SECONDS = 24 * 60 * 60,
        OCSP_FRESH_SECONDS = 60 * 60,
        OCSP_IDS_MOST = 100,
};

/* RFC 5280, 5.3.1 */
static const struct {
        const char *name;
        int code;
} reasons[] = {
        { "UNSPECIFIED", CRL_REASON_UNSPECIFIED },
        { "KEY_COMPROMISE", CRL_REASON_KEY_COMPROMISE },
        { "CERTIFICATE_AUTHORITY_COMPROMISE", CRL_REASON_CA_COMPROMISE },
        { "AFFILIATION_CHANGED", CRL_REASON_AFFILIATION_CHANGED },
        { "SUPERSEDED", CRL_REASON_SUPERSEDED },
        { "CESSATION_OF_OPERATION", CRL_REASON_CESSATION_OF_OPERATION },
        { "PRIVILEGE_WITHDRAWN", CRL_REASON_PRIVILEGE_WITHDRAWN },
        { "A_A_COMPROMISE", CRL_REASON_AA_COMPROMISE },
};

static int
reason_code(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++)
                if (text_equal(reasons[i].name, name))
                        return reasons[i].code;
        return CRL_REASON_UNSPECIFIED;
}

/* -- where ------------------------------------------------------------------------------- */

static const cJSON *
member(const struct authority *authority, const char *part, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(
                cJSON_GetObjectItemCaseSensitive(authority->revocation, part), name);
}

static bool
is_partitioned(const struct authority *authority)
{
        return text_equal(cJSON_GetStringValue(member(authority, "CrlConfiguration", "CrlType")),
                          "PARTITIONED");
}

/* The name of the one partition that there is: a GUID that follows from the CA's id. */
static char *
partition_file(const struct authority *authority)
{
        uint8_t digest[32];

        sha256(view_text(authority->id), digest);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, 16));
        return text_format("%.8s-%.4s-%.4s-%.4s-%.12s.crl", hex, hex + 8, hex + 12, hex + 16,
                           hex + 20);
}

bool
revocation_crl_is_at(const struct authority *authority, const char *path)
{
        const char *name = strrchr(path, '/');
        size_t len = strlen(authority->id);

        if (!name++)
                return false;
        if (strncmp(name, authority->id, len) == 0 && strcmp(name + len, ".crl") == 0)
                return true;
        CLEANUP(free_cleanup) char *file = partition_file(authority);
        return is_partitioned(authority) && strcmp(name, file) == 0;
}

/* The address of the CRL, whether certificates name it or not. */
static char *
crl_address(const struct pca *pca, const struct authority *authority)
{
        static const char part[] = "CrlConfiguration";
        const char *cname = cJSON_GetStringValue(member(authority, part, "CustomCname"));
        const char *bucket = cJSON_GetStringValue(member(authority, part, "S3BucketName"));
        const char *path = cJSON_GetStringValue(member(authority, part, "CustomPath"));
        CLEANUP(free_cleanup) char *partition = partition_file(authority);
        CLEANUP(free_cleanup) char *folder = NULL;
        bool named = cname && *cname;

        if (path)
                path += *path == '/';
        bool has_path = path && *path;
        if (!is_partitioned(authority))
                folder = text_format("%s%scrl", has_path ? path : "", has_path ? "/" : "");
        else
                folder = has_path ? text_copy(path) : text_format("crl/%s", authority->id);
        /* A bucket's name leads the path, as in S3's path-style addresses. */
        return text_format("%s%s%s%s/%s/%s%s", named ? "http://" : "",
                           named ? cname : pca->plain_url, !named && bucket ? "/" : "",
                           !named && bucket ? bucket : "", folder,
                           is_partitioned(authority) ? partition : authority->id,
                           is_partitioned(authority) ? "" : ".crl");
}

char *
revocation_crl_url(const struct pca *pca, const struct authority *authority)
{
        static const char part[] = "CrlConfiguration";
        const cJSON *extension =
                member(authority, part, "CrlDistributionPointExtensionConfiguration");

        if (!cJSON_IsTrue(member(authority, part, "Enabled")) ||
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(extension, "OmitExtension")))
                return NULL;
        return crl_address(pca, authority);
}

char *
revocation_ocsp_url(const struct pca *pca, const struct authority *authority)
{
        static const char part[] = "OcspConfiguration";
        const char *cname = cJSON_GetStringValue(member(authority, part, "OcspCustomCname"));

        if (!cJSON_IsTrue(member(authority, part, "Enabled")))
                return NULL;
        if (cname && *cname)
                return text_format("http://%s", cname);
        return text_format("%s/ocsp", pca->plain_url);
}

/* -- the CRL ------------------------------------------------------------------------------ */

static ASN1_INTEGER *
serial_integer(const uint8_t serial[SERIAL_SIZE])
{
        BIGNUM *number = BN_bin2bn(serial, SERIAL_SIZE, NULL);
        ASN1_INTEGER *integer = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;

        BN_free(number);
        return integer;
}

struct crl_making {
        X509_CRL *crl;
        int64_t now;
        bool failed;
};

static bool
revoked_add(X509_CRL *crl, const struct issued *issued)
{
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *serial = serial_integer(issued->serial);
        ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)issued->revoked_at);
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        int code = reason_code(issued->reason);
        bool done = revoked && serial && when && reason &&
                    X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
                    X509_REVOKED_set_revocationDate(revoked, when) == 1;

        /* "unspecified" is said by saying nothing (RFC 5280, 5.3.1). */
        if (done && code != CRL_REASON_UNSPECIFIED)
                done = ASN1_ENUMERATED_set(reason, code) == 1 &&
                       X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) == 1;
        done = done && X509_CRL_add0_revoked(crl, revoked) == 1;
        if (!done)
                X509_REVOKED_free(revoked);
        ASN1_INTEGER_free(serial);
        ASN1_TIME_free(when);
        ASN1_ENUMERATED_free(reason);
        return done;
}

static bool
revoked_visit(void *context, const struct issued *issued)
{
        struct crl_making *making = context;

        if (issued->not_after < making->now)
                return true;
        making->failed = !revoked_add(making->crl, issued);
        return !making->failed;
}

static bool
crl_extensions_add(X509_CRL *crl, const struct authority *authority, int64_t number)
{
        const ASN1_OCTET_STRING *key = X509_get0_subject_key_id(authority->certificate);
        AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
        ASN1_INTEGER *integer = ASN1_INTEGER_new();
        bool done = id && integer && ASN1_INTEGER_set_int64(integer, number) == 1 &&
                    X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer, 0, 0) == 1;

        if (done && key) {
                id->keyid = ASN1_OCTET_STRING_dup(key);
                done = id->keyid &&
                       X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0) == 1;
        }
        AUTHORITY_KEYID_free(id);
        ASN1_INTEGER_free(integer);
        return done;
}

/*
 * A partition says which it is (RFC 5280, 5.2.5): critical, and the address that certificates have.
 */
static bool
crl_partition_add(const struct pca *pca, X509_CRL *crl, const struct authority *authority)
{
        if (!is_partitioned(authority))
                return true;
        CLEANUP(free_cleanup) char *url = crl_address(pca, authority);
        ISSUING_DIST_POINT *point = ISSUING_DIST_POINT_new();
        DIST_POINT_NAME *name = url_dist_point_name(url);
        bool done = point && name;

        if (point)
                point->distpoint = name;
        else
                DIST_POINT_NAME_free(name);
        done = done && X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, 0) == 1;
        ISSUING_DIST_POINT_free(point);
        return done;
}

static bool
crl_sign(X509_CRL *crl, const struct authority *authority)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool done = context && X509_CRL_sort(crl) == 1 &&
                    signing_start(context, authority->key, authority->algorithm) &&
                    X509_CRL_sign_ctx(crl, context) > 0;

        EVP_MD_CTX_free(context);
        return done;
}

static bool
crl_make(struct pca *pca, struct authority *authority, int64_t now, X509_CRL *crl,
         struct error *err)
{
        struct crl_making making = { .crl = crl, .now = now };
        const cJSON *days = member(authority, "CrlConfiguration", "ExpirationInDays");
        int64_t until =
                now + (cJSON_IsNumber(days) ? (int64_t)days->valuedouble : CRL_DAYS) * DAY_SECONDS;
        ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)now);
        ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)until);
        bool done = last && next && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
                    X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->certificate)) &&
                    X509_CRL_set1_lastUpdate(crl, last) && X509_CRL_set1_nextUpdate(crl, next);

        ASN1_TIME_free(last);
        ASN1_TIME_free(next);
        /* The time is the number, so that it grows over restarts; two of a second differ, too. */
        authority->crl_number = now > authority->crl_number ? now : authority->crl_number + 1;
        done = done && crl_extensions_add(crl, authority, authority->crl_number) &&
               crl_partition_add(pca, crl, authority) &&
               store_issued_each(pca->store, authority->row, true, revoked_visit, &making, err) &&
               !making.failed && crl_sign(crl, authority);
        return done || error_set(err, ERROR_INTERNAL, "OpenSSL cannot make the CRL");
}

const struct buf *
revocation_crl(struct pca *pca, struct authority *authority, struct error *err)
{
        int64_t now = pca_now_ms(pca) / 1000;
        bool fresh = authority->crl.len && authority->crl_revoked == pca->stats.revoked &&
                     now >= authority->crl_made && now - authority->crl_made < CRL_FRESH_SECONDS;

        if (fresh)
                return &authority->crl;
        if (!authority->certificate) {
                error_set(err, ERROR_KEY_ABSENT, "the CA has no certificate yet");
                return NULL;
        }
        X509_CRL *crl = X509_CRL_new();
        uint8_t *der = NULL;
        bool done = crl && crl_make(pca, authority, now, crl, err);
        int len = done ? i2d_X509_CRL(crl, &der) : 0;
        X509_CRL_free(crl);
        if (len <= 0)
                return NULL;
        buf_set(&authority->crl, view_of(der, (size_t)len));
        OPENSSL_free(der);
        authority->crl_made = now;
        authority->crl_revoked = pca->stats.revoked;
        return &authority->crl;
}

/* -- OCSP --------------------------------------------------------------------------------- */

/* The CA that issued what a certificate id stands for; NULL when it is none of ours. */
static struct authority *
ocsp_authority(struct pca *pca, OCSP_CERTID *id)
{
        ASN1_OBJECT *digest_name;

        OCSP_id_get0_info(NULL, &digest_name, NULL, NULL, id);
        const EVP_MD *digest = EVP_get_digestbyobj(digest_name);
        for (size_t i = 0; digest && i < pca->authorities.count; i++) {
                struct authority *authority = pca->authorities.all[i];
                if (!authority->certificate)
                        continue;
                OCSP_CERTID *own = OCSP_cert_to_id(digest, NULL, authority->certificate);
                bool same = own && OCSP_id_issuer_cmp(own, id) == 0;
                OCSP_CERTID_free(own);
                if (same)
                        return authority;
        }
        return NULL;
}

static bool
ocsp_issued_find(struct pca *pca, const struct authority *authority, OCSP_CERTID *id,
                 struct issued *out)
{
        ASN1_INTEGER *serial;
        uint8_t bytes[SERIAL_SIZE] = { 0 };
        struct error ignored = { 0 };
        bool found = false;

        OCSP_id_get0_info(NULL, NULL, NULL, &serial, id);
        if (serial->type != V_ASN1_INTEGER || serial->length > SERIAL_SIZE)
                return false;
        memcpy(bytes + SERIAL_SIZE - serial->length, serial->data, (size_t)serial->length);
        return store_issued_find(pca->store, authority->row, bytes, out, &found, &ignored) && found;
}

static bool
ocsp_status_add(struct pca *pca, OCSP_BASICRESP *basic, const struct authority *authority,
                OCSP_CERTID *id, int64_t now)
{
        struct issued issued = { 0 };
        ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now);
        ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(now + OCSP_FRESH_SECONDS));
        ASN1_TIME *revoked = NULL;
        int status = V_OCSP_CERTSTATUS_UNKNOWN;

        if (ocsp_authority(pca, id) == authority && ocsp_issued_find(pca, authority, id, &issued) &&
            !issued.failed)
                status = issued.revoked_at ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD;
        if (status == V_OCSP_CERTSTATUS_REVOKED)
                revoked = ASN1_TIME_set(NULL, (time_t)issued.revoked_at);
        bool done = from && until &&
                    OCSP_basic_add1_status(basic, id, status, reason_code(issued.reason), revoked,
                                           from, until) != NULL;
        ASN1_TIME_free(from);
        ASN1_TIME_free(until);
        ASN1_TIME_free(revoked);
        issued_clear(&issued);
        return done;
}

/* RFC 6960, 2.2: the CA that issued the certificates signs the answer itself. */
static OCSP_BASICRESP *
ocsp_basic(struct pca *pca, OCSP_REQUEST *request, const struct authority *authority)
{
        OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        int64_t now = pca_now_ms(pca) / 1000;
        bool done = basic && context;

        for (int i = 0; done && i < OCSP_request_onereq_count(request); i++)
                done = ocsp_status_add(pca, basic, authority,
                                       OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i)),
                                       now);
        done = done && OCSP_copy_nonce(basic, request) >= 0 &&
               signing_start(context, authority->key, authority->algorithm) &&
               OCSP_basic_sign_ctx(basic, authority->certificate, context, NULL, OCSP_NOCERTS);
        EVP_MD_CTX_free(context);
        if (done)
                return basic;
        OCSP_BASICRESP_free(basic);
        return NULL;
}

void
revocation_ocsp(struct pca *pca, struct view bytes, struct buf *answer)
{
        const uint8_t *at = bytes.data;
        OCSP_REQUEST *request = bytes.len ? d2i_OCSP_REQUEST(NULL, &at, (long)bytes.len) : NULL;
        int count = request ? OCSP_request_onereq_count(request) : 0;
        struct authority *authority = NULL;
        OCSP_BASICRESP *basic = NULL;
        int status = OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;

        if (count > 0 && count <= OCSP_IDS_MOST) {
                authority =
                        ocsp_authority(pca,
                                       OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)));
                status = OCSP_RESPONSE_STATUS_UNAUTHORIZED;
        }
        if (authority) {
                basic = ocsp_basic(pca, request, authority);
                status = basic ? OCSP_RESPONSE_STATUS_SUCCESSFUL
                               : OCSP_RESPONSE_STATUS_INTERNALERROR;
        }
        OCSP_RESPONSE *response = OCSP_response_create(status, basic);
        uint8_t *der = NULL;
        int len = response ? i2d_OCSP_RESPONSE(response, &der) : 0;
        if (len > 0)
                buf_add(answer, view_of(der, (size_t)len));
        OPENSSL_free(der);
        OCSP_RESPONSE_free(response);
        OCSP_BASICRESP_free(basic);
        OCSP_REQUEST_free(request);
}
