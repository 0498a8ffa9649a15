#define _GNU_SOURCE
#include "CCore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/fs.h>
#include <sys/syscall.h>
#endif

int ck_rename_exclusive(const char *from, const char *to) {
#if defined(__linux__)
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#elif defined(__APPLE__)
  if (renamex_np(from, to, RENAME_EXCL) == 0) return 0;
  if (errno != ENOTSUP) return errno;
#endif
  if (link(from, to) != 0) return errno;
  return unlink(from) == 0 ? 0 : errno;
}

int ck_reserve(int fd, int64_t size) {
#if defined(__linux__)
  if (size <= 0 || fallocate(fd, 0, 0, size) == 0) return 0;
  return errno == ENOSPC || errno == EFBIG || errno == EDQUOT ? errno : 0;
#else
  (void)fd, (void)size;
  return 0;
#endif
}

static volatile sig_atomic_t interrupt;

static void remember(int signal) {
  if (interrupt) _exit(128 + signal);  // asked twice: leave at once
  interrupt = signal;
}

int ck_interrupted(void) { return interrupt; }

void ck_watch_interrupts(void) {
  struct sigaction action = {0};
  action.sa_handler = remember;
  sigaction(SIGINT, &action, 0), sigaction(SIGTERM, &action, 0), sigaction(SIGHUP, &action, 0);
}
