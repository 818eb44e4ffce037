/*
 * The terminal as a screen: frames are drawn over one another, and whatever ends the program gives
 * the terminal back as it was.
 *
 * One at a time.  While it is open nothing else may write to the terminal; typed characters are not
 * echoed, but lines can be read from standard input as ever.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/bytes.h"

/* Is the descriptor a terminal on which frames can be drawn (TERM is set and not "dumb")? */
bool terminal_can_draw(int fd);

/* Does the locale of the environment (LC_ALL, LC_CTYPE, LANG) say UTF-8? */
bool terminal_is_utf8(void);

/*
 * Take the terminal: the alternate screen, no cursor, no echo.  Given back by terminal_close(), by
 * signals that end the program (SIGSEGV and its like, SIGHUP, SIGQUIT; a third SIGINT or SIGTERM),
 * and while the program is stopped (Ctrl-Z).
 */
void terminal_open(int fd);
void terminal_close(void); /* may be called twice */

/* Its size now, in characters; 80 by 24 where it does not tell. */
void terminal_size(size_t *width, size_t *height);

/*
 * Draw a frame: lines that end in '\n', as many as the terminal is high.  Only what changed since
 * the last frame is written, unless the size changed or the program was stopped meanwhile.
 */
void terminal_draw(struct view frame);

/* Ring the bell. */
void terminal_bell(int fd);

#endif
