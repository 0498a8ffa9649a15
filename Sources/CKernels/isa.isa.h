/* All inner loops of one instruction set, and the table that lists them. Takes ISA(x), VECTOR_BYTES, ACCUMULATORS. */

#define T float
#define IS_FLOAT 1
#define NAME(x) ISA(x##_f32)
#include "tile.isa.h"
#undef T
#undef IS_FLOAT
#undef NAME

#define T double
#define IS_FLOAT 1
#define NAME(x) ISA(x##_f64)
#include "tile.isa.h"
#undef T
#undef IS_FLOAT
#undef NAME

#define T uint32_t
#define IS_FLOAT 0
#define NAME(x) ISA(x##_i32)
#include "tile.isa.h"
#undef T
#undef IS_FLOAT
#undef NAME

#define TILES(type) \
  { \
    .lanes = ISA(lanes_##type), \
    .rows = {ACCUMULATORS >= 24 ? 14 : 12, ACCUMULATORS / 2, ACCUMULATORS / 4, ACCUMULATORS / 8}, \
    .run = ISA(run_##type), .dots = ISA(dots_##type), .pack = ISA(pack_##type), \
  }

const ck_table ISA(ck_table) = {.tile_f32 = TILES(f32), .tile_f64 = TILES(f64), .tile_i32 = TILES(i32)};

#undef TILES
