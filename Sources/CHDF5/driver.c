// A file driver over a descriptor that the worker was given. With it the library opens nothing: the one name that it knows is
// answered with that descriptor, every other name (an external link's) is refused. A write that fails ends the worker at once,
// because the library does not survive its own handling of a full disk.
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  H5FD_t public;
  haddr_t eoa;  // end of the addresses in use
  haddr_t eof;  // end of the bytes that are there
} file_t;

static struct {
  uint64_t base, size;
  uint64_t end;  // of the bytes, when the file was closed
  int writable;
  int opened;
  hid_t id;
  file_t *file;
} driver;

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr) {
  (void)flags, (void)fapl, (void)maxaddr;
  if (strcmp(name, CK_HDF5_NAME) != 0 || driver.opened) return NULL;
  file_t *file = calloc(1, sizeof *file);
  if (!file) return NULL;
  driver.opened = 1;
  file->eof = driver.writable ? 0 : driver.size;
  driver.file = file;
  return &file->public;
}

static herr_t driver_close(H5FD_t *file) {
  driver.end = ((file_t *)file)->eof;
  driver.file = NULL;
  driver.opened = 0;
  free(file);
  return 0;
}

static int driver_compare(const H5FD_t *a, const H5FD_t *b) { return a < b ? -1 : a > b; }

static herr_t driver_query(const H5FD_t *file, unsigned long *flags) {
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t driver_eoa(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const file_t *)file)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address) {
  (void)type;
  ((file_t *)file)->eoa = address;
  return 0;
}

static haddr_t driver_eof(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const file_t *)file)->eof;
}

static herr_t driver_read(H5FD_t *public, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size, void *bytes) {
  (void)type, (void)dxpl;
  file_t *file = (file_t *)public;
  if (address > file->eof || size > file->eof - address) {
    if (!driver.writable) return -1;
    // What was allocated and not yet written reads as zero.
    size_t there = address < file->eof ? (size_t)(file->eof - address) : 0;
    memset((char *)bytes + there, 0, size - there);
    size = there;
  }
  char *to = bytes;
  off_t from = (off_t)(driver.base + address);
  while (size > 0) {
    ssize_t n = pread(CK_HDF5_FILE, to, size, from);
    if (n < 0 && errno == EINTR) continue;
    // The memory ends before: see `guarded` in walk.c.
    if (n < 0 && errno == EFAULT) ck_fail(CK_HDF5_BAD_FILE, 0, "a chunk has more bytes than its shape");
    if (n < 0) ck_fail(CK_HDF5_IO, errno, "the file cannot be read");
    if (n == 0) return -1;
    to += n, from += n, size -= (size_t)n;
  }
  return 0;
}

static herr_t driver_write(H5FD_t *public, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size, const void *bytes) {
  (void)type, (void)dxpl;
  file_t *file = (file_t *)public;
  if (!driver.writable) return -1;
  const char *from = bytes;
  off_t to = (off_t)(driver.base + address);
  if (address + size > file->eof) file->eof = address + size;
  while (size > 0) {
    ssize_t n = pwrite(CK_HDF5_FILE, from, size, to);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ck_fail(CK_HDF5_IO, n < 0 ? errno : ENOSPC, "the file cannot be written");
    from += n, to += n, size -= (size_t)n;
  }
  return 0;
}

static herr_t driver_truncate(H5FD_t *public, hid_t dxpl, hbool_t closing) {
  (void)dxpl, (void)closing;
  file_t *file = (file_t *)public;
  if (!driver.writable || file->eoa == file->eof) return 0;
  if (ftruncate(CK_HDF5_FILE, (off_t)(driver.base + file->eoa)) != 0) ck_fail(CK_HDF5_IO, errno, "the file cannot be written");
  file->eof = file->eoa;
  return 0;
}

static const H5FD_class_t driver_class = {
    .name = "descriptor",
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_STRONG,
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .get_eoa = driver_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t ck_driver_access(uint64_t base, uint64_t size, int writable) {
  driver.base = base;
  driver.size = size;
  driver.writable = writable;
  driver.id = H5(FDregister)(&driver_class);
  hid_t access = H5(Pcreate)(H5G(P_CLS_FILE_ACCESS_ID));
  if (driver.id < 0 || access < 0 || H5(Pset_driver)(access, driver.id, NULL) < 0 || H5(Pset_fclose_degree)(access, H5F_CLOSE_STRONG) < 0)
    ck_fail_library("the HDF5 library cannot be set up");
  return access;
}

uint64_t ck_driver_end(void) { return driver.file ? driver.file->eoa : driver.end; }
