#include "library.h"

#include "chdf5.h"

#include <dlfcn.h>
#include <stdio.h>

ck_hdf5_table ck_hdf5;

// Names under which systems keep a library that has the header's interface.
static const char *const names[] = {
#if H5_VERS_MINOR == 10
    "libhdf5_serial.so.103", "libhdf5.so.103",
#elif H5_VERS_MINOR == 12
    "libhdf5_serial.so.200", "libhdf5.so.200",
#elif H5_VERS_MINOR == 14
    "libhdf5_serial.so.310", "libhdf5.so.310",
#endif
    "libhdf5_serial.so", "libhdf5.so", "libhdf5.dylib", "/opt/homebrew/lib/libhdf5.dylib", "/usr/local/lib/libhdf5.dylib"};

const char *ck_hdf5_load(void) {
  static char text[200];
  void *library = NULL;
  for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) return "HDF5 files need the HDF5 library, which is not installed (apt-get install libhdf5-dev, brew install hdf5)";
#define CK_LOAD(name)                                                     \
  if (!(ck_hdf5.name = (void *)dlsym(library, "H5" #name))) {             \
    snprintf(text, sizeof text, "the HDF5 library has no %s", "H5" #name); \
    return text;                                                          \
  }
  CK_HDF5_FUNCTIONS(CK_LOAD)
  if (H5(open)() < 0) return "the HDF5 library cannot be started";
  CK_HDF5_GLOBALS(CK_LOAD)
#undef CK_LOAD
  unsigned major = 0, minor = 0, release = 0;
  H5(get_libversion)(&major, &minor, &release);
  if (major != H5_VERS_MAJOR || minor != H5_VERS_MINOR) {
    snprintf(text, sizeof text, "the HDF5 library is version %u.%u, and this program was built for %d.%d", major, minor, H5_VERS_MAJOR,
             H5_VERS_MINOR);
    return text;
  }
  return NULL;
}

const char *ck_hdf5_version(void) {
  static char text[40];
  if (ck_hdf5_load()) return NULL;
  unsigned major = 0, minor = 0, release = 0;
  H5(get_libversion)(&major, &minor, &release);
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
  return text;
}
