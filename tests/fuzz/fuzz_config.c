/*
 * The configuration file, from bytes to wishes.  Build with clang's -fsanitize=fuzzer, or let
 * tests/unit/test_fuzz_config feed it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/config.h"
#include "cli/wish.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a profile of a good configuration asks for is read, or refused with a reason. */
static void
fuzz_profile(const struct config *config, const char *profile)
{
        static const struct option_list everything = { .groups = ~0U };
        struct order *order = order_new();
        struct options options = { 0 };
        struct error err = { 0 };

        if (profile && !options_set(&options, OPTION_CERT_PROFILE, profile, ORIGIN_LINE,
                                    "--cert-profile", &err))
                abort();
        if (config_apply(config, &everything, &options, &err)) {
                if (!wish_read(&options, false, order, &err) && err.kind == ERROR_NONE)
                        abort();
        } else if (err.kind != ERROR_CONFIG) {
                abort();
        }
        options_clear(&options);
        order_free(order);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int fd = memfd_create("config", MFD_CLOEXEC);
        CLEANUP(free_cleanup) char *path = text_format("/proc/self/fd/%d", fd);
        struct config config = { 0 };
        struct error err = { 0 };

        if (fd < 0 || fchmod(fd, 0600) || write(fd, data, size) != (ssize_t)size)
                abort();
        if (config_load(&config, path, &err)) {
                if (config.problem_count)
                        abort();
                fuzz_profile(&config, NULL);
                for (size_t i = 0; i < config.profile_count; i++)
                        fuzz_profile(&config, config.profiles[i].name);
        } else if (err.kind != ERROR_CONFIG || !err.what[0]) {
                abort();
        }
        config_clear(&config);
        close(fd);
        return 0;
}
