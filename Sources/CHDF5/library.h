// libhdf5, loaded when the worker starts and not before: a command that never meets HDF5 does not pay for it, and a machine
// without the library still converts everything else.
#ifndef CKPT_HDF5_LIBRARY_H
#define CKPT_HDF5_LIBRARY_H

// The interface of 1.10, also where the library is newer.
#define H5_USE_110_API
#include <hdf5.h>

// The header's constants would call into a library that is not linked.
#undef H5CHECK
#undef H5OPEN
#define H5CHECK
#define H5OPEN

#if H5_VERS_MINOR >= 12
#define CK_HDF5_ITERATE(F) F(Literate1)
#define CK_ITERATE Literate1
#else
#define CK_HDF5_ITERATE(F) F(Literate)
#define CK_ITERATE Literate
#endif

// Every function that is used.
#define CK_HDF5_FUNCTIONS(F)                                                                                        \
  F(open) F(get_libversion) F(Aclose) F(Acreate2) F(Aget_name) F(Aget_space) F(Aget_type)      \
  F(Aopen_by_idx) F(Aread) F(Awrite) F(Dclose) F(Dcreate2) F(Dget_chunk_storage_size) F(Dget_create_plist)          \
  F(Dget_offset) F(Dget_space) F(Dget_storage_size) F(Dget_type) F(Dread) F(Dread_chunk) F(Dvlen_reclaim)           \
  F(Dwrite) F(Dwrite_chunk) F(Eset_auto2) F(Ewalk2) F(FDregister) F(Fclose) F(Fcreate) F(Fflush) F(Fopen)           \
  F(Gcreate2) F(Lget_val) CK_HDF5_ITERATE(F) F(Lunpack_elink_val) F(Oclose) F(Oget_info2)            \
  F(Oopen) F(Oopen_by_addr) F(Pclose) F(Pcreate) F(Pget_chunk) F(Pget_external) F(Pget_external_count)              \
  F(Pget_fill_value) F(Pget_filter2) F(Pget_layout) F(Pget_nfilters) F(Pget_virtual_count)                          \
  F(Pget_virtual_filename) F(Pset_alloc_time) F(Pset_char_encoding) F(Pset_chunk)               \
  F(Pset_deflate) F(Pset_driver) F(Pset_fclose_degree) F(Pset_fill_time) F(Pset_libver_bounds)                      \
  F(Pset_obj_track_times) F(Pset_shuffle) F(Pfill_value_defined) F(PLset_loading_state) F(Sclose) F(Screate)        \
  F(Screate_simple) F(Sget_simple_extent_dims) F(Sget_simple_extent_ndims) F(Sget_simple_extent_type)               \
  F(Sselect_hyperslab) F(Tclose) F(Tcopy) F(Tcreate) F(Tenum_create) F(Tenum_insert)            \
  F(Tget_class) F(Tget_cset) F(Tget_ebias) F(Tget_fields) F(Tget_member_name)                   \
  F(Tget_member_offset) F(Tget_member_type) F(Tget_member_value) F(Tget_nmembers) F(Tget_norm) F(Tget_offset)       \
  F(Tget_order) F(Tget_precision) F(Tget_sign) F(Tget_size) F(Tget_strpad) F(Tget_super) F(Tget_tag) F(Tinsert)     \
  F(Tis_variable_str) F(Tset_cset) F(Tset_ebias) F(Tset_fields) F(Tset_size) F(Tset_strpad) F(Tset_tag)             \
  F(Tvlen_create) F(free_memory)

// Every global that is used.
#define CK_HDF5_GLOBALS(G)                                                                                          \
  G(P_CLS_FILE_ACCESS_ID_g) G(P_CLS_FILE_CREATE_ID_g) G(P_CLS_DATASET_CREATE_ID_g)      \
  G(P_CLS_GROUP_CREATE_ID_g) G(P_CLS_LINK_CREATE_ID_g) G(T_C_S1_g) G(T_IEEE_F32LE_g) G(T_IEEE_F64LE_g)              \
  G(T_STD_I8LE_g) G(T_STD_I16LE_g) G(T_STD_I32LE_g) G(T_STD_I64LE_g) G(T_STD_U8LE_g) G(T_STD_U16LE_g)               \
  G(T_STD_U32LE_g) G(T_STD_U64LE_g)

#define CK_FIELD(name) __typeof__(H5##name) *name;
#define CK_POINTER(name) hid_t *name;
typedef struct {
  CK_HDF5_FUNCTIONS(CK_FIELD)
  CK_HDF5_GLOBALS(CK_POINTER)
} ck_hdf5_table;
#undef CK_FIELD
#undef CK_POINTER

extern ck_hdf5_table ck_hdf5;

// A function, and the value of a global, of the loaded library.
#define H5(name) ck_hdf5.name
#define H5G(name) (*ck_hdf5.name##_g)

// Loads and initialises the library. Returns NULL, or why it cannot be used.
const char *ck_hdf5_load(void);

#endif
