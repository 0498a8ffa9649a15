#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "worker.h"

#include <CCore.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- the socket -------------------------------------------------------------------------------------------------

// The parent ends its wait when a person interrupts it; being stopped and continued is no reason to.
static int wait_for(int socket, short event, int seconds) {
  struct pollfd poller = {.fd = socket, .events = event};
  int n;
  do n = poll(&poller, 1, seconds < 0 ? -1 : seconds * 1000);
  while (n < 0 && errno == EINTR && (seconds < 0 || !ck_interrupted()));
  if (n < 0) return errno;
  return n == 0 ? ETIMEDOUT : 0;
}

int ck_hdf5_receive(int socket, void *bytes, size_t size, int seconds) {
  char *to = bytes;
  while (size > 0) {
    int failure = wait_for(socket, POLLIN, seconds);
    if (failure) return failure;
    ssize_t n = recv(socket, to, size, 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return -1;
    if (n < 0) return errno;
    to += n, size -= (size_t)n;
  }
  return 0;
}

int ck_hdf5_send(int socket, const void *bytes, size_t size) {
#ifdef MSG_NOSIGNAL
  const int flags = MSG_NOSIGNAL;
#else
  const int flags = 0;
#endif
  const char *from = bytes;
  while (size > 0) {
    ssize_t n = send(socket, from, size, flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EPIPE || errno == ECONNRESET ? -1 : errno;
    from += n, size -= (size_t)n;
  }
  return 0;
}

// ---- errors -----------------------------------------------------------------------------------------------------

_Noreturn void ck_fail(int cause, int number, const char *text) {
  uint32_t head[5] = {CK_HDF5_ERROR, 0, (uint32_t)(8 + strlen(text)), 0, 0};
  uint32_t body[2] = {(uint32_t)cause, (uint32_t)number};
  memcpy(&head[3], body, sizeof body);
  (void)(ck_hdf5_send(CK_HDF5_SOCKET, head, sizeof head) == 0 && ck_hdf5_send(CK_HDF5_SOCKET, text, strlen(text)) == 0);
  _exit(1);
}

static herr_t innermost(unsigned n, const H5E_error2_t *entry, void *text) {
  (void)n;
  if (entry->desc && *entry->desc) snprintf(text, 300, "%s", entry->desc);
  return 0;
}

int ck_failed_with(const char *text) {
  char reason[300] = "";
  H5(Ewalk2)(H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, reason);
  return strncmp(reason, text, strlen(text)) == 0;
}

int ck_is_newer(void) { return ck_failed_with("bad version number"); }

_Noreturn void ck_fail_library(const char *text) {
  char reason[300] = "", whole[600];
  // The walk is from the outermost call inwards, so that the last text is of the frame that met the fault.
  H5(Ewalk2)(H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, reason);
  snprintf(whole, sizeof whole, *reason ? "%s (%s)" : "%s", text, reason);
  ck_fail(CK_HDF5_BAD_FILE, 0, whole);
}

// ---- buffers ----------------------------------------------------------------------------------------------------

void *ck_allocate(size_t count) {
  void *bytes = malloc(count ? count : 1);
  if (!bytes) ck_fail(CK_HDF5_TOO_LARGE, 0, "the memory that it asks for is beyond the limit");
  return bytes;
}

void *ck_extend(ck_buffer *buffer, size_t count) {
  if (count > buffer->capacity - buffer->count) {
    size_t capacity = 2 * buffer->capacity + count + 256;
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes) ck_fail(CK_HDF5_TOO_LARGE, 0, "the memory that it asks for is beyond the limit");
    buffer->bytes = bytes;
    buffer->capacity = capacity;
  }
  buffer->count += count;
  return buffer->bytes + buffer->count - count;
}

void ck_put(ck_buffer *buffer, const void *bytes, size_t count) {
  void *to = ck_extend(buffer, count);
  if (count) memcpy(to, bytes, count);
}

void ck_put_u8(ck_buffer *buffer, unsigned value) { *(uint8_t *)ck_extend(buffer, 1) = (uint8_t)value; }

void ck_put_u32(ck_buffer *buffer, uint64_t value) {
  uint32_t small = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
  ck_put(buffer, &small, sizeof small);
}

void ck_put_u64(ck_buffer *buffer, uint64_t value) { ck_put(buffer, &value, sizeof value); }

void ck_put_text(ck_buffer *buffer, const char *text, size_t count) {
  ck_put_u32(buffer, count);
  ck_put(buffer, text, count);
}

void ck_reply(int kind, const ck_buffer *buffer) {
  size_t count = buffer ? buffer->count : 0;
  if (count > UINT32_MAX) ck_fail(CK_HDF5_TOO_LARGE, 0, "what there is to say of it does not fit a reply");
  uint32_t head[3] = {(uint32_t)kind, 0, (uint32_t)count};
  if (ck_hdf5_send(CK_HDF5_SOCKET, head, sizeof head) != 0 || (count && ck_hdf5_send(CK_HDF5_SOCKET, buffer->bytes, count) != 0)) _exit(2);
}

const void *ck_take(ck_request *request, size_t count) {
  if (count > request->count) ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is too short");
  const void *bytes = request->bytes;
  request->bytes += count, request->count -= count;
  return bytes;
}

uint32_t ck_take_u32(ck_request *request) {
  uint32_t value;
  memcpy(&value, ck_take(request, sizeof value), sizeof value);
  return value;
}

uint64_t ck_take_u64(ck_request *request) {
  uint64_t value;
  memcpy(&value, ck_take(request, sizeof value), sizeof value);
  return value;
}

// ---- the life of a worker ---------------------------------------------------------------------------------------

static void limit(int resource, rlim_t value) {
  struct rlimit old;
  if (getrlimit(resource, &old) != 0) return;
  struct rlimit new = {.rlim_cur = value, .rlim_max = old.rlim_max};
  if (old.rlim_max != RLIM_INFINITY && value > old.rlim_max) new.rlim_cur = old.rlim_max;
  setrlimit(resource, &new);
}

// Ends the process when the other side is gone, whatever the library is busy with.
static void look_up(int number) {
  (void)number;
  struct pollfd poller = {.fd = CK_HDF5_SOCKET, .events = 0};
  if (poll(&poller, 1, 0) == 1 && (poller.revents & (POLLHUP | POLLERR | POLLNVAL))) _exit(0);
}

static void end_with_parent(void) {
  struct sigaction action = {.sa_handler = look_up, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGIO, &action, NULL);
  fcntl(CK_HDF5_SOCKET, F_SETOWN, getpid());
  fcntl(CK_HDF5_SOCKET, F_SETFL, fcntl(CK_HDF5_SOCKET, F_GETFL) | O_ASYNC);
  // It may be gone already.
  look_up(0);
}

// Grants processor time from now on; the process dies when it is used up.
static void grant(uint64_t seconds) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  limit(RLIMIT_CPU, (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + 1 + seconds);
}

static void answer(hid_t file, int kind, ck_request *request) {
  switch (kind) {
    case CK_HDF5_WALK: return ck_walk(file, request);
    case CK_HDF5_CHUNK: return ck_read_chunk(file, request);
    case CK_HDF5_ELEMENTS: return ck_read_elements(file, request);
    case CK_HDF5_STRINGS: return ck_read_strings(file, request);
    case CK_HDF5_GROUP: return ck_make_group(file, request);
    case CK_HDF5_DATASET: return ck_make_dataset(file, request);
    case CK_HDF5_ATTRIBUTE: return ck_make_attribute(file, request);
    case CK_HDF5_WRITE_CHUNK: return ck_write_chunk(file, request);
    case CK_HDF5_WRITE_STRINGS: return ck_write_strings(file, request);
    case CK_HDF5_FINISH: return ck_finish(file);
    default: ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is of no known kind");
  }
}

static hid_t open_file(int mode, uint64_t base, uint64_t size) {
  hid_t access = ck_driver_access(base, size, mode != 'r');
  hid_t file;
  if (mode == 'r') {
    file = H5(Fopen)(CK_HDF5_NAME, H5F_ACC_RDONLY, access);
    if (file < 0) ck_fail_library("the file is not sound HDF5");
  } else {
    hid_t creation = H5(Pcreate)(H5G(P_CLS_FILE_CREATE_ID));
    H5F_libver_t oldest = mode == 'W' ? H5F_LIBVER_V18 : H5F_LIBVER_EARLIEST;
    // No times, so that the same store gives the same bytes.
    if (creation < 0 || H5(Pset_obj_track_times)(creation, 0) < 0 || H5(Pset_libver_bounds)(access, oldest, H5F_LIBVER_V110) < 0)
      ck_fail_library("the HDF5 library cannot be set up");
    file = H5(Fcreate)(CK_HDF5_NAME, H5F_ACC_TRUNC, creation, access);
    if (file < 0) ck_fail_library("the file cannot be made");
  }
  return file;
}

_Noreturn void ck_hdf5_worker(int argc, const void *arguments) {
  char *const *argv = arguments;
  if (argc != 4) _exit(64);
  int mode = argv[0][0];
  uint64_t base = strtoull(argv[1], NULL, 10), size = strtoull(argv[2], NULL, 10), seconds = strtoull(argv[3], NULL, 10);
  // The person's Ctrl-C is the parent's business; this process ends when the socket closes.
  signal(SIGINT, SIG_IGN), signal(SIGTERM, SIG_IGN), signal(SIGHUP, SIG_IGN), signal(SIGPIPE, SIG_IGN), signal(SIGXFSZ, SIG_IGN);
  end_with_parent();
  limit(RLIMIT_CORE, 0);
  const char *problem = ck_hdf5_load();
  if (problem) ck_fail(CK_HDF5_NO_LIBRARY, 0, problem);
  limit(RLIMIT_AS, (rlim_t)768 << 20);
  // A request may take the seconds that it is granted, and one more for every 8 MiB of the file.
  uint64_t allowance = seconds + (size >> 23);
  grant(allowance);
  H5(Eset_auto2)(H5E_DEFAULT, NULL, NULL);
  H5(PLset_loading_state)(0);
  ck_close_doors();
  hid_t file = open_file(mode, base, size);
  ck_buffer ready = {0};
  unsigned major = 0, minor = 0, release = 0;
  H5(get_libversion)(&major, &minor, &release);
  ck_put_u32(&ready, major), ck_put_u32(&ready, minor), ck_put_u32(&ready, release);
  ck_put_u64(&ready, ck_driver_end());
  ck_reply(CK_HDF5_READY, &ready);

  char *bytes = NULL;
  size_t capacity = 0;
  for (;;) {
    uint32_t head[2];
    if (ck_hdf5_receive(CK_HDF5_SOCKET, head, sizeof head, -1) != 0) _exit(0);
    if (head[1] > capacity) {
      free(bytes);
      bytes = ck_allocate(capacity = head[1]);
    }
    if (head[1] && ck_hdf5_receive(CK_HDF5_SOCKET, bytes, head[1], -1) != 0) _exit(0);
    grant(allowance);
    ck_request request = {bytes, head[1]};
    answer(file, (int)head[0], &request);
    if (request.count) ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is too long");
  }
}
