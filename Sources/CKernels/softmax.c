/* Softmax and the losses built on it, over the rows of a matrix. */
#include "internal.h"

#define T float
#define X(name) name##_f32
#define TABLE arithmetic_f32
#define LOG logf
#include "softmax.type.h"
#undef T
#undef X
#undef TABLE
#undef LOG

#define T double
#define X(name) name##_f64
#define TABLE arithmetic_f64
#define LOG log
#include "softmax.type.h"
