// Faults on purpose. In a program that this is linked into, the calls below that change or read files stand before those of the
// C library: they log what happens below one folder, and let a chosen call fail. Everything else passes. Linux only: there the
// linker takes a program's own definition of a function first, so that the code under test needs no seam.
#ifndef CKPT_CFAULTS_H
#define CKPT_CFAULTS_H

#include <stddef.h>
#include <stdint.h>

enum ckf_kind {
  CKF_OPEN, CKF_CREATE, CKF_READ, CKF_WRITE, CKF_TRUNCATE, CKF_RESERVE, CKF_SYNC, CKF_MKDIR, CKF_RENAME, CKF_RENAME_EXCLUSIVE,
  CKF_LINK, CKF_UNLINK, CKF_RMDIR
};

// One call: its path (that of the descriptor, for those that have one), the other path of a rename or link, what was written where.
typedef struct {
  enum ckf_kind kind;
  char *path, *other;
  int64_t offset;
  size_t size;
  uint8_t *bytes;
} ckf_call;

// Besides errno: a transfer of half the bytes; the file changed just before it is read.
enum { CKF_SHORT = -1, CKF_CUT = -2, CKF_APPEND = -3, CKF_OVERWRITE = -4 };

// Watches the calls below a folder, one folder at a time. The `nth` call (from 1; 0 for none) fails with an errno, or is cut short
// (reads and writes of more than one byte); where `lasting`, all from it on do. `kinds` has a bit for each kind that counts.
void ckf_begin(const char *folder, unsigned kinds, int nth, int lasting, int error);

// Ends it. Returns how many calls counted. The successful ones stay in the log until the next beginning.
int ckf_end(void);

int ckf_log_count(void);
const ckf_call *ckf_log_at(int index);

#endif
