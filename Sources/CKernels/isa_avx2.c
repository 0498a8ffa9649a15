/* The inner loops for AVX2 and FMA: 16 registers of 32 bytes. */
#if defined(__x86_64__)
#include "internal.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#define ISA(name) name##_avx2
#define VECTOR_BYTES 32
#define ACCUMULATORS 12
#include "isa.isa.h"
#pragma clang attribute pop
#endif
