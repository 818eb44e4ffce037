#include "base/bytes.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- memory ------------------------------------------------------------------------------- */

static void __attribute__((noreturn)) out_of_memory(void)
{
        static const char message[] = "p11cert: out of memory\n";
        ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

        (void)ignored;
        abort();
}

void *
memory_new(size_t count, size_t size)
{
        void *memory = calloc(count ? count : 1, size ? size : 1);

        if (!memory)
                out_of_memory();
        return memory;
}

void *
memory_grow(void *old, size_t count, size_t size)
{
        void *memory = reallocarray(old, count ? count : 1, size ? size : 1);

        if (!memory)
                out_of_memory();
        return memory;
}

char *
text_copy(const char *text)
{
        return text ? text_copy_length(text, strlen(text)) : NULL;
}

char *
text_copy_length(const void *bytes, size_t len)
{
        char *copy = memory_new(len + 1, 1);

        if (len)
                memcpy(copy, bytes, len);
        return copy;
}

char *
text_format(const char *format, ...)
{
        char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                out_of_memory();
        va_end(arguments);
        return text;
}

void
text_assign(char **slot, const char *text)
{
        char *old = *slot;

        *slot = text_copy(text);
        free(old);
}

bool
text_equal(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

bool
text_starts(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* -- views and buffers -------------------------------------------------------------------- */

struct view
view_of(const void *data, size_t len)
{
        return (struct view){ .data = data, .len = len };
}

struct view
view_text(const char *text)
{
        return view_of(text, text ? strlen(text) : 0);
}

struct view
view_buf(const struct buf *buf)
{
        return view_of(buf->data, buf->len);
}

bool
view_equal(struct view a, struct view b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void
buf_reserve(struct buf *buf, size_t more)
{
        size_t capacity = buf->capacity ? buf->capacity : 64;

        if (more < buf->capacity - buf->len)
                return;
        if (more > SIZE_MAX / 4 - buf->len)
                out_of_memory();
        while (capacity < buf->len + more + 1)
                capacity *= 2;
        buf->data = memory_grow(buf->data, capacity, 1);
        buf->capacity = capacity;
}

void
buf_add(struct buf *buf, struct view bytes)
{
        buf_reserve(buf, bytes.len);
        if (bytes.len)
                memcpy(buf->data + buf->len, bytes.data, bytes.len);
        buf->len += bytes.len;
        buf->data[buf->len] = '\0';
}

void
buf_add_text(struct buf *buf, const char *text)
{
        buf_add(buf, view_text(text));
}

void
buf_add_byte(struct buf *buf, uint8_t byte)
{
        buf_reserve(buf, 1);
        buf->data[buf->len++] = byte;
        buf->data[buf->len] = '\0';
}

void
buf_format(struct buf *buf, const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                out_of_memory();
        va_end(arguments);
        buf_add_text(buf, text);
}

void
buf_set(struct buf *buf, struct view bytes)
{
        struct buf fresh = { 0 };

        /* `bytes` may be part of `buf`. */
        buf_add(&fresh, bytes);
        buf_clear(buf);
        *buf = fresh;
}

const char *
buf_text(const struct buf *buf)
{
        return buf->data ? (const char *)buf->data : "";
}

void
buf_clear(struct buf *buf)
{
        free(buf->data);
        *buf = (struct buf){ 0 };
}

void
buf_cleanup(struct buf *buf)
{
        buf_clear(buf);
}

/* -- encodings ---------------------------------------------------------------------------- */

char *
hex_encode(struct view bytes)
{
        static const char digits[] = "0123456789abcdef";
        char *text = memory_new(2 * bytes.len + 1, 1);

        for (size_t i = 0; i < bytes.len; i++) {
                text[2 * i] = digits[bytes.data[i] >> 4];
                text[2 * i + 1] = digits[bytes.data[i] & 15];
        }
        return text;
}

static int
hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

bool
hex_decode(const char *text, struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        const char *at = text;

        while (*at) {
                int high = hex_digit(at[0]);
                int low = high < 0 ? -1 : hex_digit(at[1]);

                if (low < 0)
                        return error_set(err, ERROR_INPUT, "'%s' is not hex", text);
                buf_add_byte(&bytes, (uint8_t)(high << 4 | low));
                at += 2;
                if (*at == ':' && at[1])
                        at++;
        }
        if (bytes.len == 0)
                return error_set(err, ERROR_INPUT, "a hex value is empty");
        buf_clear(out);
        *out = bytes;
        bytes = (struct buf){ 0 };
        return true;
}

char *
base64_encode(struct view bytes)
{
        char *text = memory_new((bytes.len + 2) / 3 * 4 + 1, 1);

        EVP_EncodeBlock((unsigned char *)text, bytes.data, (int)bytes.len);
        return text;
}

static bool
is_space(uint8_t c)
{
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool
base64_decode(struct view text, struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf packed = { 0 };
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        size_t padding = 0;

        buf_reserve(&packed, text.len);
        for (size_t i = 0; i < text.len; i++) {
                uint8_t c = text.data[i];

                if (is_space(c))
                        continue;
                if (c == '=')
                        padding++;
                else if (padding)
                        return error_set(err, ERROR_INPUT, "base64 goes on behind its padding");
                packed.data[packed.len++] = c;
        }
        if (packed.len % 4 || padding > 2 || packed.len > INT32_MAX)
                return error_set(err, ERROR_INPUT, "base64 of a wrong length");
        buf_reserve(&bytes, packed.len / 4 * 3);
        int length = EVP_DecodeBlock(bytes.data, packed.data, (int)packed.len);

        if (length < 0)
                return error_set(err, ERROR_INPUT, "not base64");
        bytes.len = (size_t)length - padding;
        bytes.data[bytes.len] = '\0';
        buf_clear(out);
        *out = bytes;
        bytes = (struct buf){ 0 };
        return true;
}

bool
number_parse(const char *text, int64_t least, int64_t most, int64_t *out)
{
        char *end = NULL;

        if (!((*text >= '0' && *text <= '9') || *text == '-'))
                return false;
        errno = 0;
        long long value = strtoll(text, &end, 10);

        if (errno || end == text || *end || value < least || value > most)
                return false;
        *out = value;
        return true;
}

unsigned
text_distance(const char *a, const char *b)
{
        enum { MOST = 64 };
        unsigned rows[3][MOST] = { 0 };
        size_t a_length = strlen(a);
        size_t b_length = strlen(b);

        if (a_length >= MOST || b_length >= MOST)
                return MOST;
        for (size_t j = 0; j <= b_length; j++)
                rows[0][j] = (unsigned)j;
        for (size_t i = 1; i <= a_length; i++) {
                unsigned *now = rows[i % 3];
                const unsigned *before = rows[(i + 2) % 3];
                const unsigned *earlier = rows[(i + 1) % 3];

                now[0] = (unsigned)i;
                for (size_t j = 1; j <= b_length; j++) {
                        unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

                        if (before[j] + 1 < best)
                                best = before[j] + 1;
                        if (now[j - 1] + 1 < best)
                                best = now[j - 1] + 1;
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            earlier[j - 2] + 1 < best)
                                best = earlier[j - 2] + 1;
                        now[j] = best;
                }
        }
        return rows[a_length % 3][b_length];
}

const char *
word_nearest(const char *wrong, const char *const *words, size_t count)
{
        /* Further away it is more likely to mislead than to help. */
        unsigned best = 1 + (unsigned)strlen(wrong) / 3;
        const char *nearest = NULL;

        if (best > 4)
                best = 4;
        for (size_t i = 0; i < count; i++) {
                unsigned distance = text_distance(wrong, words[i]);

                if (distance < best || (distance == best && !nearest)) {
                        best = distance;
                        nearest = words[i];
                }
        }
        return nearest;
}

void
random_bytes(void *out, size_t len)
{
        if (RAND_bytes(out, (int)len) == 1)
                return;
        fputs("p11cert: the system gives no random bytes\n", stderr);
        abort();
}

void
random_uuid(char out[37])
{
        uint8_t b[16];

        random_bytes(b, sizeof(b));
        b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
        snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                 b[13], b[14], b[15]);
}

/* -- secrets ------------------------------------------------------------------------------ */

/* Secrets are small and few: each takes whole pages, so that locking one never unlocks another. */
static size_t
secret_pages(size_t capacity)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        return (capacity + page - 1) / page * page;
}

void
secret_reserve(struct secret *secret, size_t capacity)
{
        secret_clear(secret);
        size_t size = secret_pages(capacity ? capacity : 1);
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
                out_of_memory();
        /* A limit on locked memory (RLIMIT_MEMLOCK) is no reason to fail; swap may then see it. */
        (void)mlock(memory, size);
        (void)madvise(memory, size, MADV_DONTDUMP);
        secret->data = memory;
        secret->capacity = size;
        secret->len = 0;
}

void
secret_set(struct secret *secret, struct view bytes)
{
        struct secret fresh = { 0 };

        secret_reserve(&fresh, bytes.len);
        if (bytes.len)
                memcpy(fresh.data, bytes.data, bytes.len);
        fresh.len = bytes.len;
        secret_clear(secret);
        *secret = fresh;
}

void
secret_copy(struct secret *to, const struct secret *from)
{
        if (from->data)
                secret_set(to, secret_view(from));
        else
                secret_clear(to);
}

struct view
secret_view(const struct secret *secret)
{
        return view_of(secret->data, secret->len);
}

void
secret_clear(struct secret *secret)
{
        if (secret->data) {
                wipe(secret->data, secret->capacity);
                munlock(secret->data, secret->capacity);
                munmap(secret->data, secret->capacity);
        }
        *secret = (struct secret){ 0 };
}

void
secret_cleanup(struct secret *secret)
{
        secret_clear(secret);
}

void
wipe(void *data, size_t len)
{
        OPENSSL_cleanse(data, len);
}
