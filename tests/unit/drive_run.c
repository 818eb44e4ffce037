#include "tests/unit/unit.h"

#include "base/file.h"
#include "tests/unit/drive_run.h"
#include "tests/unit/folder.h"

char folder[64];
struct ledger *ledger;
struct drive_options options;
struct order *waiting;
struct order *back;
volatile int stop;
char told[32][64];
size_t told_count;

static void
on_event(void *context, enum drive_event event, const struct order *order, const char *text)
{
        (void)context, (void)event, (void)order;
        if (told_count < ARRAY_LENGTH(told))
                snprintf(told[told_count++], sizeof(told[0]), "%s", text ? text : "");
}

int
set_up(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_int_equal(folder_make(folder), 0);
        ledger = ledger_open(folder, &err);
        assert_done(ledger && ledger_lock(ledger, "test", 0, &err), err);
        options = (struct drive_options){
                .ledger = ledger, .state = folder, .event = on_event, .stop = &stop
        };
        stop = 0;
        told_count = 0;
        fake_token_reset();
        fake_ca_reset();
        return 0;
}

int
tear_down(void **state)
{
        (void)state;
        order_free(MOVE(back));
        ledger_close(ledger);
        return folder_remove(folder);
}

static enum drive_supply
give_next(void *context, struct conductor *conductor, struct order **order)
{
        (void)context, (void)conductor;
        *order = MOVE(waiting);
        return *order ? SUPPLY_ORDER : SUPPLY_END;
}

static void
take_back(void *context, struct conductor *conductor, struct order *order)
{
        (void)context, (void)conductor;
        order_free(back);
        back = order;
}

const struct drive_source source = { .next = give_next, .done = take_back };

void
run(struct order *order)
{
        struct error err = { 0 };

        waiting = order;
        assert_done(drive_run(&options, &source, &err), err);
        assert_non_null(back);
}

struct order *
new_order(const char *name)
{
        struct order *order = order_new();
        struct wishes *wishes = &order->wishes;

        wishes->name = text_copy(name);
        wishes->ca_arn = text_copy(FAKE_CA_ARN);
        wishes->token_uri = text_copy("pkcs11:token=fake");
        wishes->key_type = KEY_EC_P256;
        wishes->subject = text_format("CN=%s", name);
        wishes_add_san(wishes, "dns:device-1.example");
        wishes->template_arn = text_copy("arn:aws:acm-pca:::template/EndEntityCertificate/V1");
        wishes->stores = STORE_TOKEN | STORE_FILES;
        wishes->formats = FORMAT_PEM;
        wishes->folder = text_format("%s/certificates/%s", folder, name);
        return order;
}

struct order *
reload(int64_t number)
{
        struct error err = { 0 };
        struct order *order = ledger_get(ledger, number, &err);

        assert_done(order != NULL, err);
        return order;
}

void
assert_delivered(void)
{
        assert_string_equal(back->error.what, "");
        assert_string_equal(order_state_name(back->state), "delivered");
        assert_int_equal(fake_token.made, 1);
        assert_int_equal(fake_token.certificate_count, 1);
        assert_true(file_exists(back->file_certificate));
}

void
assert_stopped(enum error_kind kind, enum order_state state)
{
        assert_string_equal(error_kind_name(back->error.kind), error_kind_name(kind));
        assert_string_equal(order_state_name(back->state), order_state_name(state));
}
