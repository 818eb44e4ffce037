/*
 * doctor: the key and the certificate that a station logs in to AWS with.
 */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/anywhere.h"
#include "cli/checkup.h"
#include "order/cert.h"
#include "order/x509.h"

enum { LATE_PART = 3 }; /* a warning in the last third of its time */

static struct station_key *
station_of(const struct checkup *checkup, struct aws_settings **aws, struct error *err)
{
        *aws = command_aws(checkup->command, NULL, NULL, err);
        return *aws ? anywhere_station(checkup->command, *aws) : NULL;
}

/* What is not refused, but is not as the guide wants it either; NULL: nothing. */
static const char *
oddity(struct view certificate)
{
        CLEANUP(x509_cleanup) X509 *x509 = x509_read(certificate);
        uint32_t flags = x509 ? X509_get_extension_flags(x509) : 0;

        if (x509 && !(flags & EXFLAG_BCONS))
                return "it has no basic constraints, where Roles Anywhere wants CA:FALSE";
        if (flags & EXFLAG_XKUSAGE && !(X509_get_extended_key_usage(x509) & XKU_SSL_CLIENT))
                return "its extended key usage does not have clientAuth";
        return NULL;
}

static void
judge_certificate(struct checkup *checkup, struct view certificate,
                  const struct certificate_facts *facts)
{
        const char *odd = oddity(certificate);
        int64_t now = clock_now();
        struct error err = { 0 };
        char end[CLOCK_TEXT];

        if (!anywhere_certificate_check(certificate, now, &err)) {
                checkup_fail(checkup, "station", &err);
                return;
        }
        bool late = facts->not_after - now < (facts->not_after - facts->not_before) / LATE_PART;
        CLEANUP(free_cleanup)
        char *detail = text_format("certificate '%s', serial %s, until %s%s%s", facts->subject,
                                   facts->serial, clock_format(facts->not_after, end),
                                   odd ? "; " : "", odd ? odd : "");
        const char *next = odd    ? "have the next one issued with it"
                           : late ? "have it renewed; with --allow-self-renew p11cert does, if it "
                                    "issued it"
                                  : NULL;

        checkup_add(checkup, "station", next ? RESULT_WARN : RESULT_OK, detail, next);
}

/* Nobody should have to look that up in a hurry. */
static void
tell_how_to_shut_out(struct checkup *checkup, const struct certificate_facts *facts)
{
        const struct options *options = &checkup->command->options;
        const char *profile = option_text(options, OPTION_ROLESANYWHERE_PROFILE);
        const char *anchor = option_text(options, OPTION_ROLESANYWHERE_TRUST_ANCHOR);
        const char *id = profile ? strrchr(profile, '/') : NULL;

        checkup_ok(checkup, "shut out",
                   "this station alone: revoke serial %s at the CA that issued it and give the CRL "
                   "to Roles Anywhere (aws rolesanywhere import-crl --enabled --name stations "
                   "--trust-anchor-arn %s --crl-data fileb://CRL.pem; it does not fetch one); all "
                   "stations of the profile: aws rolesanywhere disable-profile --profile-id %s; a "
                   "session that was handed out lasts until it ends",
                   facts->serial, anchor ? anchor : "ARN", id ? id + 1 : "ID");
}

void
checkup_station(struct checkup *checkup)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        CLEANUP(aws_settings_cleanup) struct aws_settings *aws = NULL;
        struct error err = { 0 };
        struct station_key *station = station_of(checkup, &aws, &err);
        struct view certificate = { 0 };
        struct view chain = { 0 };

        if (!anywhere_is_configured(&checkup->command->options))
                return;
        if (!aws) {
                checkup_fail(checkup, "station", &err);
                return;
        }
        if (!station) {
                checkup_add(checkup, "station", RESULT_SKIP,
                            "an AWS profile or a variable names other credentials", NULL);
                return;
        }
        if (!station_key_read(station, &certificate, &chain, &err) ||
            !certificate_facts_read(certificate, &facts, &err)) {
                checkup_fail(checkup, "station", &err);
                return;
        }
        judge_certificate(checkup, certificate, &facts);
        tell_how_to_shut_out(checkup, &facts);
}

/* -- the anchor --------------------------------------------------------------------------- */

/* The CA's certificate and those above it; false when it may not be read. */
static bool
read_path(struct cloud *cloud, const char *arn, struct buf *path, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(buf_cleanup) struct buf own = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf rest = { 0 };
        struct ca_arn parts;

        if (!ca_arn_parse(arn, &parts, err) ||
            !cloud_call(cloud, parts.region, "GetCertificateAuthorityCertificate",
                        pca_write_get_ca_certificate(arn), &reply, err) ||
            !pca_read_get_ca_certificate(view_buf(&reply), &own, &chain, err) ||
            !certificates_read(view_buf(&own), path, NULL, err) ||
            (chain.len && !certificates_read(view_buf(&chain), &first, &rest, err)))
                return false;
        buf_add(path, view_buf(&first));
        buf_add(path, view_buf(&rest));
        return true;
}

void
checkup_anchor(struct checkup *checkup, struct cloud *cloud)
{
        const struct options *options = &checkup->command->options;
        const char *arn = option_text(options, OPTION_CA);
        struct station_key *station = anywhere_station(checkup->command, cloud->settings);
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct error err = { 0 };
        struct view certificate;
        struct view chain;

        if (!station || !arn || !station_key_seen(station, &certificate, &chain))
                return;
        if (!read_path(cloud, arn, &path, &err)) {
                checkup_add(checkup, "anchor", RESULT_WARN,
                            "the CA's certificate cannot be read, so whether the anchor takes what "
                            "it issues is not known",
                            "let the identity call acm-pca:GetCertificateAuthorityCertificate");
                return;
        }
        if (!station_key_shares_anchor(station, view_buf(&path))) {
                checkup_ok(checkup, "anchor", "it does not take what this CA issues");
                return;
        }
        error_set(&err, ERROR_ANCHOR_SHARED,
                  "the trust anchor takes what this CA issues: this station can impersonate every "
                  "station of the anchor, and every device could become an issuer");
        error_advise(&err, "let a CA of their own issue the stations' certificates");
        if (option_flag(options, OPTION_ALLOW_SELF_RENEW))
                checkup_add(checkup, "anchor", RESULT_WARN, err.what, err.next);
        else
                checkup_fail(checkup, "anchor", &err);
}
