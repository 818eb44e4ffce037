#include "localpca/mfa.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/json.h"

enum { SEED_LENGTH = 64, SEED_BYTES_MOST = 64 };

static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

char *
mfa_seed(void)
{
        char seed[SEED_LENGTH + 1];

        random_text(seed, SEED_LENGTH, BASE32);
        return text_copy(seed);
}

static size_t
base32_decode(const char *text, uint8_t out[SEED_BYTES_MOST])
{
        unsigned bits = 0, pending = 0;
        size_t len = 0;

        for (; *text && len < SEED_BYTES_MOST; text++) {
                const char *digit = strchr(BASE32, *text);
                if (!digit)
                        break;
                pending = pending << 5 | (unsigned)(digit - BASE32);
                bits += 5;
                if (bits < 8)
                        continue;
                bits -= 8;
                out[len++] = (uint8_t)(pending >> bits);
        }
        return len;
}

void
mfa_code(const char *seed, int64_t now, char out[7])
{
        uint8_t key[SEED_BYTES_MOST], counter[8], digest[EVP_MAX_MD_SIZE];
        unsigned digest_len = 0;
        size_t len = base32_decode(seed, key);

        for (int i = 0; i < 8; i++)
                counter[i] = (uint8_t)((uint64_t)(now / MFA_STEP) >> (56 - 8 * i));
        if (!HMAC(EVP_sha1(), key, (int)len, counter, sizeof(counter), digest, &digest_len))
                abort(); /* SHA-1 in memory: only an OpenSSL without it gets here */
        wipe(key, sizeof(key));
        const uint8_t *at = digest + (digest[digest_len - 1] & 15); /* RFC 4226, 5.3 */
        uint32_t number = (uint32_t)(at[0] & 127) << 24 | (uint32_t)at[1] << 16 |
                          (uint32_t)at[2] << 8 | at[3];
        snprintf(out, 7, "%06u", number % 1000000);
}

/* The interval that a code is of, and not one that a code was taken for already; -1: none. */
static int64_t
step_find(const struct record *device, const char *code, int64_t now)
{
        int64_t used = json_number(device->json, "used_step", -1);

        for (int64_t step = now / MFA_STEP - 1; step <= now / MFA_STEP + 1; step++) {
                char right[7];
                mfa_code(record_text(device, "seed"), step * MFA_STEP, right);
                if (step > used && strlen(code) == 6 && CRYPTO_memcmp(code, right, 6) == 0)
                        return step;
        }
        return -1;
}

static bool
step_use(struct call *call, struct record *device, int64_t step)
{
        struct error err = { 0 };

        cJSON_DeleteItemFromObjectCaseSensitive(device->json, "used_step");
        cJSON_AddNumberToObject(device->json, "used_step", (double)step);
        return record_save(device, call->pca->store, call->now_ms, 0, &err) ||
               call_broken(call, &err);
}

void
mfa_show(const struct record *device, int64_t now, char out[7])
{
        int64_t used = json_number(device->json, "used_step", -1), step = now / MFA_STEP;

        mfa_code(record_text(device, "seed"), (used == step ? step + 1 : step) * MFA_STEP, out);
}

bool
mfa_check(struct call *call, int64_t *at)
{
        const char *serial = call_text(call, "SerialNumber");
        const char *code = call_text(call, "TokenCode");
        struct record *device =
                serial ? record_find(&call->pca->records, RECORD_MFA, serial) : NULL;
        int64_t now = call->now_ms / 1000;

        *at = 0;
        if (!serial && !code)
                return true;
        if (!serial || !code)
                return refuse(&call->refusal, "ValidationError",
                              "%s must be given together with %s",
                              serial ? "SerialNumber" : "TokenCode",
                              serial ? "TokenCode" : "SerialNumber");
        /* Only the device of whoever asks will do. */
        bool own = device && call->caller->record &&
                   text_equal(record_text(device, "user"), call->caller->record);
        int64_t step = own ? step_find(device, code, now) : -1;
        if (step >= 0) {
                *at = now;
                return step_use(call, device, step);
        }
        return refuse(&call->refusal, "AccessDenied",
                      device ? "MultiFactorAuthentication failed with invalid MFA one time pass "
                               "code. "
                             : "MultiFactorAuthentication failed, must provide both MFA serial "
                               "number and one time pass code.");
}
