/* Which instruction set is in use. */
#include <stdatomic.h>

#include "internal.h"

static const ck_table *table_for(ck_isa isa) {
  switch (isa) {
    case CK_ISA_PORTABLE: return &ck_table_portable;
#if defined(__x86_64__)
    case CK_ISA_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")
                 ? &ck_table_avx2
                 : NULL;
    case CK_ISA_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
                 ? &ck_table_avx512
                 : NULL;
#elif defined(__aarch64__)
    case CK_ISA_NEON: return &ck_table_neon;
#endif
    default: return NULL;
  }
}

static const ck_table *_Atomic table_in_use;
static atomic_int isa_in_use;

int ck_force_isa(ck_isa isa) {
  const ck_table *table = table_for(isa);
  if (!table) return 0;
  atomic_store(&isa_in_use, isa);
  atomic_store(&table_in_use, table);
  return 1;
}

const ck_table *ck_kernels(void) {
  const ck_table *table = atomic_load_explicit(&table_in_use, memory_order_acquire);
  if (table) return table;
  int isa = CK_ISA_AVX512;
  while (!ck_force_isa((ck_isa)isa)) isa--;
  return atomic_load(&table_in_use);
}

ck_isa ck_current_isa(void) {
  ck_kernels();
  return (ck_isa)atomic_load(&isa_in_use);
}
