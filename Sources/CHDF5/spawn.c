#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/chdf5.h"

int ck_hdf5_spawn(const char *executable, int file, int mode, uint64_t base, uint64_t size, int seconds, pid_t *pid) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return -errno;
  fcntl(sockets[0], F_SETFD, FD_CLOEXEC), fcntl(sockets[1], F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  int on = 1;
  setsockopt(sockets[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  char modes[2] = {(char)mode, 0}, bases[24], sizes[24], times[24];
  snprintf(bases, sizeof bases, "%llu", (unsigned long long)base);
  snprintf(sizes, sizeof sizes, "%llu", (unsigned long long)size);
  snprintf(times, sizeof times, "%d", seconds);
  char *arguments[] = {"ckpt-convert", "--hdf5-worker", modes, bases, sizes, times, NULL};
  // No LD_…, no HDF5_…: what the library would take from the environment is not the person's to lose.
  char *environment[] = {"SWIFT_BACKTRACE=enable=no", NULL};

  // Both descriptors move out of the way first, so that neither is overwritten before it is duplicated.
  int socket = fcntl(sockets[1], F_DUPFD_CLOEXEC, 10), data = fcntl(file, F_DUPFD_CLOEXEC, 10);
  int failure = socket < 0 || data < 0 ? errno : 0;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, CK_HDF5_SOCKET);
  posix_spawn_file_actions_adddup2(&actions, data, CK_HDF5_FILE);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // A thread may have signals blocked (those of a thread pool have), and the one that ends processor time must arrive.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none), sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (!failure) failure = posix_spawn(pid, executable, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (socket >= 0) close(socket);
  if (data >= 0) close(data);
  close(sockets[1]);
  if (failure) {
    close(sockets[0]);
    return -failure;
  }
  return sockets[0];
}

const int CK_HDF5_SIGNAL_TIME = SIGXCPU;

void ck_hdf5_hang_up(int socket) { close(socket); }

int ck_hdf5_bury(pid_t pid) {
  int status = 0;
  // A worker that has said its last is given half a second to go by itself, so that its own signal is what is seen.
  for (int i = 0; i < 500; i++) {
    pid_t done = waitpid(pid, &status, WNOHANG);
    if (done == pid || (done < 0 && errno != EINTR)) return done == pid && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    usleep(1000);
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ? WTERMSIG(status) : 0;
}
