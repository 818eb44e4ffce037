#include "tests/token/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct name {
        const char *name;
        unsigned long number;
};

#define NAME(constant)              \
        {                           \
#constant, constant \
        }

static const char *const functions[] = {
#define X(name) [CALL_##name] = #name,
        FUNCTION_LIST(X)
#undef X
};

static const struct name answers[] = {
        NAME(CKR_OK),
        NAME(CKR_HOST_MEMORY),
        NAME(CKR_SLOT_ID_INVALID),
        NAME(CKR_GENERAL_ERROR),
        NAME(CKR_FUNCTION_FAILED),
        NAME(CKR_ARGUMENTS_BAD),
        NAME(CKR_CANT_LOCK),
        NAME(CKR_ATTRIBUTE_READ_ONLY),
        NAME(CKR_ATTRIBUTE_TYPE_INVALID),
        NAME(CKR_ATTRIBUTE_VALUE_INVALID),
        NAME(CKR_DATA_LEN_RANGE),
        NAME(CKR_DEVICE_ERROR),
        NAME(CKR_DEVICE_MEMORY),
        NAME(CKR_DEVICE_REMOVED),
        NAME(CKR_FUNCTION_CANCELED),
        NAME(CKR_FUNCTION_NOT_SUPPORTED),
        NAME(CKR_KEY_HANDLE_INVALID),
        NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
        NAME(CKR_MECHANISM_INVALID),
        NAME(CKR_MECHANISM_PARAM_INVALID),
        NAME(CKR_OBJECT_HANDLE_INVALID),
        NAME(CKR_OPERATION_ACTIVE),
        NAME(CKR_OPERATION_NOT_INITIALIZED),
        NAME(CKR_PIN_INCORRECT),
        NAME(CKR_PIN_INVALID),
        NAME(CKR_PIN_LEN_RANGE),
        NAME(CKR_PIN_EXPIRED),
        NAME(CKR_PIN_LOCKED),
        NAME(CKR_SESSION_CLOSED),
        NAME(CKR_SESSION_COUNT),
        NAME(CKR_SESSION_HANDLE_INVALID),
        NAME(CKR_SESSION_READ_ONLY),
        NAME(CKR_TEMPLATE_INCOMPLETE),
        NAME(CKR_TEMPLATE_INCONSISTENT),
        NAME(CKR_TOKEN_NOT_PRESENT),
        NAME(CKR_TOKEN_NOT_RECOGNIZED),
        NAME(CKR_TOKEN_WRITE_PROTECTED),
        NAME(CKR_USER_ALREADY_LOGGED_IN),
        NAME(CKR_USER_NOT_LOGGED_IN),
        NAME(CKR_USER_PIN_NOT_INITIALIZED),
        NAME(CKR_USER_TYPE_INVALID),
        NAME(CKR_DOMAIN_PARAMS_INVALID),
        NAME(CKR_CURVE_NOT_SUPPORTED),
        NAME(CKR_BUFFER_TOO_SMALL),
        NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
};

static const struct name attributes[] = {
        NAME(CKA_CLASS),
        NAME(CKA_TOKEN),
        NAME(CKA_PRIVATE),
        NAME(CKA_LABEL),
        NAME(CKA_VALUE),
        NAME(CKA_CERTIFICATE_TYPE),
        NAME(CKA_ISSUER),
        NAME(CKA_SERIAL_NUMBER),
        NAME(CKA_KEY_TYPE),
        NAME(CKA_SUBJECT),
        NAME(CKA_ID),
        NAME(CKA_SENSITIVE),
        NAME(CKA_ENCRYPT),
        NAME(CKA_DECRYPT),
        NAME(CKA_WRAP),
        NAME(CKA_UNWRAP),
        NAME(CKA_SIGN),
        NAME(CKA_SIGN_RECOVER),
        NAME(CKA_VERIFY),
        NAME(CKA_VERIFY_RECOVER),
        NAME(CKA_DERIVE),
        NAME(CKA_MODULUS),
        NAME(CKA_MODULUS_BITS),
        NAME(CKA_PUBLIC_EXPONENT),
        NAME(CKA_EXTRACTABLE),
        NAME(CKA_LOCAL),
        NAME(CKA_NEVER_EXTRACTABLE),
        NAME(CKA_ALWAYS_SENSITIVE),
        NAME(CKA_KEY_GEN_MECHANISM),
        NAME(CKA_MODIFIABLE),
        NAME(CKA_EC_PARAMS),
        NAME(CKA_EC_POINT),
        NAME(CKA_ALWAYS_AUTHENTICATE),
        NAME(CKA_ALLOWED_MECHANISMS),
};

static const struct name mechanisms[] = {
        NAME(CKM_RSA_PKCS_KEY_PAIR_GEN),
        NAME(CKM_RSA_X9_31_KEY_PAIR_GEN),
        NAME(CKM_RSA_PKCS),
        NAME(CKM_RSA_PKCS_PSS),
        NAME(CKM_SHA256_RSA_PKCS),
        NAME(CKM_SHA384_RSA_PKCS),
        NAME(CKM_SHA512_RSA_PKCS),
        NAME(CKM_EC_KEY_PAIR_GEN),
        NAME(CKM_ECDSA),
        NAME(CKM_ECDSA_SHA1),
        NAME(CKM_ECDSA_SHA256),
        NAME(CKM_ECDSA_SHA384),
        NAME(CKM_ECDSA_SHA512),
};

static const struct name flags[] = {
        NAME(CKF_WRITE_PROTECTED),
        NAME(CKF_LOGIN_REQUIRED),
        NAME(CKF_PROTECTED_AUTHENTICATION_PATH),
        NAME(CKF_USER_PIN_COUNT_LOW),
        NAME(CKF_USER_PIN_FINAL_TRY),
        NAME(CKF_USER_PIN_LOCKED),
        NAME(CKF_USER_PIN_TO_BE_CHANGED),
        NAME(CKF_SO_PIN_COUNT_LOW),
        NAME(CKF_SO_PIN_FINAL_TRY),
        NAME(CKF_SO_PIN_LOCKED),
};

static const struct name places[] = {
        { "create", IN_CERTIFICATE },
        { "certificate", IN_CERTIFICATE },
        { "public", IN_PUBLIC },
        { "private", IN_PRIVATE },
};

static const struct name styles[] = {
        { "removed", VANISH_REMOVED },
        { "opensc", VANISH_OPENSC },
        { "ykcs11", VANISH_YKCS11 },
};

static const struct name kills[] = {
        { "before", KILL_BEFORE },
        { "after", KILL_AFTER },
};

/* The rules that are not about one call: what stands behind their '='. */
static const struct {
        const char *name;
        const struct name *table; /* of names behind '='; NULL: none */
        size_t table_length;
        enum rule_place place; /* unless in= says so */
        bool takes_text;
} kinds[RULE_KINDS] = {
        [RULE_HIDE_SLOT] = { "hide-slot" },
        [RULE_VANISH] = { "vanish", styles, sizeof(styles) / sizeof(styles[0]) },
        [RULE_CHANGE_SERIAL] = { "change-serial", .takes_text = true },
        [RULE_SET_FLAG] = { "set-flag", flags, sizeof(flags) / sizeof(flags[0]) },
        [RULE_REFUSE_ATTRIBUTE] = { "refuse-attribute", attributes,
                                    sizeof(attributes) / sizeof(attributes[0]) },
        [RULE_FORCE_ATTRIBUTE] = { "force-attribute", attributes,
                                   sizeof(attributes) / sizeof(attributes[0]), IN_PRIVATE },
        [RULE_HIDE_MECHANISM] = { "hide-mechanism", mechanisms,
                                  sizeof(mechanisms) / sizeof(mechanisms[0]) },
        [RULE_CANT_LOCK] = { "cant-lock" },
        [RULE_ALWAYS_AUTHENTICATE] = { "always-authenticate" },
        [RULE_BARE_POINT] = { "bare-point" },
        [RULE_WRONG_SIGNATURE] = { "wrong-signature" },
        [RULE_SHOW_OBJECT] = { "show-object" },
};

const char *
function_name(enum function function)
{
        return functions[function];
}

static bool
read_number(const char *text, unsigned long *out)
{
        char *end;

        errno = 0;
        *out = strtoul(text, &end, 0);
        return errno == 0 && end != text && *end == '\0';
}

/* A name of the table, or a number. */
static bool
read_name(const struct name *table, size_t length, const char *text, unsigned long *out)
{
        for (size_t i = 0; i < length; i++) {
                if (strcmp(table[i].name, text) == 0) {
                        *out = table[i].number;
                        return true;
                }
        }
        return read_number(text, out);
}

#define READ_NAME(table, text, out) \
        read_name((table), sizeof(table) / sizeof((table)[0]), (text), (out))

static bool
read_function(const char *text, enum function *out)
{
        for (size_t i = NO_FUNCTION + 1; i < FUNCTIONS; i++) {
                if (strcmp(functions[i], text) == 0) {
                        *out = (enum function)i;
                        return true;
                }
        }
        return false;
}

static bool
read_text(const char *text, char out[33])
{
        if (strlen(text) > 32)
                return false;
        snprintf(out, 33, "%s", text);
        return true;
}

static bool
read_value(const char *text, struct rule *rule)
{
        size_t length = strlen(text);

        rule->unreadable = strcmp(text, "unreadable") == 0;
        if (rule->unreadable)
                return true;
        if (length % 2 || length / 2 > sizeof(rule->value))
                return false;
        for (size_t i = 0; i < length / 2; i++) {
                const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };
                char *end;

                rule->value[i] = (unsigned char)strtoul(digits, &end, 16);
                if (end != digits + 2)
                        return false;
        }
        rule->value_length = length / 2;
        return true;
}

/* What the rule is about: a function, or one of the kinds. */
static bool
read_subject(const char *word, const char *value, struct rule *rule)
{
        if (!value && read_function(word, &rule->function)) {
                rule->kind = RULE_CALL;
                return true;
        }
        for (size_t i = RULE_CALL + 1; i < RULE_KINDS; i++) {
                if (strcmp(kinds[i].name, word) != 0)
                        continue;
                rule->kind = (enum rule_kind)i;
                rule->place = kinds[i].place;
                rule->rv = CKR_ATTRIBUTE_TYPE_INVALID;
                if (!value)
                        return i == RULE_VANISH || (!kinds[i].table && !kinds[i].takes_text);
                if (kinds[i].takes_text)
                        return read_text(value, rule->text);
                if (!read_name(kinds[i].table, kinds[i].table_length, value, &rule->number))
                        return false;
                if (i == RULE_VANISH)
                        rule->style = (enum rule_style)rule->number;
                return true;
        }
        return false;
}

static bool
read_option(const char *word, const char *value, struct rule *rule)
{
        unsigned long number = KILL_BEFORE;

        if (strcmp(word, "kill") == 0 && (!value || READ_NAME(kills, value, &number))) {
                rule->kill = (enum rule_kill)number;
                return true;
        }
        if (!value) {
                rule->hangs = strcmp(word, "hang") == 0;
                return rule->hangs;
        }
        if (strcmp(word, "after") == 0)
                return read_number(value, &rule->after);
        if (strcmp(word, "count") == 0)
                return read_number(value, &rule->count);
        if (strcmp(word, "delay_ms") == 0)
                return read_number(value, &rule->delay_ms);
        if (strcmp(word, "rv") == 0) {
                rule->answers = true;
                return READ_NAME(answers, value, &rule->rv);
        }
        if (strcmp(word, "on") == 0)
                return rule->kind != RULE_CALL && read_function(value, &rule->function);
        if (strcmp(word, "token") == 0)
                return read_text(value, rule->token);
        if (strcmp(word, "value") == 0)
                return read_value(value, rule);
        if (strcmp(word, "in") == 0 && READ_NAME(places, value, &number)) {
                rule->place = (enum rule_place)number;
                return true;
        }
        return false;
}

/* Does the rule do anything?  `force-attribute` without a value, or a bare call, would not. */
static bool
is_complete(const struct rule *rule)
{
        if (rule->kind == RULE_CALL)
                return rule->answers || rule->delay_ms || rule->hangs || rule->kill;
        if (rule->kind == RULE_FORCE_ATTRIBUTE)
                return rule->unreadable || rule->value_length;
        return true;
}

/* One line, which is cut up on the way.  Adds nothing for an empty one. */
static bool
read_line(struct rules *rules, char *line)
{
        struct rule rule = { 0 };
        char *rest = line;
        bool first = true;

        line[strcspn(line, "#")] = '\0';
        for (char *word = strtok_r(line, " \t\r", &rest); word;
             word = strtok_r(NULL, " \t\r", &rest)) {
                char *value = strchr(word, '=');

                if (value)
                        *value++ = '\0';
                if (!(first ? read_subject : read_option)(word, value, &rule))
                        return false;
                first = false;
        }
        if (first)
                return true;
        if (!is_complete(&rule) || rules->length == RULES_MOST)
                return false;
        rules->list[rules->length++] = rule;
        return true;
}

bool
rules_parse(struct rules *rules, const char *text, char *complaint, size_t size)
{
        unsigned number = 0;

        rules->length = 0;
        while (*text) {
                size_t length = strcspn(text, "\n");
                char line[1024];

                number++;
                snprintf(line, sizeof(line), "%.*s", (int)length, text);
                if (length >= sizeof(line) || !read_line(rules, line)) {
                        snprintf(complaint, size, "line %u: %.*s", number, (int)length, text);
                        return false;
                }
                text += length + (text[length] == '\n');
        }
        return true;
}

static bool
rule_is_in_force(const struct rule *rule)
{
        if (rule->function == NO_FUNCTION)
                return true;
        return rule->seen > rule->after &&
               (rule->count == 0 || rule->seen <= rule->after + rule->count);
}

bool
rules_refresh(struct rules *rules, const char *path, char *complaint, size_t size)
{
        static char text[65536];
        struct stat now = { 0 };
        ssize_t length;
        int fd;

        if (path && stat(path, &now) != 0)
                now = (struct stat){ 0 };
        if (now.st_ino == rules->read.st_ino && now.st_size == rules->read.st_size &&
            now.st_mtim.tv_sec == rules->read.st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == rules->read.st_mtim.tv_nsec)
                return true;
        rules->read = now;
        rules->length = 0;
        fd = now.st_ino ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return true;
        length = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[length > 0 ? length : 0] = '\0';
        return rules_parse(rules, text, complaint, size);
}

const struct rule *
rules_next(const struct rules *rules, enum rule_kind kind, const char *token,
           const struct rule *last)
{
        size_t first = last ? (size_t)(last - rules->list) + 1 : 0;

        for (size_t i = first; i < rules->length; i++) {
                const struct rule *rule = &rules->list[i];

                if (rule->kind != kind || !rule_is_in_force(rule))
                        continue;
                if (!rule->token[0] || strcmp(rule->token, *token ? token : "-") == 0)
                        return rule;
        }
        return NULL;
}
