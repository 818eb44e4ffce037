#include "localpca/fault.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "localpca/facts.h"
#include "localpca/spoil.h"

enum { SCRIPT_SIZE_MOST = 1 << 20 };

struct rule {
        char *text;
        char *operation;
        double probability; /* 0: not by chance */
        int64_t every, at, first;
        int64_t requests; /* seen so far */
        struct fault what;
        struct fault *script; /* one for each line */
        size_t script_count;
};

struct faults {
        struct rule *rules;
        size_t count;
        uint64_t state; /* xorshift64* */
};

struct faults *
faults_new(uint64_t seed)
{
        struct faults *faults = memory_new(1, sizeof(*faults));

        while (!seed)
                random_bytes(&seed, sizeof(seed));
        faults->state = seed;
        return faults;
}

static void
rule_clear(struct rule *rule)
{
        free(rule->text);
        free(rule->operation);
        free(rule->script);
}

void
faults_clear(struct faults *faults)
{
        for (size_t i = 0; i < faults->count; i++)
                rule_clear(&faults->rules[i]);
        free(faults->rules);
        faults->rules = NULL;
        faults->count = 0;
}

void
faults_free(struct faults *faults)
{
        if (!faults)
                return;
        faults_clear(faults);
        free(faults);
}

size_t
faults_count(const struct faults *faults)
{
        return faults->count;
}

const char *
faults_rule(const struct faults *faults, size_t index)
{
        return faults->rules[index].text;
}

/* Between 0 and 1, 1 excluded. */
static double
chance(struct faults *faults)
{
        faults->state ^= faults->state >> 12;
        faults->state ^= faults->state << 25;
        faults->state ^= faults->state >> 27;
        return (double)((faults->state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

/* -- reading rules ------------------------------------------------------------------------ */

/* Words that set a flag, with or without a value of their own. */
static const struct {
        const char *word;
        size_t offset;
} flags[] = {
        { "reset=before", offsetof(struct fault, reset_before) },
        { "reset=after", offsetof(struct fault, reset_after) },
        { "truncate", offsetof(struct fault, truncate) },
        { "garbage", offsetof(struct fault, garbage) },
        { "fail", offsetof(struct fault, fail) },
        { "chain=garbage", offsetof(struct fault, garbled_chain) },
        { "clock", offsetof(struct fault, clock) },
};

/* Words that stand for an error. */
static const struct {
        const char *word;
        const char *code;
} errors[] = {
        { "throttle", "ThrottlingException" },
        { "denied", "AccessDeniedException" },
        { "expired-token", "ExpiredTokenException" },
};

static bool
number_of(const char *value, int64_t least, int64_t most, unsigned *out)
{
        int64_t number;

        if (!number_parse(value, least, most, &number))
                return false;
        *out = (unsigned)number;
        return true;
}

/* One word of WHAT. */
static bool
what_read(const char *word, struct fault *what)
{
        uint64_t deviation;

        if (spoil_named(word, &deviation)) {
                what->deviations |= deviation;
                return true;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
                if (strcmp(flags[i].word, word) == 0) {
                        *(bool *)((char *)what + flags[i].offset) = true;
                        return true;
                }
        }
        for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
                if (strcmp(errors[i].word, word) == 0) {
                        snprintf(what->error, sizeof(what->error), "%s", errors[i].code);
                        return true;
                }
        }
        if (text_starts(word, "error=") && word[6] && strlen(word + 6) < sizeof(what->error)) {
                snprintf(what->error, sizeof(what->error), "%s", word + 6);
                return true;
        }
        if (text_starts(word, "http="))
                return number_of(word + 5, 400, 599, &what->http);
        if (text_starts(word, "slow="))
                return number_of(word + 5, 1, 3600000, &what->slow_ms);
        return text_starts(word, "delay=") && number_of(word + 6, 1, 3600000, &what->delay_ms);
}

static bool
probability_read(const char *text, double *out)
{
        char *end;
        double value = strtod(text, &end);

        if (end == text || *end || !(value >= 0 && value <= 1))
                return false;
        *out = value;
        return true;
}

static bool
when_read(const char *word, struct rule *rule)
{
        if (text_starts(word, "p="))
                return probability_read(word + 2, &rule->probability);
        if (text_starts(word, "every="))
                return number_parse(word + 6, 1, INT32_MAX, &rule->every);
        if (text_starts(word, "at="))
                return number_parse(word + 3, 1, INT32_MAX, &rule->at);
        return text_starts(word, "first=") && number_parse(word + 6, 1, INT32_MAX, &rule->first);
}

static bool
script_line_read(struct rule *rule, char *line, struct error *err)
{
        struct fault what = { 0 };
        char *rest = NULL;

        for (char *word = strtok_r(line, ": \t\r", &rest); word;
             word = strtok_r(NULL, ": \t\r", &rest))
                if (!what_read(word, &what))
                        return error_set(err, ERROR_USAGE, "'%s' is no fault", word);
        rule->script = memory_grow(rule->script, rule->script_count + 1, sizeof(*rule->script));
        rule->script[rule->script_count++] = what;
        return true;
}

static bool
script_read(struct rule *rule, const char *path, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!file_read(path, SCRIPT_SIZE_MOST, &text, err))
                return false;
        buf_add_byte(&text, '\0');
        for (char *line = (char *)text.data, *end; line && *line; line = end) {
                end = strchr(line, '\n');
                if (end)
                        *end++ = '\0';
                if (*line == '#')
                        continue;
                if (!script_line_read(rule, line, err))
                        return error_about(err, "the fault script '%s'", path);
        }
        return true;
}

static bool
rule_read(struct rule *rule, char *parts, struct error *err)
{
        char *rest = NULL;

        for (char *word = strtok_r(parts, ":", &rest); word; word = strtok_r(NULL, ":", &rest)) {
                if (text_starts(word, "script=")) {
                        if (!script_read(rule, word + 7, err))
                                return false;
                } else if (!when_read(word, rule) && !what_read(word, &rule->what)) {
                        error_set(err, ERROR_USAGE, "'%s' says neither when nor what", word);
                        error_about(err, "the fault rule '%s'", rule->text);
                        return error_advise(err, "see the words of --fault in localpca(1)");
                }
        }
        return true;
}

/* A misspelt operation would never strike, and its test would pass. */
static bool
operation_check(const char *operation, struct error *err)
{
        const char *nearest = NULL;
        unsigned best = 8;

        if (strcmp(operation, "*") == 0 || facts_index(operation) >= 0)
                return true;
        for (size_t i = 0; facts_name(i); i++) {
                unsigned distance = text_distance(operation, facts_name(i));
                if (distance < best) {
                        best = distance;
                        nearest = facts_name(i);
                }
        }
        error_set(err, ERROR_USAGE, "there is no operation '%s'", operation);
        return nearest ? error_advise(err, "did you mean %s?", nearest)
                       : error_advise(err, "an operation of Private CA, or * for all of them");
}

bool
faults_add(struct faults *faults, const char *text, struct error *err)
{
        const char *colon = strchr(text, ':');
        struct rule rule = { .text = text_copy(text) };
        char *parts = text_copy(colon ? colon + 1 : "");
        bool done = colon && colon != text && colon[1];

        if (done) {
                rule.operation = text_copy_length(text, (size_t)(colon - text));
                done = operation_check(rule.operation, err) && rule_read(&rule, parts, err);
        } else {
                error_set(err, ERROR_USAGE, "a fault rule reads OPERATION:PART, not '%s'", text);
        }
        free(parts);
        if (!done) {
                rule_clear(&rule);
                return false;
        }
        faults->rules = memory_grow(faults->rules, faults->count + 1, sizeof(rule));
        faults->rules[faults->count++] = rule;
        return true;
}

/* -- using them --------------------------------------------------------------------------- */

static bool
rule_strikes(struct faults *faults, struct rule *rule)
{
        int64_t request = ++rule->requests;

        if (rule->at && request != rule->at)
                return false;
        if (rule->first && request > rule->first)
                return false;
        if (rule->every && request % rule->every != 0)
                return false;
        return !rule->probability || chance(faults) < rule->probability;
}

static void
fault_merge(struct fault *into, const struct fault *from)
{
        for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
                *(bool *)((char *)into + flags[i].offset) |=
                        *(const bool *)((const char *)from + flags[i].offset);
        into->deviations |= from->deviations;
        if (from->http)
                into->http = from->http;
        if (from->error[0])
                memcpy(into->error, from->error, sizeof(into->error));
        if (from->slow_ms)
                into->slow_ms = from->slow_ms;
        if (from->delay_ms)
                into->delay_ms = from->delay_ms;
}

struct fault
faults_next(struct faults *faults, const char *operation)
{
        struct fault fault = { 0 };

        for (size_t i = 0; i < faults->count; i++) {
                struct rule *rule = &faults->rules[i];
                bool all = strcmp(rule->operation, "*") == 0 && facts_input(operation);
                if (!all && strcmp(rule->operation, operation) != 0)
                        continue;
                if (!rule_strikes(faults, rule))
                        continue;
                fault_merge(&fault, &rule->what);
                if (rule->script && rule->requests <= (int64_t)rule->script_count)
                        fault_merge(&fault, &rule->script[rule->requests - 1]);
        }
        return fault;
}
