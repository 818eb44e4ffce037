#include "ledger/internal.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

/* How long another writer's transaction is waited for: they last milliseconds. */
enum { BUSY_MS = 5000 };

static bool
system_failed(const char *doing, const char *path, struct error *err)
{
        int number = errno;
        enum error_kind kind = ERROR_LEDGER;

        if (number == ENOSPC || number == EDQUOT)
                kind = ERROR_LEDGER_FULL;
        else if (number == EROFS || number == EACCES || number == EPERM)
                kind = ERROR_LEDGER_READ_ONLY;
        error_set(err, kind, "cannot %s '%s': %s", doing, path, strerror(number));
        return error_advise(err, "see that the disk has space and that the folder is writable for "
                                 "this user, or name another with --state");
}

/* -- the folder and the file ---------------------------------------------------------------------
 */

static bool
folder_is_empty(const char *path)
{
        DIR *folder = opendir(path);
        const struct dirent *entry;
        bool empty = true;

        if (!folder)
                return false;
        while (empty && (entry = readdir(folder)))
                empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        closedir(folder);
        return empty;
}

/* Nobody else may look into, let alone write to, the folder where we keep what must not change. */
static bool
check_folder(const char *path, struct error *err)
{
        struct stat status;

        if (stat(path, &status) != 0)
                return system_failed("look at the state folder", path, err);
        if (!S_ISDIR(status.st_mode)) {
                error_set(err, ERROR_CONFIG, "the state folder '%s' is not a folder", path);
                return error_advise(err, "name another with --state");
        }
        if (status.st_uid != geteuid()) {
                error_set(err, ERROR_CONFIG,
                          "the state folder '%s' belongs to user %u, and this is user %u", path,
                          (unsigned)status.st_uid, (unsigned)geteuid());
                return error_advise(err, "run p11cert as its owner, or name another with --state");
        }
        if (!(status.st_mode & 077))
                return true;
        /* Made by hand for us, with nothing in it yet: closing it takes nothing from anybody. */
        if (folder_is_empty(path) && chmod(path, 0700) == 0)
                return true;
        error_set(err, ERROR_CONFIG, "others may enter the state folder '%s' (its mode is %03o)",
                  path, (unsigned)(status.st_mode & 0777));
        return error_advise(err, "look for what should not be there, then: chmod 700 '%s'", path);
}

static bool
make_folder(const char *path, struct error *err)
{
        struct stat status;

        if (stat(path, &status) != 0) {
                if (!file_make_folder(path, 0700, err)) {
                        bool full = err->kind == ERROR_DISK_FULL;

                        err->kind = full ? ERROR_LEDGER_FULL : ERROR_LEDGER_READ_ONLY;
                        return error_advise(err, "name a state folder that can be made with "
                                                 "--state");
                }
                /* The umask may have taken more than we want to be without. */
                if (chmod(path, 0700) != 0)
                        return system_failed("set the mode of", path, err);
        }
        return check_folder(path, err);
}

static bool
sync_folder(const char *path)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool done = fd >= 0 && fsync(fd) == 0;

        if (fd >= 0)
                close(fd);
        return done;
}

static bool
not_ours(const char *path, struct error *err)
{
        error_set(err, ERROR_CONFIG, "'%s' is not a file of ours", path);
        return error_advise(err, "move it away, or name another state folder with --state");
}

/*
 * Make the file before SQLite does, which would leave its mode to the umask; -wal and -shm get
 * theirs from it.  An existing one is not opened here: closing it would drop the locks of another
 * connection of this process (SQLite, "How to corrupt", 2.2).
 */
static bool
make_file(const char *folder, const char *path, struct error *err)
{
        struct stat status;
        int fd;

        if (lstat(path, &status) == 0) {
                if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
                        return not_ours(path, err);
                if ((status.st_mode & 077) && chmod(path, 0600) != 0)
                        return system_failed("set the mode of", path, err);
                return true;
        }
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return system_failed("make", path, err);
        if (fchmod(fd, 0600) != 0) {
                close(fd);
                return system_failed("set the mode of", path, err);
        }
        close(fd);
        return sync_folder(folder) || system_failed("flush", folder, err);
}

/* -- opening --------------------------------------------------------------------------------------
 */

static void
ledger_cleanup(struct ledger **ledger)
{
        ledger_close(*ledger);
        *ledger = NULL;
}

static struct ledger *
ledger_new(const char *state, bool read_only)
{
        struct ledger *ledger = memory_new(1, sizeof(*ledger));

        ledger->path = text_format("%s/ledger.db", state);
        ledger->lock_path = text_format("%s/ledger.lock", state);
        ledger->lock_fd = -1;
        ledger->read_only = read_only;
        return ledger;
}

/* Nobody asks SQLite how much memory it has; counting takes a lock for each piece. */
static void
set_up_sqlite(void)
{
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool
connect_file(struct ledger *ledger, const char *name, int flags, struct error *err)
{
        static const char settings[] = "PRAGMA foreign_keys = ON;"
                                       "PRAGMA trusted_schema = OFF;"
                                       "PRAGMA synchronous = FULL;"
                                       "PRAGMA cell_size_check = ON;"
                                       /* What a large batch has in flight, in KiB. */
                                       "PRAGMA cache_size = -8192;";

        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, set_up_sqlite);
        sqlite3_close(ledger->db);
        ledger->db = NULL;
        if (sqlite3_open_v2(name, &ledger->db,
                            flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                                    SQLITE_OPEN_EXRESCODE,
                            NULL) != SQLITE_OK)
                return sql_failed(ledger, "open the ledger", err);
        sqlite3_busy_timeout(ledger->db, BUSY_MS);
        sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        return sql_execute(ledger, settings, "open the ledger", err);
}

/*
 * Readers do not wait for the writer from here on, nor it for them.  When several processes open a
 * new file at once, SQLite answers "busy" to some without waiting.
 */
static bool
set_wal(struct ledger *ledger, struct error *err)
{
        static const struct timespec pause = { .tv_nsec = 5000000 };
        int64_t give_up = clock_boot_ms() + BUSY_MS;

        while (!sql_execute(ledger, "PRAGMA journal_mode = WAL", "open the ledger", err)) {
                if (err->kind != ERROR_LEDGER_LOCKED || clock_boot_ms() >= give_up)
                        return false;
                nanosleep(&pause, NULL);
        }
        return true;
}

struct ledger *
ledger_open(const char *state, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_new(state, false);
        int64_t version;

        if (!make_folder(state, err) || !make_file(state, ledger->path, err))
                return NULL;
        /* SQLite would open it to read, and then fail in ways that do not say why. */
        if (access(state, W_OK) != 0 || access(ledger->path, W_OK) != 0) {
                system_failed("write to", ledger->path, err);
                return NULL;
        }
        if (!connect_file(ledger, ledger->path, SQLITE_OPEN_READWRITE, err) ||
            !schema_check(ledger, &version, err) || !set_wal(ledger, err))
                return NULL;
        if (!schema_is_current(version) && !schema_migrate(ledger, err))
                return NULL;
        return MOVE(ledger);
}

static bool
nothing_yet(const char *state, struct error *err)
{
        error_set(err, ERROR_NOTHING, "there is no ledger in '%s' yet", state);
        return error_advise(err, "'p11cert issue' makes one; --state names another folder");
}

/* Who may not look must not be told that there is nothing. */
static bool
cannot_see(const char *path, const char *state, struct error *err)
{
        int number = errno;

        if (number == ENOENT)
                return nothing_yet(state, err);
        error_set(err, ERROR_LEDGER, "cannot look at '%s': %s", path, strerror(number));
        return error_advise(err, "run p11cert as the owner of the state folder, or name another "
                                 "with --state");
}

/* A copy on a medium that cannot be written: SQLite then must not look for what goes beside it. */
static bool
connect_fixed(struct ledger *ledger, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf name = { 0 };

        buf_add_text(&name, "file:");
        for (const char *at = ledger->path; *at; at++) {
                bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                             (*at >= '0' && *at <= '9') || strchr("/._-", *at);

                buf_format(&name, plain ? "%c" : "%%%02x", (unsigned char)*at);
        }
        buf_add_text(&name, "?immutable=1");
        return connect_file(ledger, buf_text(&name), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

/* On a full disk, too, there is no room for what goes beside it, and nobody writes. */
static bool
connect_reader(struct ledger *ledger, const char *state, int64_t *version, struct error *err)
{
        CLEANUP(free_cleanup) char *wal = text_format("%s-wal", ledger->path);
        struct stat beside;

        if (!file_exists(wal) && access(state, W_OK) != 0)
                return connect_fixed(ledger, err) && schema_check(ledger, version, err);
        if (connect_file(ledger, ledger->path, SQLITE_OPEN_READONLY, err) &&
            schema_check(ledger, version, err))
                return true;
        /* SQLite may have left an empty one when it failed. */
        return err->kind == ERROR_LEDGER_FULL && (stat(wal, &beside) != 0 || !beside.st_size) &&
               connect_fixed(ledger, err) && schema_check(ledger, version, err);
}

struct ledger *
ledger_open_read(const char *state, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_new(state, true);
        struct stat status;
        int64_t version;

        if (stat(ledger->path, &status) != 0) {
                cannot_see(ledger->path, state, err);
                return NULL;
        }
        /* Opening a pipe would wait for ever. */
        if (!S_ISREG(status.st_mode)) {
                not_ours(ledger->path, err);
                return NULL;
        }
        if (!connect_reader(ledger, state, &version, err))
                return NULL;
        if (version == 0) {
                nothing_yet(state, err);
                return NULL;
        }
        if (!schema_is_current(version)) {
                error_set(err, ERROR_LEDGER, "the ledger was made by an older p11cert");
                error_about(err, "ledger %s", ledger->path);
                error_advise(err, "run 'p11cert resume', which brings it up to date");
                return NULL;
        }
        return MOVE(ledger);
}

void
ledger_close(struct ledger *ledger)
{
        if (!ledger)
                return;
        for (size_t i = 0; i < ARRAY_LENGTH(ledger->statements); i++)
                sqlite3_finalize(ledger->statements[i]);
        for (size_t i = 0; i < UPDATES; i++)
                sqlite3_finalize(ledger->updates[i].statement);
        sqlite3_close(ledger->db);
        lock_release(ledger);
        free(ledger->path);
        free(ledger->lock_path);
        free(ledger);
}

/* -- care
 * ------------------------------------------------------------------------------------------ */

static bool
check_keys(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement = sql_prepare(ledger, "PRAGMA foreign_key_check", err);
        bool row;

        if (!statement || !sql_row(ledger, statement, "check the ledger", &row, err))
                return false;
        if (!row)
                return true;
        error_set(err, ERROR_LEDGER_CORRUPT, "a row of table %s points to one that is not there",
                  (const char *)sqlite3_column_text(statement, 0));
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "run 'p11cert audit verify'");
}

bool
ledger_check(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement = sql_prepare(ledger, "PRAGMA integrity_check(1)", err);
        CLEANUP(free_cleanup) char *answer = NULL;
        bool row;

        if (!statement || !sql_row(ledger, statement, "check the ledger", &row, err))
                return false;
        answer = row ? sql_column_text(statement, 0) : NULL;
        if (text_equal(answer, "ok"))
                return check_keys(ledger, err);
        error_set(err, ERROR_LEDGER_CORRUPT, "SQLite finds the file damaged: %s",
                  answer ? answer : "no answer");
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "keep the file, and put the newest copy made by 'p11cert ledger "
                                 "backup' in its place");
}

static bool
flush_file(const char *path)
{
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        bool done = fd >= 0 && fsync(fd) == 0;

        if (fd >= 0)
                close(fd);
        return done;
}

bool
ledger_backup(struct ledger *ledger, const char *path, struct error *err)
{
        CLEANUP(sql_finalize) sqlite3_stmt *statement = NULL;
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        bool made;

        if (fd < 0) {
                error_set(err, errno == ENOSPC ? ERROR_DISK_FULL : ERROR_FILE,
                          "cannot make '%s': %s", path, strerror(errno));
                return error_advise(err, "name a file that does not exist yet");
        }
        made = fchmod(fd, 0600) == 0;
        close(fd);
        statement = sql_prepare(ledger, "VACUUM INTO ?1", err);
        if (statement)
                sql_bind_text(statement, 1, path);
        if (statement && sql_run(ledger, statement, "copy the ledger", err)) {
                if (made && flush_file(path))
                        return true;
                error_set(err, ERROR_FILE, "cannot flush '%s': %s", path, strerror(errno));
        }
        unlink(path);
        return error_advise(err, "see that there is space for the copy");
}
