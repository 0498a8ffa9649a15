#include <string.h>

#include "CCore.h"

// Blocks of elements small enough that a block's planes stay in the first-level cache.
enum { BLOCK = 256 };

void ck_shuffle(const void *from, void *to, size_t width, size_t count) {
  const unsigned char *source = from;
  unsigned char *target = to;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t end = start + BLOCK < count ? start + BLOCK : count;
    for (size_t byte = 0; byte < width; byte++) {
      unsigned char *plane = target + byte * count;
      for (size_t i = start; i < end; i++) plane[i] = source[i * width + byte];
    }
  }
}

void ck_unshuffle(const void *from, void *to, size_t width, size_t count) {
  const unsigned char *source = from;
  unsigned char *target = to;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t end = start + BLOCK < count ? start + BLOCK : count;
    for (size_t byte = 0; byte < width; byte++) {
      const unsigned char *plane = source + byte * count;
      for (size_t i = start; i < end; i++) target[i * width + byte] = plane[i];
    }
  }
}
