/*
 * One Private CA service: its certificate authorities, identities, clock and statistics, and one
 * call of its API from the request to the answer.
 *
 * Everything here runs on one thread, the server's (server.h); only key pairs are made elsewhere.
 */
#ifndef LOCALPCA_PCA_H
#define LOCALPCA_PCA_H

#include <cjson/cJSON.h>

#include "localpca/authority.h"
#include "localpca/fault.h"
#include "localpca/identity.h"
#include "localpca/options.h"
#include "localpca/records.h"
#include "localpca/refusal.h"
#include "localpca/sigv4.h"
#include "localpca/store.h"
#include "localpca/throttle.h"
#include "localpca/worker.h"

enum { OPERATIONS_MOST = 128 };

/* What /_localpca/stats answers. */
struct stats {
        int64_t requests[OPERATIONS_MOST]; /* per operation, in the order of facts_name() */
        int64_t errors[OPERATIONS_MOST];
        int64_t unknown; /* requests that named no operation */
        int64_t issued, repeats_of_csr, repeats_of_key, revoked;
        int64_t connections, connections_open, connections_most;
};

/* What can be changed while running; at first as the options say. */
struct settings {
        int64_t latency_ms, issue_delay_ms, clock_offset_ms, idempotency_window_ms, iam_delay_ms;
};

struct pca {
        const struct options *options;
        struct settings settings;
        struct store *store;
        struct authorities authorities;
        struct identities identities;
        struct records records;
        cJSON *anywhere; /* Roles Anywhere's objects by their ids (anywhere.h) */
        struct worker *worker;
        struct throttle *throttle;
        struct faults *faults;
        struct stats stats;
        char *endpoint;  /* "http://127.0.0.1:4711" */
        char *plain_url; /* the same for CRL and OCSP: never https */
        int64_t next_token_purge_ms;
        bool broken;          /* this turn failed to write: it is to be undone */
        int64_t writes_saved; /* issued and revoked, as the state has them */
};

/* An API request that is being decided. */
struct call {
        struct pca *pca;
        const char *operation;
        const char *service; /* of the query protocol: "sts", "iam" */
        const struct sigv4_request *request;
        char region[65]; /* that it was signed for */
        const struct identity *caller;
        const cJSON *input;
        cJSON *output; /* an object to fill */
        struct fault fault;
        struct refusal refusal;
        int64_t now_ms; /* the service's clock, with --clock-offset */
};

/* What goes back.  `{ 0 }` first; clear with answer_clear(). */
struct answer {
        unsigned status;
        const char *content_type;
        const char *error_type; /* the header x-amzn-ErrorType; NULL: none */
        struct buf body;
        char request_id[37];
        struct fault fault;
};

/* Open the state, make the first two CAs and identities if there are none. */
bool pca_open(struct pca *pca, const struct options *options, struct error *err) MUST_CHECK;
void pca_close(struct pca *pca);

/* The service's clock. */
int64_t pca_now_ms(const struct pca *pca);

/* Answer one API request (POST with X-Amz-Target). */
void pca_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer);

void answer_clear(struct answer *answer);

/*
 * The end of a turn: what was decided since the last one lasts.  False: none of it does, and every
 * answer of the turn has to become answer_unkept().
 */
bool pca_commit(struct pca *pca, struct error *err) MUST_CHECK;
void answer_unkept(struct answer *answer, const struct error *err);

/*
 * Who is calling, and is it signed for this service ("acm-pca", "sts", "iam")?  Fills call->caller
 * and call->region.
 * refusals: those of sigv4.h, UnrecognizedClientException, ExpiredTokenException
 */
bool call_authenticate(struct call *call, const struct sigv4_request *request,
                       const char *service) MUST_CHECK;

/* What the service refuses with when its own state fails; the whole turn will be undone. */
bool call_broken(struct call *call, const struct error *err);

/* The statistics as JSON. */
void pca_stats(const struct pca *pca, struct buf *out);

/* -- operations --------------------------------------------------------------------------- */

/* Each fills call->output, or refuses. */
bool operation_issue_certificate(struct call *call);
bool operation_get_certificate(struct call *call);
bool operation_revoke_certificate(struct call *call);
bool operation_get_certificate_authority_certificate(struct call *call);
bool operation_describe_certificate_authority(struct call *call);
bool operation_list_certificate_authorities(struct call *call);
bool operation_create_certificate_authority(struct call *call);
bool operation_update_certificate_authority(struct call *call);
bool operation_delete_certificate_authority(struct call *call);
bool operation_restore_certificate_authority(struct call *call);
bool operation_get_certificate_authority_csr(struct call *call);
bool operation_import_certificate_authority_certificate(struct call *call);
bool operation_create_permission(struct call *call);
bool operation_list_permissions(struct call *call);
bool operation_delete_permission(struct call *call);
bool operation_put_policy(struct call *call);
bool operation_get_policy(struct call *call);
bool operation_delete_policy(struct call *call);
bool operation_tag_certificate_authority(struct call *call);
bool operation_untag_certificate_authority(struct call *call);
bool operation_list_tags(struct call *call);
bool operation_create_certificate_authority_audit_report(struct call *call);
bool operation_describe_certificate_authority_audit_report(struct call *call);

/* A text or number member of the input; NULL or `otherwise` when absent. */
const char *call_text(const struct call *call, const char *member);
int64_t call_number(const struct call *call, const char *member, int64_t otherwise);

/* The ARN in CertificateAuthorityArn or ResourceArn; NULL when the operation has neither. */
const char *call_resource(const struct call *call);

/*
 * The CA that CertificateAuthorityArn (or ResourceArn) names.
 * refusals: InvalidArnException, ResourceNotFoundException (also for another Region or account)
 */
struct authority *call_authority(struct call *call);

/* The same, refusing with InvalidStateException when it is none of the `states` (a bit each). */
struct authority *call_authority_in(struct call *call, unsigned states);

/* Change an authority for good: the state has it after the turn. */
bool call_save(struct call *call, struct authority *authority);

/*
 * One page of a list.  `all` is consumed; what belongs on the page that NextToken and MaxResults
 * ask for goes into the output as `member`, with a NextToken when there is more.
 * refusals: InvalidNextTokenException
 */
bool call_page(struct call *call, const char *member, cJSON *all, int64_t page_most);

/* Tags that may be set: no key twice, none of AWS's own.  InvalidTagException */
bool call_tags_check(struct call *call, const cJSON *tags);

/* Take up the reports that are CREATING. */
bool reports_resume(struct pca *pca, struct error *err) MUST_CHECK;

/* Start making the key of a CA that is CREATING. */
void authority_key_start(struct pca *pca, const struct authority *authority);

#endif
