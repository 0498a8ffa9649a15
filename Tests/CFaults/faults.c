#define _GNU_SOURCE
#include "CFaults.h"

#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *folder;               // that is watched, or NULL
static char *paths[DESCRIPTORS];   // of open files below it
static unsigned kinds;
static int nth, lasting, error, count;
static ckf_call *calls;
static int used, room;

void ckf_begin(const char *path, unsigned mask, int which, int stays, int number) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < used; i++) free(calls[i].path), free(calls[i].other), free(calls[i].bytes);
  folder = strdup(path), kinds = mask, nth = which, lasting = stays, error = number, count = used = 0;
  pthread_mutex_unlock(&lock);
}

int ckf_end(void) {
  pthread_mutex_lock(&lock);
  free(folder), folder = NULL;
  for (int i = 0; i < DESCRIPTORS; i++) free(paths[i]), paths[i] = NULL;
  pthread_mutex_unlock(&lock);
  return count;
}

int ckf_log_count(void) { return used; }
const ckf_call *ckf_log_at(int index) { return &calls[index]; }

static int is_watched(const char *path) { return path && folder && strncmp(path, folder, strlen(folder)) == 0; }

// The path of a descriptor below the folder, or NULL.
static const char *path_of(int fd) { return folder && fd >= 0 && fd < DESCRIPTORS ? paths[fd] : NULL; }

// Whether this call is to fail. Locked.
static int fails(enum ckf_kind kind) {
  if (!(kinds >> kind & 1)) return 0;
  count++;
  return nth > 0 && (count == nth || (lasting && count > nth));
}

static void record(enum ckf_kind kind, const char *path, const char *other, int64_t offset, const void *bytes, size_t size) {
  if (used == room) calls = realloc(calls, (size_t)(room = 2 * room + 64) * sizeof *calls);
  ckf_call *call = &calls[used++];
  *call = (ckf_call){kind, strdup(path), other ? strdup(other) : NULL, offset, size, NULL};
  if (bytes && size) call->bytes = memcpy(malloc(size), bytes, size);
}

// Every call below: fail if its turn has come, else do it and log it. `name` is an expression for its path.
#define CALL(kind, name, other, offset, bytes, size, real)                \
  pthread_mutex_lock(&lock);                                              \
  const char *watched = (name);                                           \
  if (watched && fails(kind)) {                                           \
    pthread_mutex_unlock(&lock);                                          \
    errno = error;                             \
    return -1;                                                            \
  }                                                                       \
  int done = (int)(real);                                                 \
  if (watched && done >= 0) record(kind, watched, other, offset, bytes, size); \
  pthread_mutex_unlock(&lock);                                            \
  return done;

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
  va_end(arguments);
  pthread_mutex_lock(&lock);
  int watched = is_watched(path);
  if (watched && fails(flags & O_CREAT ? CKF_CREATE : CKF_OPEN)) {
    pthread_mutex_unlock(&lock);
    errno = error;
    return -1;
  }
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (fd >= 0 && fd < DESCRIPTORS) {
    free(paths[fd]), paths[fd] = watched ? strdup(path) : NULL;
    if (watched && flags & O_CREAT) record(CKF_CREATE, path, NULL, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (fd >= 0 && fd < DESCRIPTORS) free(paths[fd]), paths[fd] = NULL;
  pthread_mutex_unlock(&lock);
  return (int)syscall(SYS_close, fd);
}

// What another program may do to a file meanwhile.
static void change(const char *path) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY);
  struct stat status;
  if (fstat(fd, &status) == 0) {
    if (error == CKF_CUT) syscall(SYS_ftruncate, fd, status.st_size - 1);
    if (error == CKF_APPEND) syscall(SYS_pwrite64, fd, "x", 1, status.st_size);
    if (error == CKF_OVERWRITE) syscall(SYS_pwrite64, fd, "x", 1, status.st_size / 2);
  }
  syscall(SYS_close, fd);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset) {
  pthread_mutex_lock(&lock);
  int now = path_of(fd) && fails(CKF_READ);
  if (now && error < CKF_SHORT) change(path_of(fd));
  pthread_mutex_unlock(&lock);
  if (now && error > 0) return errno = error, -1;
  return syscall(SYS_pread64, fd, bytes, now && error == CKF_SHORT && size > 1 ? size / 2 : size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  pthread_mutex_lock(&lock);
  int now = path_of(fd) && fails(CKF_WRITE);
  ssize_t put = -1;
  if (now && error != CKF_SHORT) {
    errno = error;
  } else {
    put = syscall(SYS_pwrite64, fd, bytes, now && size > 1 ? size / 2 : size, offset);
    if (put > 0 && path_of(fd)) record(CKF_WRITE, path_of(fd), NULL, offset, bytes, (size_t)put);
  }
  pthread_mutex_unlock(&lock);
  return put;
}

// What is watched is not kept, so that it need not be durable.
int fsync(int fd) { CALL(CKF_SYNC, path_of(fd), NULL, 0, NULL, 0, path_of(fd) ? 0 : syscall(SYS_fsync, fd)) }

int ftruncate(int fd, off_t size) {
  CALL(CKF_TRUNCATE, path_of(fd), NULL, size, NULL, 0, syscall(SYS_ftruncate, fd, size))
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  CALL(CKF_RESERVE, path_of(fd), NULL, offset + size, NULL, 0, syscall(SYS_fallocate, fd, mode, offset, size))
}

int mkdir(const char *path, mode_t mode) {
  CALL(CKF_MKDIR, is_watched(path) ? path : NULL, NULL, 0, NULL, 0, syscall(SYS_mkdirat, AT_FDCWD, path, mode))
}

int rename(const char *from, const char *to) {
  CALL(CKF_RENAME, is_watched(to) ? from : NULL, to, 0, NULL, 0, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0))
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  CALL(CKF_RENAME_EXCLUSIVE, is_watched(to) ? from : NULL, to, 0, NULL, 0, syscall(SYS_renameat2, a, from, b, to, flags))
}

int link(const char *from, const char *to) {
  CALL(CKF_LINK, is_watched(to) ? from : NULL, to, 0, NULL, 0, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0))
}

int unlink(const char *path) {
  CALL(CKF_UNLINK, is_watched(path) ? path : NULL, NULL, 0, NULL, 0, syscall(SYS_unlinkat, AT_FDCWD, path, 0))
}

int rmdir(const char *path) {
  CALL(CKF_RMDIR, is_watched(path) ? path : NULL, NULL, 0, NULL, 0, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR))
}

#else

void ckf_begin(const char *path, unsigned mask, int which, int stays, int number) {}
int ckf_end(void) { return 0; }
int ckf_log_count(void) { return 0; }
const ckf_call *ckf_log_at(int index) { return NULL; }

#endif
