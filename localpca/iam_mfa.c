/* Virtual MFA devices. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/iam.h"
#include "localpca/json.h"
#include "localpca/mfa.h"

/* The device that SerialNumber names, of the caller's account; NULL: refused. */
static struct record *
device_find(struct call *call)
{
        const char *serial = call_text(call, "SerialNumber");
        struct record *device = record_find(&call->pca->records, RECORD_MFA, serial);

        if (device && text_equal(record_text(device, "account"), call->caller->account))
                return device;
        refuse(&call->refusal, "NoSuchEntity",
               "VirtualMFADevice with serial number %s doesn't "
               "exist.",
               serial);
        return NULL;
}

bool
iam_create_virtual_mfa_device(struct call *call)
{
        const char *name = call_text(call, "VirtualMFADeviceName");
        CLEANUP(free_cleanup) char *serial = iam_arn(call, "mfa", call_text(call, "Path"), name);
        CLEANUP(free_cleanup) char *seed = mfa_seed();
        CLEANUP(free_cleanup) char *encoded = base64_encode(view_text(seed));

        if (!iam_may(call, serial, NULL, NULL))
                return false;
        if (record_find(&call->pca->records, RECORD_MFA, serial))
                return refuse(&call->refusal, "EntityAlreadyExists",
                              "MFADevice entity at the same path and name already exists.");
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "account", call->caller->account);
        cJSON_AddStringToObject(json, "arn", serial);
        cJSON_AddStringToObject(json, "seed", seed);
        cJSON_AddNumberToObject(json, "created", (double)(call->now_ms / 1000));
        struct record *record = record_new(&call->pca->records, RECORD_MFA, serial, json);
        if (!iam_save(call, record))
                return false;
        cJSON *device = cJSON_AddObjectToObject(call->output, "VirtualMFADevice");
        cJSON_AddStringToObject(device, "SerialNumber", serial);
        cJSON_AddStringToObject(device, "Base32StringSeed", encoded);
        return true;
}

/* Two codes, one after the other, show that the device counts as it should. */
static bool
codes_fit(const struct call *call, const struct record *device)
{
        const char *one = call_text(call, "AuthenticationCode1");
        const char *two = call_text(call, "AuthenticationCode2");
        const char *seed = record_text(device, "seed");

        for (int step = -2; step <= 1; step++) {
                char first[7], second[7];
                int64_t at = call->now_ms / 1000 + step * MFA_STEP;
                mfa_code(seed, at, first);
                mfa_code(seed, at + MFA_STEP, second);
                if (strcmp(first, one) == 0 && strcmp(second, two) == 0)
                        return true;
        }
        return false;
}

bool
iam_enable_mfa_device(struct call *call)
{
        struct record *user = iam_holder(call, NULL);
        struct record *device = user ? device_find(call) : NULL;

        if (!device)
                return false;
        if (record_text(device, "user"))
                return refuse(&call->refusal, "EntityAlreadyExists",
                              "MFA Device is already in use.");
        if (!codes_fit(call, device))
                return refuse(&call->refusal, "InvalidAuthenticationCode",
                              "Authentication code for device is not valid");
        json_set_text(device->json, "user", user->key);
        cJSON_AddNumberToObject(device->json, "enabled", (double)(call->now_ms / 1000));
        return iam_save(call, device);
}

bool
iam_deactivate_mfa_device(struct call *call)
{
        struct record *user = iam_holder(call, NULL);
        struct record *device = user ? device_find(call) : NULL;

        if (!device)
                return false;
        if (!text_equal(record_text(device, "user"), user->key))
                return refuse(&call->refusal, "NoSuchEntity", "MFA Device invalid for user.");
        json_set_text(device->json, "user", NULL);
        cJSON_DeleteItemFromObjectCaseSensitive(device->json, "enabled");
        return iam_save(call, device);
}

bool
iam_delete_virtual_mfa_device(struct call *call)
{
        struct error err = { 0 };

        if (!iam_may(call, call_text(call, "SerialNumber"), NULL, NULL))
                return false;
        struct record *device = device_find(call);
        if (!device)
                return false;
        if (record_text(device, "user"))
                return refuse(&call->refusal, "DeleteConflict",
                              "Virtual MFA device must be deactivated first.");
        return record_delete(&call->pca->records, device, call->pca->store, &err) ||
               call_broken(call, &err);
}

bool
iam_list_mfa_devices(struct call *call)
{
        const struct records *records = &call->pca->records;
        struct record *user = iam_holder(call, NULL);

        if (!user)
                return false;
        cJSON *all = cJSON_CreateArray();
        for (size_t i = 0; i < records->count; i++) {
                const struct record *one = records->all[i];
                if (one->kind != RECORD_MFA || !text_equal(record_text(one, "user"), user->key))
                        continue;
                cJSON *device = cJSON_CreateObject();
                cJSON_AddStringToObject(device, "UserName", record_text(user, "name"));
                cJSON_AddStringToObject(device, "SerialNumber", one->key);
                iam_add_time(device, "EnableDate", record_number(one, "enabled"));
                cJSON_AddItemToArray(all, device);
        }
        return iam_page(call, "MFADevices", all);
}
