/*
 * The application's view: can a program that reaches tokens through libp11 (as nginx, curl and
 * OpenVPN do) find the key and the certificate, and do TLS with them?
 *
 * libp11 0.4.12 hangs for ever when a token goes away and crashes in places, so it runs in a child
 * process, spawned afresh with all descriptors but its own closed, the PIN through a socket, killed
 * after 30 seconds.
 */
#ifndef ENGINE_WITNESS_H
#define ENGINE_WITNESS_H

#include "base/bytes.h"
#include "base/err.h"

struct witness_question {
        const char *module_path;
        const char *token_serial;
        const char *token_label;
        struct view key_id;
        struct view certificate; /* DER: the one that must be found and used */
        const struct secret *pin;
        int timeout_ms; /* 0: 30 s */
};

/*
 * Spawn `program` (the running executable: "/proc/self/exe") with the hidden verb `witness-child`
 * and let it find the key and certificate through libp11 and run a TLS handshake in memory.
 *
 * errors  ERROR_NOT_PROVED with what an application would meet; ERROR_PIN_MISSING for a PIN pad
 * time    at most timeout_ms
 */
bool witness_ask(const char *program, const struct witness_question *question,
                 struct error *err) MUST_CHECK;

/*
 * The child's side: reads the question from descriptor 3 and answers there; the exit status of the
 * process.
 */
int witness_child(void);

#endif
