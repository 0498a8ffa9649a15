// The worker: libhdf5 in a process of its own, and the call that starts it.
//
// libhdf5 can be brought down by a file, so it never runs in the process that a person started. The worker gets two descriptors
// and no path: the file, and a socket over which it is asked and answers. What crosses the socket is described in
// ../HDF5Library/README.md; both sides check every length.
#ifndef CKPT_CHDF5_H
#define CKPT_CHDF5_H

#include <stdint.h>
#include <sys/types.h>

// Descriptors of the worker.
enum { CK_HDF5_SOCKET = 0, CK_HDF5_FILE = 3 };

// What the worker is asked, first word of a request.
enum {
  CK_HDF5_WALK = 1,      // list every object
  CK_HDF5_CHUNK = 2,     // a chunk as it is stored
  CK_HDF5_ELEMENTS = 3,  // elements, decoded by the library
  CK_HDF5_STRINGS = 4,   // variable-length elements
  CK_HDF5_GROUP = 10,    // make a group
  CK_HDF5_DATASET = 11,  // make a dataset
  CK_HDF5_ATTRIBUTE = 12,
  CK_HDF5_WRITE_CHUNK = 13,
  CK_HDF5_WRITE_STRINGS = 14,
  CK_HDF5_FINISH = 15
};

// What it answers, first word of a reply.
enum {
  CK_HDF5_READY = 1,
  CK_HDF5_BEGIN = 2,   // the path of the object that is looked at next
  CK_HDF5_OBJECT = 3,  // what was found
  CK_HDF5_END = 4,
  CK_HDF5_DATA = 5,
  CK_HDF5_ERROR = 6  // a cause, an errno, a text
};

// Causes of an error.
enum { CK_HDF5_BAD_FILE = 1, CK_HDF5_IO = 2, CK_HDF5_NO_LIBRARY = 3, CK_HDF5_BAD_REQUEST = 4, CK_HDF5_TOO_LARGE = 5 };

// What an object is.
enum {
  CK_HDF5_IS_GROUP = 1,
  CK_HDF5_IS_DATASET = 2,
  CK_HDF5_IS_NAMED_TYPE = 3,
  CK_HDF5_IS_ALIAS = 4,     // another name of a group
  CK_HDF5_IS_DANGLING = 5,  // a soft link to nothing that can be reached inside the file
  CK_HDF5_IS_EXTERNAL = 6,  // a link into another file
  CK_HDF5_IS_UNREADABLE = 7  // of a version that the library does not know
};

// Loads the library into this process and says which version it is, as 1.10.8; nothing where there is none. For `--version`: no file
// is opened here.
const char *ck_hdf5_version(void);

// The worker's main; never returns. `argv` is what `ck_hdf5_spawn` made of its arguments.
_Noreturn void ck_hdf5_worker(int argc, const void *argv);

// Starts `executable --hdf5-worker …` with an empty environment.
//   file    descriptor of the file; the HDF5 data are its bytes from `base` on, `size` of them (ignored when writing)
//   mode    'r', 'w' for files that HDF5 1.4 reads, or 'W' for those that need 1.8
//   seconds of processor time that a request may take besides what its bytes justify
// Returns the socket and sets *pid, or the negative of an errno.
int ck_hdf5_spawn(const char *executable, int file, int mode, uint64_t base, uint64_t size, int seconds, pid_t *pid);

// Closes the socket, at which a worker ends by itself.
void ck_hdf5_hang_up(int socket);

// The signal of a process that has used up its processor time.
extern const int CK_HDF5_SIGNAL_TIME;

// Kills and buries a worker. Returns the signal that it had died of before, or 0.
int ck_hdf5_bury(pid_t pid);

// Reads or writes exactly `size` bytes, waiting at most `seconds` for any of them. Returns 0, an errno, ETIMEDOUT, or -1 where the other side is
// gone.
int ck_hdf5_receive(int socket, void *bytes, size_t size, int seconds);
int ck_hdf5_send(int socket, const void *bytes, size_t size);

#endif
