#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN (1U << GROUP_TOKEN)
#define AWS (1U << GROUP_AWS)
#define S(status) (1U << (status))
#define MANY ((size_t)64)

/* Exit statuses of whatever asks AWS, a token, or moves an order. */
#define OF_AWS (S(5) | S(11))
#define OF_TOKEN (S(6) | S(7) | S(8))
#define OF_MOVING (OF_AWS | OF_TOKEN | S(4) | S(9) | S(12))

#define OPTIONS_ARE(...)             \
        (const enum option_id[])     \
        {                            \
                __VA_ARGS__, OPTIONS \
        }

#define FALLBACKS_ARE(...)             \
        (const struct verb_fallback[]) \
        {                              \
                __VA_ARGS__,           \
                {                      \
                        OPTIONS, NULL  \
                }                      \
        }

/* clang-format off */
#define WISHES                                                                                     \
        OPTION_CA, OPTION_SUBJECT, OPTION_SAN, OPTION_KEY_TYPE, OPTION_LABEL, OPTION_ID,           \
        OPTION_REPLACE, OPTION_KEY, OPTION_TEMPLATE, OPTION_VALIDITY, OPTION_NOT_BEFORE,           \
        OPTION_KEY_USAGE, OPTION_EXT_KEY_USAGE, OPTION_POLICY_OID, OPTION_EXTENSION,               \
        OPTION_PATH_LENGTH, OPTION_HASH, OPTION_ALLOW_DIFFERENCE, OPTION_SIGNING_ALGORITHM,        \
        OPTION_NAME, OPTION_OUT, OPTION_FORMAT, OPTION_STORE, OPTION_FILE_MODE, OPTION_FILE_OWNER, \
        OPTION_DEPLOY_HOOK, OPTION_HOOK_TIMEOUT, OPTION_RENEW_BEFORE, OPTION_ATTRIBUTE,            \
        OPTION_HOLDER, OPTION_PLACE, OPTION_PROVE

static const struct verb verbs[] = {
        { .name = "issue", .usage = "", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "one order from key to delivered certificate",
          .details = "Makes a key pair on the token, lets it sign a CSR, has AWS Private CA issue, "
                     "proves that\nthe certificate is what was asked for, and delivers it to the "
                     "token and to files.\nThe same name again resumes an order that was "
                     "interrupted.\n",
          .example = "p11cert issue --ca arn:aws:acm-pca:… --token 'pkcs11:token=hsm' \\\n"
                     "        --pin-source file:/etc/p11cert/pin --subject CN=device-1 "
                     "--san dns:device-1.example",
          .options = OPTIONS_ARE(WISHES, OPTION_CSR, OPTION_ROOT, OPTION_NO_WAIT,
                                 OPTION_REQUIRE_LIMITED),
          .statuses = OF_MOVING | S(3), .run = cmd_issue },
        { .name = "plan", .usage = "", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "the certificate that `issue` would bring, field by field",
          .details = "Looks at token and CA, and asks for nothing.  Exit status 9 when the template "
                     "would\ndrop a wish; 2 when AWS would refuse the request.\n",
          .example = "p11cert plan --ca arn:aws:acm-pca:… --token 'pkcs11:token=hsm' \\\n"
                     "        --subject CN=device-1 --template client --ext-key-usage clientAuth",
          .options = OPTIONS_ARE(WISHES, OPTION_CSR, OPTION_ROOT, OPTION_NO_WAIT),
          .statuses = OF_AWS | S(3) | S(6) | S(9) | S(12), .run = cmd_plan },
        { .name = "csr", .usage = "[FILE]", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "key pair and CSR, to FILE or standard output; the order is held",
          .details = "A held order is moved on only by `submit` or `import`.\n",
          .example = "p11cert csr --token 'pkcs11:token=hsm' --subject CN=device-1 device-1.csr",
          .options = OPTIONS_ARE(WISHES), .most = 1,
          .statuses = OF_TOKEN | S(3) | S(4) | S(12), .run = cmd_csr },
        { .name = "submit", .usage = "ORDER", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "let a held order go on to the CA",
          .example = "p11cert submit device-1 --ca arn:aws:acm-pca:… --validity 90d",
          .options = OPTIONS_ARE(OPTION_CA, OPTION_TEMPLATE, OPTION_VALIDITY, OPTION_NOT_BEFORE,
                                 OPTION_SIGNING_ALGORITHM, OPTION_ROOT, OPTION_PROVE,
                                 OPTION_NO_WAIT, OPTION_REQUIRE_LIMITED, OPTION_HOOK_TIMEOUT, OPTION_OVERRIDE),
          .least = 1, .most = 1, .statuses = OF_MOVING,
          .fallbacks = FALLBACKS_ARE({ OPTION_TEMPLATE, "as at csr, else EndEntityCertificate/V1" },
                                     { OPTION_VALIDITY, "as at csr, else 365d" }),
          .run = cmd_submit },
        { .name = "fetch", .usage = "ORDER", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "go on with a submitted order",
          .details = "Without its token the order stops at verified (exit status 4).\n",
          .example = "p11cert fetch device-1",
          .options = OPTIONS_ARE(OPTION_ROOT, OPTION_HOOK_TIMEOUT, OPTION_OVERRIDE),
          .least = 1, .most = 1, .statuses = OF_MOVING | S(3), .run = cmd_fetch },
        { .name = "import", .usage = "ORDER FILE", .groups = TOKEN | AWS, .shape = ANSWER_ORDER,
          .summary = "take in a certificate that came another way",
          .details = "FILE holds the certificate, PEM or DER, and may hold its chain behind it.\n",
          .example = "p11cert import device-1 device-1.pem --root root.pem",
          .options = OPTIONS_ARE(OPTION_ROOT, OPTION_HOOK_TIMEOUT, OPTION_OVERRIDE),
          .least = 2, .most = 2, .statuses = OF_MOVING, .run = cmd_import },
        { .name = "resume", .usage = "", .groups = TOKEN | AWS, .shape = ANSWER_ORDERS,
          .summary = "take up everything that was interrupted and is not held",
          .example = "p11cert resume --pin-source file:/etc/p11cert/pin",
          .options = OPTIONS_ARE(OPTION_ROOT, OPTION_NO_WAIT, OPTION_REQUIRE_LIMITED,
                                 OPTION_HOOK_TIMEOUT, OPTION_OVERRIDE),
          .statuses = OF_MOVING | S(3) | S(10), .run = cmd_resume },
        { .name = "batch", .usage = "MANIFEST", .groups = TOKEN | AWS, .shape = ANSWER_ORDERS,
          .summary = "many orders, a row of a CSV file or of JSON lines each",
          .details = "The manifest is checked as a whole before anything is begun.  A name is issued "
                     "once, in\nwhatever run: the same command again goes on where it stopped.  "
                     "Exit status 10 when a row\nwas not delivered, 3 when all were before.\n",
          .example = "p11cert batch devices.csv --ca arn:aws:acm-pca:… --token 'pkcs11:token=hsm' "
                     "\\\n        --pin-source file:/etc/p11cert/pin --report result.csv",
          .options = OPTIONS_ARE(OPTION_RESUME, OPTION_RETRY_FAILED, OPTION_RATE, OPTION_SESSIONS,
                                 OPTION_REPORT, OPTION_LIMIT, OPTION_ONLY, OPTION_PLAN,
                                 OPTION_OUTAGE_WAIT, OPTION_CA, OPTION_SUBJECT, OPTION_SAN,
                                 OPTION_KEY_TYPE, OPTION_LABEL, OPTION_TEMPLATE, OPTION_VALIDITY,
                                 OPTION_NOT_BEFORE, OPTION_KEY_USAGE, OPTION_EXT_KEY_USAGE,
                                 OPTION_POLICY_OID, OPTION_EXTENSION, OPTION_PATH_LENGTH,
                                 OPTION_HASH, OPTION_ALLOW_DIFFERENCE, OPTION_SIGNING_ALGORITHM,
                                 OPTION_OUT, OPTION_FORMAT, OPTION_STORE, OPTION_FILE_MODE, OPTION_FILE_OWNER,
                                 OPTION_DEPLOY_HOOK, OPTION_HOOK_TIMEOUT, OPTION_RENEW_BEFORE,
                                 OPTION_ATTRIBUTE,
                                 OPTION_HOLDER, OPTION_PLACE, OPTION_PROVE, OPTION_ROOT,
                                 OPTION_REQUIRE_LIMITED, OPTION_OVERRIDE),
          .least = 1, .most = MANY, .statuses = OF_MOVING | S(3) | S(10), .run = cmd_batch },
        { .name = "station", .usage = "", .groups = TOKEN | AWS, .shape = ANSWER_ORDERS,
          .summary = "the endless batch: waits for tokens, one lane per reader",
          .details = "A token that was done before is recognised, one that was pulled half-way "
                     "goes on.\n--token says which tokens are meant; without it, all that are "
                     "inserted.\nCtrl-C finishes what was begun; twice leaves at once.\n",
          .example = "p11cert station --ca arn:aws:acm-pca:… --pin-source file:/etc/p11cert/pin \\\n"
                     "        --subject 'CN=device-{token.serial}' --quota 250",
          .options = OPTIONS_ARE(WISHES, OPTION_ROOT, OPTION_REQUIRE_LIMITED, OPTION_MANIFEST, OPTION_ONCE, OPTION_INIT, OPTION_QUOTA,
                                 OPTION_UNTIL, OPTION_SCAN, OPTION_PRE_HOOK, OPTION_POST_HOOK,
                                 OPTION_TOKEN_LABEL, OPTION_SO_PIN_SOURCE,
                                 OPTION_PIN_HOOK, OPTION_RETRY_FAILED, OPTION_NO_BELL),
          .statuses = OF_MOVING | S(3) | S(10), .run = cmd_station },
        { .name = "list", .usage = "", .shape = ANSWER_ORDERS,
          .summary = "the orders in the ledger",
          .example = "p11cert list --in-state delivered --within 30d",
          .options = OPTIONS_ARE(OPTION_IN_STATE, OPTION_CA, OPTION_HOLDER, OPTION_PLACE,
                                 OPTION_WITHIN, OPTION_ON_TOKEN),
          .statuses = S(12), .run = cmd_list },
        { .name = "show", .usage = "ORDER", .shape = ANSWER_ORDER,
          .summary = "everything about one order",
          .details = "ORDER is a number, a name, a certificate's serial number or its ARN.\n",
          .example = "p11cert show device-1",
          .least = 1, .most = 1, .statuses = S(12), .run = cmd_show },
        { .name = "due", .usage = "", .shape = ANSWER_ORDERS,
          .summary = "certificates that expire soon and have no successor in place",
          .details = "Exit status 3 when nothing is due.\n",
          .example = "p11cert due --within 14d",
          .options = OPTIONS_ARE(OPTION_WITHIN, OPTION_CA, OPTION_HOLDER, OPTION_PLACE,
                                 OPTION_ON_TOKEN),
          .statuses = S(3) | S(12),
          .fallbacks = FALLBACKS_ARE({ OPTION_WITHIN, "30d" }),
          .run = cmd_due },
        { .name = "check", .usage = "",
          .summary = "what is due or stands still, for Nagios and its kin",
          .details = "One line, performance data, then a line for each order.  Warning: due, or "
                     "interrupted;\ncritical: expired, or within --critical; unknown: whatever "
                     "keeps it from telling.\n",
          .example = "p11cert check --within 30d --critical 7d",
          .options = OPTIONS_ARE(OPTION_WITHIN, OPTION_CRITICAL, OPTION_CA, OPTION_HOLDER,
                                 OPTION_PLACE, OPTION_ON_TOKEN),
          .plugin = true, .fallbacks = FALLBACKS_ARE({ OPTION_WITHIN, "30d" }),
          .run = cmd_check },
        { .name = "verify", .usage = "[ORDER…]", .groups = TOKEN | AWS,
          .summary = "hold token and files against the ledger",
          .details = "Without ORDER: everything that is delivered or installed.\n",
          .example = "p11cert verify device-1 --pin-source file:/etc/p11cert/pin",
          .options = OPTIONS_ARE(OPTION_OVERRIDE),
          .most = MANY, .statuses = OF_TOKEN | S(3) | S(9) | S(10) | S(12), .run = cmd_verify },
        { .name = "renew", .usage = "ORDER… | --due", .groups = TOKEN | AWS,
          .shape = ANSWER_ORDERS,
          .summary = "a successor with the same key",
          .details = "--due renews what expires within the time of --within.\n",
          .example = "p11cert renew --due --within 14d --pin-source file:/etc/p11cert/pin",
          .options = OPTIONS_ARE(OPTION_DUE, OPTION_WITHIN, OPTION_CA, OPTION_TEMPLATE,
                                 OPTION_VALIDITY, OPTION_NOT_BEFORE, OPTION_SIGNING_ALGORITHM,
                                 OPTION_ROOT, OPTION_PROVE, OPTION_NO_WAIT,
                                 OPTION_REQUIRE_LIMITED, OPTION_HOOK_TIMEOUT, OPTION_OVERRIDE),
          .most = MANY, .statuses = OF_MOVING | S(3) | S(10),
          .fallbacks = FALLBACKS_ARE({ OPTION_WITHIN, "30d" },
                                     { OPTION_CA, "that of the order" },
                                     { OPTION_TEMPLATE, "that of the order" },
                                     { OPTION_VALIDITY, "that of the order" },
                                     { OPTION_SIGNING_ALGORITHM, "that of the order" }),
          .run = cmd_renew },
        { .name = "revoke", .usage = "ORDER|SERIAL|FILE", .groups = AWS,
          .summary = "revoke a certificate, and record it",
          .details = "A serial number that the ledger does not know needs --ca, as does a FILE.\n",
          .example = "p11cert revoke device-1 --reason key-compromise",
          .options = OPTIONS_ARE(OPTION_REASON, OPTION_CA),
          .least = 1, .most = 1, .statuses = OF_AWS | S(3) | S(12), .run = cmd_revoke },
        { .name = "installed", .usage = "ORDER", .shape = ANSWER_ORDER,
          .summary = "record that a person installed the certificate",
          .example = "p11cert installed device-1 --by 'A. Smith' --where rack-3",
          .options = OPTIONS_ARE(OPTION_BY, OPTION_WHERE, OPTION_NOTE),
          .least = 1, .most = 1, .statuses = S(3) | S(12), .run = cmd_installed },
        { .name = "doctor", .usage = "", .groups = TOKEN | AWS,
          .summary = "try module, token, identity, CA, clock and ledger; change nothing",
          .details = "Logs in to the token only with --pin-source.\n",
          .example = "p11cert doctor --ca arn:aws:acm-pca:… --token 'pkcs11:token=hsm'",
          .options = OPTIONS_ARE(OPTION_CA),
          .statuses = OF_AWS | OF_TOKEN | S(12), .run = cmd_doctor },
        { .name = "config init", .usage = "",
          .summary = "write a configuration to start from",
          .example = "p11cert config init", .statuses = S(3), .plain = true, .run = cmd_config_init },
        { .name = "config show", .usage = "", .groups = TOKEN | AWS,
          .summary = "what is configured, and where it comes from",
          .example = "p11cert config show --origin --cert-profile server",
          .options = OPTIONS_ARE(OPTION_ORIGIN), .run = cmd_config_show },
        { .name = "config check", .usage = "",
          .summary = "read the configuration and report every mistake",
          .details = "Each value is looked at by itself, and each profile with the certificate that "
                     "would come\nof it, as far as that can be said without token and CA.\n",
          .example = "p11cert --config new.conf config check", .lenient = true,
          .run = cmd_config_check },
        { .name = "ca list", .usage = "", .groups = AWS,
          .summary = "the certificate authorities of the account",
          .example = "p11cert ca list --region eu-central-1",
          .options = OPTIONS_ARE(OPTION_CA, OPTION_OTHER_ACCOUNTS),
          .statuses = OF_AWS, .run = cmd_ca_list },
        { .name = "ca show", .usage = "[ARN]", .groups = AWS,
          .summary = "status, algorithm and expiry of a CA, and its pinned root",
          .example = "p11cert ca show arn:aws:acm-pca:…", .options = OPTIONS_ARE(OPTION_CA),
          .most = 1, .statuses = OF_AWS | S(12), .run = cmd_ca_show },
        { .name = "ca chain", .usage = "[ARN]", .groups = AWS,
          .summary = "write the CA's chain and root to files",
          .details = "chain.pem and root.pem go to the folder of --out.\n",
          .example = "p11cert ca chain arn:aws:acm-pca:… --out /etc/ssl/private-ca",
          .options = OPTIONS_ARE(OPTION_CA, OPTION_OUT),
          .most = 1, .statuses = OF_AWS | S(9) | S(12),
          .fallbacks = FALLBACKS_ARE({ OPTION_OUT, "." }),
          .run = cmd_ca_chain },
        { .name = "ca trust", .usage = "[ARN]",
          .summary = "pin another root for a CA",
          .example = "p11cert ca trust arn:aws:acm-pca:… --root root.pem",
          .options = OPTIONS_ARE(OPTION_CA, OPTION_ROOT),
          .most = 1, .statuses = S(3) | S(12),
          .fallbacks = FALLBACKS_ARE({ OPTION_ROOT, "" }),
          .run = cmd_ca_trust },
        { .name = "identity policy", .usage = "[CA…]",
          .summary = "the smallest IAM policy for a use, or a role's trust policy",
          .details = "The policy goes to standard output, what it cannot restrict to standard "
                     "error.\nNothing is asked of AWS.  CA comes from --ca or the configuration "
                     "where it is not given.\n",
          .example = "p11cert identity policy arn:aws:acm-pca:… --use issue --strict",
          .options = OPTIONS_ARE(OPTION_USE, OPTION_CA, OPTION_TEMPLATE, OPTION_STRICT,
                                 OPTION_SOURCE_IP, OPTION_MFA, OPTION_SESSION, OPTION_ROLE_NAME,
                                 OPTION_ACCOUNT, OPTION_ROLE_TRUST, OPTION_COMMON_NAME,
                                 OPTION_EXTERNAL_ID),
          .most = MANY, .statuses = S(3), .run = cmd_identity_policy },
        { .name = "identity credential-process", .usage = "", .groups = TOKEN | AWS,
          .summary = "a session of Roles Anywhere, for other AWS tools",
          .details = "Its JSON is what AWS's tools read from a credential_process.  AWS_PROFILE and "
                     "AWS_ACCESS_KEY_ID\nare not looked at: the rolesanywhere- options say who "
                     "asks.\n",
          .example = "p11cert identity credential-process --no-prompt",
          .statuses = OF_AWS | OF_TOKEN, .run = cmd_identity_credential_process },
        { .name = "identity create", .usage = "NAME [CA…]", .groups = AWS,
          .summary = "make a limited user, or role, and its key; run by an administrator",
          .details = "The user gets the policy of `identity policy`, and an access key, which goes "
                     "to a profile\nof the AWS credentials file and is never shown.  With "
                     "--role-trust it is a role.\nRun again, it mends what is missing.\n",
          .example = "p11cert identity create station-7 arn:aws:acm-pca:… --to-profile station",
          .options = OPTIONS_ARE(OPTION_USE, OPTION_CA, OPTION_TEMPLATE, OPTION_STRICT,
                                 OPTION_SOURCE_IP, OPTION_MFA, OPTION_ROLE_NAME, OPTION_ACCOUNT,
                                 OPTION_ROLE_TRUST, OPTION_COMMON_NAME, OPTION_TO_PROFILE),
          .least = 1, .most = MANY, .statuses = OF_AWS | S(3) | S(9), .run = cmd_identity_create },
        { .name = "identity rotate", .usage = "NAME", .groups = AWS,
          .summary = "a new access key in place of the old one; run by an administrator",
          .details = "The new key is proved and written before the old one is deactivated and "
                     "deleted.\n",
          .example = "p11cert identity rotate station-7 --to-profile station",
          .options = OPTIONS_ARE(OPTION_TO_PROFILE),
          .least = 1, .most = 1, .statuses = OF_AWS | S(3) | S(9), .run = cmd_identity_rotate },
        { .name = "identity delete", .usage = "NAME", .groups = AWS,
          .summary = "undo identity create; run by an administrator",
          .example = "p11cert identity delete station-7 --yes",
          .options = OPTIONS_ARE(OPTION_TO_PROFILE),
          .least = 1, .most = 1, .statuses = OF_AWS | S(3), .run = cmd_identity_delete },
        { .name = "identity check", .usage = "[USER|ROLE]", .groups = TOKEN | AWS,
          .summary = "may it do what it needs, and what may it do that it should not",
          .details = "Nothing but reads is tried: the rest comes from IAM's simulator, from policies "
                     "that may be\nread, or from --policy.  Without a name: who we are.  The answer "
                     "of AWS is recorded.\nExit status 9: too powerful; 5: it lacks something; 1: "
                     "not known.\n",
          .example = "p11cert identity check station-7 --ca arn:aws:acm-pca:… --profile admin",
          .options = OPTIONS_ARE(OPTION_USE, OPTION_CA, OPTION_TEMPLATE, OPTION_STRICT,
                                 OPTION_SOURCE_IP, OPTION_MFA, OPTION_ROLE_NAME, OPTION_ACCOUNT,
                                 OPTION_POLICY),
          .most = 1, .statuses = OF_AWS | OF_TOKEN | S(3) | S(9) | S(12),
          .run = cmd_identity_check },
        { .name = "identity whoami", .usage = "", .groups = TOKEN | AWS,
          .summary = "who AWS says we are, and where the credentials come from",
          .details = "Needs no permission.\n",
          .example = "p11cert identity whoami --profile station",
          .statuses = OF_AWS | OF_TOKEN, .run = cmd_identity_whoami },
        { .name = "token list", .usage = "", .groups = TOKEN,
          .summary = "the tokens that are here, with their URIs",
          .example = "p11cert token list --module /usr/lib/softhsm/libsofthsm2.so",
          .statuses = S(6), .run = cmd_token_list },
        { .name = "token info", .usage = "[URI]", .groups = TOKEN,
          .summary = "one token: flags, PIN state, what it can do",
          .example = "p11cert token info 'pkcs11:token=hsm'",
          .most = 1, .statuses = S(6), .run = cmd_token_info },
        { .name = "token init", .usage = "[URI]", .groups = TOKEN,
          .summary = "initialise a blank token: label, security officer's PIN, user PIN",
          .details = "A token that is not blank is refused, whatever is on it.  --pin-source is "
                     "the user PIN\nthat it gets.\n",
          .example = "p11cert token init --token-label device-17 --so-pin-source file:/secure/so \\\n"
                     "        --pin-source file:/etc/p11cert/pin",
          .options = OPTIONS_ARE(OPTION_TOKEN_LABEL, OPTION_SO_PIN_SOURCE, OPTION_PIN_HOOK,
                                 OPTION_HOOK_TIMEOUT),
          .most = 1, .statuses = OF_TOKEN, .run = cmd_token_init },
        { .name = "token check-pin", .usage = "[URI]", .groups = TOKEN,
          .summary = "log in once, and tell whether the PIN is right",
          .details = "The last try is never used, and a source that was refused is not tried "
                     "again.\n",
          .example = "p11cert token check-pin 'pkcs11:token=hsm' --pin-source file:/etc/p11cert/pin",
          .most = 1, .statuses = OF_TOKEN, .run = cmd_token_check_pin },
        { .name = "token change-pin", .usage = "[URI]", .groups = TOKEN,
          .summary = "set another user PIN, and prove it by a login",
          .example = "p11cert token change-pin 'pkcs11:token=hsm' "
                     "--new-pin-source file:/etc/p11cert/new",
          .options = OPTIONS_ARE(OPTION_NEW_PIN_SOURCE),
          .most = 1, .statuses = OF_TOKEN, .run = cmd_token_change_pin },
        { .name = "key list", .usage = "[URI]", .groups = TOKEN,
          .summary = "the private keys on a token",
          .example = "p11cert key list 'pkcs11:token=hsm' --pin-source prompt",
          .options = OPTIONS_ARE(OPTION_ID, OPTION_LABEL),
          .most = 1, .statuses = OF_TOKEN,
          .fallbacks = FALLBACKS_ARE({ OPTION_ID, "any" }, { OPTION_LABEL, "any" }),
          .run = cmd_key_list },
        { .name = "cert list", .usage = "[URI]", .groups = TOKEN,
          .summary = "the certificates on a token",
          .details = "Logs in only with --pin-source.\n",
          .example = "p11cert cert list 'pkcs11:token=hsm'",
          .options = OPTIONS_ARE(OPTION_ID, OPTION_LABEL),
          .most = 1, .statuses = OF_TOKEN,
          .fallbacks = FALLBACKS_ARE({ OPTION_ID, "any" }, { OPTION_LABEL, "any" }),
          .run = cmd_cert_list },
        { .name = "audit verify", .usage = "",
          .summary = "walk the ledger's hash chain",
          .example = "p11cert audit verify", .statuses = S(12), .run = cmd_audit_verify },
        { .name = "ledger check", .usage = "",
          .summary = "tell whether the ledger's file is whole",
          .example = "p11cert ledger check", .statuses = S(12), .run = cmd_ledger_check },
        { .name = "ledger backup", .usage = "FILE",
          .summary = "a consistent copy of the ledger, while it is in use",
          .example = "p11cert ledger backup /backup/ledger.db",
          .least = 1, .most = 1, .statuses = S(12), .run = cmd_ledger_backup },
        { .name = "completion", .usage = "bash|zsh|fish",
          .summary = "completion for a shell",
          .example = "p11cert completion bash > /etc/bash_completion.d/p11cert",
          .least = 1, .most = 1, .plain = true, .run = cmd_completion },
        { .name = "version", .usage = "",
          .summary = "the version of p11cert and of its libraries",
          .example = "p11cert version", .plain = true, .run = cmd_version },
};

/* Verbs of the contract that this version does not have. */
static const char *const later[] = {
        "install", "retire", "track", "reconcile", "report",
        "audit export", "token probe",
        "key generate", "key delete", "cert write", "cert delete",
        "permission",
        "managed", "connector",
};
/* clang-format on */

const struct verb *
verb_at(size_t index)
{
        return index < ARRAY_LENGTH(verbs) ? &verbs[index] : NULL;
}

/* How many of `words` spell `name`: 0, 1 or 2. */
static size_t
words_of(const char *name, char *const *words, size_t count)
{
        const char *blank = strchr(name, ' ');
        size_t length = blank ? (size_t)(blank - name) : strlen(name);

        if (!count || strlen(words[0]) != length || strncmp(words[0], name, length) != 0)
                return 0;
        if (!blank)
                return 1;
        return count > 1 && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

bool
verb_is_family(const char *word)
{
        CLEANUP(free_cleanup) char *start = text_format("%s ", word);

        for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
                if (text_starts(verbs[i].name, start))
                        return true;
        }
        return false;
}

char *
verb_page(const struct verb *verb)
{
        return text_copy_length(verb->name, strcspn(verb->name, " "));
}

static const struct verb *
refuse_later(const char *name, struct error *err)
{
        error_set(err, ERROR_USAGE, "'%s' is not in this version yet", name);
        error_advise(err, "`p11cert --help` lists what is");
        return NULL;
}

/* "ca" alone, or "ca lsit". */
static const struct verb *
refuse_family(char *const *words, size_t count, struct error *err)
{
        CLEANUP(free_cleanup) char *start = text_format("%s ", words[0]);
        CLEANUP(buf_cleanup) struct buf known = { 0 };
        const char *names[ARRAY_LENGTH(verbs)];
        size_t found = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
                if (!text_starts(verbs[i].name, start))
                        continue;
                names[found] = verbs[i].name + strlen(start);
                buf_format(&known, "%s%s", found ? ", " : "", names[found]);
                found++;
        }
        if (count < 2 || words[1][0] == '-') {
                error_set(err, ERROR_USAGE, "'%s' needs a second word", words[0]);
        } else {
                const char *nearest = word_nearest(words[1], names, found);

                error_set(err, ERROR_USAGE, "there is no verb '%s %s'", words[0], words[1]);
                if (nearest)
                        error_advise(err, "did you mean '%s %s'?", words[0], nearest);
        }
        error_advise(err, "one of: %s", buf_text(&known));
        return NULL;
}

const struct verb *
verb_find(char *const *words, size_t count, size_t *used, struct error *err)
{
        const char *names[ARRAY_LENGTH(verbs)];

        for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
                names[i] = verbs[i].name;
                *used = words_of(verbs[i].name, words, count);
                if (*used)
                        return &verbs[i];
        }
        for (size_t i = 0; i < ARRAY_LENGTH(later); i++) {
                if (words_of(later[i], words, count))
                        return refuse_later(later[i], err);
        }
        if (verb_is_family(words[0]))
                return refuse_family(words, count, err);
        const char *nearest = word_nearest(words[0], names, ARRAY_LENGTH(verbs));

        error_set(err, ERROR_USAGE, "there is no verb '%s'", words[0]);
        if (nearest)
                error_advise(err, "did you mean '%s'?", nearest);
        error_advise(err, "`p11cert --help` lists the verbs");
        return NULL;
}
