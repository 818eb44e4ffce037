/*
 * The table of all options; options.c reads it, --help, completion and the configuration show it.
 */
#include "cli/options.h"

#define GENERAL SCOPE_GENERAL
#define ANYWHERE (SCOPE_GENERAL | SCOPE_PROFILE)

#define GLOBAL .group = GROUP_GLOBAL, .variable = true
#define OF_TOKEN .group = GROUP_TOKEN, .variable = true, .scope = ANYWHERE
#define OF_AWS .group = GROUP_AWS, .scope = ANYWHERE
#define OF_VERB .group = GROUP_VERB

#define FLAG .kind = OPTION_IS_FLAG
#define TEXT(what) .kind = OPTION_IS_TEXT, .argument = what
#define LIST(what) .kind = OPTION_IS_LIST, .argument = what
#define SPAN(what) .kind = OPTION_IS_SPAN, .argument = what
#define CHOICE(what, of) .kind = OPTION_IS_CHOICE, .argument = what, .choices = of

/* clang-format off */
static const struct option_row rows[] = {
        [OPTION_CONFIG] = { "config", GLOBAL, .letter = 'c', TEXT("FILE"),
                .help = "read this configuration and no other",
                .fallback = "~/.config/p11cert/config" },
        [OPTION_STATE] = { "state", GLOBAL, TEXT("DIR"), .scope = GENERAL,
                .help = "where ledger and certificates are kept",
                .fallback = "~/.local/state/p11cert" },
        [OPTION_CERT_PROFILE] = { "cert-profile", GLOBAL, .letter = 'p', TEXT("NAME"),
                .scope = GENERAL, .help = "take wishes from this profile of the configuration" },
        [OPTION_OUTPUT] = { "output", GLOBAL, CHOICE("FORMAT", "text|json|jsonl"),
                .scope = GENERAL, .help = "text, json or jsonl", .fallback = "text" },
        [OPTION_QUIET] = { "quiet", GLOBAL, .letter = 'q', FLAG, .scope = GENERAL,
                .help = "no progress and no notes" },
        [OPTION_VERBOSE] = { "verbose", GLOBAL, .letter = 'v', FLAG, .scope = GENERAL,
                .help = "log what happens to stderr; twice: in detail" },
        [OPTION_NO_PROMPT] = { "no-prompt", GLOBAL, FLAG, .scope = GENERAL,
                .help = "never ask anything; what cannot be known is an error" },
        [OPTION_DRY_RUN] = { "dry-run", GLOBAL, .letter = 'n', FLAG, .scope = GENERAL,
                .help = "show what would be done and change nothing" },
        [OPTION_YES] = { "yes", GLOBAL, .letter = 'y', FLAG, .scope = GENERAL,
                .help = "answer yes to what would be asked" },
        [OPTION_NO_COLOR] = { "no-color", GLOBAL, FLAG, .scope = GENERAL,
                .help = "no colour (NO_COLOR does the same)" },
        [OPTION_LOCK_WAIT] = { "lock-wait", GLOBAL, SPAN("TIME"), .scope = GENERAL,
                .help = "wait so long for another p11cert that moves orders", .fallback = "10s" },
        [OPTION_HELP] = { "help", .group = GROUP_GLOBAL, .letter = 'h', FLAG,
                .help = "this text" },
        [OPTION_VERSION] = { "version", .group = GROUP_GLOBAL, .letter = 'V', FLAG,
                .help = "the version of p11cert and of its libraries" },

        [OPTION_MODULE] = { "module", OF_TOKEN, TEXT("PATH"),
                .help = "PKCS #11 module", .fallback = "those of p11-kit's registry" },
        [OPTION_TOKEN] = { "token", OF_TOKEN, TEXT("URI"),
                .help = "the token, such as pkcs11:token=NAME" },
        [OPTION_PIN_SOURCE] = { "pin-source", OF_TOKEN, TEXT("SOURCE"),
                .help = "file:PATH, env:NAME, fd:N, cmd:PROGRAM or prompt", .fallback = "prompt" },
        [OPTION_RETRY_PIN] = { "retry-pin", OF_TOKEN, FLAG,
                .help = "use a PIN source although the token refused it before" },
        [OPTION_TOKEN_TIMEOUT] = { "token-timeout", OF_TOKEN, SPAN("TIME"),
                .help = "give up on a token that does not answer", .fallback = "120s" },

        [OPTION_PROFILE] = { "profile", OF_AWS, TEXT("NAME"), .foreign = "AWS_PROFILE",
                .help = "profile of the AWS configuration", .fallback = "default" },
        [OPTION_REGION] = { "region", OF_AWS, TEXT("REGION"),
                .foreign = "AWS_REGION AWS_DEFAULT_REGION",
                .help = "AWS Region", .fallback = "that of the CA" },
        [OPTION_ENDPOINT_URL] = { "endpoint-url", OF_AWS, TEXT("URL"),
                .foreign = "AWS_ENDPOINT_URL_ACM_PCA AWS_ENDPOINT_URL",
                .help = "ask this server in place of AWS Private CA" },
        [OPTION_CA_BUNDLE] = { "ca-bundle", OF_AWS, TEXT("FILE"), .foreign = "AWS_CA_BUNDLE",
                .help = "roots to trust for TLS", .fallback = "those of the system" },
        [OPTION_ROLE_ARN] = { "role-arn", OF_AWS, TEXT("ARN"), .help = "role to assume" },
        [OPTION_EXTERNAL_ID] = { "external-id", OF_AWS, TEXT("ID"),
                .help = "external id for the role" },
        [OPTION_ROLE_SESSION_NAME] = { "role-session-name", OF_AWS, TEXT("NAME"),
                .foreign = "AWS_ROLE_SESSION_NAME", .help = "name of the role's session" },
        [OPTION_MFA_CODE] = { "mfa-code", .group = GROUP_AWS, TEXT("CODE"),
                .help = "six digits, for a role that wants MFA", .fallback = "ask" },

        [OPTION_CA] = { "ca", OF_VERB, TEXT("ARN"), .scope = ANYWHERE, .variable = true,
                .help = "the certificate authority" },
        [OPTION_KEY] = { "key", OF_VERB, TEXT("URI"), .scope = SCOPE_PROFILE,
                .help = "use this key, which exists, instead of making one" },
        [OPTION_CSR] = { "csr", OF_VERB, TEXT("FILE"),
                .help = "use this CSR, which exists; its key is looked for on the token" },
        [OPTION_SUBJECT] = { "subject", OF_VERB, TEXT("NAME"), .scope = SCOPE_PROFILE,
                .help = "subject as in RFC 4514, such as CN=device-1,O=Example" },
        [OPTION_SAN] = { "san", OF_VERB, LIST("TYPE:VALUE"), .scope = SCOPE_PROFILE,
                .help = "alternative name (dns, ip, email, uri, …); repeatable" },
        [OPTION_KEY_TYPE] = { "key-type", OF_VERB, TEXT("TYPE"), .scope = ANYWHERE,
                .choices = "ec:p256|ec:p384|ec:p521|rsa:2048|rsa:3072|rsa:4096",
                .help = "ec:p256, ec:p384, ec:p521, rsa:2048, rsa:3072 or rsa:4096",
                .fallback = "ec:p256" },
        [OPTION_LABEL] = { "label", OF_VERB, TEXT("LABEL"),
                .help = "label of the key on the token", .fallback = "the name" },
        [OPTION_ID] = { "id", OF_VERB, TEXT("HEX"),
                .help = "CKA_ID of the key", .fallback = "20 random bytes" },
        [OPTION_REPLACE] = { "replace", OF_VERB, FLAG,
                .help = "the key that is kept under --id may go" },
        [OPTION_TEMPLATE] = { "template", OF_VERB, TEXT("NAME|ARN"), .scope = ANYWHERE,
                .help = "AWS Private CA template", .fallback = "EndEntityCertificate/V1" },
        [OPTION_VALIDITY] = { "validity", OF_VERB, TEXT("TIME"), .scope = ANYWHERE,
                .help = "365d, 13mo, 2y, end:DATE, absolute:EPOCH or ca-end",
                .fallback = "365d" },
        [OPTION_NOT_BEFORE] = { "not-before", OF_VERB, TEXT("TIME"),
                .help = "start of validity (RFC 3339)" },
        [OPTION_KEY_USAGE] = { "key-usage", OF_VERB, LIST("NAMES"), .scope = ANYWHERE,
                .help = "key usages, such as digitalSignature" },
        [OPTION_EXT_KEY_USAGE] = { "ext-key-usage", OF_VERB, LIST("NAMES"), .scope = ANYWHERE,
                .help = "extended key usages by name or OID, such as clientAuth" },
        [OPTION_POLICY_OID] = { "policy-oid", OF_VERB, LIST("OID[,cps=URI]"), .scope = ANYWHERE,
                .help = "certificate policy, with its practice statement; repeatable" },
        [OPTION_EXTENSION] = { "extension", OF_VERB, LIST("OID[,critical]:HEX"),
                .scope = ANYWHERE,
                .help = "another extension, its value as DER; repeatable" },
        [OPTION_PATH_LENGTH] = { "path-length", OF_VERB, TEXT("N"), .scope = ANYWHERE,
                .choices = "0|1|2|3",
                .help = "a CA's certificate, with so many CAs below it at most" },
        [OPTION_HASH] = { "hash", OF_VERB, TEXT("NAME"), .scope = ANYWHERE,
                .choices = "sha256|sha384|sha512",
                .help = "hash of the CSR's signature", .fallback = "what goes with the key" },
        [OPTION_ALLOW_DIFFERENCE] = { "allow-difference", OF_VERB, LIST("FIELD"),
                .scope = ANYWHERE,
                .choices = "subject|alternative-names|key-usage|extended-key-usage|policies|"
                           "extension|subject-key-identifier|authority-key-identifier|"
                           "crl-distribution-points|authority-information-access|not-before|"
                           "not-after",
                .help = "deliver although this field is not as asked for; repeatable" },
        [OPTION_SIGNING_ALGORITHM] = { "signing-algorithm", OF_VERB, TEXT("NAME"),
                .scope = ANYWHERE,
                .choices = "SHA256WITHECDSA|SHA384WITHECDSA|SHA512WITHECDSA|SHA256WITHRSA|"
                           "SHA384WITHRSA|SHA512WITHRSA",
                .help = "the CA's signature, such as SHA256WITHECDSA",
                .fallback = "what goes with its key" },
        [OPTION_ROOT] = { "root", OF_VERB, TEXT("FILE"), .scope = ANYWHERE,
                .help = "the root certificate to trust", .fallback = "pinned at first use" },
        [OPTION_NAME] = { "name", OF_VERB, TEXT("NAME"),
                .help = "name of the order", .fallback = "the common name" },
        [OPTION_OUT] = { "out", OF_VERB, TEXT("DIR"), .scope = ANYWHERE,
                .help = "folder for files", .fallback = "STATE/certificates" },
        [OPTION_FORMAT] = { "format", OF_VERB, LIST("FORMATS"), .scope = ANYWHERE,
                .choices = "pem|der|p7b",
                .help = "files to write besides PEM: der, p7b", .fallback = "pem" },
        [OPTION_STORE] = { "store", OF_VERB, LIST("TARGETS"), .scope = ANYWHERE,
                .choices = "token|files|token,files",
                .help = "where the certificate is delivered", .fallback = "token,files" },
        [OPTION_ATTRIBUTE] = { "attribute", OF_VERB, LIST("KEY=VALUE"), .scope = ANYWHERE,
                .help = "something to keep with the order; repeatable" },
        [OPTION_HOLDER] = { "holder", OF_VERB, TEXT("TEXT"), .scope = ANYWHERE,
                .help = "who or what holds the certificate" },
        [OPTION_PLACE] = { "place", OF_VERB, TEXT("TEXT"), .scope = ANYWHERE,
                .help = "where it is" },
        [OPTION_PROVE] = { "prove", OF_VERB, FLAG, .scope = ANYWHERE,
                .help = "let libp11 find key and certificate, as applications will" },
        [OPTION_NO_WAIT] = { "no-wait", OF_VERB, FLAG,
                .help = "stop once the request is submitted (exit status 4)" },
        [OPTION_OVERRIDE] = { "override", OF_VERB, FLAG,
                .help = "go on with other module, endpoint or AWS profile than recorded" },
        [OPTION_IN_STATE] = { "in-state", OF_VERB, LIST("STATE"),
                .choices = "planned|keyed|requested|submitted|issued|verified|delivered|installed|"
                           "superseded|failed",
                .help = "only orders in this state; repeatable" },
        [OPTION_WITHIN] = { "within", OF_VERB, SPAN("TIME"), .scope = GENERAL,
                .help = "what expires within this time, such as 30d" },
        [OPTION_ON_TOKEN] = { "on-token", OF_VERB, TEXT("TOKEN"),
                .help = "only keys on the token with this serial number or label" },
        [OPTION_DUE] = { "due", OF_VERB, FLAG, .help = "everything that `due` lists" },
        [OPTION_REASON] = { "reason", OF_VERB, TEXT("REASON"),
                .choices = "unspecified|key-compromise|ca-compromise|"
                           "affiliation-changed|superseded|cessation-of-operation|"
                           "privilege-withdrawn|a-a-compromise",
                .help = "why: key-compromise, superseded, cessation-of-operation, …" },
        [OPTION_BY] = { "by", OF_VERB, TEXT("TEXT"), .help = "who did it" },
        [OPTION_WHERE] = { "where", OF_VERB, TEXT("TEXT"), .help = "on which machine" },
        [OPTION_NOTE] = { "note", OF_VERB, TEXT("TEXT"), .help = "anything else worth keeping" },
        [OPTION_OTHER_ACCOUNTS] = { "other-accounts", OF_VERB, FLAG,
                .help = "CAs that other accounts share with this one" },
        [OPTION_USE] = { "use", OF_VERB,
                CHOICE("USE", "issue|fetch|renew|verify|revoke|ca-list|ca-show|audit|permissions|"
                              "managed|connector|identity"),
                .help = "what the identity is for", .fallback = "issue" },
        [OPTION_STRICT] = { "strict", OF_VERB, FLAG,
                .help = "leave out what the use can do without" },
        [OPTION_SOURCE_IP] = { "source-ip", OF_VERB, LIST("CIDR"),
                .help = "only requests from this block of addresses; repeatable" },
        [OPTION_MFA] = { "mfa", OF_VERB, FLAG, .help = "only with a second factor" },
        [OPTION_SESSION] = { "session", OF_VERB, FLAG,
                .help = "write the session policy that cuts a role to the use" },
        [OPTION_ROLE_NAME] = { "role-name", OF_VERB, TEXT("NAME"),
                .help = "connector: the role of that name in every account" },
        [OPTION_ACCOUNT] = { "account", OF_VERB, TEXT("DIGITS"),
                .help = "identity, connector: the account, where no CA tells it" },
        [OPTION_ROLE_TRUST] = { "role-trust", OF_VERB, TEXT("WHO"),
                .help = "write a role's trust policy for an account, user, role or trust anchor" },
        [OPTION_COMMON_NAME] = { "common-name", OF_VERB, LIST("NAME"),
                .help = "of a certificate of the trust anchor that may; repeatable" },
};
/* clang-format on */
static_assert(ARRAY_LENGTH(rows) == OPTIONS, "a row for every option");

const struct option_row *
option_row(enum option_id id)
{
        return &rows[id];
}
