#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/show.h"
#include "cli/streams.h"
#include "cli/wish.h"

void
progress_start(struct progress *progress, const struct command *command, bool many)
{
        *progress =
                (struct progress){ .command = command, .many = many, .before_ms = clock_boot_ms() };
}

/* One line; the time since the last step unless nothing was done in it. */
static void PRINTF(5, 6) tell(struct progress *progress, const struct order *order, bool timed,
                              const char *step, const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        int64_t now = clock_boot_ms();
        bool color = progress->command->color;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&text, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        CLEANUP(free_cleanup) char *printable = show_printable(text);
        CLEANUP(buf_cleanup) struct buf line = { 0 };

        if (timed) {
                CLEANUP(free_cleanup) char *bare = MOVE(printable);

                printable =
                        text_format("%s  (%lld ms)", bare, (long long)(now - progress->before_ms));
        }
        show_wrapped(&line, printable, SAY_COLUMN, stream_talk_width());
        if (progress->many && order && order->wishes.name)
                fprintf(stream_talk(), "%s: ", order->wishes.name);
        fprintf(stream_talk(), "%s%-9s%s %s", color ? "\033[32m" : "", step, color ? "\033[0m" : "",
                buf_text(&line));
        fputc('\n', stream_talk());
        if (timed)
                progress->before_ms = now;
        progress->waiting = false;
}

/* The part of an ARN behind its last slash is what tells it from others. */
static const char *
last_part(const char *arn)
{
        const char *slash = arn ? strrchr(arn, '/') : NULL;

        return slash ? slash + 1 : arn ? arn : "?";
}

/* Label and serial number tell tokens apart; the whole URI would fill two lines. */
static void
tell_token(struct progress *progress, const struct order *order, const char *uri)
{
        if (order && order->token.label && order->token.serial)
                tell(progress, order, true, "token", "'%s', serial %s", order->token.label,
                     order->token.serial);
        else
                tell(progress, order, true, "token", "%s", uri ? uri : "?");
}

static void
tell_keyed(struct progress *progress, const struct order *order)
{
        const char *type = key_type_name(order->wishes.key_type);

        if (order->wishes.key_uri || order->wishes.csr_given)
                tell(progress, order, true, "key", "%s, the one that is there", type);
        else
                tell(progress, order, true, "key", "%s made on token '%s'", type,
                     order->token.label ? order->token.label : "?");
}

static void
tell_issued(struct progress *progress, const struct order *order)
{
        tell(progress, order, true, "issued", "certificate %s", last_part(order->certificate_arn));
}

static void
tell_verified(struct progress *progress, const struct order *order)
{
        char end[CLOCK_TEXT];

        tell(progress, order, true, "verified",
             "as asked for, valid until %s; the chain leads to the trusted root",
             clock_format(order->not_after, end));
}

static void
tell_delivered(struct progress *progress, const struct order *order)
{
        bool token = (order->wishes.stores & STORE_TOKEN) && order->token.label;

        if (token)
                tell(progress, order, true, "token", "certificate written to '%s' and read back",
                     order->token.label);
        if (order->file_certificate)
                tell(progress, order, !token, "files", "%s", order->wishes.folder);
}

static void
tell_requested(struct progress *progress, const struct order *order)
{
        CLEANUP(free_cleanup) char *validity = validity_format(&order->wishes.validity);

        tell(progress, order, true, "request", "%s for %s, signed with %s",
             wish_template_name(order->wishes.template_arn), validity,
             order->wishes.signing_algorithm ? order->wishes.signing_algorithm : "?");
}

static void
tell_waiting(struct progress *progress, const struct order *order, const char *text)
{
        if (progress->waiting && progress->many)
                return;
        tell(progress, order, false, "waiting", "%s", text ? text : "for the CA");
        progress->waiting = true;
}

static void
tell_order(struct progress *progress, enum drive_event event, const struct order *order,
           const char *text)
{
        switch (event) {
        case EVENT_PLANNED:
                tell(progress, order, false, "order", "%lld '%s' recorded",
                     (long long)order->number, order->wishes.name);
                return;
        case EVENT_KEYED:
                tell_keyed(progress, order);
                return;
        case EVENT_CSR:
                tell(progress, order, true, "CSR", "%s, signed by the token",
                     order->wishes.subject);
                return;
        case EVENT_REQUESTED:
                tell_requested(progress, order);
                return;
        case EVENT_SUBMITTED:
                tell(progress, order, true, "sent", "to CA %s", last_part(order->wishes.ca_arn));
                return;
        case EVENT_WAITING:
                tell_waiting(progress, order, text);
                return;
        case EVENT_ISSUED:
                tell_issued(progress, order);
                return;
        case EVENT_VERIFIED:
                tell_verified(progress, order);
                return;
        case EVENT_DELIVERED:
                tell_delivered(progress, order);
                return;
        case EVENT_PROVED:
                tell(progress, order, true, "proved",
                     "applications find key and certificate through libp11");
                return;
        default:
                return;
        }
}

void
progress_event(void *context, enum drive_event event, const struct order *order, const char *text)
{
        struct progress *progress = context;

        /* A note may be the only place where something that could not be recorded is said. */
        if (event == EVENT_NOTE) {
                if (text)
                        command_say(progress->command, "note      %s", text);
                return;
        }
        if (!command_is_talkative(progress->command))
                return;
        if (event == EVENT_CA)
                tell(progress, NULL, true, "CA", "%s", last_part(text));
        else if (event == EVENT_ROOT)
                tell(progress, NULL, false, "root", "pinned at first use for CA %s",
                     last_part(text));
        else if (event == EVENT_TOKEN)
                tell_token(progress, order, text);
        else if (order)
                tell_order(progress, event, order, text);
}
