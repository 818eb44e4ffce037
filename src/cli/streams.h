/*
 * Where the program writes: the answer and the talk.
 *
 * They are duplicates of stdout and stderr: while PKCS #11 modules are loaded, the descriptors 1
 * and 2 lead elsewhere (modules_open()), and what a thread says meanwhile would be lost.
 */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include <stdio.h>

/* Make the duplicates; before any module is loaded. */
void streams_open(void);

FILE *stream_answer(void); /* stdout's */
FILE *stream_talk(void);   /* stderr's; not buffered */

/* The columns of the terminal that they go to; 0 where it is none, and lines stay whole. */
size_t stream_answer_width(void);
size_t stream_talk_width(void);

#endif
