/*
 * Certificate templates: what each puts into a certificate by itself, and what it lets through.
 * One table of facts: AWS Private CA User Guide, "Template definitions".
 */
#ifndef LOCALPCA_TEMPLATE_H
#define LOCALPCA_TEMPLATE_H

#include "base/compiler.h"

struct template
{
        const char *name;         /* "EndEntityCertificate/V1" */
        bool ca;                  /* basicConstraints */
        bool critical_basic;      /* … marked critical */
        int path_length;          /* -1: none */
        unsigned key_usage;       /* bits of KU_…; 0: no extension.  Always critical */
        const int *extended_nids; /* ended by 0; NULL: no extension */
        bool extended_critical;
        bool root; /* self-signed; neither authorityKeyIdentifier nor the CA's own URLs */
        bool csr_passthrough, api_passthrough;
};

/* The template of an ARN of any partition; NULL when there is none of that name. */
const struct template *template_named(const char *arn);

/* The n-th template, counted from 0; NULL behind the last. */
const struct template *template_listed(size_t index);

#endif
