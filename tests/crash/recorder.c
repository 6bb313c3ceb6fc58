/* Records what a program asks of the disk: for LD_PRELOAD, built and read by recording.py.

   Everything that changes a file or a directory below $RECORDER_ROOT is done as asked and written to $RECORDER_LOG, in
   the order in which it happened, whatever thread it came from. fsync and fdatasync are written down and not done: what
   a power loss leaves is worked out from the record, so the record may be made as fast as the processor goes.

   Not seen: what is written through a mapping. SQLite maps its wal-index (-shm) only, which it makes anew after a crash. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, SYNC_DIRECTORY, RENAME, UNLINK, MKDIR };

struct entry {
    uint32_t kind;
    uint32_t length; /* of the data that follow: what was written, or a path, or two with a zero between */
    uint64_t inode;
    uint64_t at; /* an offset, or a size */
};

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Held while something is done and written down, so that the record has the order of the disk. */
static pthread_mutex_t in_order = PTHREAD_MUTEX_INITIALIZER;

static void record(enum kind kind, uint64_t inode, uint64_t at, const void *data, size_t length) {
    static int log = -1;
    if (log < 0)
        log = NEXT(open)(getenv("RECORDER_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct entry entry = {kind, (uint32_t)length, inode, at};
    struct iovec parts[] = {{&entry, sizeof entry}, {(void *)data, length}};
    if (NEXT(writev)(log, parts, 2) != (ssize_t)(sizeof entry + length))
        abort(); /* half a record proves nothing */
}

static int is_in_root(const char *path) {
    const char *root = getenv("RECORDER_ROOT");
    size_t length = root == NULL ? 0 : strlen(root);
    return length != 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static void path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    if (fd == AT_FDCWD)
        strcpy(link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

static int absolute(int directory, const char *name, char path[PATH_MAX]) {
    if (name[0] == '/')
        snprintf(path, PATH_MAX, "%s", name);
    else {
        path_of(directory, path);
        size_t length = strlen(path);
        snprintf(path + length, PATH_MAX - length, "/%s", name);
    }
    return is_in_root(path);
}

static int is_recorded(int fd, struct stat *found) {
    char path[PATH_MAX];
    int before = errno;
    int is_it = fstat(fd, found) == 0 && (S_ISREG(found->st_mode) || S_ISDIR(found->st_mode));
    if (is_it) {
        path_of(fd, path);
        is_it = is_in_root(path);
    }
    errno = before;
    return is_it;
}

/* ---- files */

static int opened(int directory, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat found;
    if (!(flags & (O_CREAT | O_TRUNC)) || !absolute(directory, name, path))
        return NEXT(openat)(directory, name, flags, mode);
    pthread_mutex_lock(&in_order);
    int was_there = stat(path, &found) == 0;
    int fd = NEXT(openat)(directory, name, flags, mode);
    if (fd >= 0 && fstat(fd, &found) == 0) {
        if (!was_there)
            record(CREATE, found.st_ino, 0, path, strlen(path));
        else if (flags & O_TRUNC)
            record(TRUNCATE, found.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&in_order);
    return fd;
}

#define MODE_AFTER(flags) \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags) & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest);

int open(const char *name, int flags, ...) { MODE_AFTER(flags) return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE_AFTER(flags) return opened(AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE_AFTER(flags) return opened(at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE_AFTER(flags) return opened(at, name, flags, mode); }

static ssize_t written(int fd, const void *data, size_t length, off64_t offset) {
    struct stat found;
    if (!is_recorded(fd, &found))
        return offset < 0 ? NEXT(write)(fd, data, length) : NEXT(pwrite64)(fd, data, length, offset);
    pthread_mutex_lock(&in_order);
    off64_t at = offset;
    if (at < 0)
        at = fcntl(fd, F_GETFL) & O_APPEND ? lseek64(fd, 0, SEEK_END) : lseek64(fd, 0, SEEK_CUR);
    ssize_t done = offset < 0 ? NEXT(write)(fd, data, length) : NEXT(pwrite64)(fd, data, length, offset);
    if (done > 0)
        record(WRITE, found.st_ino, at, data, done);
    pthread_mutex_unlock(&in_order);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset); }

static int truncated(int fd, off64_t size) {
    struct stat found;
    if (!is_recorded(fd, &found))
        return NEXT(ftruncate64)(fd, size);
    pthread_mutex_lock(&in_order);
    int status = NEXT(ftruncate64)(fd, size);
    if (status == 0)
        record(TRUNCATE, found.st_ino, size, NULL, 0);
    pthread_mutex_unlock(&in_order);
    return status;
}

int ftruncate(int fd, off_t size) { return truncated(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncated(fd, size); }

static int synced(int fd, int (*otherwise)(int)) {
    struct stat found;
    char path[PATH_MAX];
    if (!is_recorded(fd, &found))
        return otherwise(fd);
    path_of(fd, path);
    pthread_mutex_lock(&in_order);
    record(S_ISDIR(found.st_mode) ? SYNC_DIRECTORY : SYNC, found.st_ino, 0, path, strlen(path));
    pthread_mutex_unlock(&in_order);
    return 0;
}

int fsync(int fd) { return synced(fd, NEXT(fsync)); }
int fdatasync(int fd) { return synced(fd, NEXT(fdatasync)); }

/* ---- directories */

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    char both[2 * PATH_MAX], path[PATH_MAX];
    if (!absolute(from_directory, from, both) || !absolute(to_directory, to, path))
        return NEXT(renameat)(from_directory, from, to_directory, to);
    size_t length = strlen(both) + 1;
    strcpy(both + length, path);
    pthread_mutex_lock(&in_order);
    int status = NEXT(renameat)(from_directory, from, to_directory, to);
    struct stat found;
    if (status == 0 && stat(path, &found) == 0)
        record(RENAME, found.st_ino, 0, both, length + strlen(path));
    pthread_mutex_unlock(&in_order);
    return status;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int directory, const char *name, int flags) {
    char path[PATH_MAX];
    if (!absolute(directory, name, path))
        return NEXT(unlinkat)(directory, name, flags);
    pthread_mutex_lock(&in_order);
    int status = NEXT(unlinkat)(directory, name, flags);
    if (status == 0)
        record(UNLINK, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&in_order);
    return status;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int directory, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!absolute(directory, name, path))
        return NEXT(mkdirat)(directory, name, mode);
    pthread_mutex_lock(&in_order);
    int status = NEXT(mkdirat)(directory, name, mode);
    if (status == 0)
        record(MKDIR, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&in_order);
    return status;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
