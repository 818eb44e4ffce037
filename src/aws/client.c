#include "aws/client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "config.h"

#include "aws/endpoint.h"
#include "aws/fault.h"
#include "aws/http.h"
#include "aws/retry.h"
#include "aws/signer.h"
#include "base/clock.h"
#include "base/log.h"

enum {
        CONNECT_MS = 5 * 1000,
        ATTEMPT_MS = 60 * 1000,
};

/* How a service is spoken to: json 1.1 with a target header, query with an API version, or (with
 * neither) rest-json with a path.
 */
static const struct service {
        const char *name;
        const char *target;
        const char *version;
} services[] = {
        { "acm-pca", .target = "ACMPrivateCA" },
        { "iam", .version = "2010-05-08" },
        { "organizations", .target = "AWSOrganizationsV20161128" },
        { "rolesanywhere" },
        { "secretsmanager", .target = "secretsmanager" },
        { "sts", .version = "2011-06-15" },
};

/* One call, from aws_send() to its reply. */
struct operation {
        struct operation *next;
        void *tag;
        char *service;
        char *region;
        char *name;
        const char *content_type;
        char *target; /* NULL but for json 1.1 */
        char *query;
        const struct anywhere_card *card;
        bool unsigned_call;
        struct buf body;
        struct endpoint endpoint;
        int64_t no_attempt_after_ms;
        int most_attempts;
        bool throttled_once;
        bool last_word; /* no further attempt after the one under way */

        bool under_way;
        int64_t wake_at_ms; /* when it is not */
        unsigned attempts;
        unsigned throttled;
        unsigned retries; /* those with a wait */
        int retry_cost;
        bool maybe_done;
        bool clock_corrected;
        bool credentials_renewed;
        struct signer_stamp stamp; /* of the newest attempt, as is */
        struct error error;        /* of the newest attempt */
        char request_id[96];
};

struct waiting_reply {
        struct waiting_reply *next;
        struct aws_reply *reply;
};

struct aws_client {
        struct aws_settings *settings;
        struct http *http;
        char *user_agent; /* header line */
        int64_t connect_ms;
        int64_t attempt_ms;
        struct retry_quota quota;

        struct signer signer;
        int64_t clock_offset;

        struct operation *operations;
        struct waiting_reply *replies;
        size_t pending;
        size_t finished; /* replies ever made */
};

/* -- opening ------------------------------------------------------------------------------ */

/* Characters that a User-Agent's parts may not have become '-'. */
static char *
agent_part(const char *text, size_t most)
{
        char *part = text_copy(text);

        if (strlen(part) > most)
                part[most] = '\0';
        for (char *c = part; *c; c++) {
                bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                             (*c >= '0' && *c <= '9');

                if (!plain && !strchr("!$%&'*+-.^_`|~,", *c))
                        *c = '-';
        }
        return part;
}

static char *
user_agent(const struct aws_settings *settings)
{
        const char *app_id = aws_settings_app_id(settings);
        const char *environment = getenv("AWS_EXECUTION_ENV");
        struct utsname system = { 0 };
        CLEANUP(buf_cleanup) struct buf line = { 0 };

        uname(&system);
        CLEANUP(free_cleanup) char *release = agent_part(system.release, 32);
        CLEANUP(free_cleanup) char *machine = agent_part(system.machine, 16);

        buf_format(&line,
                   "User-Agent: %s/%s ua/2.1 os/linux#%s md/arch#%s lang/c cfg/retry-mode#%s",
                   PACKAGE_NAME, PACKAGE_VERSION, release, machine,
                   aws_settings_retry(settings).mode);
        if (environment && *environment) {
                CLEANUP(free_cleanup) char *part = agent_part(environment, 50);

                buf_format(&line, " exec-env/%s", part);
        }
        if (app_id) {
                CLEANUP(free_cleanup) char *part = agent_part(app_id, 50);

                buf_format(&line, " app/%s", part);
        }
        return text_copy(buf_text(&line));
}

struct aws_client *
aws_client_open(struct aws_settings *settings, struct error *err)
{
        struct http *http = http_open(aws_settings_ca_bundle(settings), err);

        if (!http)
                return NULL;
        struct aws_client *client = memory_new(1, sizeof(*client));

        client->settings = settings;
        client->signer.settings = settings;
        client->http = http;
        client->user_agent = user_agent(settings);
        client->connect_ms = CONNECT_MS;
        client->attempt_ms = ATTEMPT_MS;
        client->quota.tokens = RETRY_QUOTA_FULL;
        return client;
}

struct aws_client *
aws_client_open_as(struct aws_settings *settings, const struct credentials *credentials,
                   struct error *err)
{
        struct aws_client *client = aws_client_open(settings, err);

        if (!client)
                return NULL;
        client->signer.fixed = true;
        client->signer.generation = 1;
        if (credentials)
                credentials_copy(&client->signer.credentials, credentials);
        return client;
}

void
aws_client_set_timeouts(struct aws_client *client, int64_t connect_ms, int64_t attempt_ms)
{
        client->connect_ms = connect_ms;
        client->attempt_ms = attempt_ms;
}

static void
operation_free(struct operation *operation)
{
        free(operation->service);
        free(operation->region);
        free(operation->name);
        free(operation->target);
        free(operation->query);
        /* A web identity token or an MFA code may have been in it. */
        if (operation->body.data)
                wipe(operation->body.data, operation->body.len);
        buf_clear(&operation->body);
        endpoint_clear(&operation->endpoint);
        free(operation);
}

void
aws_client_close(struct aws_client *client)
{
        struct aws_reply *reply;

        if (!client)
                return;
        http_close(client->http);
        while (client->operations) {
                struct operation *operation = client->operations;

                client->operations = operation->next;
                operation_free(operation);
        }
        while ((reply = aws_receive(client)))
                aws_reply_free(reply);
        signer_clear(&client->signer);
        free(client->user_agent);
        free(client);
}

bool
aws_client_identity(struct aws_client *client, const char **access_key_id, const char **origin,
                    struct error *err)
{
        if (!signer_need(&client->signer, err))
                return false;
        *access_key_id = client->signer.credentials.access_key_id;
        *origin = client->signer.credentials.origin;
        return true;
}

int64_t
aws_clock_offset(const struct aws_client *client)
{
        return client->clock_offset;
}

/* -- an attempt --------------------------------------------------------------------------- */

/* The end of a call: its reply waits for aws_receive(). */
static void
finish(struct aws_client *client, struct operation *operation, struct buf *body)
{
        struct aws_reply *reply = memory_new(1, sizeof(*reply));
        struct waiting_reply *waiting = memory_new(1, sizeof(*waiting));
        struct waiting_reply **end = &client->replies;
        struct operation **link = &client->operations;

        while (*link && *link != operation)
                link = &(*link)->next;
        if (*link)
                *link = operation->next;
        reply->tag = operation->tag;
        reply->operation = MOVE(operation->name);
        reply->ok = body != NULL;
        reply->maybe_done = reply->ok || operation->maybe_done;
        reply->attempts = operation->attempts;
        reply->throttled = operation->throttled;
        reply->request_id = *operation->request_id ? text_copy(operation->request_id) : NULL;
        if (body) {
                reply->body = *body;
                *body = (struct buf){ 0 };
        } else {
                reply->error = operation->error;
        }
        if (!reply->ok && reply->attempts > 1)
                error_about(&reply->error, "%u attempts", reply->attempts);
        waiting->reply = reply;
        client->finished++;
        while (*end)
                end = &(*end)->next;
        *end = waiting;
        operation_free(operation);
}

/* The lines that say who asks; false where a certificate's key cannot sign. */
static bool
sign_attempt(struct aws_client *client, struct operation *operation,
             const struct signer_request *request, char *lines[SIGNER_LINES])
{
        if (operation->card)
                return signer_sign_card(&client->signer, request, operation->card,
                                        &operation->stamp, lines, &operation->error);
        if (operation->unsigned_call)
                signer_leave_unsigned(request, lines);
        else
                operation->stamp = signer_sign(&client->signer, request, lines);
        return true;
}

static void
send_attempt(struct aws_client *client, struct operation *operation)
{
        char *signed_lines[SIGNER_LINES] = { NULL };
        const char *lines[SIGNER_LINES + 3] = { client->user_agent, "Expect:" };

        const struct signer_request request = { .host = operation->endpoint.host,
                                                .path = operation->endpoint.path,
                                                .query = operation->query,
                                                .region = operation->endpoint.signing_region,
                                                .service = operation->service,
                                                .content_type = operation->content_type,
                                                .target = operation->target,
                                                .body = view_buf(&operation->body) };

        if (!sign_attempt(client, operation, &request, signed_lines)) {
                finish(client, operation, NULL);
                return;
        }
        memcpy(lines + 2, signed_lines, sizeof(signed_lines));
        operation->attempts++;
        operation->under_way = true;
        http_start(client->http,
                   &(struct http_request){ .url = operation->endpoint.url,
                                           .headers = lines,
                                           .body = view_buf(&operation->body),
                                           .loopback = operation->endpoint.loopback,
                                           .connect_timeout_ms = client->connect_ms,
                                           .timeout_ms = client->attempt_ms,
                                           .no_send_after_ms = operation->no_attempt_after_ms,
                                           .tag = operation });
        signer_lines_free(signed_lines);
}

static bool
is_too_late(const struct operation *operation, int64_t when_ms)
{
        return operation->no_attempt_after_ms && when_ms > operation->no_attempt_after_ms;
}

static void
start_attempt(struct aws_client *client, struct operation *operation)
{
        struct error *err = &operation->error;

        if (is_too_late(operation, clock_boot_ms())) {
                if (!operation->attempts) {
                        error_set(err, ERROR_NETWORK, "the time for sending the request is over");
                        error_about(err, "%s in %s", operation->name, operation->region);
                        error_advise(err, "repeat the command: it sends a new one");
                }
                finish(client, operation, NULL);
                return;
        }
        if (!operation->unsigned_call && !signer_need(&client->signer, err)) {
                finish(client, operation, NULL);
                return;
        }
        send_attempt(client, operation);
}

/* -- what came of it ---------------------------------------------------------------------- */

static const struct {
        enum error_kind kind;
        enum retry_class retry;
        const char *what; /* of the host; curl's own words follow */
        const char *next;
} outcomes[] = {
        [HTTP_ANSWERED] = { ERROR_NONE, RETRY_NEVER, "", "" },
        [HTTP_UNREACHABLE] = { ERROR_NETWORK, RETRY_TRANSIENT, "cannot reach",
                               "check the network, the name service and HTTPS_PROXY; a Region "
                               "without this service has no such host" },
        [HTTP_BROKEN] = { ERROR_NETWORK, RETRY_TRANSIENT,
                          "the connection broke before an answer from",
                          "check the network and try again" },
        [HTTP_TIMED_OUT] = { ERROR_NETWORK, RETRY_TIMEOUT, "no answer in time from",
                             "check the network, a firewall above all, and try again" },
        [HTTP_TLS] = { ERROR_TLS, RETRY_NEVER, "no trust in the TLS certificate of",
                       "check the host name; behind an inspecting proxy or for a server of your "
                       "own, name its CA with --ca-bundle" },
        [HTTP_TLS_HANDSHAKE] = { ERROR_TLS, RETRY_TRANSIENT, "no TLS connection with",
                                 "check that the endpoint speaks TLS 1.2 or newer (http and https "
                                 "mixed up?)" },
        [HTTP_CA_FILE] = { ERROR_CONFIG, RETRY_NEVER, "the CA bundle cannot be used for",
                           "check the file that --ca-bundle, AWS_CA_BUNDLE or the profile's "
                           "ca_bundle names: it holds PEM certificates" },
        [HTTP_TOO_LARGE] = { ERROR_AWS_ANSWER, RETRY_NEVER, "an answer over 1 MiB came from",
                             "something other than AWS answers there; check the endpoint URL" },
        [HTTP_BAD_ANSWER] = { ERROR_AWS_ANSWER, RETRY_TRANSIENT,
                              "an answer that is not HTTP came from",
                              "something other than AWS answers there; check the endpoint URL" },
};
static_assert(ARRAY_LENGTH(outcomes) == HTTP_OUTCOMES, "sentences for every outcome");

/* No whole answer: fill the error and judge. */
static enum retry_class
judge_outcome(struct operation *operation, const struct http_answer *answer)
{
        struct error *err = &operation->error;
        const char *host = operation->endpoint.host;

        error_set(err, outcomes[answer->outcome].kind, "%s %s: %s", outcomes[answer->outcome].what,
                  host, answer->detail);
        error_about(err, "%s in %s", operation->name, operation->region);
        error_advise(err, "%s", outcomes[answer->outcome].next);
        operation->maybe_done |= answer->sent;
        return outcomes[answer->outcome].retry;
}

/* An answer that is not a 2xx: the same. */
static enum retry_class
judge_answer(struct aws_client *client, struct operation *operation,
             const struct http_answer *answer)
{
        struct fault fault;
        struct fault_call call = { .service = operation->service,
                                   .operation = operation->name,
                                   .region = operation->region,
                                   .host = operation->endpoint.host,
                                   .access_key_id =
                                           operation->unsigned_call
                                                   ? NULL
                                                   : client->signer.credentials.access_key_id,
                                   .request = view_buf(&operation->body) };
        struct fault_answer read = { .status = answer->status,
                                     .content_type = answer->content_type,
                                     .error_type = answer->error_type,
                                     .request_id = answer->request_id,
                                     .body = view_buf(&answer->body) };

        fault_read(&call, &read, &fault);
        snprintf(operation->request_id, sizeof(operation->request_id), "%s", fault.request_id);
        fault_explain(&call, &read, &fault, &operation->error);
        /* What refuses speaks for the last connection only, not for one that died before it. */
        operation->maybe_done |= !fault.refusal || answer->sent_again;
        operation->throttled += fault.retry == RETRY_THROTTLED;
        return fault.retry;
}

/*
 * The time in the message is the very one that the server compared with; the Date header may come
 * from a proxy.
 */
static bool
correct_clock(struct aws_client *client, const struct operation *operation,
              const struct http_answer *answer)
{
        int64_t server = 0;

        if (fault_server_time(operation->error.aws.message, &server))
                client->clock_offset = server - clock_now();
        return signer_correct_clock(&client->signer, operation->endpoint.host, &operation->stamp,
                                    server ? server : answer->date);
}

/* Others than those the attempt was signed with; why there are none becomes part of the error. */
static bool
renew_credentials(struct aws_client *client, struct operation *operation)
{
        const struct error refusal = operation->error;
        struct error *err = &operation->error;
        struct error why = { 0 };

        if (operation->stamp.generation == client->signer.generation)
                aws_settings_forget(client->settings);
        if (operation->stamp.generation != client->signer.generation ||
            signer_renew(&client->signer, &why))
                return true;
        if (why.kind == ERROR_NOTHING)
                return false;
        error_set(err, refusal.kind, "%s; looking for newer ones: %s", refusal.what, why.what);
        error_about(err, "%s", refusal.about);
        error_advise(err, "%s", why.next);
        return error_aws(err, refusal.aws.code, refusal.aws.message, refusal.aws.request_id);
}

/* Clock and credentials: once each, at once, and whatever the number of attempts. */
static bool
mend(struct aws_client *client, struct operation *operation, const struct http_answer *answer,
     enum retry_class class)
{
        if (class == RETRY_CLOCK && !operation->clock_corrected) {
                operation->clock_corrected = true;
                return correct_clock(client, operation, answer);
        }
        if (class == RETRY_CREDENTIALS && !operation->credentials_renewed) {
                operation->credentials_renewed = true;
                return renew_credentials(client, operation);
        }
        return false;
}

/* Is there a further attempt after a wait?  Then `delay_ms` says how long. */
static bool
want_retry(struct aws_client *client, struct operation *operation, const struct http_answer *answer,
           enum retry_class class, int64_t *delay_ms)
{
        uint32_t dice = 0;

        if (class != RETRY_TRANSIENT && class != RETRY_TIMEOUT && class != RETRY_THROTTLED)
                return false;
        if (operation->last_word || operation->attempts >= (unsigned)operation->most_attempts ||
            (class == RETRY_THROTTLED && operation->throttled_once))
                return false;
        operation->retry_cost = retry_quota_take(&client->quota, class);
        if (!operation->retry_cost)
                return false;
        random_bytes(&dice, sizeof(dice));
        *delay_ms = retry_delay_ms(operation->retries++, (double)dice / (double)UINT32_MAX,
                                   answer->retry_after_ms);
        return !is_too_late(operation, clock_boot_ms() + *delay_ms);
}

static void
log_attempt(const struct operation *operation, const struct http_answer *answer)
{
        if (answer->outcome != HTTP_ANSWERED)
                log_info("aws-no-answer", "operation=%s host=%s attempt=%u sent=%d reason=\"%s\"",
                         operation->name, operation->endpoint.host, operation->attempts,
                         answer->sent, answer->detail);
        else
                log_debug("aws-answer", "operation=%s host=%s attempt=%u status=%d request_id=%s",
                          operation->name, operation->endpoint.host, operation->attempts,
                          answer->status, answer->request_id);
}

static void
take_answer(struct aws_client *client, struct http_answer *answer)
{
        struct operation *operation = answer->tag;
        int64_t delay_ms = 0;

        operation->under_way = false;
        snprintf(operation->request_id, sizeof(operation->request_id), "%s", answer->request_id);
        if (answer->date)
                client->clock_offset = answer->date - clock_now();
        log_attempt(operation, answer);
        if (answer->outcome == HTTP_ANSWERED && answer->status / 100 == 2) {
                retry_quota_give(&client->quota, operation->retry_cost);
                finish(client, operation, &answer->body);
                return;
        }
        enum retry_class class = answer->outcome == HTTP_ANSWERED
                                         ? judge_answer(client, operation, answer)
                                         : judge_outcome(operation, answer);

        if (mend(client, operation, answer, class)) {
                operation->wake_at_ms = clock_boot_ms();
                return;
        }
        if (!want_retry(client, operation, answer, class, &delay_ms)) {
                finish(client, operation, NULL);
                return;
        }
        operation->wake_at_ms = clock_boot_ms() + delay_ms;
        log_info("aws-retry", "operation=%s attempt=%u wait_ms=%lld code=%s", operation->name,
                 operation->attempts, (long long)delay_ms, operation->error.aws.code);
}

/* -- sending, waiting, receiving ---------------------------------------------------------- */

static const struct service *
service_named(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
                if (strcmp(services[i].name, name) == 0)
                        return &services[i];
        }
        return NULL;
}

/* In the service's protocol: what was said, in JSON as it is, in a form behind its Action. */
static void
write_body(struct operation *operation, const struct service *service, const struct aws_call *call)
{
        if (service->target) {
                operation->content_type = "application/x-amz-json-1.1";
                operation->target = text_format("%s.%s", service->target, call->operation);
        } else if (!service->version) {
                operation->content_type = "application/json";
        } else {
                operation->content_type = "application/x-www-form-urlencoded; charset=utf-8";
                buf_format(&operation->body, "Action=%s&Version=%s%s", call->operation,
                           service->version, call->body.len ? "&" : "");
        }
        buf_add(&operation->body, call->body);
}

void
aws_send(struct aws_client *client, const struct aws_call *call)
{
        const struct service *service = service_named(call->service);
        struct operation *operation = memory_new(1, sizeof(*operation));
        struct endpoint_wish wish = { .service = call->service,
                                      .region = call->region,
                                      .custom = aws_settings_endpoint(client->settings,
                                                                      call->service),
                                      .fips = aws_settings_fips(client->settings),
                                      .dual_stack = aws_settings_dual_stack(client->settings),
                                      .sts_global = aws_settings_sts_global(client->settings) };

        assert(service);
        operation->tag = call->tag;
        operation->service = text_copy(call->service);
        operation->region = text_copy(call->region);
        operation->name = text_copy(call->operation);
        operation->query = text_copy(call->query);
        operation->card = call->card;
        operation->unsigned_call = call->unsigned_call;
        write_body(operation, service, call);
        operation->no_attempt_after_ms = call->no_attempt_after_ms;
        operation->most_attempts = call->most_attempts
                                           ? call->most_attempts
                                           : aws_settings_retry(client->settings).max_attempts;
        operation->throttled_once = call->throttled_once;
        operation->next = client->operations;
        client->operations = operation;
        client->pending++;
        if (!endpoint_resolve(&wish, &operation->endpoint, &operation->error)) {
                finish(client, operation, NULL);
                return;
        }
        if (call->path)
                endpoint_extend(&operation->endpoint, call->path, call->query);
        start_attempt(client, operation);
}

/* Start the attempts whose time has come; milliseconds until the next one, -1: none waits. */
static int64_t
wake_waiting(struct aws_client *client)
{
        int64_t now = clock_boot_ms();
        int64_t soonest = -1;

        for (struct operation *next, *operation = client->operations; operation; operation = next) {
                next = operation->next;
                if (operation->under_way)
                        continue;
                if (operation->wake_at_ms <= now)
                        start_attempt(client, operation);
                else if (soonest < 0 || operation->wake_at_ms - now < soonest)
                        soonest = operation->wake_at_ms - now;
        }
        return soonest;
}

static bool
is_readable(int fd)
{
        struct pollfd ready = { .fd = fd, .events = POLLIN };

        return fd >= 0 && poll(&ready, 1, 0) > 0;
}

/* How many answers were taken. */
static size_t
take_answers(struct aws_client *client)
{
        struct http_answer *answer;
        size_t count = 0;

        while ((answer = http_finish(client->http))) {
                take_answer(client, answer);
                http_answer_free(answer);
                count++;
        }
        return count;
}

/* Move bytes until a reply is added, `fd` is readable or the time is over. */
static void
turn(struct aws_client *client, int fd, int timeout_ms)
{
        size_t before = client->finished;
        int64_t deadline_ms = clock_boot_ms() + timeout_ms;

        for (;;) {
                while (take_answers(client))
                        ;
                int64_t wait_ms = wake_waiting(client);
                int64_t left_ms = deadline_ms - clock_boot_ms();

                /* With an answer at hand nobody waits, but what came in beside it comes along. */
                if (client->finished != before || left_ms < 0)
                        left_ms = 0;
                if (wait_ms < 0 || wait_ms > left_ms)
                        wait_ms = left_ms;
                http_wait(client->http, fd, (int)wait_ms);
                take_answers(client);
                if (client->finished != before || is_readable(fd) || clock_boot_ms() >= deadline_ms)
                        return;
        }
}

void
aws_wait(struct aws_client *client, int fd, int timeout_ms)
{
        if (!client->replies)
                turn(client, fd, timeout_ms);
}

struct aws_reply *
aws_receive(struct aws_client *client)
{
        struct waiting_reply *first = client->replies;

        if (!first)
                return NULL;
        struct aws_reply *reply = first->reply;

        client->replies = first->next;
        client->pending--;
        free(first);
        return reply;
}

void
aws_reply_free(struct aws_reply *reply)
{
        if (!reply)
                return;
        free(reply->operation);
        free(reply->request_id);
        buf_clear(&reply->body);
        free(reply);
}

size_t
aws_pending(const struct aws_client *client)
{
        return client->pending;
}

void
aws_cancel(struct aws_client *client)
{
        for (struct operation *next, *operation = client->operations; operation; operation = next) {
                next = operation->next;
                operation->last_word = true;
                if (!operation->under_way)
                        finish(client, operation, NULL);
        }
}

/* Take the reply with this tag out of the queue, or NULL. */
static struct aws_reply *
receive_tagged(struct aws_client *client, const void *tag)
{
        for (struct waiting_reply **link = &client->replies; *link; link = &(*link)->next) {
                struct waiting_reply *waiting = *link;

                if (waiting->reply->tag != tag)
                        continue;
                struct aws_reply *reply = waiting->reply;

                *link = waiting->next;
                client->pending--;
                free(waiting);
                return reply;
        }
        return NULL;
}

bool
aws_call(struct aws_client *client, const struct aws_call *call, struct buf *reply,
         struct error *err)
{
        struct aws_call own = *call;
        struct aws_reply *received;

        own.tag = &own;
        aws_send(client, &own);
        while (!(received = receive_tagged(client, &own)))
                turn(client, -1, 1000);
        bool ok = received->ok;

        if (ok) {
                buf_clear(reply);
                *reply = received->body;
                received->body = (struct buf){ 0 };
        } else {
                *err = received->error;
        }
        aws_reply_free(received);
        return ok;
}
