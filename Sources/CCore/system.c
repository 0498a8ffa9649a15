#define _GNU_SOURCE
#include "CCore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

int ck_rename_exclusive(const char *from, const char *to) {
#if defined(__linux__)
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
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

// ---- interrupts

// The first interrupt that came; commits that are going on. Any thread commits, and any thread is interrupted.
static atomic_int interrupt, held;

// What an interrupted program removes: paths that were named, the last first, so that a folder follows what is in it.
struct leftover {
  struct leftover *next;
  char path[];
};
static _Atomic(struct leftover *) leftovers;

static void leave(int signal) {
  for (struct leftover *left = leftovers; left; left = left->next) {
    if (unlink(left->path) != 0) rmdir(left->path);
  }
  _exit(128 + signal);
}

static void remember(int signal) {
  int asked = 0;
  atomic_compare_exchange_strong(&interrupt, &asked, signal);
  // Asked twice, or out of time: at once, but never in the middle of a commit.
  if (asked && !held) leave(asked);
  struct itimerval soon = {{0, 0}, {0, held ? 50000 : 500000}};
  setitimer(ITIMER_REAL, &soon, 0);
}

int ck_interrupted(void) { return interrupt; }

void ck_watch_interrupts(void) {
  struct sigaction action = {0};
  action.sa_handler = remember;
  const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
  // One at a time.
  for (int i = 0; i < 4; i++) sigaddset(&action.sa_mask, signals[i]);
  for (int i = 0; i < 4; i++) {
    struct sigaction before;
    // What nohup and background jobs of a shell ignore stays ignored.
    if (sigaction(signals[i], 0, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(signals[i], &action, 0);
  }
}

void ck_hold_interrupts(void) { held++; }
void ck_release_interrupts(void) { held--; }

void ck_remove_if_interrupted(const char *path) {
  size_t size = strlen(path) + 1;
  struct leftover *left = malloc(sizeof *left + size);
  if (!left) return;
  memcpy(left->path, path, size);
  left->next = leftovers;
  while (!atomic_compare_exchange_weak(&leftovers, &left->next, left)) {
  }
}

// ---- locks

int ck_lock(int fd, int how) {
  int operation = how == CK_LOCK_WAIT ? LOCK_EX : how == CK_LOCK_TRY ? LOCK_EX | LOCK_NB : LOCK_SH | LOCK_NB;
  while (flock(fd, operation) != 0) {
    if (errno != EINTR) return errno;
    if (interrupt) return EINTR;
  }
  return 0;
}
