// Makes groups, datasets and attributes. Elements of plain datasets are not written here: their place is told at the end.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

// The datasets in the order in which they were made; they stay open so that their place can be asked for.
static struct {
  hid_t *ids;
  size_t count, capacity;
} datasets;

// What attributes are given to: the object that was made last, or the root.
static hid_t current = -1;

// ---- types ------------------------------------------------------------------------------------------------------

static unsigned take_u8(ck_request *request) { return *(const uint8_t *)ck_take(request, 1); }

// A length and bytes, as a C string that the caller frees.
static char *take_text(ck_request *request) {
  uint32_t count = ck_take_u32(request);
  const void *bytes = ck_take(request, count);
  char *text = ck_allocate((size_t)count + 1);
  memcpy(text, bytes, count);
  text[count] = 0;
  return text;
}

static hid_t integer(unsigned size, unsigned is_signed) {
  switch (size) {
    case 1: return is_signed ? H5G(T_STD_I8LE) : H5G(T_STD_U8LE);
    case 2: return is_signed ? H5G(T_STD_I16LE) : H5G(T_STD_U16LE);
    case 4: return is_signed ? H5G(T_STD_I32LE) : H5G(T_STD_U32LE);
    default: return is_signed ? H5G(T_STD_I64LE) : H5G(T_STD_U64LE);
  }
}

static hid_t real(unsigned size) {
  if (size == 8) return H5(Tcopy)(H5G(T_IEEE_F64LE));
  hid_t type = H5(Tcopy)(H5G(T_IEEE_F32LE));
  // IEEE binary16: sign 15, exponent 10..14 with bias 15, mantissa 0..9.
  if (size == 2) H5(Tset_fields)(type, 15, 10, 5, 0, 10), H5(Tset_size)(type, 2), H5(Tset_ebias)(type, 15);
  return type;
}

// Layout: ../HDF5Library/README.md, "Types that are written".
static hid_t take_type(ck_request *request) {
  unsigned kind = take_u8(request), a = ck_take_u32(request), b = ck_take_u32(request);
  hid_t type = -1;
  switch (kind) {
    case 1: type = H5(Tcopy)(integer(a, b)); break;
    case 2: type = real(a); break;
    case 3: {
      // h5py's boolean.
      int8_t no = 0, yes = 1;
      type = H5(Tenum_create)(H5G(T_STD_I8LE));
      H5(Tenum_insert)(type, "FALSE", &no), H5(Tenum_insert)(type, "TRUE", &yes);
      break;
    }
    case 4: {
      // h5py's complex number.
      hid_t part = real(a);
      type = H5(Tcreate)(H5T_COMPOUND, 2 * (size_t)a);
      H5(Tinsert)(type, "r", 0, part), H5(Tinsert)(type, "i", a, part);
      H5(Tclose)(part);
      break;
    }
    case 5: {
      type = H5(Tcreate)(H5T_OPAQUE, a);
      H5(Tset_tag)(type, "");
      break;
    }
    case 6:
    case 7:
      type = H5(Tcopy)(H5G(T_C_S1));
      H5(Tset_size)(type, kind == 7 ? H5T_VARIABLE : a ? a : 1);
      if (kind == 6) H5(Tset_strpad)(type, H5T_STR_NULLPAD);
      H5(Tset_cset)(type, b ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
      break;
    case 8: type = H5(Tvlen_create)(H5G(T_STD_U8LE)); break;
    default: ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request names no known type");
  }
  if (type < 0) ck_fail_library("a type cannot be made");
  return type;
}

// A space as the walk describes it.
static hid_t take_space(ck_request *request, int *rank, hsize_t sizes[H5S_MAX_RANK]) {
  unsigned kind = take_u8(request);
  *rank = (int)take_u8(request);
  if (*rank > H5S_MAX_RANK) ck_fail(CK_HDF5_BAD_REQUEST, 0, "HDF5 holds at most 32 dimensions");
  for (int i = 0; i < *rank; i++) sizes[i] = ck_take_u64(request);
  hid_t space = kind == 2 ? H5(Screate)(H5S_NULL) : *rank == 0 ? H5(Screate)(H5S_SCALAR) : H5(Screate_simple)(*rank, sizes, NULL);
  if (space < 0) ck_fail_library("a shape cannot be made");
  return space;
}

// Elements of variable length from a request: lengths, then bytes. The caller frees the result; the bytes stay the request's.
static void *take_variable(ck_request *request, hid_t type, uint64_t count, char **copies) {
  int is_string = H5(Tis_variable_str)(type) > 0;
  const char *lengths = ck_take(request, count * 8);
  size_t total = request->count;
  char *bytes = ck_allocate(total + count + 1);
  void *values = ck_allocate(count * (is_string ? sizeof(char *) : sizeof(hvl_t)));
  char *to = bytes;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t length;
    memcpy(&length, lengths + 8 * i, sizeof length);
    memcpy(to, ck_take(request, length), length);
    if (is_string) {
      ((char **)values)[i] = to;
      to[length] = 0;
    } else {
      ((hvl_t *)values)[i] = (hvl_t){length, to};
    }
    to += length + 1;
  }
  *copies = bytes;
  return values;
}

// ---- objects ----------------------------------------------------------------------------------------------------

static hid_t link_list(const char *name) {
  static hid_t plain = -1, text = -1;
  if (plain < 0) {
    plain = H5(Pcreate)(H5G(P_CLS_LINK_CREATE_ID)), text = H5(Pcreate)(H5G(P_CLS_LINK_CREATE_ID));
    H5(Pset_char_encoding)(text, H5T_CSET_UTF8);
  }
  for (; *name; name++)
    if ((unsigned char)*name > 0x7f) return text;
  return plain;
}

static void become_current(hid_t id, int is_dataset) {
  static int owned = 0;
  if (current >= 0 && owned) H5(Oclose)(current);
  current = id;
  owned = !is_dataset;
}

void ck_make_group(hid_t file, ck_request *request) {
  char *name = take_text(request);
  hid_t list = H5(Pcreate)(H5G(P_CLS_GROUP_CREATE_ID));
  H5(Pset_obj_track_times)(list, 0);
  hid_t group = H5(Gcreate2)(file, name, link_list(name), list, H5P_DEFAULT);
  if (group < 0) ck_fail_library("a group cannot be made");
  H5(Pclose)(list);
  become_current(group, 0);
  free(name);
}

void ck_make_dataset(hid_t file, ck_request *request) {
  char *name = take_text(request);
  int rank;
  hsize_t sizes[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
  hid_t type = take_type(request), space = take_space(request, &rank, sizes);
  unsigned is_chunked = take_u8(request), level = take_u8(request), shuffle = take_u8(request);
  for (int i = 0; is_chunked && i < rank; i++) chunk[i] = ck_take_u64(request);
  hid_t list = H5(Pcreate)(H5G(P_CLS_DATASET_CREATE_ID));
  H5(Pset_obj_track_times)(list, 0);
  int failed = 0;
  if (is_chunked) {
    failed |= H5(Pset_chunk)(list, rank, chunk) < 0;
    if (shuffle) failed |= H5(Pset_shuffle)(list) < 0;
    failed |= H5(Pset_deflate)(list, level) < 0;
  } else if (H5(Tget_class)(type) != H5T_VLEN && H5(Tis_variable_str)(type) <= 0) {
    // The place is fixed at once and nothing is put there: the parent writes the elements.
    failed |= H5(Pset_alloc_time)(list, H5D_ALLOC_TIME_EARLY) < 0;
    failed |= H5(Pset_fill_time)(list, H5D_FILL_TIME_NEVER) < 0;
  }
  hid_t dataset = failed ? -1 : H5(Dcreate2)(file, name, type, space, link_list(name), list, H5P_DEFAULT);
  if (dataset < 0) ck_fail_library("a dataset cannot be made");
  H5(Pclose)(list), H5(Sclose)(space), H5(Tclose)(type);
  if (datasets.count == datasets.capacity) {
    datasets.capacity = 2 * datasets.capacity + 64;
    hid_t *ids = realloc(datasets.ids, datasets.capacity * sizeof *ids);
    if (!ids) ck_fail(CK_HDF5_TOO_LARGE, 0, "there are too many datasets");
    datasets.ids = ids;
  }
  datasets.ids[datasets.count++] = dataset;
  become_current(dataset, 1);
  free(name);
}

void ck_make_attribute(hid_t file, ck_request *request) {
  char *name = take_text(request);
  int rank;
  hsize_t sizes[H5S_MAX_RANK];
  hid_t type = take_type(request), space = take_space(request, &rank, sizes);
  unsigned kind = take_u8(request);
  hid_t attribute = H5(Acreate2)(current >= 0 ? current : file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) ck_fail_library("an attribute cannot be made");
  if (kind == 1) {
    const void *bytes = ck_take(request, request->count);
    if (H5(Awrite)(attribute, type, bytes) < 0) ck_fail_library("an attribute cannot be written");
  } else if (kind == 2) {
    uint64_t count = ck_take_u64(request);
    char *copies;
    if (count > request->count / 8) ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is too short");
    void *values = take_variable(request, type, count, &copies);
    if (H5(Awrite)(attribute, type, values) < 0) ck_fail_library("an attribute cannot be written");
    free(values), free(copies);
  }
  H5(Aclose)(attribute), H5(Sclose)(space), H5(Tclose)(type);
  free(name);
}

static hid_t take_dataset(ck_request *request) {
  uint32_t index = ck_take_u32(request);
  if (index >= datasets.count) ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request names no dataset");
  return datasets.ids[index];
}

void ck_write_chunk(hid_t file, ck_request *request) {
  (void)file;
  hid_t dataset = take_dataset(request);
  uint32_t mask = ck_take_u32(request), rank = ck_take_u32(request);
  hsize_t offset[H5S_MAX_RANK] = {0};
  for (uint32_t i = 0; i < rank; i++) {
    uint64_t value = ck_take_u64(request);
    if (i < H5S_MAX_RANK) offset[i] = value;
  }
  size_t count = request->count;
  if (H5(Dwrite_chunk)(dataset, H5P_DEFAULT, mask, offset, count, ck_take(request, count)) < 0) ck_fail_library("a chunk cannot be written");
}

void ck_write_strings(hid_t file, ck_request *request) {
  (void)file;
  hid_t dataset = take_dataset(request);
  uint64_t count = ck_take_u64(request);
  if (count > request->count / 8) ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is too short");
  hid_t type = H5(Dget_type)(dataset);
  char *copies;
  void *values = take_variable(request, type, count, &copies);
  // All elements at once: a dataset of strings is as large as a request may be.
  if (H5(Dwrite)(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) ck_fail_library("strings cannot be written");
  free(values), free(copies);
  H5(Tclose)(type);
}

void ck_finish(hid_t file) {
  ck_buffer out = {0};
  ck_put_u64(&out, datasets.count);
  size_t end = out.count;
  ck_put_u64(&out, 0);
  for (size_t i = 0; i < datasets.count; i++) {
    ck_put_u64(&out, H5(Dget_offset)(datasets.ids[i]));
    if (H5(Dclose)(datasets.ids[i]) < 0) ck_fail_library("the file cannot be finished");
  }
  become_current(-1, 1);
  if (H5(Fflush)(file, H5F_SCOPE_GLOBAL) < 0 || H5(Fclose)(file) < 0) ck_fail_library("the file cannot be finished");
  uint64_t size = ck_driver_end();
  memcpy(out.bytes + end, &size, sizeof size);
  ck_reply(CK_HDF5_END, &out);
  // The library's own way out is not taken: it does not survive every error.
  _exit(0);
}
