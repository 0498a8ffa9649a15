/* The inner loops for 64-bit Arm: 32 registers of 16 bytes. */
#if defined(__aarch64__)
#include "internal.h"

#define ISA(name) name##_neon
#define VECTOR_BYTES 16
#define ACCUMULATORS 24
#include "isa.isa.h"
#endif
