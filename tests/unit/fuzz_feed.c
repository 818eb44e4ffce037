#include "tests/unit/unit.h"

#include <openssl/err.h>

#include "tests/unit/fuzz_feed.h"

/* xorshift */
uint32_t
fuzz_random(uint32_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        return *seed;
}

void
fuzz_mutate(uint32_t *seed, struct buf *input)
{
        static const char interesting[] = "\\\"#,+;=<> \x00\x01\x7f\x80\xff\x30\x82:@*.-";
        size_t at = input->len ? fuzz_random(seed) % input->len : 0;

        if (!input->len)
                return;
        switch (fuzz_random(seed) % 5) {
        case 0:
                input->data[at] ^= (uint8_t)(1 << fuzz_random(seed) % 8);
                break;
        case 1:
                input->data[at] =
                        (uint8_t)interesting[fuzz_random(seed) % (sizeof(interesting) - 1)];
                break;
        case 2: /* cut off the end */
                input->len = at;
                break;
        case 3: /* take a byte out */
                memmove(input->data + at, input->data + at + 1, input->len - at - 1);
                input->len--;
                break;
        default: { /* repeat a part */
                CLEANUP(buf_cleanup) struct buf part = { 0 };

                buf_add(&part, view_of(input->data + at, (input->len - at) % 64));
                buf_add(input, view_buf(&part));
                break;
        }
        }
}

void
fuzz_feed(struct view input, int rounds, uint32_t seed)
{
        LLVMFuzzerTestOneInput(input.data, input.len);
        for (int i = 0; i < rounds; i++) {
                CLEANUP(buf_cleanup) struct buf changed = { 0 };

                buf_set(&changed, input);
                for (uint32_t n = 1 + fuzz_random(&seed) % 4; n; n--)
                        fuzz_mutate(&seed, &changed);
                LLVMFuzzerTestOneInput(changed.data, changed.len);
                assert_int_equal(ERR_peek_error(), 0);
        }
}
