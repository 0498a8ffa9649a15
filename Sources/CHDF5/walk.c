// Lists every object of a file once, in the bytewise order of names, and reads what a dataset holds on request.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker.h"

// ---- descriptions -----------------------------------------------------------------------------------------------

static void describe_type(ck_buffer *out, hid_t type, int depth);

static void describe_compound(ck_buffer *out, hid_t type, int depth) {
  int count = H5(Tget_nmembers)(type);
  if (count < 0 || count > 64) count = 0;
  ck_put_u32(out, (uint64_t)count);
  for (int i = 0; i < count; i++) {
    char *name = H5(Tget_member_name)(type, (unsigned)i);
    ck_put_text(out, name ? name : "", name ? strlen(name) : 0);
    if (name) H5(free_memory)(name);
    ck_put_u64(out, H5(Tget_member_offset)(type, (unsigned)i));
    hid_t member = H5(Tget_member_type)(type, (unsigned)i);
    describe_type(out, member, depth + 1);
    if (member >= 0) H5(Tclose)(member);
  }
}

static void describe_enum(ck_buffer *out, hid_t type, int depth) {
  hid_t base = H5(Tget_super)(type);
  describe_type(out, base, depth + 1);
  size_t size = base < 0 ? 0 : H5(Tget_size)(base);
  int count = H5(Tget_nmembers)(type);
  if (count < 0 || count > 64 || size == 0 || size > 8 || size != H5(Tget_size)(type)) count = 0;
  ck_put_u32(out, (uint64_t)count);
  for (int i = 0; i < count; i++) {
    char *name = H5(Tget_member_name)(type, (unsigned)i);
    ck_put_text(out, name ? name : "", name ? strlen(name) : 0);
    if (name) H5(free_memory)(name);
    uint64_t value = 0;
    if (H5(Tget_member_value)(type, (unsigned)i, &value) < 0) value = 0;
    ck_put_u64(out, value);
  }
  if (base >= 0) H5(Tclose)(base);
}

// Layout: ../HDF5Library/README.md, "Types".
static void describe_type(ck_buffer *out, hid_t type, int depth) {
  H5T_class_t class = type < 0 || depth > 4 ? H5T_NO_CLASS : H5(Tget_class)(type);
  ck_put_u8(out, (uint8_t)class);
  if (class == H5T_NO_CLASS) return;
  ck_put_u64(out, H5(Tget_size)(type));
  switch (class) {
    case H5T_INTEGER:
    case H5T_FLOAT: {
      ck_put_u8(out, H5(Tget_order)(type) == H5T_ORDER_BE);
      int offset = H5(Tget_offset)(type);
      ck_put_u32(out, H5(Tget_precision)(type)), ck_put_u32(out, (uint32_t)offset);
      if (class == H5T_INTEGER) {
        ck_put_u8(out, H5(Tget_sign)(type) == H5T_SGN_2);
      } else {
        size_t fields[5] = {0};
        H5(Tget_fields)(type, &fields[0], &fields[1], &fields[2], &fields[3], &fields[4]);
        for (int i = 0; i < 5; i++) ck_put_u32(out, fields[i]);
        ck_put_u64(out, H5(Tget_ebias)(type));
        ck_put_u8(out, (unsigned)H5(Tget_norm)(type));
      }
      break;
    }
    case H5T_STRING:
      ck_put_u8(out, H5(Tis_variable_str)(type) > 0);
      ck_put_u8(out, (unsigned)H5(Tget_strpad)(type));
      ck_put_u8(out, (unsigned)H5(Tget_cset)(type));
      break;
    case H5T_OPAQUE: {
      char *tag = H5(Tget_tag)(type);
      ck_put_text(out, tag ? tag : "", tag ? strlen(tag) : 0);
      if (tag) H5(free_memory)(tag);
      break;
    }
    case H5T_COMPOUND: describe_compound(out, type, depth); break;
    case H5T_ENUM: describe_enum(out, type, depth); break;
    case H5T_VLEN: {
      hid_t base = H5(Tget_super)(type);
      describe_type(out, base, depth + 1);
      if (base >= 0) H5(Tclose)(base);
      break;
    }
    default: break;
  }
}

// A space: 0 scalar, 1 simple, 2 null, 3 unknown; then the rank and the dimensions.
static void describe_space(ck_buffer *out, hid_t space) {
  hsize_t sizes[H5S_MAX_RANK];
  int kind = space < 0 ? H5S_NO_CLASS : H5(Sget_simple_extent_type)(space);
  int rank = kind == H5S_SIMPLE ? H5(Sget_simple_extent_ndims)(space) : 0;
  if (rank < 0 || rank > H5S_MAX_RANK || (rank > 0 && H5(Sget_simple_extent_dims)(space, sizes, NULL) < 0)) kind = H5S_NO_CLASS, rank = 0;
  ck_put_u8(out, kind == H5S_SCALAR ? 0 : kind == H5S_SIMPLE ? 1 : kind == H5S_NULL ? 2 : 3);
  ck_put_u8(out, (unsigned)rank);
  for (int i = 0; i < rank; i++) ck_put_u64(out, sizes[i]);
}

// Elements of a space, or 0 where the product does not fit.
static uint64_t elements(hid_t space) {
  hsize_t sizes[H5S_MAX_RANK];
  int kind = H5(Sget_simple_extent_type)(space);
  if (kind == H5S_SCALAR) return 1;
  int rank = kind == H5S_SIMPLE ? H5(Sget_simple_extent_ndims)(space) : -1;
  if (rank < 0 || rank > H5S_MAX_RANK || (rank > 0 && H5(Sget_simple_extent_dims)(space, sizes, NULL) < 0)) return 0;
  uint64_t product = 1;
  for (int i = 0; i < rank; i++)
    if (__builtin_mul_overflow(product, (uint64_t)sizes[i], &product)) return 0;
  return product;
}

// Elements of variable length as they came from the library: all lengths, then all bytes.
static void put_variable(ck_buffer *out, hid_t type, const void *values, uint64_t count) {
  int is_string = H5(Tget_class)(type) == H5T_STRING;
  for (uint64_t i = 0; i < count; i++) {
    if (is_string) {
      const char *text = ((char *const *)values)[i];
      ck_put_u64(out, text ? strlen(text) : 0);
    } else {
      ck_put_u64(out, ((const hvl_t *)values)[i].len);
    }
  }
  for (uint64_t i = 0; i < count; i++) {
    if (is_string) {
      const char *text = ((char *const *)values)[i];
      if (text) ck_put(out, text, strlen(text));
    } else {
      const hvl_t *value = &((const hvl_t *)values)[i];
      if (value->len) ck_put(out, value->p, value->len);
    }
  }
}

// The type under which elements of variable length are asked for: as stored for strings, bytes for lists of bytes. Negative for others.
static hid_t variable_type(hid_t type) {
  if (H5(Tis_variable_str)(type) > 0) return H5(Tcopy)(type);
  if (H5(Tget_class)(type) != H5T_VLEN) return -1;
  hid_t base = H5(Tget_super)(type);
  hid_t memory = base >= 0 && H5(Tget_class)(base) == H5T_INTEGER && H5(Tget_size)(base) == 1 ? H5(Tcopy)(type) : -1;
  if (base >= 0) H5(Tclose)(base);
  return memory;
}

static int holds_addresses(hid_t type) {
  H5T_class_t class = H5(Tget_class)(type);
  return class == H5T_VLEN || class == H5T_COMPOUND || class == H5T_ARRAY || class == H5T_REFERENCE || H5(Tis_variable_str)(type) > 0;
}

// The value of an attribute: 0 nothing that can be told, 1 bytes as stored, 2 elements of variable length.
static void describe_value(ck_buffer *out, hid_t attribute, hid_t type, hid_t space) {
  const uint64_t limit = 64 << 20;
  uint64_t count = elements(space), size = H5(Tget_size)(type), bytes;
  // Complex numbers are compounds without addresses inside.
  int is_plain = !holds_addresses(type) || (H5(Tget_class)(type) == H5T_COMPOUND && H5(Tget_nmembers)(type) == 2 && (size == 8 || size == 16));
  if (count == 0 || __builtin_mul_overflow(count, size, &bytes) || bytes > limit) {
    ck_put_u8(out, count == 0 ? 1 : 0);
    if (count == 0) ck_put_u64(out, 0);
    return;
  }
  if (is_plain && H5(Tget_class)(type) != H5T_COMPOUND) {
    void *values = ck_allocate(bytes);
    if (H5(Aread)(attribute, type, values) >= 0) {
      ck_put_u8(out, 1), ck_put_u64(out, bytes), ck_put(out, values, bytes);
    } else {
      ck_put_u8(out, 0);
    }
    free(values);
    return;
  }
  if (is_plain) {
    hid_t first = H5(Tget_member_type)(type, 0), second = H5(Tget_member_type)(type, 1);
    int numbers = first >= 0 && second >= 0 && H5(Tget_class)(first) == H5T_FLOAT && H5(Tget_class)(second) == H5T_FLOAT;
    if (first >= 0) H5(Tclose)(first);
    if (second >= 0) H5(Tclose)(second);
    void *values = numbers ? ck_allocate(bytes) : NULL;
    if (values && H5(Aread)(attribute, type, values) >= 0) {
      ck_put_u8(out, 1), ck_put_u64(out, bytes), ck_put(out, values, bytes);
    } else {
      ck_put_u8(out, 0);
    }
    free(values);
    return;
  }
  hid_t memory = variable_type(type);
  if (memory < 0) {
    ck_put_u8(out, 0);
    return;
  }
  size_t width = H5(Tis_variable_str)(memory) > 0 ? sizeof(char *) : sizeof(hvl_t);
  void *values = calloc(count, width);
  if (values && H5(Aread)(attribute, memory, values) >= 0) {
    ck_put_u8(out, 2), ck_put_u64(out, count);
    put_variable(out, memory, values, count);
    H5(Dvlen_reclaim)(memory, space, H5P_DEFAULT, values);
  } else {
    ck_put_u8(out, 0);
  }
  free(values);
  H5(Tclose)(memory);
}

static void describe_attributes(ck_buffer *out, hid_t object) {
  H5O_info_t info;
  uint64_t count = H5(Oget_info2)(object, &info, H5O_INFO_NUM_ATTRS) < 0 ? 0 : info.num_attrs;
  size_t place = out->count;
  ck_put_u32(out, 0);
  uint32_t written = 0;
  if (count > 65536) ck_fail(CK_HDF5_TOO_LARGE, 0, "it has more attributes than are believed");
  for (uint64_t i = 0; i < count; i++) {
    hid_t attribute = H5(Aopen_by_idx)(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 && ck_is_newer()) {
      // The library stops at the first that it does not know, so that none of them can be asked for.
      written = UINT32_MAX;
      out->count = place + sizeof written;
      break;
    }
    if (attribute < 0) ck_fail_library("its attributes cannot be read");
    ssize_t length = H5(Aget_name)(attribute, 0, NULL);
    if (length < 0 || length > 65536) ck_fail_library("an attribute has no name that can be read");
    char *name = ck_allocate((size_t)length + 1);
    H5(Aget_name)(attribute, (size_t)length + 1, name);
    ck_put_text(out, name, (size_t)length);
    free(name);
    hid_t type = H5(Aget_type)(attribute), space = H5(Aget_space)(attribute);
    if (type < 0 || space < 0) ck_fail_library("an attribute cannot be read");
    describe_type(out, type, 0);
    describe_space(out, space);
    describe_value(out, attribute, type, space);
    H5(Tclose)(type), H5(Sclose)(space), H5(Aclose)(attribute);
    written++;
  }
  memcpy(out->bytes + place, &written, sizeof written);
}

static void describe_storage(ck_buffer *out, hid_t dataset, hid_t type) {
  hid_t list = H5(Dget_create_plist)(dataset);
  if (list < 0) ck_fail_library("how it is stored cannot be read");
  H5D_layout_t layout = H5(Pget_layout)(list);
  ck_put_u8(out, (uint8_t)layout);
  int external = H5(Pget_external_count)(list);
  ck_put_u64(out, layout == H5D_CONTIGUOUS && external == 0 ? H5(Dget_offset)(dataset) : HADDR_UNDEF);
  ck_put_u64(out, layout == H5D_VIRTUAL ? 0 : H5(Dget_storage_size)(dataset));

  hsize_t chunk[H5S_MAX_RANK];
  int rank = layout == H5D_CHUNKED ? H5(Pget_chunk)(list, H5S_MAX_RANK, chunk) : 0;
  if (rank < 0 || rank > H5S_MAX_RANK) rank = 0;
  ck_put_u8(out, (unsigned)rank);
  for (int i = 0; i < rank; i++) ck_put_u64(out, chunk[i]);

  int filters = H5(Pget_nfilters)(list);
  if (filters < 0 || filters > 32) ck_fail_library("its filters cannot be read");
  ck_put_u8(out, (unsigned)filters);
  for (int i = 0; i < filters; i++) {
    unsigned flags = 0, values[16] = {0};
    size_t count = 16;
    char name[64] = "";
    int id = H5(Pget_filter2)(list, (unsigned)i, &flags, &count, values, sizeof name, name, NULL);
    ck_put_u32(out, (uint32_t)id), ck_put_text(out, name, strnlen(name, sizeof name));
  }

  if (external < 0 || external > 4096) ck_fail(CK_HDF5_BAD_FILE, 0, "its list of external files cannot be read");
  ck_put_u32(out, (uint64_t)external);
  for (int i = 0; i < external; i++) {
    char name[4097] = "";
    off_t offset = 0;
    hsize_t size = 0;
    H5(Pget_external)(list, (unsigned)i, sizeof name - 1, name, &offset, &size);
    ck_put_text(out, name, strnlen(name, sizeof name)), ck_put_u64(out, (uint64_t)offset), ck_put_u64(out, size);
  }

  // The first file other than this one that a virtual dataset takes values from.
  char other[4097] = "";
  size_t sources = 0;
  if (layout == H5D_VIRTUAL) {
    if (H5(Pget_virtual_count)(list, &sources) < 0) ck_fail_library("its sources cannot be read");
    for (size_t i = 0; i < sources && !*other; i++) {
      ssize_t n = H5(Pget_virtual_filename)(list, i, other, sizeof other - 1);
      if (n < 0 || n > 4096) memcpy(other, "?", 2);
      if (strcmp(other, ".") == 0) other[0] = 0;
    }
  }
  ck_put_text(out, other, strnlen(other, sizeof other));

  H5D_fill_value_t status = H5D_FILL_VALUE_UNDEFINED;
  size_t size = H5(Tget_size)(type);
  char fill[16] = {0};
  int has_fill = size <= sizeof fill && !holds_addresses(type) && H5(Pfill_value_defined)(list, &status) >= 0 &&
                 status == H5D_FILL_VALUE_USER_DEFINED && H5(Pget_fill_value)(list, type, fill) >= 0;
  ck_put_text(out, fill, has_fill ? size : 0);
  H5(Pclose)(list);
}

static void describe_dataset(ck_buffer *out, hid_t dataset) {
  hid_t type = H5(Dget_type)(dataset), space = H5(Dget_space)(dataset);
  if (type < 0 || space < 0) ck_fail_library("what it holds cannot be read");
  describe_type(out, type, 0);
  describe_space(out, space);
  describe_storage(out, dataset, type);
  H5(Tclose)(type), H5(Sclose)(space);
}

// ---- the walk ---------------------------------------------------------------------------------------------------

typedef struct {
  char *name;
  H5L_type_t type;
  haddr_t address;  // of the object that a hard link names
} link_t;

typedef struct {
  hid_t id;
  link_t *links;
  size_t count, next, capacity;
  size_t path;  // bytes of the path before this group's links
} group_t;

static herr_t collect(hid_t id, const char *name, const H5L_info_t *info, void *data) {
  (void)id;
  group_t *group = data;
  if (group->count == group->capacity) {
    group->capacity = 2 * group->capacity + 16;
    link_t *links = realloc(group->links, group->capacity * sizeof *links);
    if (!links) return -1;
    group->links = links;
  }
  char *copy = strdup(name);
  if (!copy) return -1;
  group->links[group->count++] = (link_t){copy, info->type, info->type == H5L_TYPE_HARD ? info->u.address : HADDR_UNDEF};
  return 0;
}

// Addresses of groups that were listed: a hash set with open addressing.
static struct {
  haddr_t *slots;
  size_t count, capacity;
} seen;

static int was_seen(haddr_t address) {
  if (2 * (seen.count + 1) > seen.capacity) {
    size_t capacity = seen.capacity ? 2 * seen.capacity : 256;
    haddr_t *old = seen.slots;
    size_t old_capacity = seen.capacity;
    seen.slots = ck_allocate(capacity * sizeof *seen.slots);
    memset(seen.slots, 0xff, capacity * sizeof *seen.slots);
    seen.capacity = capacity, seen.count = 0;
    for (size_t i = 0; i < old_capacity; i++)
      if (old[i] != HADDR_UNDEF) was_seen(old[i]);
    free(old);
  }
  size_t i = (size_t)(address * 0x9E3779B97F4A7C15u) & (seen.capacity - 1);
  while (seen.slots[i] != HADDR_UNDEF) {
    if (seen.slots[i] == address) return 1;
    i = (i + 1) & (seen.capacity - 1);
  }
  seen.slots[i] = address;
  seen.count++;
  return 0;
}

static ck_buffer path;    // of the object that is looked at
static ck_buffer record;  // what is said of it

static void begin(void) { ck_reply(CK_HDF5_BEGIN, &path); }

static void object(int kind) {
  record.count = 0;
  ck_put_u8(&record, (unsigned)kind);
  ck_put_text(&record, path.bytes, path.count);
}

static void put_target(hid_t group, const char *name, H5L_type_t type) {
  char *value = ck_allocate(65537);
  value[0] = 0;
  if (H5(Lget_val)(group, name, value, 65536, H5P_DEFAULT) < 0) memcpy(value, "", 1);
  value[65536] = 0;
  if (type == H5L_TYPE_EXTERNAL) {
    const char *file = "", *target = "";
    if (H5(Lunpack_elink_val)(value, 65536, NULL, &file, &target) < 0) file = target = "";
    ck_put_text(&record, file, strlen(file)), ck_put_text(&record, target, strlen(target));
  } else {
    ck_put_text(&record, "", 0), ck_put_text(&record, value, strlen(value));
  }
  free(value);
}

static void push(group_t **stack, size_t *depth, hid_t id) {
  group_t *groups = realloc(*stack, (*depth + 1) * sizeof *groups);
  if (!groups) ck_fail(CK_HDF5_TOO_LARGE, 0, "its groups are nested too deep");
  *stack = groups;
  groups[*depth] = (group_t){.id = id, .path = path.count};
  if (H5(CK_ITERATE)(id, H5_INDEX_NAME, H5_ITER_INC, NULL, collect, &groups[*depth]) < 0) ck_fail_library("the group cannot be listed");
  ++*depth;
}

// Describes the object behind a link; returns a group to walk into, or a negative number.
static hid_t visit(hid_t group, const link_t *link) {
  if (link->type == H5L_TYPE_EXTERNAL || (link->type != H5L_TYPE_HARD && link->type != H5L_TYPE_SOFT)) {
    object(link->type == H5L_TYPE_EXTERNAL ? CK_HDF5_IS_EXTERNAL : CK_HDF5_IS_DANGLING);
    put_target(group, link->name, link->type);
    ck_reply(CK_HDF5_OBJECT, &record);
    return -1;
  }
  hid_t id = H5(Oopen)(group, link->name, H5P_DEFAULT);
  H5O_info_t info;
  if (id < 0 || H5(Oget_info2)(id, &info, H5O_INFO_BASIC) < 0) {
    if (ck_is_newer()) {
      object(CK_HDF5_IS_UNREADABLE);
      ck_put_u64(&record, link->address);
      ck_reply(CK_HDF5_OBJECT, &record);
      return -1;
    }
    if (link->type == H5L_TYPE_HARD) ck_fail_library("the object cannot be opened");
    object(CK_HDF5_IS_DANGLING);
    put_target(group, link->name, link->type);
    ck_reply(CK_HDF5_OBJECT, &record);
    return -1;
  }
  hid_t inside = -1;
  if (info.type == H5O_TYPE_DATASET) {
    object(CK_HDF5_IS_DATASET);
    ck_put_u64(&record, info.addr);
    describe_dataset(&record, id);
    describe_attributes(&record, id);
  } else if (info.type == H5O_TYPE_GROUP) {
    // A soft link's group is listed under its own name.
    if (link->type == H5L_TYPE_SOFT || was_seen(info.addr)) {
      object(CK_HDF5_IS_ALIAS);
    } else {
      object(CK_HDF5_IS_GROUP);
      describe_attributes(&record, id);
      inside = id;
    }
  } else {
    object(CK_HDF5_IS_NAMED_TYPE);
  }
  ck_reply(CK_HDF5_OBJECT, &record);
  if (inside < 0) H5(Oclose)(id);
  return inside;
}

void ck_walk(hid_t file, ck_request *request) {
  // The root and the names in it are enough to recognise a file.
  int is_probe = ck_take_u32(request) != 0;
  group_t *stack = NULL;
  size_t depth = 0;
  begin();
  hid_t root = H5(Oopen)(file, "/", H5P_DEFAULT);
  H5O_info_t info;
  if (root < 0 || H5(Oget_info2)(root, &info, H5O_INFO_BASIC) < 0) ck_fail_library("the root group cannot be opened");
  was_seen(info.addr);
  object(CK_HDF5_IS_GROUP);
  describe_attributes(&record, root);
  ck_reply(CK_HDF5_OBJECT, &record);
  push(&stack, &depth, root);
  while (depth > 0) {
    group_t *group = &stack[depth - 1];
    path.count = group->path;
    if (group->next == group->count) {
      free(group->links);
      H5(Oclose)(group->id);
      depth--;
      continue;
    }
    link_t link = group->links[group->next++];
    if (path.count) ck_put(&path, "/", 1);
    ck_put(&path, link.name, strlen(link.name));
    begin();
    if (is_probe) {
      free(link.name);
      continue;
    }
    if (*link.name == 0 || strchr(link.name, '/')) ck_fail(CK_HDF5_BAD_FILE, 0, "a link's name is empty or has a slash in it");
    hid_t inside = visit(group->id, &link);
    free(link.name);
    if (inside >= 0) push(&stack, &depth, inside);
  }
  free(stack);
  ck_reply(CK_HDF5_END, NULL);
}

// ---- values -----------------------------------------------------------------------------------------------------

// Whether all chunks of the dataset that is open are known to be found.
static int has_sound_index;

// The last dataset that was asked for stays open, with its cache of decoded chunks.
static hid_t open_dataset(hid_t file, uint64_t address) {
  static uint64_t last = HADDR_UNDEF;
  static hid_t dataset = -1;
  if (dataset >= 0 && last == address) return dataset;
  if (dataset >= 0) H5(Oclose)(dataset);
  dataset = H5(Oopen_by_addr)(file, address);
  last = address;
  has_sound_index = 0;
  if (dataset < 0) ck_fail_library("it cannot be opened again");
  return dataset;
}

// Bytes in which a chunk is stored; 0 where none is, which the library calls an error before the first is stored.
static hsize_t stored_size(hid_t dataset, const hsize_t *offset) {
  hsize_t size = 0;
  if (H5(Dget_chunk_storage_size)(dataset, offset, &size) >= 0) return size;
  if (!ck_failed_with("chunk storage is not allocated")) ck_fail_library("a chunk cannot be found");
  return 0;
}

// A chunk that the index does not lead to is one that was never stored, or one whose key is damaged: release 1.10 gives fill values
// for both. The library's sum over all records needs no key, so that what is not found is missing from it.
static void require_index(hid_t dataset, hid_t space) {
  if (has_sound_index) return;
  has_sound_index = 1;
  hid_t list = H5(Dget_create_plist)(dataset);
  hsize_t sizes[H5S_MAX_RANK], chunk[H5S_MAX_RANK], offset[H5S_MAX_RANK] = {0}, found = 0;
  int is_chunked = list >= 0 && H5(Pget_layout)(list) == H5D_CHUNKED;
  int rank = is_chunked ? H5(Pget_chunk)(list, H5S_MAX_RANK, chunk) : 0;
  H5(Pclose)(list);
  if (!is_chunked) return;
  if (rank < 1 || H5(Sget_simple_extent_ndims)(space) != rank || H5(Sget_simple_extent_dims)(space, sizes, NULL) < 0)
    ck_fail_library("its chunks cannot be counted");
  for (int i = 0; i < rank; i++)
    if (sizes[i] == 0 || chunk[i] == 0) return;
  for (int i = rank; i >= 0;) {
    if (i == rank) found += stored_size(dataset, offset), i--;
    offset[i] += chunk[i];
    if (offset[i] < sizes[i]) i = rank;
    else offset[i--] = 0;
  }
  if (found != H5(Dget_storage_size)(dataset)) ck_fail(CK_HDF5_BAD_FILE, 0, "the index of its chunks does not lead to all that are stored");
}

// Memory that ends where none may be written, so that a read of more than `size` bytes fails.
static uint8_t *guarded(size_t size) {
  static uint8_t *start;
  static size_t room;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), needed = (size + page - 1) / page * page;
  if (needed > room) {
    if (start) munmap(start, room + page);
    start = mmap(NULL, needed + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + needed, page, PROT_NONE) != 0)
      ck_fail(CK_HDF5_TOO_LARGE, 0, "a chunk needs more memory than the worker has");
    room = needed;
  }
  return start + room - size;
}

// The record of a chunk may say any size, and the library reads as much, whatever room there is. Less leaves the last byte as it was.
static int read_stored(hid_t dataset, const hsize_t *offset, uint32_t *mask, uint8_t *to, hsize_t size, uint8_t last) {
  to[size - 1] = last;
  if (H5(Dread_chunk)(dataset, H5P_DEFAULT, offset, mask, to) < 0) ck_fail_library("a chunk cannot be read");
  return to[size - 1] != last;
}

void ck_read_chunk(hid_t file, ck_request *request) {
  hid_t dataset = open_dataset(file, ck_take_u64(request));
  uint64_t limit = ck_take_u64(request);
  hsize_t offset[H5S_MAX_RANK] = {0};
  uint32_t rank = ck_take_u32(request);
  for (uint32_t i = 0; i < rank; i++) {
    uint64_t value = ck_take_u64(request);
    if (i < H5S_MAX_RANK) offset[i] = value;
  }
  hsize_t size = stored_size(dataset, offset);
  uint32_t mask = 0;
  if (size == 0) {
    // One that was never stored cannot be read, while one whose record says that it has no bytes can.
    if (H5(Dread_chunk)(dataset, H5P_DEFAULT, offset, &mask, guarded(1)) >= 0)
      ck_fail(CK_HDF5_BAD_FILE, 0, "a chunk is stored in no bytes");
    hid_t space = H5(Dget_space)(dataset);
    require_index(dataset, space);
    H5(Sclose)(space);
  }
  ck_buffer out = {0};
  if (size > limit) ck_fail(CK_HDF5_BAD_FILE, 0, "a chunk is larger than its shape and filters justify");
  if (size > 0) {
    out.bytes = (char *)guarded(4 + size), out.count = 4 + size;
    uint8_t *chunk = (uint8_t *)out.bytes + 4;
    if (!read_stored(dataset, offset, &mask, chunk, size, 0xa5) && !read_stored(dataset, offset, &mask, chunk, size, 0x5a))
      ck_fail(CK_HDF5_BAD_FILE, 0, "a chunk has fewer bytes than its shape");
    memcpy(out.bytes, &mask, sizeof mask);
  }
  ck_reply(CK_HDF5_DATA, &out);
}

static hid_t native(uint32_t code) {
  switch (code) {
    case 1: return H5G(T_STD_I8LE);
    case 2: return H5G(T_STD_I16LE);
    case 3: return H5G(T_STD_I32LE);
    case 4: return H5G(T_STD_I64LE);
    case 5: return H5G(T_STD_U8LE);
    case 6: return H5G(T_STD_U16LE);
    case 7: return H5G(T_STD_U32LE);
    case 8: return H5G(T_STD_U64LE);
    case 9: return H5G(T_IEEE_F32LE);
    case 10: return H5G(T_IEEE_F64LE);
    default: ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request names no known type");
  }
}

typedef struct {
  hid_t dataset, space, type;
  int rank;
  hsize_t sizes[H5S_MAX_RANK], start[H5S_MAX_RANK], count[H5S_MAX_RANK];
  size_t width;
  char *to;
} selection_t;

static void read_box(selection_t *s) {
  hsize_t elements = 1;
  for (int i = 0; i < s->rank; i++) elements *= s->count[i];
  hid_t memory = H5(Screate_simple)(1, &elements, NULL);
  if (memory < 0 || (s->rank > 0 && H5(Sselect_hyperslab)(s->space, H5S_SELECT_SET, s->start, NULL, s->count, NULL) < 0) ||
      H5(Dread)(s->dataset, s->type, memory, s->space, H5P_DEFAULT, s->to) < 0)
    ck_fail_library("its values cannot be decoded");
  H5(Sclose)(memory);
  s->to += elements * s->width;
}

// Reads elements [from, to) of the row-major order inside dimension `d` as boxes, in order.
static void read_range(selection_t *s, int d, uint64_t from, uint64_t to) {
  if (from == to) return;
  uint64_t inner = 1;
  for (int i = d + 1; i < s->rank; i++) inner *= s->sizes[i];
  for (int i = d + 1; i < s->rank; i++) s->start[i] = 0, s->count[i] = s->sizes[i];
  if (d >= s->rank - 1) {
    if (s->rank > 0) s->start[d] = from, s->count[d] = to - from;
    return read_box(s);
  }
  uint64_t first = from / inner, last = to / inner;
  s->count[d] = 1;
  if (first == last) {
    s->start[d] = first;
    return read_range(s, d + 1, from % inner, to % inner);
  }
  if (from % inner) {
    s->start[d] = first++;
    read_range(s, d + 1, from % inner, inner);
  }
  if (first < last) {
    s->start[d] = first, s->count[d] = last - first;
    for (int i = d + 1; i < s->rank; i++) s->start[i] = 0, s->count[i] = s->sizes[i];
    read_box(s);
  }
  s->count[d] = 1;
  if (to % inner) {
    s->start[d] = last;
    read_range(s, d + 1, 0, to % inner);
  }
}

// Opens what a selection is made of; `code` 0 asks for the elements as they are stored.
static void select_dataset(selection_t *s, hid_t file, uint64_t address, uint32_t code) {
  s->dataset = open_dataset(file, address);
  s->space = H5(Dget_space)(s->dataset);
  s->type = code ? H5(Tcopy)(native(code)) : H5(Dget_type)(s->dataset);
  s->rank = s->space < 0 ? -1 : H5(Sget_simple_extent_ndims)(s->space);
  if (s->type < 0 || s->rank < 0 || s->rank > H5S_MAX_RANK ||
      (s->rank > 0 && H5(Sget_simple_extent_dims)(s->space, s->sizes, NULL) < 0))
    ck_fail_library("it cannot be opened again");
  s->width = H5(Tget_size)(s->type);
  require_index(s->dataset, s->space);
}

void ck_read_elements(hid_t file, ck_request *request) {
  selection_t s = {0};
  uint64_t address = ck_take_u64(request);
  uint32_t code = ck_take_u32(request);
  uint64_t first = ck_take_u64(request), count = ck_take_u64(request), bytes, end;
  select_dataset(&s, file, address, code);
  if (holds_addresses(s.type) && H5(Tget_class)(s.type) != H5T_COMPOUND) ck_fail(CK_HDF5_BAD_REQUEST, 0, "its elements have no fixed size");
  if (__builtin_mul_overflow(count, (uint64_t)s.width, &bytes) || bytes > (64 << 20) || __builtin_add_overflow(first, count, &end) ||
      end > elements(s.space))
    ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is for elements that are not there");
  ck_buffer out = {0};
  s.to = ck_extend(&out, bytes);
  if (count) read_range(&s, 0, first, end);
  H5(Tclose)(s.type), H5(Sclose)(s.space);
  ck_reply(CK_HDF5_DATA, &out);
  free(out.bytes);
}

void ck_read_strings(hid_t file, ck_request *request) {
  selection_t s = {0};
  uint64_t address = ck_take_u64(request);
  uint64_t first = ck_take_u64(request), count = ck_take_u64(request), end;
  select_dataset(&s, file, address, 0);
  hid_t memory = variable_type(s.type);
  if (memory < 0 || count > 65536 || __builtin_add_overflow(first, count, &end) || end > elements(s.space))
    ck_fail(CK_HDF5_BAD_REQUEST, 0, "a request is for strings that are not there");
  H5(Tclose)(s.type);
  s.type = memory;
  s.width = H5(Tis_variable_str)(memory) > 0 ? sizeof(char *) : sizeof(hvl_t);
  char *values = calloc(count ? count : 1, s.width);
  if (!values) ck_fail(CK_HDF5_TOO_LARGE, 0, "the memory that it asks for is beyond the limit");
  s.to = values;
  if (count) read_range(&s, 0, first, end);
  ck_buffer out = {0};
  put_variable(&out, memory, values, count);
  ck_reply(CK_HDF5_DATA, &out);
  free(out.bytes);
  hsize_t extent = count;
  hid_t space = H5(Screate_simple)(1, &extent, NULL);
  if (space >= 0 && count) H5(Dvlen_reclaim)(memory, space, H5P_DEFAULT, values), H5(Sclose)(space);
  free(values);
  H5(Tclose)(memory), H5(Sclose)(s.space);
}
