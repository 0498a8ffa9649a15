/* The inner loops with no instruction set named: whatever the compiler's target has. */
#include "internal.h"

#define ISA(name) name##_portable
#define VECTOR_BYTES 16
#define ACCUMULATORS 12
#include "isa.isa.h"
