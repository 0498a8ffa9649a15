/* The inner loops for AVX-512 (F, VL, BW, DQ): 32 registers of 64 bytes. */
#if defined(__x86_64__)
#include "internal.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi,bmi2"))), apply_to = function)
#define ISA(name) name##_avx512
#define VECTOR_BYTES 64
#define ACCUMULATORS 24
#include "isa.isa.h"
#pragma clang attribute pop
#endif
