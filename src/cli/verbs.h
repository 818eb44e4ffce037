/*
 * The table of verbs, and the functions behind them.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/command.h"

/* Row `index`, or NULL behind the last. */
const struct verb *verb_at(size_t index);

/*
 * The verb that `words` begin with ("ca" "list"); `used` says how many words name it.
 *
 * errors  ERROR_USAGE: unknown (with the nearest), half a name ("ca": with what may follow), or
 *         one that this version does not have yet
 */
const struct verb *verb_find(char *const *words, size_t count, size_t *used, struct error *err);

/* Is it the first word of verbs of two words ("ca")? */
bool verb_is_family(const char *word);

/* "ca" of "ca list": the name of the manual page is p11cert-ca.  The caller frees. */
char *verb_page(const struct verb *verb);

bool cmd_audit_verify(struct command *command, struct error *err);
bool cmd_batch(struct command *command, struct error *err);
bool cmd_ca_chain(struct command *command, struct error *err);
bool cmd_ca_list(struct command *command, struct error *err);
bool cmd_ca_show(struct command *command, struct error *err);
bool cmd_ca_trust(struct command *command, struct error *err);
bool cmd_cert_list(struct command *command, struct error *err);
bool cmd_completion(struct command *command, struct error *err);
bool cmd_check(struct command *command, struct error *err);
bool cmd_config_check(struct command *command, struct error *err);
bool cmd_config_init(struct command *command, struct error *err);
bool cmd_config_show(struct command *command, struct error *err);
bool cmd_csr(struct command *command, struct error *err);
bool cmd_doctor(struct command *command, struct error *err);
bool cmd_due(struct command *command, struct error *err);
bool cmd_fetch(struct command *command, struct error *err);
bool cmd_identity_credential_process(struct command *command, struct error *err);
bool cmd_identity_check(struct command *command, struct error *err);
bool cmd_identity_create(struct command *command, struct error *err);
bool cmd_identity_delete(struct command *command, struct error *err);
bool cmd_identity_policy(struct command *command, struct error *err);
bool cmd_identity_rotate(struct command *command, struct error *err);
bool cmd_identity_whoami(struct command *command, struct error *err);
bool cmd_import(struct command *command, struct error *err);
bool cmd_installed(struct command *command, struct error *err);
bool cmd_issue(struct command *command, struct error *err);
bool cmd_key_list(struct command *command, struct error *err);
bool cmd_ledger_backup(struct command *command, struct error *err);
bool cmd_ledger_check(struct command *command, struct error *err);
bool cmd_list(struct command *command, struct error *err);
bool cmd_plan(struct command *command, struct error *err);
bool cmd_renew(struct command *command, struct error *err);
bool cmd_resume(struct command *command, struct error *err);
bool cmd_revoke(struct command *command, struct error *err);
bool cmd_show(struct command *command, struct error *err);
bool cmd_station(struct command *command, struct error *err);
bool cmd_submit(struct command *command, struct error *err);
bool cmd_token_change_pin(struct command *command, struct error *err);
bool cmd_token_check_pin(struct command *command, struct error *err);
bool cmd_token_info(struct command *command, struct error *err);
bool cmd_token_init(struct command *command, struct error *err);
bool cmd_token_list(struct command *command, struct error *err);
bool cmd_verify(struct command *command, struct error *err);
bool cmd_version(struct command *command, struct error *err);

#endif
