#include "tests/unit/unit.h"

#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger_order.h"

/* -- folders
 * ---------------------------------------------------------------------------------------- */

int
place_make(void **state)
{
        char *folder = text_copy("/var/tmp/test_ledger.XXXXXX");

        *state = folder;
        return mkdtemp(folder) ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status;
        (void)type;
        (void)walk;
        return remove(path);
}

int
place_remove(void **state)
{
        int failed = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);

        free(*state);
        return failed;
}

int
mkdir_parent(const char *path)
{
        CLEANUP(free_cleanup) char *parent = text_copy(path);

        *strrchr(parent, '/') = '\0';
        return mkdir(parent, 0700);
}

/* -- the ledger
 * ------------------------------------------------------------------------------------- */

struct ledger *
open_ledger(const char *place)
{
        struct error err = { 0 };
        struct ledger *ledger = ledger_open(place, &err);

        assert_done(ledger, err);
        return ledger;
}

void
close_cleanup(struct ledger **ledger)
{
        ledger_close(*ledger);
        *ledger = NULL;
}

static bool
count_one(void *context, const struct order *order)
{
        size_t *count = context;

        assert_true(order->number > 0);
        (*count)++;
        return true;
}

size_t
count_orders(const char *place)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(place);
        struct ledger_filter all = { 0 };
        struct error err = { 0 };
        size_t count = 0;

        assert_done(ledger_each(ledger, &all, count_one, &count, &err), err);
        return count;
}

void
child_leave(int status)
{
        char number[16];

        fflush(stderr);
        snprintf(number, sizeof(number), "%d", status);
        execl("/bin/sh", "sh", "-c", "exit $0", number, NULL);
        _exit(99);
}

int
exit_status(pid_t child)
{
        int status = 0;

        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* -- orders: every member once ----------------------------------------------------------------- */

enum kind { TEXT, BYTES, NUMBER, UNSIGNED, BOOL, WORD };

/* All but the name, the number, the state, the dates that recording sets, the lists, the links to
 * other orders and the error, which are dealt with by hand below. */
static const struct member {
        const char *name;
        enum kind kind;
        size_t offset;
        int value; /* of a WORD: something that is not its default */
} members[] = {
#define MEMBER(kind, member)                                     \
        {                                                        \
#member, kind, offsetof(struct order, member), 0 \
        }
        MEMBER(TEXT, wishes.profile),
        MEMBER(TEXT, wishes.ca_arn),
        MEMBER(TEXT, wishes.region),
        MEMBER(TEXT, wishes.endpoint),
        MEMBER(TEXT, wishes.aws_profile),
        MEMBER(TEXT, wishes.module),
        MEMBER(TEXT, wishes.token_uri),
        MEMBER(TEXT, wishes.key_uri),
        MEMBER(TEXT, wishes.label),
        MEMBER(TEXT, wishes.subject),
        MEMBER(TEXT, wishes.template_arn),
        MEMBER(TEXT, wishes.signing_algorithm),
        MEMBER(TEXT, wishes.folder),
        MEMBER(TEXT, wishes.holder),
        MEMBER(TEXT, wishes.place),
        MEMBER(TEXT, wishes.file_owner),
        MEMBER(TEXT, wishes.deploy_hook),
        MEMBER(TEXT, token.label),
        MEMBER(TEXT, token.serial),
        MEMBER(TEXT, token.manufacturer),
        MEMBER(TEXT, token.model),
        MEMBER(TEXT, token.uri),
        MEMBER(TEXT, key_label),
        MEMBER(TEXT, key_uri),
        MEMBER(TEXT, idempotency_token),
        MEMBER(TEXT, boot_id),
        MEMBER(TEXT, certificate_arn),
        MEMBER(TEXT, serial),
        MEMBER(TEXT, fingerprint),
        MEMBER(TEXT, differences),
        MEMBER(TEXT, file_certificate),
        MEMBER(TEXT, file_chain),
        MEMBER(TEXT, file_fullchain),
        MEMBER(TEXT, file_root),
        MEMBER(BYTES, wishes.given_id),
        MEMBER(BYTES, key_id),
        MEMBER(BYTES, spki),
        MEMBER(BYTES, old_key_sha256),
        MEMBER(BYTES, csr),
        MEMBER(BYTES, request),
        MEMBER(BYTES, certificate),
        MEMBER(BYTES, chain),
        MEMBER(BYTES, root),
        MEMBER(NUMBER, wishes.validity.value),
        MEMBER(NUMBER, wishes.not_before),
        MEMBER(NUMBER, first_sent_at),
        MEMBER(NUMBER, first_sent_boot_ms),
        MEMBER(NUMBER, not_before),
        MEMBER(NUMBER, not_after),
        MEMBER(NUMBER, issued_at),
        MEMBER(NUMBER, delivered_at),
        MEMBER(NUMBER, installed_at),
        MEMBER(NUMBER, renew_at),
        MEMBER(NUMBER, wishes.renewal.before_s),
        MEMBER(UNSIGNED, wishes.usages.key_usage),
        MEMBER(UNSIGNED, wishes.over_csr),
        MEMBER(UNSIGNED, wishes.path_length),
        MEMBER(UNSIGNED, wishes.stores),
        MEMBER(UNSIGNED, wishes.formats),
        MEMBER(UNSIGNED, wishes.file_mode),
        MEMBER(UNSIGNED, wishes.renewal.percent),
        MEMBER(UNSIGNED, issue_failures),
        MEMBER(BOOL, held),
        MEMBER(BOOL, maybe_duplicate),
        MEMBER(BOOL, wishes.csr_given),
        MEMBER(BOOL, wishes.replace),
        MEMBER(BOOL, wishes.prove),
        { "evidence.local", WORD, offsetof(struct order, evidence.local), ANSWER_YES },
        { "evidence.sensitive", WORD, offsetof(struct order, evidence.sensitive), ANSWER_NO },
        { "evidence.always_sensitive", WORD, offsetof(struct order, evidence.always_sensitive),
          ANSWER_YES },
        { "evidence.extractable", WORD, offsetof(struct order, evidence.extractable), ANSWER_NO },
        { "evidence.never_extractable", WORD, offsetof(struct order, evidence.never_extractable),
          ANSWER_YES },
        { "wishes.key_type", WORD, offsetof(struct order, wishes.key_type), KEY_RSA_3072 },
        { "wishes.hash", WORD, offsetof(struct order, wishes.hash), HASH_SHA384 },
        { "wishes.validity.type", WORD, offsetof(struct order, wishes.validity.type),
          VALIDITY_END_DATE },
};

struct order *
order_planned(const char *name)
{
        struct order *order = order_new();

        order->wishes.name = text_copy(name);
        order->wishes.ca_arn = text_copy("arn:aws:acm-pca:us-east-1:111122223333:"
                                         "certificate-authority/11111111-2222-3333-4444-"
                                         "555555555555");
        order->wishes.key_type = KEY_EC_P256;
        return order;
}

static void
add_text(char ***list, size_t *count, const char *text)
{
        *list = memory_grow(*list, *count + 1, sizeof(**list));
        (*list)[(*count)++] = text_copy(text);
}

/* A value that no other member has. */
static void
fill_member(struct order *order, const struct member *member)
{
        void *at = (char *)order + member->offset;
        int64_t number = 1000 + (member - members);

        switch (member->kind) {
        case TEXT:
                *(char **)at = text_format("the %s", member->name);
                break;
        case BYTES:
                buf_set(at, view_of("\0bytes\xff", 7));
                buf_add_text(at, member->name);
                break;
        case NUMBER:
                *(int64_t *)at = number << 32;
                break;
        case UNSIGNED:
                *(unsigned *)at = (unsigned)number << 16;
                break;
        case BOOL:
                *(bool *)at = true;
                break;
        case WORD:
                memcpy(at, &member->value, sizeof(member->value));
                break;
        }
}

struct order *
order_full(const char *name)
{
        struct order *order = order_new();
        struct usages *usages = &order->wishes.usages;

        order->wishes.name = text_copy(name);
        for (size_t i = 0; i < ARRAY_LENGTH(members); i++)
                fill_member(order, &members[i]);
        wishes_add_san(&order->wishes, "dns:device-1.example");
        wishes_add_san(&order->wishes, "uri:with\nnewline\\and backslash\\n");
        wishes_add_san(&order->wishes, "");
        wishes_add_san(&order->wishes, "dns:größe.example");
        add_text(&usages->extended, &usages->extended_count, "1.3.6.1.5.5.7.3.2");
        add_text(&usages->extended, &usages->extended_count, "1.3.6.1.4.1.311.20.2.2");
        add_text(&usages->policies, &usages->policy_count, "2.23.140.1.2.1");
        add_text(&usages->policies, &usages->policy_count, "1.2.3,cps=https://pki.example/a,b");
        add_text(&order->wishes.extensions, &order->wishes.extension_count, "1.2.3,critical:0500");
        add_text(&order->wishes.extensions, &order->wishes.extension_count, "1.2.4:0500");
        add_text(&order->wishes.allowed, &order->wishes.allowed_count, "not-after");
        wishes_add_attribute(&order->wishes, "plain", "value");
        wishes_add_attribute(&order->wishes, "with=equals\nand\\", "a=b\n\\=");
        wishes_add_attribute(&order->wishes, "empty", "");
        error_set(&order->error, ERROR_THROTTLED, "AWS said 'slow down'");
        error_about(&order->error, "order 1");
        error_advise(&order->error, "wait\na while");
        error_aws(&order->error, "ThrottlingException", "Rate exceeded", "request-1");
        return order;
}

static bool
same_member(const struct order *x, const struct order *y, const struct member *member)
{
        const void *a = (const char *)x + member->offset;
        const void *b = (const char *)y + member->offset;

        switch (member->kind) {
        case TEXT:
                return text_equal(*(char *const *)a, *(char *const *)b);
        case BYTES:
                return view_equal(view_buf(a), view_buf(b));
        case NUMBER:
                return *(const int64_t *)a == *(const int64_t *)b;
        case BOOL:
                return *(const bool *)a == *(const bool *)b;
        default:
                return memcmp(a, b, sizeof(int)) == 0;
        }
}

static void
assert_texts_equal(const char *member, const char *a, const char *b)
{
        if (!text_equal(a, b))
                fail_msg("%s: '%s' is not '%s'", member, a ? a : "(none)", b ? b : "(none)");
}

static void
assert_lists_equal(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
        assert_int_equal(a_count, b_count);
        for (size_t i = 0; i < a_count; i++)
                assert_texts_equal("list", a[i], b[i]);
}

static void
assert_errors_equal(const struct error *a, const struct error *b)
{
        assert_int_equal(a->kind, b->kind);
        assert_string_equal(a->what, b->what);
        assert_string_equal(a->about, b->about);
        assert_string_equal(a->next, b->next);
        assert_string_equal(a->aws.code, b->aws.code);
        assert_string_equal(a->aws.message, b->aws.message);
        assert_string_equal(a->aws.request_id, b->aws.request_id);
}

void
assert_orders_equal(const struct order *a, const struct order *b)
{
        const struct wishes *x = &a->wishes, *y = &b->wishes;

        assert_texts_equal("name", x->name, y->name);
        for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
                if (!same_member(a, b, &members[i]))
                        fail_msg("%s differs", members[i].name);
        }
        assert_int_equal(a->number, b->number);
        assert_int_equal(a->state, b->state);
        assert_int_equal(a->created_at, b->created_at);
        assert_int_equal(a->updated_at, b->updated_at);
        assert_int_equal(a->replaces, b->replaces);
        assert_int_equal(a->superseded_by, b->superseded_by);
        assert_errors_equal(&a->error, &b->error);
        assert_lists_equal(x->sans, x->san_count, y->sans, y->san_count);
        assert_lists_equal(x->usages.extended, x->usages.extended_count, y->usages.extended,
                           y->usages.extended_count);
        assert_lists_equal(x->usages.policies, x->usages.policy_count, y->usages.policies,
                           y->usages.policy_count);
        assert_lists_equal(x->extensions, x->extension_count, y->extensions, y->extension_count);
        assert_lists_equal(x->allowed, x->allowed_count, y->allowed, y->allowed_count);
        assert_int_equal(x->attribute_count, y->attribute_count);
        for (size_t i = 0; i < x->attribute_count; i++) {
                assert_texts_equal("attribute", x->attributes[i].name, y->attributes[i].name);
                assert_texts_equal("attribute", x->attributes[i].value, y->attributes[i].value);
        }
}
