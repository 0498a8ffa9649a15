// The few things that Swift cannot do as well: CRC-32C and CRC-32 with the machine's own instructions, number conversion with
// a count of what it loses, and Linux calls that the C library hides behind feature macros.
#ifndef CKPT_CCORE_H
#define CKPT_CCORE_H

#include <stddef.h>
#include <stdint.h>

// ---- CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as TensorFlow keeps it before masking ----------------

// The ways to compute it, fastest last. `ck_crc32c_best` is the fastest that this machine has.
enum { CK_CRC_PORTABLE = 0, CK_CRC_INSTRUCTION = 1, CK_CRC_FOLD_128 = 2, CK_CRC_FOLD_512 = 3 };

int ck_crc32c_best(void);

// CRC of what was summed so far (0 for nothing), continued over `size` bytes.
uint32_t ck_crc32c(uint32_t crc, const void *bytes, size_t size);

// The same by one named way; a way that the machine lacks falls back to the portable one.
uint32_t ck_crc32c_by(int way, uint32_t crc, const void *bytes, size_t size);

// CRC of A followed by B, from the CRC of A, the CRC of B and the length of B.
uint32_t ck_crc32c_combine(uint32_t a, uint32_t b, uint64_t size_of_b);

// The same for CRC-32 (ISO 3309, reflected polynomial 0xEDB88320), as zip archives keep it.
uint32_t ck_crc32(uint32_t crc, const void *bytes, size_t size);
uint32_t ck_crc32_by(int way, uint32_t crc, const void *bytes, size_t size);
uint32_t ck_crc32_combine(uint32_t a, uint32_t b, uint64_t size_of_b);

// ---- number conversion ------------------------------------------------------------------------------------------

// Scalar kinds that can be converted into one another.
enum {
  CK_BOOL, CK_INT8, CK_UINT8, CK_INT16, CK_UINT16, CK_INT32, CK_UINT32, CK_INT64, CK_UINT64,
  CK_FLOAT16, CK_BFLOAT16, CK_FLOAT32, CK_FLOAT64, CK_FLOAT8_E5M2, CK_FLOAT8_E4M3FN
};

// What a conversion did not keep. `rounded`: finite values that came out as another finite value. `overflowed`:
// finite values beyond the target's range (integers saturate, floats become infinite or the target's NaN), and NaN or
// infinity made into an integer. `largest_error`: the largest |result - value| among the rounded.
typedef struct {
  uint64_t rounded;
  uint64_t overflowed;
  double largest_error;
} ck_cast_report;

// Converts `count` scalars, rounding to nearest even, and adds to `report`. `to` may be NULL to count only.
// Neither side needs to be aligned.
void ck_cast(int from_kind, const void *from, int to_kind, void *to, size_t count, ck_cast_report *report);

// Reverses the bytes of each of `count` elements of `width` bytes (2, 4, 8 or 16) in place.
void ck_swap_bytes(void *bytes, size_t width, size_t count);

// All first bytes of `count` elements of `width` bytes, then all second ones, and so on; and back. HDF5's shuffle.
void ck_shuffle(const void *from, void *to, size_t width, size_t count);
void ck_unshuffle(const void *from, void *to, size_t width, size_t count);

// ---- system calls ------------------------------------------------------------------------------------------------

// rename that fails with EEXIST when `to` exists, decided by the kernel. Falls back to link + unlink where the file
// system does not know the flag. Returns 0 or an errno.
int ck_rename_exclusive(const char *from, const char *to);

// Reserves `size` bytes for a file, so that a full disk shows before work is done. Returns 0, or an errno; a file system
// that cannot reserve counts as success.
int ck_reserve(int fd, int64_t size);

// ---- interrupts: SIGINT, SIGTERM, SIGHUP ---------------------------------------------------------------------------

// From now on an interrupt ends the process with status 128 + its number: the work is given half a second to stop by itself, and
// what was named for removal is removed then, or with the second interrupt.
void ck_watch_interrupts(void);

// The number of the interrupt that came, or 0.
int ck_interrupted(void);

// Between these an interrupt waits: a commit is done or not begun. They nest, on any thread.
void ck_hold_interrupts(void);
void ck_release_interrupts(void);

// Names a file, or a folder before what is in it. What is no longer there does not matter.
void ck_remove_if_interrupted(const char *path);

// ---- locks of files and folders, which end with the process ---------------------------------------------------------

enum { CK_LOCK_WAIT, CK_LOCK_TRY, CK_LOCK_SHARED };

// Returns 0 or an errno: EWOULDBLOCK where another holds it and `how` does not wait; others where the file system has no locks.
int ck_lock(int fd, int how);

#endif
