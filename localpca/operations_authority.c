/* The operations about certificate authorities that only read. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/pca.h"

enum { LIST_PAGE_MOST = 100 };

static void
add_text(cJSON *object, const char *name, const char *value)
{
        if (value)
                cJSON_AddStringToObject(object, name, value);
}

static void
add_copy(cJSON *object, const char *name, const cJSON *value)
{
        if (value)
                cJSON_AddItemToObject(object, name, cJSON_Duplicate(value, true));
}

/* CertificateAuthority as Describe and List answer it. */
static cJSON *
authority_describe(const struct authority *authority, int64_t now)
{
        cJSON *object = cJSON_CreateObject();
        enum authority_status status = authority_status_at(authority, now);

        add_text(object, "Arn", authority->arn);
        add_text(object, "OwnerAccount", authority->account);
        cJSON_AddNumberToObject(object, "CreatedAt", (double)authority->created_ms / 1000);
        cJSON_AddNumberToObject(object, "LastStateChangeAt", (double)authority->changed_ms / 1000);
        add_text(object, "Type", authority->root ? "ROOT" : "SUBORDINATE");
        if (authority->certificate) {
                const ASN1_INTEGER *serial = X509_get0_serialNumber(authority->certificate);
                char *text = serial_colons(view_of(serial->data, (size_t)serial->length));
                add_text(object, "Serial", text);
                free(text);
                cJSON_AddNumberToObject(object, "NotBefore", (double)authority->not_before);
                cJSON_AddNumberToObject(object, "NotAfter", (double)authority->not_after);
        }
        add_text(object, "Status", authority_status_name(status));
        if (status == AUTHORITY_FAILED)
                add_text(object, "FailureReason", "OTHER");
        add_copy(object, "CertificateAuthorityConfiguration", authority->configuration);
        add_copy(object, "RevocationConfiguration", authority->revocation);
        if (status == AUTHORITY_DELETED)
                cJSON_AddNumberToObject(object, "RestorableUntil",
                                        (double)authority->restorable_until);
        add_text(object, "KeyStorageSecurityStandard", authority->storage_standard);
        add_text(object, "UsageMode", authority->usage_mode);
        return object;
}

bool
operation_describe_certificate_authority(struct call *call)
{
        struct authority *authority = call_authority(call);

        if (!authority)
                return false;
        cJSON_AddItemToObject(call->output, "CertificateAuthority",
                              authority_describe(authority, call->now_ms / 1000));
        return true;
}

bool
operation_list_certificate_authorities(struct call *call)
{
        const struct authorities *authorities = &call->pca->authorities;
        const char *owner = call_text(call, "ResourceOwner");
        bool others = owner && strcmp(owner, "OTHER_ACCOUNTS") == 0;
        cJSON *list = cJSON_CreateArray();

        for (size_t i = 0; i < authorities->count; i++) {
                const struct authority *one = authorities->all[i];
                bool own = strcmp(one->account, call->caller->account) == 0;
                if (authority_is_gone(one, call->now_ms / 1000))
                        continue;
                if (others ? !own && access_is_shared(call, one) : own)
                        cJSON_AddItemToArray(list, authority_describe(one, call->now_ms / 1000));
        }
        return call_page(call, "CertificateAuthorities", list, LIST_PAGE_MOST);
}

bool
operation_get_certificate_authority_certificate(struct call *call)
{
        struct authority *authority = call_authority(call);

        if (!authority)
                return false;
        if (!authority->certificate)
                return refuse(&call->refusal, "InvalidStateException",
                              "The certificate authority %s has no certificate yet",
                              authority->arn);
        add_text(call->output, "Certificate", authority->certificate_pem);
        add_text(call->output, "CertificateChain", authority->chain);
        return true;
}
