/* Vectors of one element type. Takes T, NAME(x), VECTOR_BYTES. */

enum { NAME(lanes) = VECTOR_BYTES / sizeof(T) };
typedef T NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));

/* Arrays need only be aligned as their elements are. */
typedef T NAME(loose) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T))));

INLINE NAME(vector) NAME(load)(const T *p) { return *(const NAME(loose) *)p; }

INLINE void NAME(store)(T *p, NAME(vector) v) { *(NAME(loose) *)p = v; }

/* mask ? p : q, lane by lane */
INLINE NAME(vector) NAME(choose)(__typeof__((NAME(vector)){} < (NAME(vector)){}) mask, NAME(vector) p,
                                 NAME(vector) q) {
  return (NAME(vector))((mask & (__typeof__(mask))p) | (~mask & (__typeof__(mask))q));
}
