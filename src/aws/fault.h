/*
 * What AWS means when it says no: an answer reduced to its bare code, and the code to an error that
 * a PKI engineer can act on.  Pure.
 *
 * The code decides, never the HTTP status alone; the status counts only where there is no code.
 */
#ifndef AWS_FAULT_H
#define AWS_FAULT_H

#include "aws/retry.h"
#include "base/bytes.h"
#include "base/err.h"

/* An answer that is not a 2xx. */
struct fault_answer {
        int status;
        const char *content_type; /* these three: or NULL */
        const char *error_type;   /* header x-amzn-ErrorType */
        const char *request_id;
        struct view body;
};

/* The call that got it. */
struct fault_call {
        const char *service;
        const char *operation;
        const char *region;
        const char *host;
        const char *access_key_id; /* NULL for an unsigned call */
        struct view request;       /* its body */
};

struct fault {
        char code[96]; /* "ThrottlingException"; empty when the answer names none */
        char message[1024];
        char request_id[96]; /* from the header, else from an XML body */
        enum error_kind kind;
        enum retry_class retry;
        bool refusal; /* the service says that it did nothing */
};

/* Read an answer. */
void fault_read(const struct fault_call *call, const struct fault_answer *answer,
                struct fault *out);

/* Say it in three sentences, with what AWS said beside them.  Returns false, as error_set() does.
 */
bool fault_explain(const struct fault_call *call, const struct fault_answer *answer,
                   const struct fault *fault, struct error *err);

/*
 * The server's time in a message like "Signature expired: … (20230822T194757Z - 15 min.)";
 * false if there is none.
 */
bool fault_server_time(const char *message, int64_t *out) MUST_CHECK;

#endif
