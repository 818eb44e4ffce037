/*
 * How many signed IssueCertificate requests a second does localpca answer?
 *
 *     localpca_load START-LINE.json CSR.pem CONNECTIONS REQUESTS [PID]
 *
 * Signs one request (P-256 CSR, 30 days, no idempotency token) and sends the same bytes over kept-
 * alive connections, the next one of a connection when its answer has come: every one is a new
 * certificate.  Prints one line of JSON: certificates, seconds, per second, and with PID the
 * server's CPU seconds, certificates per CPU second, and peak memory.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "localpca/sigv4.h"

struct load {
        struct buf request;
        struct sockaddr_in address;
        char host[64];
        int64_t wanted, sent, done, failed;
};

static void
die(const char *what)
{
        fprintf(stderr, "localpca_load: %s: %s\n", what, strerror(errno));
        exit(1);
}

static const char *
text_of(const cJSON *object, const char *name)
{
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

        if (!text)
                die(name);
        return text;
}

static cJSON *
start_line_read(const char *path)
{
        struct buf text = { 0 };
        struct error err = { 0 };

        if (!file_read(path, 1 << 20, &text, &err))
                die(err.what);
        cJSON *line = cJSON_Parse(buf_text(&text));
        buf_clear(&text);
        return line ? line : (die("no JSON"), NULL);
}

static char *
body_make(const cJSON *line, const char *csr_path)
{
        struct buf csr = { 0 };
        struct error err = { 0 };

        if (!file_read(csr_path, 1 << 20, &csr, &err))
                die(err.what);
        char *encoded = base64_encode(view_buf(&csr));
        char *body = text_format(
                "{\"CertificateAuthorityArn\":\"%s\",\"Csr\":\"%s\",\"SigningAlgorithm\":"
                "\"SHA256WITHECDSA\",\"Validity\":{\"Value\":30,\"Type\":\"DAYS\"},\"TemplateArn\":"
                "\"arn:aws:acm-pca:::template/EndEntityCertificate/V1\"}",
                text_of(line, "ca_arn"), encoded);
        free(encoded);
        buf_clear(&csr);
        return body;
}

static void
request_make(struct load *load, const cJSON *line, const char *body)
{
        struct sigv4_claim claim = { .region = "us-east-1", .service = "acm-pca" };
        struct secret secret = { 0 };
        struct buf canonical = { 0 }, to_sign = { 0 };
        char signature[65];
        time_t now = time(NULL);
        struct tm civil;

        gmtime_r(&now, &civil);
        strftime(claim.date, sizeof(claim.date), "%Y%m%d", &civil);
        strftime(claim.time, sizeof(claim.time), "%Y%m%dT%H%M%SZ", &civil);
        const struct sigv4_header headers[] = {
                { "content-type", "application/x-amz-json-1.1" },
                { "host", load->host },
                { "x-amz-date", claim.time },
                { "x-amz-target", "ACMPrivateCA.IssueCertificate" },
        };
        struct sigv4_request request = { .method = "POST",
                                         .path = "/",
                                         .headers = headers,
                                         .header_count = ARRAY_LENGTH(headers),
                                         .body = view_text(body) };
        static const char signed_headers[] = "content-type;host;x-amz-date;x-amz-target";
        secret_set(&secret, view_text(text_of(line, "secret_access_key")));
        sigv4_canonical_request(&request, signed_headers, &canonical);
        sigv4_string_to_sign(&claim, &canonical, &to_sign);
        sigv4_signature(&claim, &secret, &to_sign, signature);
        buf_add_text(&load->request, "POST / HTTP/1.1\r\n");
        for (size_t i = 0; i < ARRAY_LENGTH(headers); i++)
                buf_format(&load->request, "%s: %s\r\n", headers[i].name, headers[i].value);
        buf_format(&load->request,
                   "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/acm-pca/"
                   "aws4_request, SignedHeaders=%s, Signature=%s\r\nContent-Length: %zu\r\n\r\n%s",
                   text_of(line, "access_key_id"), claim.date, signed_headers, signature,
                   strlen(body), body);
        secret_clear(&secret);
        buf_clear(&canonical);
        buf_clear(&to_sign);
}

static void
send_next(struct load *load, int fd)
{
        if (load->sent == load->wanted)
                return;
        load->sent++;
        if (send(fd, load->request.data, load->request.len, MSG_NOSIGNAL) !=
            (ssize_t)load->request.len)
                die("send");
}

/* The answers are small: one read has a whole one. */
static void
answer_take(struct load *load, int fd)
{
        char answer[8192];
        ssize_t len = recv(fd, answer, sizeof(answer) - 1, 0);

        if (len <= 0)
                die("recv");
        answer[len] = '\0';
        load->done++;
        load->failed += strncmp(answer, "HTTP/1.1 200", 12) != 0;
        if (load->failed == 1 && strncmp(answer, "HTTP/1.1 200", 12) != 0)
                fprintf(stderr, "%s\n", answer);
        send_next(load, fd);
}

static void
run(struct load *load, int connections)
{
        struct pollfd *fds = memory_new((size_t)connections, sizeof(*fds));

        for (int i = 0; i < connections; i++) {
                fds[i] = (struct pollfd){ socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0 };
                if (connect(fds[i].fd, (struct sockaddr *)&load->address, sizeof(load->address)) !=
                    0)
                        die("connect");
                send_next(load, fds[i].fd);
        }
        while (load->done < load->wanted) {
                if (poll(fds, (nfds_t)connections, 60000) <= 0)
                        die("poll");
                for (int i = 0; i < connections; i++)
                        if (fds[i].revents)
                                answer_take(load, fds[i].fd);
        }
        for (int i = 0; i < connections; i++)
                close(fds[i].fd);
        free(fds);
}

/* User and system time of another process, in seconds. */
static double
cpu_seconds(const char *pid)
{
        struct buf text = { 0 };
        struct error err = { 0 };
        char *path = text_format("/proc/%s/stat", pid);
        unsigned long user = 0, kernel = 0;

        if (!file_read(path, 4096, &text, &err))
                die(err.what);
        const char *behind = strrchr(buf_text(&text), ')');
        if (!behind || sscanf(behind + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                              &user, &kernel) != 2)
                die("no process times");
        buf_clear(&text);
        free(path);
        return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static long
peak_kib(const char *pid)
{
        struct buf text = { 0 };
        struct error err = { 0 };
        char *path = text_format("/proc/%s/status", pid);
        long kib = 0;

        if (!file_read(path, 65536, &text, &err))
                die(err.what);
        const char *line = strstr(buf_text(&text), "VmHWM:");
        if (line)
                kib = strtol(line + 6, NULL, 10);
        buf_clear(&text);
        free(path);
        return kib;
}

int
main(int argc, char **argv)
{
        struct load load = { 0 };
        int64_t connections;

        if (argc < 5 || !number_parse(argv[3], 1, 10000, &connections) ||
            !number_parse(argv[4], 1, 100000000, &load.wanted)) {
                fprintf(stderr, "usage: localpca_load START-LINE CSR CONNECTIONS REQUESTS [PID]\n");
                return 2;
        }
        cJSON *line = start_line_read(argv[1]);
        const char *port = strrchr(text_of(line, "endpoint"), ':');
        snprintf(load.host, sizeof(load.host), "127.0.0.1%s", port);
        load.address =
                (struct sockaddr_in){ .sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        char *body = body_make(line, argv[2]);
        request_make(&load, line, body);
        double cpu = argc > 5 ? cpu_seconds(argv[5]) : 0;
        int64_t start_ms = clock_boot_ms();
        run(&load, (int)connections);
        double seconds = (double)(clock_boot_ms() - start_ms) / 1000;
        printf("{\"certificates\":%lld,\"failed\":%lld,\"seconds\":%.2f,\"per_second\":%.0f",
               (long long)load.done, (long long)load.failed, seconds, (double)load.done / seconds);
        if (argc > 5) {
                cpu = cpu_seconds(argv[5]) - cpu;
                printf(",\"cpu_seconds\":%.2f,\"per_cpu_second\":%.0f,\"peak_kib\":%ld", cpu,
                       (double)load.done / cpu, peak_kib(argv[5]));
        }
        printf("}\n");
        free(body);
        buf_clear(&load.request);
        cJSON_Delete(line);
        return load.failed ? 1 : 0;
}
