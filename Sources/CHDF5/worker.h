#ifndef CKPT_HDF5_WORKER_H
#define CKPT_HDF5_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "include/chdf5.h"
#include "library.h"

// The only name under which the driver opens anything.
#define CK_HDF5_NAME "the file"

// ---- errors: said over the socket, then the process ends without another word from the library ------------------

_Noreturn void ck_fail(int cause, int number, const char *text);
// The same with what the library's own error stack says.
_Noreturn void ck_fail_library(const char *text);

// Whether the library's last error begins with a text.
int ck_failed_with(const char *text);
// Whether it is a structure that only a newer version knows.
int ck_is_newer(void);

// ---- bytes to send ----------------------------------------------------------------------------------------------

typedef struct {
  char *bytes;
  size_t count, capacity;
} ck_buffer;

// Room for `count` more bytes; ends the process where there is none.
void *ck_extend(ck_buffer *buffer, size_t count);
void ck_put(ck_buffer *buffer, const void *bytes, size_t count);
void ck_put_u8(ck_buffer *buffer, unsigned value);
void ck_put_u32(ck_buffer *buffer, uint64_t value);
void ck_put_u64(ck_buffer *buffer, uint64_t value);
// A length, then the bytes.
void ck_put_text(ck_buffer *buffer, const char *text, size_t count);

void ck_reply(int kind, const ck_buffer *buffer);
void *ck_allocate(size_t count);

// ---- bytes received ---------------------------------------------------------------------------------------------

typedef struct {
  const char *bytes;
  size_t count;
} ck_request;

// The next bytes of the request; ends the process where there are fewer.
const void *ck_take(ck_request *request, size_t count);
uint32_t ck_take_u32(ck_request *request);
uint64_t ck_take_u64(ck_request *request);

// ---- parts ------------------------------------------------------------------------------------------------------

hid_t ck_driver_access(uint64_t base, uint64_t size, int writable);
// The end of the addresses that the file uses; of its bytes, once it is closed.
uint64_t ck_driver_end(void);
// From here on the process opens, starts and connects to nothing.
void ck_close_doors(void);

// Requests on a file that is read.
void ck_walk(hid_t file, ck_request *request);
void ck_read_chunk(hid_t file, ck_request *request);
void ck_read_elements(hid_t file, ck_request *request);
void ck_read_strings(hid_t file, ck_request *request);

// Requests on a file that is written.
void ck_make_group(hid_t file, ck_request *request);
void ck_make_dataset(hid_t file, ck_request *request);
void ck_make_attribute(hid_t file, ck_request *request);
void ck_write_chunk(hid_t file, ck_request *request);
void ck_write_strings(hid_t file, ck_request *request);
// Closes the file and answers where its datasets lie.
void ck_finish(hid_t file);

#endif
