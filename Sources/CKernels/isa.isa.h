/* All inner loops of one instruction set, and the table that lists them. Takes ISA(x), VECTOR_BYTES, ACCUMULATORS. */

/* Some loops are asked to vectorise for every type and cannot for doubles, whose functions are the library's. */
#pragma clang diagnostic ignored "-Wpass-failed"

#define INLINE static inline __attribute__((always_inline))

#include "functions.isa.h"

#define IS_FLOAT 1

#define T float
#define NAME(x) ISA(x##_f32)
#define TYPED(x) x##_f32
#define MATH(function) function##f
#define LOWEST (-FLT_MAX)
#include "vector.isa.h"
#include "tile.isa.h"
#include "elementwise.isa.h"
#include "window.isa.h"
#undef T
#undef NAME
#undef TYPED
#undef MATH
#undef LOWEST

#define T double
#define NAME(x) ISA(x##_f64)
#define TYPED(x) x##_f64
#define MATH(function) function
#define LOWEST (-DBL_MAX)
#include "vector.isa.h"
#include "tile.isa.h"
#include "elementwise.isa.h"
#include "window.isa.h"
#undef T
#undef NAME
#undef TYPED
#undef MATH
#undef LOWEST

#undef IS_FLOAT
#define IS_FLOAT 0

/* Products of integers are unsigned, so that they wrap. */
#define T uint32_t
#define NAME(x) ISA(x##_u32)
#define TYPED(x) x##_u32
#include "vector.isa.h"
#include "tile.isa.h"
#undef T
#undef NAME
#undef TYPED

#define T int32_t
#define UNSIGNED uint32_t
#define NAME(x) ISA(x##_i32)
#define TYPED(x) x##_i32
#include "vector.isa.h"
#include "elementwise.isa.h"
#undef T
#undef UNSIGNED
#undef NAME
#undef TYPED

#define T int64_t
#define UNSIGNED uint64_t
#define NAME(x) ISA(x##_i64)
#define TYPED(x) x##_i64
#include "vector.isa.h"
#include "elementwise.isa.h"
#undef T
#undef UNSIGNED
#undef NAME
#undef TYPED

const ck_table ISA(ck_table) = {
    .tiles_f32 = &ISA(tiles_f32),
    .tiles_f64 = &ISA(tiles_f64),
    .tiles_u32 = &ISA(tiles_u32),
    .arithmetic_f32 = &ISA(arithmetic_f32),
    .arithmetic_f64 = &ISA(arithmetic_f64),
    .arithmetic_i32 = &ISA(arithmetic_i32),
    .arithmetic_i64 = &ISA(arithmetic_i64),
    .windows_f32 = &ISA(windows_f32),
    .windows_f64 = &ISA(windows_f64),
};
