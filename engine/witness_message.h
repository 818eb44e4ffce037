/*
 * What the two sides of the witness say to each other, over the socket that is descriptor 3 of the
 * child: the question as parts, each with four bytes of length in front; the answer as one
 * character, and after WITNESS_NO what happened, a newline, and what to do next.
 */
#ifndef ENGINE_WITNESS_MESSAGE_H
#define ENGINE_WITNESS_MESSAGE_H

enum { WITNESS_CHANNEL = 3, WITNESS_YES = 'Y', WITNESS_NO = 'N', WITNESS_PART_MOST = 1 << 17 };

enum witness_part {
        WITNESS_MODULE,
        WITNESS_SERIAL,
        WITNESS_LABEL,
        WITNESS_KEY_ID,
        WITNESS_CERTIFICATE,
        WITNESS_PIN,
        WITNESS_PARTS
};

#endif
