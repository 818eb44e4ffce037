/*
 * Sign requests that come as JSON, one a line, and print each one's Authorization header: the other
 * half of tests/e2e/sigv4_botocore.py.
 *
 *     {"method","path","query","headers":[[name,value]…],"body":hex,"date","region","service",
 *      "access_key_id","secret_access_key"}
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"

enum { MOST_HEADERS = 64 };

static const char *
member(const cJSON *json, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static size_t
read_headers(const cJSON *list, struct sigv4_header headers[MOST_HEADERS])
{
        const cJSON *pair = NULL;
        size_t count = 0;

        cJSON_ArrayForEach(pair, list)
        {
                if (count == MOST_HEADERS)
                        break;
                headers[count++] = (struct sigv4_header){
                        .name = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0)),
                        .value = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1)),
                };
        }
        return count;
}

static bool
sign_line(const char *line)
{
        cJSON *json = cJSON_Parse(line);
        struct sigv4_header headers[MOST_HEADERS];
        CLEANUP(buf_cleanup) struct buf body = { 0 };
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };
        CLEANUP(secret_cleanup) struct secret key = { 0 };
        struct error err = { 0 };
        const char *hex = member(json, "body");
        const char *date = member(json, "date");
        struct sigv4_scope scope = { .region = member(json, "region"),
                                     .service = member(json, "service") };

        if (!date || strlen(date) != 16 || !hex || (*hex && !hex_decode(hex, &body, &err))) {
                cJSON_Delete(json);
                return false;
        }
        memcpy(scope.date_time, date, sizeof(scope.date_time));
        secret_set(&key, view_text(member(json, "secret_access_key")));
        struct sigv4_request request = {
                .method = member(json, "method"),
                .path = member(json, "path"),
                .query = member(json, "query"),
                .headers = headers,
                .header_count =
                        read_headers(cJSON_GetObjectItemCaseSensitive(json, "headers"), headers),
                .body = view_buf(&body),
                .normalize_path = true,
        };

        sigv4_authorization(&request, &scope, member(json, "access_key_id"), &key, &authorization);
        puts(buf_text(&authorization));
        cJSON_Delete(json);
        return true;
}

int
main(void)
{
        char *line = NULL;
        size_t size = 0;
        int status = EXIT_SUCCESS;

        while (getline(&line, &size, stdin) > 0) {
                if (!sign_line(line)) {
                        fputs("sigv4_tool: a line is not a request\n", stderr);
                        status = EXIT_FAILURE;
                }
        }
        free(line);
        return status;
}
