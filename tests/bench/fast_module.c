/*
 * A PKCS #11 module in memory that is as fast as a processor: P-256 key pairs and signatures by
 * OpenSSL, no files.  What a program takes for a hundred thousand orders can then be measured
 * without a token that slows it down or fills the memory: of all objects only the newest
 * OBJECTS_KEPT are remembered.
 *
 * One slot, one token (label "fast", user PIN 1234), any number of sessions.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { OBJECTS_KEPT = 4096, ATTRIBUTES_MOST = 32, SESSIONS_MOST = 64, SIGNATURE_BYTES = 64 };

struct object {
        CK_OBJECT_HANDLE handle; /* 0: nobody is here */
        size_t count;
        CK_ATTRIBUTE attributes[ATTRIBUTES_MOST];
        EVP_PKEY *key; /* of a private key */
};

struct session {
        bool open;
        struct object *signer;
        CK_ATTRIBUTE *wanted; /* of a search */
        CK_ULONG wanted_count;
        size_t next; /* where the search goes on */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object objects[OBJECTS_KEPT];
static struct session sessions[SESSIONS_MOST];
static CK_OBJECT_HANDLE last_handle;
static bool initialized, logged_in;
static CK_FUNCTION_LIST list;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out);

/* -- objects -------------------------------------------------------------------------------------
 */

static void
forget(struct object *object)
{
        for (size_t i = 0; i < object->count; i++)
                free(object->attributes[i].pValue);
        EVP_PKEY_free(object->key);
        memset(object, 0, sizeof(*object));
}

static struct object *
find(CK_OBJECT_HANDLE handle)
{
        struct object *object = &objects[handle % OBJECTS_KEPT];

        return handle && object->handle == handle ? object : NULL;
}

static struct object *
new_object(void)
{
        struct object *object = &objects[++last_handle % OBJECTS_KEPT];

        forget(object);
        object->handle = last_handle;
        return object;
}

static CK_ATTRIBUTE *
attribute_of(struct object *object, CK_ATTRIBUTE_TYPE type)
{
        for (size_t i = 0; i < object->count; i++)
                if (object->attributes[i].type == type)
                        return &object->attributes[i];
        return NULL;
}

static void
set(struct object *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
        CK_ATTRIBUTE *attribute = attribute_of(object, type);

        if (!attribute) {
                if (object->count == ATTRIBUTES_MOST)
                        abort();
                attribute = &object->attributes[object->count++];
        }
        free(attribute->pValue);
        attribute->type = type;
        attribute->ulValueLen = size;
        attribute->pValue = malloc(size ? size : 1);
        if (!attribute->pValue)
                abort();
        memcpy(attribute->pValue, value, size);
}

static void
set_bool(struct object *object, CK_ATTRIBUTE_TYPE type, bool value)
{
        CK_BBOOL byte = value ? CK_TRUE : CK_FALSE;

        set(object, type, &byte, sizeof(byte));
}

static void
set_all(struct object *object, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
        for (CK_ULONG i = 0; i < count; i++)
                set(object, attributes[i].type, attributes[i].pValue, attributes[i].ulValueLen);
}

static bool
matches(struct object *object, const CK_ATTRIBUTE *wanted, CK_ULONG count)
{
        for (CK_ULONG i = 0; i < count; i++) {
                const CK_ATTRIBUTE *has = attribute_of(object, wanted[i].type);

                if (!has || has->ulValueLen != wanted[i].ulValueLen ||
                    memcmp(has->pValue, wanted[i].pValue, has->ulValueLen) != 0)
                        return false;
        }
        return true;
}

/* -- keys ----------------------------------------------------------------------------------------
 */

/* CKA_EC_POINT is the point in an OCTET STRING. */
static bool
set_point(struct object *object, EVP_PKEY *key)
{
        unsigned char point[2 + 65] = { 0x04, 65 };
        size_t size = 0;

        if (!EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point + 2, 65, &size) ||
            size != 65)
                return false;
        set(object, CKA_EC_POINT, point, sizeof(point));
        return true;
}

static CK_RV
generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
                  CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
                  CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
        static const CK_KEY_TYPE type = CKK_EC;
        static const CK_OBJECT_CLASS classes[] = { CKO_PUBLIC_KEY, CKO_PRIVATE_KEY };
        struct object *halves[2];
        EVP_PKEY *key;

        (void)session;
        if (mechanism->mechanism != CKM_EC_KEY_PAIR_GEN)
                return CKR_MECHANISM_INVALID;
        if (!logged_in)
                return CKR_USER_NOT_LOGGED_IN;
        key = EVP_EC_gen("P-256");
        if (!key)
                return CKR_FUNCTION_FAILED;
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < 2; i++) {
                halves[i] = new_object();
                set_all(halves[i], i ? private : public, i ? private_count : public_count);
                set(halves[i], CKA_CLASS, &classes[i], sizeof(classes[i]));
                set(halves[i], CKA_KEY_TYPE, &type, sizeof(type));
                set_bool(halves[i], CKA_LOCAL, true);
        }
        set_point(halves[0], key);
        set_bool(halves[1], CKA_ALWAYS_SENSITIVE, true);
        set_bool(halves[1], CKA_NEVER_EXTRACTABLE, true);
        set_bool(halves[1], CKA_ALWAYS_AUTHENTICATE, false);
        halves[1]->key = key;
        *public_key = halves[0]->handle;
        *private_key = halves[1]->handle;
        pthread_mutex_unlock(&lock);
        return CKR_OK;
}

static CK_RV
sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
        if (mechanism->mechanism != CKM_ECDSA)
                return CKR_MECHANISM_INVALID;
        if (session >= SESSIONS_MOST || !sessions[session].open)
                return CKR_SESSION_HANDLE_INVALID;
        pthread_mutex_lock(&lock);
        sessions[session].signer = find(key);
        pthread_mutex_unlock(&lock);
        return sessions[session].signer && sessions[session].signer->key ? CKR_OK
                                                                         : CKR_KEY_HANDLE_INVALID;
}

/* r and s, 32 bytes each, out of the DER that OpenSSL gives. */
static bool
plain_signature(const unsigned char *der, size_t size, unsigned char *out)
{
        ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);
        bool done = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) == 32 &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) == 32;

        ECDSA_SIG_free(signature);
        return done;
}

static CK_RV
sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG size, unsigned char *out,
     CK_ULONG *out_size)
{
        unsigned char der[128];
        size_t der_size = sizeof(der);
        EVP_PKEY_CTX *context;
        EVP_PKEY *key;
        bool done;

        if (!out || *out_size < SIGNATURE_BYTES) {
                *out_size = SIGNATURE_BYTES;
                return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
        }
        pthread_mutex_lock(&lock);
        key = sessions[session].signer ? sessions[session].signer->key : NULL;
        if (key)
                EVP_PKEY_up_ref(key);
        sessions[session].signer = NULL;
        pthread_mutex_unlock(&lock);
        if (!key)
                return CKR_OPERATION_NOT_INITIALIZED;
        context = EVP_PKEY_CTX_new(key, NULL);
        done = context && EVP_PKEY_sign_init(context) > 0 &&
               EVP_PKEY_sign(context, der, &der_size, data, size) > 0 &&
               plain_signature(der, der_size, out);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
        *out_size = SIGNATURE_BYTES;
        return done ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* -- object calls --------------------------------------------------------------------------------
 */

static CK_RV
create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count,
              CK_OBJECT_HANDLE *out)
{
        struct object *object;

        (void)session;
        pthread_mutex_lock(&lock);
        object = new_object();
        set_all(object, attributes, count);
        *out = object->handle;
        pthread_mutex_unlock(&lock);
        return CKR_OK;
}

static CK_RV
destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
        struct object *object;

        (void)session;
        pthread_mutex_lock(&lock);
        object = find(handle);
        if (object)
                forget(object);
        pthread_mutex_unlock(&lock);
        return object ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

static CK_RV
answer(const CK_ATTRIBUTE *has, CK_ATTRIBUTE *wanted)
{
        CK_ULONG room = wanted->ulValueLen;

        if (!has) {
                wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
                return CKR_ATTRIBUTE_TYPE_INVALID;
        }
        wanted->ulValueLen = has->ulValueLen;
        if (!wanted->pValue)
                return CKR_OK;
        if (room < has->ulValueLen) {
                wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
                return CKR_BUFFER_TOO_SMALL;
        }
        memcpy(wanted->pValue, has->pValue, has->ulValueLen);
        return CKR_OK;
}

static CK_RV
get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *attributes,
                    CK_ULONG count)
{
        struct object *object;
        CK_RV worst = CKR_OK;

        (void)session;
        pthread_mutex_lock(&lock);
        object = find(handle);
        for (CK_ULONG i = 0; object && i < count; i++) {
                CK_RV rv = answer(attribute_of(object, attributes[i].type), &attributes[i]);

                worst = rv == CKR_OK ? worst : rv;
        }
        pthread_mutex_unlock(&lock);
        return object ? worst : CKR_OBJECT_HANDLE_INVALID;
}

static CK_RV
find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
        struct session *own = &sessions[session];

        /* The caller keeps its template only for this call. */
        own->wanted = calloc(count + 1, sizeof(*attributes));
        if (!own->wanted)
                return CKR_HOST_MEMORY;
        for (CK_ULONG i = 0; i < count; i++) {
                own->wanted[i] = attributes[i];
                own->wanted[i].pValue = malloc(attributes[i].ulValueLen + 1);
                if (!own->wanted[i].pValue)
                        abort();
                memcpy(own->wanted[i].pValue, attributes[i].pValue, attributes[i].ulValueLen);
        }
        own->wanted_count = count;
        own->next = 0;
        return CKR_OK;
}

static CK_RV
find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG most, CK_ULONG *count)
{
        struct session *own = &sessions[session];

        *count = 0;
        pthread_mutex_lock(&lock);
        for (; own->next < OBJECTS_KEPT && *count < most; own->next++)
                if (objects[own->next].handle &&
                    matches(&objects[own->next], own->wanted, own->wanted_count))
                        found[(*count)++] = objects[own->next].handle;
        pthread_mutex_unlock(&lock);
        return CKR_OK;
}

static CK_RV
find_objects_final(CK_SESSION_HANDLE session)
{
        struct session *own = &sessions[session];

        for (CK_ULONG i = 0; i < own->wanted_count; i++)
                free(own->wanted[i].pValue);
        free(own->wanted);
        own->wanted = NULL;
        own->wanted_count = 0;
        return CKR_OK;
}

/* -- module, slot, session -----------------------------------------------------------------------
 */

static CK_RV
initialize(void *arguments)
{
        (void)arguments;
        if (initialized)
                return CKR_CRYPTOKI_ALREADY_INITIALIZED;
        initialized = true;
        return CKR_OK;
}

static CK_RV
finalize(void *reserved)
{
        (void)reserved;
        initialized = false;
        return CKR_OK;
}

/* PKCS #11 pads with blanks and ends nothing with zero. */
static void
put(unsigned char *field, size_t size, const char *text)
{
        memset(field, ' ', size);
        memcpy(field, text, strlen(text));
}

static CK_RV
get_info(CK_INFO *info)
{
        memset(info, 0, sizeof(*info));
        info->cryptokiVersion.major = 2;
        info->cryptokiVersion.minor = 40;
        put(info->manufacturerID, sizeof(info->manufacturerID), "p11cert tests");
        put(info->libraryDescription, sizeof(info->libraryDescription), "fast module");
        return CKR_OK;
}

static CK_RV
get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
        (void)present;
        if (slots && *count < 1)
                return CKR_BUFFER_TOO_SMALL;
        if (slots)
                slots[0] = 0;
        *count = 1;
        return CKR_OK;
}

static CK_RV
get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
        (void)slot;
        memset(info, 0, sizeof(*info));
        put(info->slotDescription, sizeof(info->slotDescription), "fast slot");
        put(info->manufacturerID, sizeof(info->manufacturerID), "p11cert tests");
        info->flags = CKF_TOKEN_PRESENT;
        return CKR_OK;
}

static CK_RV
get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
        (void)slot;
        memset(info, 0, sizeof(*info));
        put(info->label, sizeof(info->label), "fast");
        put(info->manufacturerID, sizeof(info->manufacturerID), "p11cert tests");
        put(info->model, sizeof(info->model), "fast");
        put(info->serialNumber, sizeof(info->serialNumber), "fa57000000000001");
        info->flags =
                CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
        info->ulMaxSessionCount = info->ulMaxRwSessionCount = SESSIONS_MOST;
        info->ulMaxPinLen = 16;
        info->ulMinPinLen = 4;
        info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
        info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
        return CKR_OK;
}

static const CK_MECHANISM_TYPE mechanisms[] = { CKM_EC_KEY_PAIR_GEN, CKM_ECDSA };

static CK_RV
get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *out, CK_ULONG *count)
{
        (void)slot;
        if (out && *count < LENGTH(mechanisms))
                return CKR_BUFFER_TOO_SMALL;
        if (out)
                memcpy(out, mechanisms, sizeof(mechanisms));
        *count = LENGTH(mechanisms);
        return CKR_OK;
}

static CK_RV
get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism, CK_MECHANISM_INFO *info)
{
        (void)slot;
        if (mechanism != CKM_EC_KEY_PAIR_GEN && mechanism != CKM_ECDSA)
                return CKR_MECHANISM_INVALID;
        *info = (CK_MECHANISM_INFO){ .ulMinKeySize = 256, .ulMaxKeySize = 256 };
        info->flags = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS |
                      (mechanism == CKM_ECDSA ? CKF_SIGN : CKF_GENERATE_KEY_PAIR);
        return CKR_OK;
}

static CK_RV
open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
             CK_SESSION_HANDLE *out)
{
        CK_RV rv = CKR_SESSION_COUNT;

        (void)slot, (void)flags, (void)application, (void)notify;
        pthread_mutex_lock(&lock);
        for (size_t i = 1; i < SESSIONS_MOST && rv != CKR_OK; i++) {
                if (sessions[i].open)
                        continue;
                sessions[i] = (struct session){ .open = true };
                *out = i;
                rv = CKR_OK;
        }
        pthread_mutex_unlock(&lock);
        return rv;
}

static CK_RV
close_session(CK_SESSION_HANDLE session)
{
        if (session >= SESSIONS_MOST || !sessions[session].open)
                return CKR_SESSION_HANDLE_INVALID;
        sessions[session].open = false;
        return CKR_OK;
}

static CK_RV
close_all_sessions(CK_SLOT_ID slot)
{
        (void)slot;
        for (size_t i = 0; i < SESSIONS_MOST; i++)
                sessions[i].open = false;
        logged_in = false;
        return CKR_OK;
}

static CK_RV
get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
        if (session >= SESSIONS_MOST || !sessions[session].open)
                return CKR_SESSION_HANDLE_INVALID;
        *info = (CK_SESSION_INFO){ .flags = CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                   .state = logged_in ? CKS_RW_USER_FUNCTIONS
                                                      : CKS_RW_PUBLIC_SESSION };
        return CKR_OK;
}

static CK_RV
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG size)
{
        (void)session, (void)user;
        if (logged_in)
                return CKR_USER_ALREADY_LOGGED_IN;
        if (size != 4 || memcmp(pin, "1234", 4) != 0)
                return CKR_PIN_INCORRECT;
        logged_in = true;
        return CKR_OK;
}

static CK_RV
logout(CK_SESSION_HANDLE session)
{
        (void)session;
        logged_in = false;
        return CKR_OK;
}

/* Nothing is announced: whoever waits polls. */
static CK_RV
wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
        (void)flags, (void)slot, (void)reserved;
        return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
        list = (CK_FUNCTION_LIST){
                .version = { 2, 40 },
                .C_Initialize = initialize,
                .C_Finalize = finalize,
                .C_GetInfo = get_info,
                .C_GetFunctionList = C_GetFunctionList,
                .C_GetSlotList = get_slot_list,
                .C_GetSlotInfo = get_slot_info,
                .C_GetTokenInfo = get_token_info,
                .C_GetMechanismList = get_mechanism_list,
                .C_GetMechanismInfo = get_mechanism_info,
                .C_OpenSession = open_session,
                .C_CloseSession = close_session,
                .C_CloseAllSessions = close_all_sessions,
                .C_GetSessionInfo = get_session_info,
                .C_Login = login,
                .C_Logout = logout,
                .C_CreateObject = create_object,
                .C_DestroyObject = destroy_object,
                .C_GetAttributeValue = get_attribute_value,
                .C_FindObjectsInit = find_objects_init,
                .C_FindObjects = find_objects,
                .C_FindObjectsFinal = find_objects_final,
                .C_GenerateKeyPair = generate_key_pair,
                .C_SignInit = sign_init,
                .C_Sign = sign,
                .C_WaitForSlotEvent = wait_for_slot_event,
        };
        *out = &list;
        return CKR_OK;
}
